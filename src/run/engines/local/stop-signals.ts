import type { Clock } from '../../../lib/clock.ts';
import { type RunRecord, type RunStore, stopAsked } from '../../store/run-store.ts';
import type { Halt } from './engine-events.ts';
import type { Drive } from './engine-ports.ts';

/** What is watched for a person's word, besides the buttons of this very process. */
export interface StopSignalPorts {
  readonly clock: Clock;
  readonly store: RunStore;
  readonly stopFile: string;
  readonly stopFileExists: () => Promise<boolean>;
  readonly warn: (message: string, cause: unknown) => void;
}

/** The stop or pause that stands on a run's record, as a halt; undefined where there is none. */
export function haltAsked(record: Pick<RunRecord, 'stop' | 'stopBy' | 'pause'>): Halt | undefined {
  const stop = stopAsked(record);
  if (stop) {
    const by =
      stop.by === undefined ? ({ kind: 'control-table' } as const) : ({ kind: 'person', by: stop.by } as const);
    return { kind: 'stop', by, now: stop.now };
  }
  return record.pause && { kind: 'pause', by: record.pause.by };
}

/**
 * Watches the stop file and the run's record (a stop set by hand; stop, pause and pace asked for through another copy of
 * the bot) every `pollMs`, each on a path of its own so that neither waits for the other. A failed look is said, and
 * looked again; the lease ends a run whose control table cannot be reached.
 */
export function watchStopSignals(
  runId: string,
  drive: Drive,
  fence: number,
  ports: StopSignalPorts,
  pollMs: number,
): { end(): void } {
  const over = new AbortController();
  const { clock } = ports;

  async function every(look: () => Promise<void>, failed: string): Promise<void> {
    while (!over.signal.aborted) {
      await look().catch((error) => ports.warn(failed, error));
      await clock.sleep(pollMs, over.signal);
    }
  }

  async function lookForFile(): Promise<void> {
    if (!(await ports.stopFileExists())) return;
    drive.halt({ kind: 'stop', by: { kind: 'stop-file', path: ports.stopFile }, now: false });
  }

  async function lookAtRecord(): Promise<void> {
    const record = await ports.store.read(runId);
    if (over.signal.aborted) return;
    if (!record || record.fence !== fence) return drive.halt({ kind: 'lease-lost' });
    const asked = haltAsked(record);
    if (asked) return drive.halt(asked);
    if (!record.pace) return;
    const { id, paceSetting, by } = record.pace;
    const taken = await ports.store.change(
      runId,
      { set: { paceSetting }, remove: ['pace'] },
      { equals: { fence, paceId: id } },
    );
    if (taken.ok) drive.setPace(paceSetting, by);
  }

  void every(lookForFile, 'stop file not looked for');
  void every(lookAtRecord, 'record of the run not read');
  return { end: () => over.abort() };
}
