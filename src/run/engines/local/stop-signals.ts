import type { Clock } from '../../../lib/clock.ts';
import { type RunRecord, type RunStore, requestedStop } from '../../store/run-store.ts';
import type { Drive } from './engine.ts';
import type { Halt } from './engine-events.ts';

/** What is watched for requests, besides the buttons that reach this process. */
export interface StopSignalPorts {
  readonly clock: Clock;
  readonly store: RunStore;
  readonly stopFile: string;
  readonly stopFileExists: () => Promise<boolean>;
  readonly warn: (message: string, cause: unknown) => void;
}

/** The stop or pause that a run's record asks for, as a halt; undefined if it asks for none. */
export function requestedHalt(record: Pick<RunRecord, 'stop' | 'stopBy' | 'pause'>): Halt | undefined {
  const stop = requestedStop(record);
  if (stop) {
    const by =
      stop.by === undefined ? ({ kind: 'control-table' } as const) : ({ kind: 'person', by: stop.by } as const);
    return { kind: 'stop', by, now: stop.now };
  }
  return record.pause && { kind: 'pause', by: record.pause.by };
}

/**
 * Reads the stop file and the run's record every `pollMs`, independently of each other. On the record are a stop that
 * was set by hand, and requests to stop, pause or change the pace that another copy of the bot took. A failed read is
 * logged and repeated; if the control table stays unreachable, the lease ends the run.
 */
export function watchStopSignals(
  runId: string,
  drive: Drive,
  fence: number,
  ports: StopSignalPorts,
  pollMs: number,
): { end(): void } {
  const ended = new AbortController();
  const { clock } = ports;

  async function repeat(check: () => Promise<void>, failure: string): Promise<void> {
    while (!ended.signal.aborted) {
      await check().catch((error) => ports.warn(failure, error));
      await clock.sleep(pollMs, ended.signal);
    }
  }

  async function checkFile(): Promise<void> {
    if (!(await ports.stopFileExists())) return;
    drive.halt({ kind: 'stop', by: { kind: 'stop-file', path: ports.stopFile }, now: false });
  }

  async function checkRecord(): Promise<void> {
    const record = await ports.store.read(runId);
    if (ended.signal.aborted) return;
    if (!record || record.fence !== fence) return drive.halt({ kind: 'lease-lost' });
    const requested = requestedHalt(record);
    if (requested) return drive.halt(requested);
    if (!record.pace) return;
    const { id, paceSetting, by } = record.pace;
    const change = { set: { paceSetting }, remove: ['pace'] };
    const taken = await ports.store.change(runId, change, { equals: { fence, paceId: id } });
    if (taken.ok) drive.setPace(paceSetting, by);
  }

  void repeat(checkFile, 'stop file not checked');
  void repeat(checkRecord, 'record of the run not read');
  return { end: () => ended.abort() };
}
