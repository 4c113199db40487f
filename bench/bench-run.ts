import { systemClock } from '../src/lib/clock.ts';
import type { Drive } from '../src/run/engines/engine.ts';
import type { EnginePorts } from '../src/run/engines/local/engine.ts';
import { createLiveRun, type LiveRun, type RunRules } from '../src/run/engines/reducer/live-run.ts';
import type { PaceSetting } from '../src/run/model/types.ts';

/** What the benchmarks of a run share: rules that halt nothing, and ports that cost nothing. */
const rules: RunRules = {
  breaker: { consecutive: 10, window: 20, percent: 50 },
  growth: { checkImages: 1_000_000_000, warnMs: 3_600_000, tripMs: 7_200_000 },
  warnings: { imagesPerMinute: 0, failurePercent: 100, throttlePercent: 100, withoutGrowthMs: 36_000_000 },
  throttleLimit: 8,
  checkpointOutcomes: 10,
  checkpointMs: 5_000,
  rowsWaitMs: 10_000,
  shutdownDrainMs: 0,
};

export function liveRun(total: number, paceSetting: PaceSetting, maxInFlight: number): LiveRun {
  const ceilingPerMinute = paceSetting.kind === 'fixed' ? paceSetting.perMinute : 1_000_000;
  const now = systemClock.now();
  return createLiveRun(
    {
      runId: 'r-0001',
      total,
      startedBy: 'U1',
      startedAt: now,
      paceSetting,
      ceilingPerMinute,
      maxInFlight,
      growthKind: 'probed',
    },
    rules,
    now,
  );
}

export const quietPorts: Omit<EnginePorts, 'invoke' | 'manifest' | 'append' | 'saveCheckpoint'> = {
  clock: systemClock,
  random: Math.random,
  checkGrowth: async () => ({ kind: 'probe', fresh: true }),
  lookUpRows: async (records) => records.map(() => 'found' as const),
  async *missingRows() {},
  saveHalt: async () => {},
  holdsLease: () => true,
  readFault: (error) => ({ reason: 'configuration', message: String(error), fix: 'Check the benchmark.' }),
  emit: () => {},
  warn: (message, cause) => console.error(message, cause),
};

/** So many images for a manifest. */
export async function* numbered(count: number, from = 0) {
  for (let index = from; index < count; index++) yield { index, key: `week ${index}/sheet-${index}.png`, size: 40_000 };
}

/** @throws Error when the run ends in another way. */
export async function completed(drive: Drive): Promise<void> {
  const { halt } = await drive.ended;
  if (halt.kind !== 'completed') throw new Error(`The run did not complete: ${JSON.stringify(halt)}`);
}
