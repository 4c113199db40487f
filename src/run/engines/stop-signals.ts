import type { Clock } from '../../lib/clock.ts';
import { defined } from '../../lib/defined.ts';
import { FaultError } from '../../pipeline/fault.ts';
import type { Fault } from '../../pipeline/invoke/invocation.ts';
import type { StoredStop, StoredStops } from '../../state/stops/stored-stops.ts';
import { runStateSchema } from '../model/types.ts';
import { type RunRecord, type RunStore, requestedStop } from '../store/run-store.ts';
import { doneOnRecord, isLater, type NotedState, type StateNote } from '../store/state-notes.ts';
import type { Drive } from './engine.ts';
import type { Halt } from './reducer/engine-events.ts';

/** What is watched for requests, besides the buttons that reach this process. */
export interface StopSignalPorts {
  readonly clock: Clock;
  readonly store: RunStore;
  readonly stopFile: string;
  readonly stopFileExists: () => Promise<boolean>;
  readonly storedStops: StoredStops;
  /** Why a state machine could not invoke the function, as it noted it on the run's record. */
  readonly readMachineFault: (noted: unknown) => Fault;
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
 * The stop or pause that is stored outside the control table for this run: not for another run, and not from before a
 * person resumed this one. Undefined if there is none.
 */
export function storedHalt(
  stops: readonly (StoredStop | undefined)[],
  record: Pick<RunRecord, 'runId' | 'resumedFence'>,
  stopFile: string,
): Halt | undefined {
  const { runId, resumedFence = 0 } = record;
  const mine = stops.filter(
    (stop) =>
      stop !== undefined &&
      stop.jobId === undefined &&
      (stop.runId === undefined || stop.runId === runId) &&
      (stop.fence === undefined || stop.fence >= resumedFence),
  );
  const stop = mine.find((each) => each?.request !== 'pause') ?? mine[0];
  if (!stop) return;
  const { by, request } = stop;
  const own = ownHalt(stop);
  if (own) return own;
  if (request === 'pause' && by !== undefined) return { kind: 'pause', by };
  const source =
    by === undefined ? ({ kind: 'stop-file', path: stopFile } as const) : ({ kind: 'person', by } as const);
  return { kind: 'stop', by: source, now: request === 'stop-now' };
}

/** The trip or the fault with which a run halted by itself. */
function ownHalt({ state }: StoredStop): Halt | undefined {
  const parsed = state === undefined ? undefined : runStateSchema.safeParse(state).data;
  if (parsed?.kind === 'tripped') return { kind: 'trip', trip: parsed.trippedBy };
  if (parsed?.kind === 'paused' && parsed.because.kind === 'fault')
    return { kind: 'fault', fault: parsed.because.fault };
  return;
}

/** How often the control bucket is read for a stop: it is there only while the control table cannot be written. */
const BUCKET_POLL_MS = 5_000;

/**
 * Reads the files and the run's record every `pollMs` and the control bucket every few seconds, independently of each
 * other. On the record are a stop that was set by hand, and requests to stop, pause or change the pace that another copy
 * of the bot took. A failed read is logged and repeated.
 */
export function watchStopSignals(
  { runId, fence, resumedFence }: Pick<RunRecord, 'runId' | 'fence' | 'resumedFence'>,
  drive: Pick<Drive, 'halt' | 'setPace'>,
  ports: StopSignalPorts,
  pollMs: number,
): { end(): void } {
  const ended = new AbortController();
  const { clock, stopFile, storedStops } = ports;

  async function repeat(check: () => Promise<void>, failure: string, everyMs = pollMs): Promise<void> {
    while (!ended.signal.aborted) {
      await check().catch((error) => ports.warn(failure, error));
      await clock.sleep(everyMs, ended.signal);
    }
  }

  async function checkFile(): Promise<void> {
    if (await ports.stopFileExists())
      return drive.halt({ kind: 'stop', by: { kind: 'stop-file', path: stopFile }, now: false });
    haltBy(await storedStops.readFile());
  }

  function haltBy(stop: StoredStop | undefined): void {
    const halt = storedHalt([stop], { runId, ...defined({ resumedFence }) }, stopFile);
    if (halt && !ended.signal.aborted) drive.halt(halt);
  }

  async function checkRecord(): Promise<void> {
    const record = await ports.store.read(runId).catch((error: unknown) => {
      // Nobody can tell what an entry with other contents says: not whether to stop, either.
      if (error instanceof FaultError && !ended.signal.aborted) drive.halt({ kind: 'fault', fault: error.fault });
      throw error;
    });
    if (ended.signal.aborted) return;
    const lost = lostRecord(record, fence, runId);
    if (lost) return drive.halt(lost);
    if (!record) return;
    const requested = requestedHalt(record);
    if (requested) return drive.halt(requested);
    if (record.machineFault !== undefined)
      return drive.halt({ kind: 'fault', fault: ports.readMachineFault(record.machineFault) });
    if (!record.pace) return;
    const { id, paceSetting, by } = record.pace;
    const change = { set: { paceSetting }, remove: ['pace'] };
    const taken = await ports.store.change(runId, change, { equals: { fence, paceId: id } });
    if (taken.ok) drive.setPace(paceSetting, by);
  }

  void repeat(checkFile, 'stop file not checked');
  void repeat(async () => haltBy(await storedStops.readBucket()), 'control bucket not checked', BUCKET_POLL_MS);
  void repeat(checkRecord, 'record of the run not read');
  return { end: () => ended.abort() };
}

/**
 * Why a run is not driven any more after its record was read: another copy of the bot has it; or the control table lost
 * the record or went back to an earlier state of it, and nobody knows what happened since. Undefined if it is ours.
 */
function lostRecord(record: RunRecord | undefined, fence: number, runId: string): Halt | undefined {
  if (record?.fence === fence) return;
  if (record && record.fence > fence) return { kind: 'lease-lost' };
  return { kind: 'fault', fault: setBackFault(runId, record !== undefined) };
}

/** The control table does not have what this process wrote into it. */
export const setBackFault = (runId: string, exists: boolean): Fault =>
  earlierFault(
    exists
      ? `The control table has an earlier state of ${runId} than this process wrote. It was restored, or somebody changed it.`
      : `The record of ${runId} is not in the control table any more. It was deleted, or the table was.`,
  );

const NOTED: Readonly<Record<Exclude<NotedState, 'running'>, string>> = {
  paused: 'the run was paused after that',
  stopped: 'the run was stopped after that',
  tripped: 'the run stopped by itself after that',
  completed: 'the run completed after that',
  abandoned: 'the run was abandoned after that',
};

/** What happened to a run after the state that its record has. */
function afterwards(note: StateNote, record: Pick<RunRecord, 'resumedFence' | 'checkpoint'>): string {
  if (note.state !== 'running') return NOTED[note.state];
  const { resumedFence = note.fence, done = 0 } = note;
  return resumedFence > (record.resumedFence ?? 0)
    ? 'a person started or resumed the run after that'
    : `${done} of its images had an outcome, and now ${doneOnRecord(record)} have one`;
}

/**
 * The halt of a run that should be running by its record, where the control bucket has a later state of it; undefined where
 * it has none. `uri`: of the note.
 */
export function notedHalt(
  note: StateNote | 'unreadable' | undefined,
  record: Pick<RunRecord, 'runId' | 'resumedFence' | 'checkpoint'>,
  uri: string,
): Halt | undefined {
  if (!note || !isLater(note, record)) return;
  const { runId } = record;
  const message =
    note === 'unreadable'
      ? `${uri} cannot be read: it has other contents than the bot writes. It says whether the control table has the last state of ${runId}.`
      : `The control table has an earlier state of ${runId}: ${afterwards(note, record)}, as ${uri} says. The table was restored, or somebody changed it.`;
  return { kind: 'fault', fault: earlierFault(message) };
}

const earlierFault = (message: string): Fault => ({
  reason: 'control-table',
  message,
  fix: 'Check the control table (setting CONTROL_TABLE). After a restore of the table, outcomes that came later are missing there: compare with `/rescan validate` before you resume, because a resume invokes those images again.',
});
