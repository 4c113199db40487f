import { within } from '../../lib/async/within.ts';
import type { Clock } from '../../lib/clock.ts';
import { defined } from '../../lib/defined.ts';
import { settle } from '../../lib/result.ts';
import type { Fault } from '../../pipeline/invoke/invocation.ts';
import type { Lease } from '../../state/lease.ts';
import type { StopLocation, StoredStops } from '../../state/stops/stored-stops.ts';
import { engineOf } from '../model/run-control.ts';
import type { EngineKind, HaltPlace, OutcomeRecord, Person, RunEvent, RunSnapshot, RunState } from '../model/types.ts';
import { type Checkpoint, encodeCheckpoint } from '../store/checkpoint.ts';
import {
  driveOf,
  FencedError,
  inState,
  type JournalChunk,
  REQUESTS,
  type RunRecord,
  type RunStore,
} from '../store/run-store.ts';
import { createProgressNotes, type StateNote, type StateNotes } from '../store/state-notes.ts';
import { announceEnd, emitEnd, noteState } from './announce-end.ts';
import type { Drive, Engine, LoopPorts } from './engine.ts';
import { driveWith } from './loop.ts';
import { readLiveRun } from './read-run.ts';
import { advance } from './reducer/advance.ts';
import { noteCutOff, noteLostOutcomes } from './reducer/attempt.ts';
import type { GrowthAnswer, GrowthQuestion, Halt } from './reducer/engine-events.ts';
import { outranks, stateAfter } from './reducer/halts.ts';
import type { RunRules } from './reducer/live-run.ts';
import { nextChunk } from './reducer/outcomes.ts';
import { startedWithoutOutcome, takeCheckpoint, takeSnapshot, withoutOutcome } from './reducer/run-views.ts';
import { requestedHalt, setBackFault, watchStopSignals } from './stop-signals.ts';

/** What driving a run needs from outside. */
export interface DriverPorts {
  readonly clock: Clock;
  readonly store: RunStore;
  readonly lease: Lease;
  /** Names this process among the copies of the bot. */
  readonly holder: string;
  readonly engines: Readonly<Record<EngineKind, Engine>>;
  readonly checkGrowth: (question: GrowthQuestion) => Promise<GrowthAnswer>;
  readonly lookUpRows: LoopPorts['lookUpRows'];
  /** Checks the rows of all images of a run (see LoopPorts). */
  readonly missingRows: (record: RunRecord, signal: AbortSignal) => AsyncIterable<readonly OutcomeRecord[]>;
  /** Entries in the table, for the last message about a run; undefined where it is too large to count. */
  readonly countEntries: () => Promise<number | undefined>;
  readonly stopFileExists: () => Promise<boolean>;
  readonly stopFile: string;
  /** Requests to halt that could not be stored in the control table. */
  readonly storedStops: StoredStops;
  /** The last state of each run outside the control table. */
  readonly stateNotes: StateNotes;
  /** Why a state machine could not invoke the function, as it noted it on the run's record. */
  readonly readMachineFault: (noted: unknown) => Fault;
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
  /**
   * Halts the run. When it has ended and its last state is not saved yet, a halt of higher rank changes that state. `place`:
   * where the one who took the request stores it, undefined for nowhere; it never rejects.
   */
  halt(halt: Halt, place?: Promise<HaltPlace | undefined>): void;
  /** The run as it ended, from the moment its last state could not be saved until it is; undefined before and after. */
  readonly unsavedEnd: () => RunSnapshot | undefined;
  /** How far the run was when this process last wrote that into the control table, or when it found its record gone or replaced. */
  readonly lastNote: () => StateNote;
  /** Resolves when the run's last state is on record and announced. */
  readonly finished: Promise<void>;
}

const SAVE_RETRY_MS = 1_000;
/** How long the control table has to store a state before it is stored elsewhere, too. */
const SAVE_WAIT_MS = 3_000;
const COUNT_TIMEOUT_MS = 10_000;
/** How long the alert about an end that is not saved waits to hear where its halt is stored, ms. */
const PLACE_WAIT_MS = 7_000;

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
  const drive = driveOf(record);
  const isFresh = how.by !== undefined;
  const { run: stored, rerunning } = await readLiveRun(record, store, rules, clock.now(), isFresh);
  const before = stored.totals.repeats ?? 0;
  const hands = await ports.engines[engineOf(record.plan)].open(record);
  // At Step Functions the images in progress go on, or their outcomes are found: only an execution that was stopped cut them off.
  const run = stored.remote
    ? noteCutOff(stored, isFresh ? await hands.cutOff?.() : undefined)
    : noteLostOutcomes(stored, startedWithoutOutcome(stored) - rerunning, isFresh, clock.now());
  const repeating = (run.totals.repeats ?? 0) - before;
  const running: RunState = { kind: 'running' };
  const change = {
    set: { state: running, checkpoint: encodeCheckpoint(takeCheckpoint(run, clock.now())) },
    remove: isFresh ? ['endedAt', 'machineFault'] : ['endedAt'],
  };
  // Not where the plan was cancelled meanwhile, which needs no lease.
  const condition = { ...inState(record.state.kind, 'running'), equals: { fence } };
  const marked = await store
    .change(runId, change, condition)
    .then(({ ok, record: changed }) => {
      if (!ok || !changed) throw new FencedError(runId, fence);
      return changed;
    })
    .catch(async (error: unknown) => {
      const stored = await storedRunning(record, fence, store, error);
      if (stored) return stored;
      await hands.close();
      throw error;
    });

  // The fence of the person's request, also where the process that got it died. Notes from before it do not count any more.
  const { resumedFence = 0 } = record;
  const notes = createProgressNotes(ports.stateNotes, { runId, fence, resumedFence }, run, clock);

  async function save(set: Record<string, unknown>, checkpoint: Checkpoint, remove?: string[]): Promise<void> {
    const change = defined({ set: { ...set, checkpoint: encodeCheckpoint(checkpoint) }, remove });
    try {
      await store.changeAsDriver(runId, fence, change);
    } catch (error) {
      if (error instanceof FencedError) driving.halt({ kind: 'lease-lost' });
      throw error;
    }
    if (lease.holds()) notes.noteIfDue(checkpoint);
  }
  /** The halt whose state was saved last. */
  let onRecord: Halt | undefined;
  async function saveHalt(halt: Halt, checkpoint: Checkpoint): Promise<void> {
    const state = stateAfter(halt);
    if (!state) return;
    const endedAt = state.kind === 'completed' ? Math.round(clock.now()) : undefined;
    const saving = settle(() => save({ state, unannounced: true, ...defined({ endedAt }) }, checkpoint, REQUESTS));
    const inTime = await within(clock, SAVE_WAIT_MS, saving);
    if (!inTime?.ok) await storeOutside(halt, inTime?.refusal);
    const saved = inTime ?? (await saving);
    if (!saved.ok) throw saved.refusal;
    onRecord = halt;
  }

  let outside: { readonly halt: Halt; readonly storedIn: StopLocation | undefined } | undefined;
  /**
   * Where the state after a trip or a fault is stored while the control table does not have it; every process reads that before
   * it continues the run. What a person asked for is stored by the one who took the request.
   */
  async function storeOutside(halt: Halt, error?: unknown): Promise<StopLocation | undefined> {
    if (halt === outside?.halt) return outside.storedIn;
    if (halt.kind !== 'trip' && halt.kind !== 'fault') return;
    // Another process has the run; or the table went back, and nobody knows what happened since.
    if (error instanceof FencedError && !isSetBack(halt)) return;
    const request = halt.kind === 'trip' ? 'stop' : 'pause';
    const storedIn = await ports.storedStops.put({
      ...{ request, at: Math.round(clock.now()), runId, fence, state: stateAfter(halt) },
    });
    outside = { halt, storedIn };
    return storedIn;
  }

  /** The requests of people that this process stores, oldest first. */
  const requests: { readonly kind: Halt['kind']; readonly place: Promise<HaltPlace | undefined> }[] = [];
  /** Where the halt of a run is stored whose last state could not be saved, because of `error`. */
  async function placeOf(halt: Halt, error: unknown): Promise<HaltPlace | undefined> {
    if (halt === onRecord) return { kind: 'record' };
    if (halt.kind === 'trip' || halt.kind === 'fault') return storeOutside(halt, error);
    const places = requests.filter(({ kind }) => kind === halt.kind).map(({ place }) => place);
    const known = places.length > 0 && (await within(clock, PLACE_WAIT_MS, Promise.all(places)));
    return known ? known.findLast((place) => place !== undefined) : { kind: 'unknown' };
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
      ? { kind: 'started', snapshot, hasLiveMessage: record.location?.ts !== undefined }
      : { kind: 'resumed', snapshot, repeating, rerunning, from: how.from, ...defined({ by: how.by }) },
  );

  const driving: Drive = driveWith(hands, run, {
    clock,
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
  // A stop that was requested during the preparation, and a fault that the machine noted, hold before the first invocation.
  const { machineFault } = marked;
  const requested =
    requestedHalt(marked) ??
    (machineFault === undefined ? undefined : { kind: 'fault' as const, fault: ports.readMachineFault(machineFault) });
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
      await announceLost(end.leftInFlight);
      // The lease is still ours where only the run's record was replaced, and would be renewed for ever.
      return lease.release();
    }
    if (driving.run().remote && end.halt.kind === 'shutdown') {
      signals.end();
      return leave();
    }
    const entries = await within(clock, COUNT_TIMEOUT_MS, ports.countEntries()).catch((error) =>
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
    /** The end that was announced before it was saved; another halt may take its place. */
    let announced: RunState['kind'] | undefined;
    const saved = await saveLastState(async (halt, error) => {
      const { stopFile } = ports;
      unsavedEnd = { ...ended(), unsaved: { stopFile, storedIn: { kind: 'unknown' } } };
      const storedIn = await placeOf(halt, error);
      // Where another halt took its place meanwhile, it is not known where that one is stored.
      if (halt === last) unsavedEnd = { ...ended(), unsaved: { stopFile, ...defined({ storedIn }) } };
      announced = unsavedEnd.state.kind;
      return emitEnd(unsavedEnd, drive, leftInFlight, ports, true);
    });
    signals.end();
    unsavedEnd = undefined;
    if (saved === 'given-up') {
      // Its record was gone or of another time. Where it comes back with this fence, it lacks what this process knows.
      notes.keep(run);
      return lease.release();
    }
    advance(run, { kind: 'halt-write-ended', ok: true, now: clock.now() });
    if (last.kind === 'shutdown') notes.note(run);
    await notes.written();
    try {
      // Where that fails, the next look for an open run does it: people hear of the end all the same.
      if (last.kind === 'completed')
        await store.releasePipeline(runId).catch((error) => ports.warn(`run ${runId} still has the pipeline`, error));
      if (last.kind !== 'shutdown')
        await removeStored().catch((error) => ports.warn('a stored stop was not removed', error));
      // Under the lease: a process that finds an end which is not announced, and nobody at work, announces it.
      if (announced === lastState().kind) {
        await noteState(ended(), fence, ports);
        await store.markAnnounced(runId);
      } else await announceEnd(ended(), record, leftInFlight, ports, known);
    } finally {
      await lease.release();
    }
  }

  /** The run goes on at Step Functions: its state stays, and the next process follows it. */
  async function leave(): Promise<void> {
    try {
      await saveOutcomes();
      await save({}, takeCheckpoint(driving.run(), clock.now()));
      notes.note(driving.run());
    } catch (error) {
      ports.warn('the last checkpoint was not saved; the next process reads the outcomes again', error);
    }
    const snapshot = takeSnapshot(driving.run(), running, clock.now());
    await Promise.all([ports.emit({ kind: 'left', why: 'shutdown', snapshot }), notes.written()]);
    await lease.release();
  }

  const removeStored = async () => ports.storedStops.clear(await ports.storedStops.find());

  function lastState(): RunState {
    const state = last && stateAfter(last);
    if (!state) throw new Error('Defect: a run that lost its lease has no last state.');
    return state;
  }

  /**
   * Repeats until the state is on record. The fence keeps it from overwriting what another copy of the bot did meanwhile. If the
   * first attempt fails the end is announced at once, as not saved yet: people must not wait until the fault is over.
   */
  async function saveLastState(
    announceEarly: (halt: Halt, error: unknown) => Promise<unknown>,
  ): Promise<'saved' | 'given-up'> {
    for (let failures = 0; ; failures++) {
      const halt = last;
      if (!halt) return 'given-up';
      try {
        await saveOutcomes();
        await saveHalt(halt, takeCheckpoint(driving.run(), clock.now()));
        if (halt === last) return 'saved';
      } catch (error) {
        ports.warn('last state of the run not saved yet', error);
        if (failures === 0 && (isSetBack(halt) || !(error instanceof FencedError || halt.kind === 'shutdown')))
          await announceEarly(halt, error);
        if (error instanceof FencedError || halt.kind === 'shutdown') return 'given-up';
        await clock.sleep(SAVE_RETRY_MS);
      }
    }
  }

  /**
   * The lease was lost. If another copy of the bot took over, that copy announces it. If the control table cannot be read, this copy
   * announces the interruption: the record still says `running`, so the run resumes when the table can be read again. If the table
   * went back to an earlier state, nobody resumes the run before a person has looked.
   */
  async function announceLost(leftInFlight: number): Promise<void> {
    const record = await store.read(runId).catch(() => 'unknown' as const);
    if (record !== 'unknown' && record !== undefined && record.fence > fence) return;
    const wentBack = record === undefined || (record !== 'unknown' && record.fence < fence);
    if (driving.run().remote && !wentBack) {
      const snapshot = takeSnapshot(driving.run(), running, clock.now());
      await ports.emit({ kind: 'left', why: 'control-table', snapshot });
      return;
    }
    const fault = setBackFault(runId, record !== undefined);
    const state: RunState = wentBack ? { kind: 'paused', because: { kind: 'fault', fault } } : { kind: 'interrupted' };
    const storedIn = wentBack ? await storeOutside({ kind: 'fault', fault }) : undefined;
    const snapshot = takeSnapshot(driving.run(), state, clock.now());
    const unsaved = wentBack ? { stopFile: ports.stopFile, ...defined({ storedIn }) } : undefined;
    const end = { ...snapshot, inFlight: leftInFlight, draining: false, ...defined({ unsaved }) };
    await emitEnd(end, drive, leftInFlight, ports, true);
  }

  function halt(requested: Halt, place?: Promise<HaltPlace | undefined>): void {
    if (place) requests.push({ kind: requested.kind, place });
    driving.halt(requested);
    if (!last || last.kind === 'lease-lost' || !outranks(requested, last)) return;
    last = requested;
    if (unsavedEnd) unsavedEnd = { ...unsavedEnd, state: lastState() };
  }

  const finished = finish().catch((error) => ports.warn(`run ${runId} ended, but its last state was not saved`, error));
  return { runId, fence, drive: driving, halt, unsavedEnd: () => unsavedEnd, lastNote: notes.latest, finished };
}

/**
 * The record, where it says `running` although the write that made it so ended with `error`: only the reply was lost.
 * Undefined where it said so before, and where it cannot be read.
 */
async function storedRunning(
  { runId, state }: RunRecord,
  fence: number,
  store: Pick<RunStore, 'read'>,
  error: unknown,
): Promise<RunRecord | undefined> {
  if (error instanceof FencedError || state.kind === 'running') return;
  const record = await store.read(runId).catch(() => undefined);
  return record?.state.kind === 'running' && record.fence === fence ? record : undefined;
}

/** The control table has an earlier state of the run than this process wrote. */
const isSetBack = (halt: Halt): boolean => halt.kind === 'fault' && halt.fault.reason === 'control-table';
