import type { Invocation, Outcome } from '../../../src/pipeline/invoke/invocation.ts';
import type { Drive } from '../../../src/run/engines/engine.ts';
import { drive, type EnginePorts } from '../../../src/run/engines/local/engine.ts';
import { noteLostOutcomes } from '../../../src/run/engines/reducer/attempt.ts';
import type { GrowthAnswer, GrowthQuestion, Halt } from '../../../src/run/engines/reducer/engine-events.ts';
import {
  createLiveRun,
  type LiveRun,
  type RunRules,
  type RunTerms,
} from '../../../src/run/engines/reducer/live-run.ts';
import type { OutcomeRecord, RunEvent } from '../../../src/run/model/types.ts';
import { noRowsOf } from '../../../src/run/proof/row-proof.ts';
import type { RowProof } from '../../../src/run/rules/row-watch.ts';
import type { Checkpoint } from '../../../src/run/store/checkpoint.ts';
import type { JournalChunk } from '../../../src/run/store/run-store.ts';
import { createFakeClock, type FakeClock } from './fake-clock.ts';

export const processed = (entriesStored = 3): Invocation => ({
  result: { kind: 'outcome', outcome: { kind: 'processed', entriesStored, resourceName: 'Nik Coultas' } },
});
export const rejected = (): Invocation => ({
  result: { kind: 'outcome', outcome: { kind: 'rejected', reason: 'not posted' } },
});
export const failed = (message = 'Textract could not read the document'): Invocation => ({
  result: { kind: 'outcome', outcome: { kind: 'failed', failureType: 'TEXTRACT_ERROR', message } },
});
export const throttled = (): Invocation => ({ result: { kind: 'throttled', source: 'function', message: '429' } });
export const broken = (): Invocation => ({ result: { kind: 'broken', message: 'socket hang up' } });
export const fault = (reason: 'credentials' | 'network' = 'credentials'): Invocation => ({
  result: { kind: 'fault', fault: { reason, message: 'no', fix: 'look' } },
});

export const suspected = (failure?: Outcome): Invocation => ({
  result: {
    kind: 'suspected',
    fault: { reason: 'function-broken', message: 'no', fix: 'look' },
    ...(failure && { failure }),
  },
});

export const kinds = (events: readonly RunEvent[]) => events.map((event) => event.kind);
/** The index of the image with this key. */
export const number = (key: string) => Number(/\d+/.exec(key)?.[0]);

export interface Rig {
  readonly clock: FakeClock;
  readonly run: LiveRun;
  readonly drive: Drive;
  readonly events: RunEvent[];
  readonly halts: Halt[];
  readonly checkpoints: Checkpoint[];
  readonly journal: Map<number, JournalChunk>;
  /** Invocations in order, with the time of each. */
  readonly invoked: { key: string; at: number; attempt: number }[];
  readonly highest: () => number;
  /** Outcomes on record by index. */
  outcomes(): Map<number, Outcome>;
  /** Moves time on until the drive has ended, or `ms` are over. */
  play(ms?: number): Promise<void>;
  has: { lease: boolean; journal: boolean };
  /** Calls `listener` when something fails, e.g. a write of the journal. */
  onError(listener: () => void): void;
}

export interface RigOptions {
  readonly images?: number;
  /** The function's reply by key and attempt (from 1), after `tookMs`. */
  readonly reply?: (key: string, attempt: number) => Invocation | Promise<Invocation>;
  readonly tookMs?: (key: string) => number;
  /** What a growth check finds: by default the entries that the function stored. */
  readonly checkGrowth?: (question: GrowthQuestion) => Promise<GrowthAnswer>;
  /** What a lookup finds for an image; by default its rows. */
  readonly proofOf?: (record: OutcomeRecord) => RowProof;
  readonly lookUpRows?: EnginePorts['lookUpRows'];
  /** The images without rows at the end; by default those that `proofOf` calls missing. */
  readonly missingRows?: EnginePorts['missingRows'];
  readonly perMinute?: number;
  readonly terms?: Partial<RunTerms>;
  readonly rules?: Partial<RunRules>;
  /** `lost`: the process that drove it before died with images in flight. */
  readonly from?: { checkpoint: Checkpoint; fresh: boolean; lost?: boolean };
  readonly clock?: FakeClock;
  readonly ports?: Partial<EnginePorts>;
}

/** The engine on a fake clock, with a function that replies as the test says. */
export function startRig(options: RigOptions = {}): Rig {
  const clock = options.clock ?? createFakeClock();
  const images = options.images ?? 30;
  const rules: RunRules = {
    breaker: { consecutive: 10, window: 20, percent: 50 },
    growth: { checkImages: 50, warnMs: 300_000, tripMs: 600_000 },
    warnings: { imagesPerMinute: 10, failurePercent: 10, throttlePercent: 20, withoutGrowthMs: 300_000 },
    throttleLimit: 8,
    checkpointOutcomes: 10,
    checkpointMs: 5_000,
    rowsWaitMs: 10_000,
    shutdownDrainMs: 8_000,
    ...options.rules,
  };
  const terms: RunTerms = {
    runId: 'r-0001',
    total: images,
    startedBy: 'U1',
    startedAt: clock.now(),
    paceSetting: { kind: 'fixed', perMinute: options.perMinute ?? 600 },
    ceilingPerMinute: 6_000,
    maxInFlight: 20,
    entriesAtStart: 0,
    growthKind: 'counted',
    ...options.terms,
  };
  const { from } = options;
  const read = createLiveRun(terms, rules, clock.now(), from);
  const start = from?.lost ? noteLostOutcomes(read, 0, from.fresh, clock.now()) : read;
  const events: RunEvent[] = [];
  const halts: Halt[] = [];
  const checkpoints: Checkpoint[] = [];
  const journal = new Map<number, JournalChunk>();
  const invoked: Rig['invoked'][number][] = [];
  const attempts = new Map<string, number>();
  const has = { lease: true, journal: true };
  let inFlight = 0;
  let highest = 0;
  let ended = false;
  let onWarning = () => {};
  const driving = drive(start, {
    clock,
    random: () => 0.5,
    async *manifest(from) {
      for (let index = from; index < images; index++) yield { index, key: `image ${index}.png`, size: 1 };
    },
    async invoke(key) {
      const attempt = (attempts.get(key) ?? 0) + 1;
      attempts.set(key, attempt);
      invoked.push({ key, at: clock.now(), attempt });
      inFlight++;
      highest = Math.max(highest, inFlight);
      await clock.sleep(options.tookMs?.(key) ?? 500);
      inFlight--;
      return options.reply?.(key, attempt) ?? processed();
    },
    async append(chunk) {
      if (!has.journal) throw new Error('the control table does not answer');
      const found = journal.get(chunk.seq);
      if (found) return { ok: false, found };
      journal.set(chunk.seq, { ...chunk, writer: 'me' });
      return { ok: true, records: chunk.records };
    },
    async saveCheckpoint(checkpoint) {
      checkpoints.push(structuredClone(checkpoint));
    },
    checkGrowth: options.checkGrowth ?? (async () => ({ kind: 'count', entries: driving.run().totals.entriesStored })),
    lookUpRows:
      options.lookUpRows ?? (async (records) => records.map((record) => options.proofOf?.(record) ?? 'found')),
    missingRows:
      options.missingRows ??
      async function* () {
        const last = new Map([...journal.values()].flatMap(({ records }) => records.map((each) => [each.index, each])));
        for (const record of last.values()) if (options.proofOf?.(record) === 'missing') yield noRowsOf(record);
      },
    async saveHalt(halt) {
      halts.push(halt);
    },
    holdsLease: () => has.lease,
    readFault: (error) => ({ reason: 'control-table', message: String(error), fix: 'look' }),
    emit: (event) => void events.push(event),
    warn: () => onWarning(),
    ...options.ports,
  });
  void driving.ended.then(() => {
    ended = true;
  });
  return {
    clock,
    get run() {
      return driving.run();
    },
    drive: driving,
    events,
    halts,
    checkpoints,
    journal,
    invoked,
    highest: () => highest,
    outcomes: () =>
      new Map([...journal.values()].flatMap((chunk) => chunk.records.map((record) => [record.index, record.outcome]))),
    async play(ms = 3_600_000) {
      const until = clock.now() + ms;
      while (!ended && clock.now() < until) await clock.advance(Math.min(250, until - clock.now()));
    },
    has,
    onError(listener) {
      onWarning = listener;
    },
  };
}
