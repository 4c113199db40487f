import type { Clock, Random } from '../../../lib/clock.ts';
import { defined } from '../../../lib/defined.ts';
import type { Fault, Invocation } from '../../../pipeline/invoke/invocation.ts';
import type { Lease } from '../../../state/lease.ts';
import type { StoredStops } from '../../../state/stops/stored-stops.ts';
import type { ManifestEntry, OutcomeRecord, Person, RunEvent, RunSnapshot, RunState } from '../../model/types.ts';
import { type Checkpoint, encodeCheckpoint } from '../../store/checkpoint.ts';
import {
  FencedError,
  inState,
  type JournalChunk,
  REQUESTS,
  type RunRecord,
  type RunStore,
} from '../../store/run-store.ts';
import { advance } from './advance.ts';
import { noteLostOutcomes } from './attempt.ts';
import { type Drive, drive, type EnginePorts } from './engine.ts';
import type { GrowthAnswer, GrowthQuestion, Halt } from './engine-events.ts';
import { outranks, stateAfter } from './halts.ts';
import type { RunRules } from './live-run.ts';
import { nextChunk } from './outcomes.ts';
import { readLiveRun } from './read-run.ts';
import { startedWithoutOutcome, takeCheckpoint, takeSnapshot, withoutOutcome } from './run-views.ts';
import { requestedHalt, setBackFault, watchStopSignals } from './stop-signals.ts';

/** What driving a run needs from outside. */
export interface DriverPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly store: RunStore;
  readonly lease: Lease;
  /** Names this process among the copies of the bot. */
  readonly holder: string;
  readonly manifest: (runId: string, from: number) => AsyncIterable<ManifestEntry>;
  /** Opened for each drive: the client's timeout depends on the function's, its sockets on the in-flight limit. */
  readonly openFunction: (maxInFlight: number) => Promise<(key: string, signal: AbortSignal) => Promise<Invocation>>;
  readonly checkGrowth: (question: GrowthQuestion) => Promise<GrowthAnswer>;
  readonly lookUpRows: EnginePorts['lookUpRows'];
  /** Checks the rows of all images of a run (see EnginePorts). */
  readonly missingRows: (record: RunRecord, signal: AbortSignal) => AsyncIterable<readonly OutcomeRecord[]>;
  /** Entries in the table, for the last message about a run; undefined where it is too large to count. */
  readonly countEntries: () => Promise<number | undefined>;
  readonly stopFileExists: () => Promise<boolean>;
  readonly stopFile: string;
  /** Requests to halt that could not be stored in the control table. */
  readonly storedStops: StoredStops;
  readonly readFault: (error: unknown) => Fault;
  /** Resolves when every watcher has dealt with the event; never rejects. */
  readonly emit: (event: RunEvent) => Promise<unknown>;
  readonly warn: (message: string, cause: unknown) => void;
}

export interface DriverRules extends RunRules {
  /** How often the stop file and the run's record are read, ms. */
  readonly pollMs: number;
}

/** A run that this process drives. */
export interface DrivenRun {
  readonly runId: string;
  readonly fence: number;
  readonly drive: Drive;
  /** Halts the run. When it has ended and its last state is not saved yet, a halt of higher rank changes that state. */
  halt(halt: Halt): void;
  /** The run as it ended, from the moment its last state could not be saved until it is; undefined before and after. */
  readonly unsavedEnd: () => RunSnapshot | undefined;
  /** Resolves when the run's last state is on record and announced. */
  readonly finished: Promise<void>;
}

const SAVE_RETRY_MS = 1_000;
const COUNT_TIMEOUT_MS = 10_000;

/**
 * Drives the run of `record`. This process must hold the lease with `fence`. When it resolves the record says
 * `running`. `by`: the person who started or resumed the run; undefined if the bot resumed it.
 */
export async function driveRun(
  record: RunRecord,
  fence: number,
  how: { readonly from: RunState['kind']; readonly by?: Person },
  ports: DriverPorts,
  rules: DriverRules,
): Promise<DrivenRun> {
  const { clock, store, lease } = ports;
  const { runId } = record;
  const isFresh = how.by !== undefined;
  const { run: stored, rerunning } = await readLiveRun(record, store, rules, clock.now(), isFresh);
  const before = stored.totals.repeats ?? 0;
  const run = noteLostOutcomes(stored, startedWithoutOutcome(stored) - rerunning, isFresh, clock.now());
  const repeating = (run.totals.repeats ?? 0) - before;
  const invoke = await ports.openFunction(record.maxInFlight);
  const running: RunState = { kind: 'running' };
  const change = {
    set: { state: running, checkpoint: encodeCheckpoint(takeCheckpoint(run, clock.now())) },
    remove: ['endedAt'],
  };
  // Not where the plan was cancelled meanwhile, which needs no lease.
  const { ok, record: marked } = await store.change(runId, change, {
    ...inState(record.state.kind, 'running'),
    equals: { fence },
  });
  if (!ok || !marked) throw new FencedError(runId, fence);

  async function save(set: Record<string, unknown>, checkpoint: Checkpoint, remove?: string[]): Promise<void> {
    const change = defined({ set: { ...set, checkpoint: encodeCheckpoint(checkpoint) }, remove });
    try {
      await store.changeAsDriver(runId, fence, change);
    } catch (error) {
      if (error instanceof FencedError) driving.halt({ kind: 'lease-lost' });
      throw error;
    }
  }
  async function saveHalt(halt: Halt, checkpoint: Checkpoint): Promise<void> {
    const state = stateAfter(halt);
    if (!state) return;
    const endedAt = state.kind === 'completed' ? Math.round(clock.now()) : undefined;
    await save({ state, unannounced: true, ...defined({ endedAt }) }, checkpoint, REQUESTS);
  }

  const appendChunk = (chunk: Omit<JournalChunk, 'writer'>) =>
    store.append(runId, { ...chunk, writer: `${ports.holder}#${fence}` });
  /** Outcomes that are not on record when the drive has ended are put on record now, and their images are not repeated. */
  async function saveOutcomes(): Promise<void> {
    while (driving.run().unsaved.length > 0) {
      const chunk = nextChunk(driving.run());
      const appended = await appendChunk(chunk);
      const records = appended.ok ? appended.records : appended.found.records;
      const { seq } = chunk;
      advance(driving.run(), { kind: 'outcomes-recorded', seq, records, isOwn: appended.ok, now: clock.now() });
    }
  }

  /** The state that people were notified of while images were in flight. */
  let known: RunState | undefined;
  const snapshot = takeSnapshot(run, running, clock.now());
  void ports.emit(
    how.from === 'planned'
      ? { kind: 'started', snapshot }
      : { kind: 'resumed', snapshot, repeating, rerunning, from: how.from, ...defined({ by: how.by }) },
  );

  const driving: Drive = drive(run, {
    clock,
    random: ports.random,
    manifest: (from) => ports.manifest(runId, from),
    invoke,
    append: appendChunk,
    saveCheckpoint: (checkpoint) => save({}, checkpoint),
    checkGrowth: ports.checkGrowth,
    lookUpRows: ports.lookUpRows,
    missingRows: (signal) => ports.missingRows(record, signal),
    saveHalt,
    holdsLease: () => lease.holds(),
    readFault: ports.readFault,
    emit(event) {
      if (event.kind === 'draining' && event.snapshot.inFlight > 0) known = event.next;
      void ports.emit(event);
    },
    warn: ports.warn,
  });
  // A stop that was requested during the preparation holds before the first invocation.
  const requested = requestedHalt(marked);
  if (requested) driving.halt(requested);
  lease.start(() => driving.halt({ kind: 'lease-lost' }), { regains: true });
  const signals = watchStopSignals(marked, { halt, setPace: driving.setPace }, ports, rules.pollMs);

  let last: Halt | undefined;
  let unsavedEnd: RunSnapshot | undefined;
  async function finish(): Promise<void> {
    const end = await driving.ended;
    last = end.halt;
    if (end.halt.kind === 'lease-lost') {
      signals.end();
      return announceLost(end.leftInFlight);
    }
    const entries = await Promise.race([ports.countEntries(), clock.sleep(COUNT_TIMEOUT_MS)]).catch((error) =>
      ports.warn('entries not counted at the end of the run', error),
    );
    const run =
      typeof entries === 'number'
        ? advance(driving.run(), { kind: 'entries-counted', entries, now: clock.now() }).run
        : driving.run();
    const leftInFlight = withoutOutcome(run);
    const ended = () => {
      const snapshot = takeSnapshot(run, lastState(), clock.now());
      return { ...snapshot, inFlight: leftInFlight, draining: false };
    };
    const saved = await saveLastState(() => {
      unsavedEnd = { ...ended(), unsaved: { stopFile: ports.stopFile } };
      return emitEnd(unsavedEnd, leftInFlight, ports, true);
    });
    signals.end();
    const announced = unsavedEnd?.state.kind;
    unsavedEnd = undefined;
    if (saved === 'given-up') return;
    try {
      if (last.kind === 'completed') await store.releasePipeline(runId);
      if (last.kind !== 'shutdown')
        await removeStored().catch((error) => ports.warn('a stored stop was not removed', error));
      // Under the lease: a process that finds an end which is not announced, and nobody at work, announces it.
      if (announced === lastState().kind) await store.markAnnounced(runId);
      else await announceEnd(ended(), leftInFlight, ports, known);
    } finally {
      await lease.release();
    }
  }

  const removeStored = async () => ports.storedStops.clear(await ports.storedStops.find());

  function lastState(): RunState {
    const state = last && stateAfter(last);
    if (!state) throw new Error('Defect: a run that lost its lease has no last state.');
    return state;
  }

  /**
   * Repeats until the state is on record. The fence keeps it from overwriting what another copy of the bot did
   * meanwhile. If the first attempt fails the end is announced at once, as not saved yet: people must not wait until
   * the fault is over.
   */
  async function saveLastState(announceEarly: () => Promise<unknown>): Promise<'saved' | 'given-up'> {
    for (let failures = 0; ; failures++) {
      const halt = last;
      if (!halt) return 'given-up';
      try {
        await saveOutcomes();
        await saveHalt(halt, takeCheckpoint(driving.run(), clock.now()));
        if (halt === last) return 'saved';
      } catch (error) {
        ports.warn('last state of the run not saved yet', error);
        const isSetBack =
          error instanceof FencedError && halt.kind === 'fault' && halt.fault.reason === 'control-table';
        if (failures === 0 && (isSetBack || !(error instanceof FencedError || halt.kind === 'shutdown')))
          await announceEarly();
        if (error instanceof FencedError || halt.kind === 'shutdown') return 'given-up';
        await clock.sleep(SAVE_RETRY_MS);
      }
    }
  }

  /**
   * The lease was lost. If another copy of the bot took over, that copy announces it. If the control table cannot be
   * read, this copy announces the interruption: the record still says `running`, so the run resumes when the table can
   * be read again. If the table went back to an earlier state, nobody resumes the run before a person has looked.
   */
  async function announceLost(leftInFlight: number): Promise<void> {
    const record = await store.read(runId).catch(() => 'unknown' as const);
    if (record !== 'unknown' && record !== undefined && record.fence > fence) return;
    const isSetBack = record === undefined || (record !== 'unknown' && record.fence < fence);
    const state: RunState = isSetBack
      ? { kind: 'paused', because: { kind: 'fault', fault: setBackFault(runId, record !== undefined) } }
      : { kind: 'interrupted' };
    const snapshot = takeSnapshot(driving.run(), state, clock.now());
    await emitEnd({ ...snapshot, inFlight: leftInFlight, draining: false }, leftInFlight, ports, true);
  }

  function halt(requested: Halt): void {
    driving.halt(requested);
    if (!last || last.kind === 'lease-lost' || !outranks(requested, last)) return;
    last = requested;
    if (unsavedEnd) unsavedEnd = { ...unsavedEnd, state: lastState() };
  }

  const finished = finish().catch((error) => ports.warn(`run ${runId} ended, but its last state was not saved`, error));
  return { runId, fence, drive: driving, halt, unsavedEnd: () => unsavedEnd, finished };
}

/** Announces the end of a drive and notes on the record that it was announced. `known`: the state that people know of. */
export async function announceEnd(
  snapshot: RunSnapshot,
  leftInFlight: number,
  ports: Pick<DriverPorts, 'emit' | 'store'>,
  known?: RunState,
): Promise<void> {
  await emitEnd(snapshot, leftInFlight, ports, false, known);
  await ports.store.markAnnounced(snapshot.runId);
}

const emitEnd = (
  snapshot: RunSnapshot,
  leftInFlight: number,
  ports: Pick<DriverPorts, 'emit'>,
  unwritten: boolean,
  known?: RunState,
) =>
  ports.emit({
    kind: endKindOf(snapshot.state),
    snapshot,
    leftInFlight,
    ...defined({ unwritten: unwritten || undefined, isKnown: known?.kind === snapshot.state.kind || undefined }),
  });

type EndKind = 'paused' | 'stopped' | 'tripped' | 'interrupted' | 'completed' | 'abandoned';
function endKindOf(state: RunState): EndKind {
  if (state.kind === 'planned' || state.kind === 'running')
    throw new Error(`Defect: a drive cannot end with the run ${state.kind}.`);
  return state.kind;
}
