import type { Clock, Random } from '../../../lib/clock.ts';
import { defined } from '../../../lib/defined.ts';
import type { Fault, Invocation } from '../../../pipeline/invoke/invocation.ts';
import type { Lease } from '../../../state/lease.ts';
import { type RunAction, transition } from '../../model/run.ts';
import type { ManifestEntry, Person, RunEvent, RunSnapshot, RunState } from '../../model/types.ts';
import { type Checkpoint, decodeCheckpoint, encodeCheckpoint } from '../../store/checkpoint.ts';
import { isWhole } from '../../store/run-chain.ts';
import { FencedError, type RunRecord, type RunStore } from '../../store/run-store.ts';
import { advance } from './advance.ts';
import { drive } from './engine.ts';
import type { GrowthAnswer, GrowthQuestion, Halt } from './engine-events.ts';
import type { Drive, DriveEnd } from './engine-ports.ts';
import { applyChunk, createLiveRun, type LiveRun, type RunRules } from './live-run.ts';
import { startedWithoutOutcome, takeCheckpoint, takeSnapshot } from './run-views.ts';
import { haltAsked, watchStopSignals } from './stop-signals.ts';

/** What driving a run needs of the world. */
export interface DriverPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly store: RunStore;
  readonly lease: Lease;
  /** Names this process among the copies of the bot. */
  readonly holder: string;
  readonly manifest: (runId: string, from: number) => AsyncIterable<ManifestEntry>;
  /** Made anew for each drive: the client's timeout follows the function's own, its sockets the in-flight limit. */
  readonly openFunction: (maxInFlight: number) => Promise<(key: string, signal: AbortSignal) => Promise<Invocation>>;
  readonly checkGrowth: (question: GrowthQuestion) => Promise<GrowthAnswer>;
  /** Entries in the table, for the last word on a run; undefined where it is too large to count. */
  readonly countEntries: () => Promise<number | undefined>;
  readonly stopFileExists: () => Promise<boolean>;
  readonly stopFile: string;
  readonly readFault: (error: unknown) => Fault;
  /** Resolves when what people must be told of it is safely on record; never rejects. */
  readonly emit: (event: RunEvent) => Promise<void>;
  readonly warn: (message: string, cause: unknown) => void;
}

export interface DriverRules extends RunRules {
  /** How often the stop file and the run's record are read, ms. */
  readonly pollMs: number;
}

/** A run in the hands of this process. */
export interface DrivenRun {
  readonly runId: string;
  readonly drive: Drive;
  /** Resolves when the run's last state is on record and everyone has been told. */
  readonly finished: Promise<void>;
}

/** What a halt does to a run; undefined where the next driver writes it. */
function actionOf(halt: Halt): RunAction | undefined {
  switch (halt.kind) {
    case 'completed':
      return { kind: 'complete' };
    case 'pause':
      return { kind: 'pause', because: { kind: 'person', by: halt.by } };
    case 'fault':
      return { kind: 'pause', because: { kind: 'fault', fault: halt.fault } };
    case 'stop':
      return { kind: 'stop', by: halt.by };
    case 'trip':
      return { kind: 'trip', trip: halt.trip };
    case 'shutdown':
      return { kind: 'interrupt' };
    case 'lease-lost':
      return undefined;
  }
}

/** The state on record that follows from a halt of a running run; undefined where the next driver writes it. */
export function stateAfter(halt: Halt): RunState | undefined {
  const action = actionOf(halt);
  if (!action) return;
  const next = transition({ kind: 'running' }, action);
  if (!next.ok) throw new Error(`A running run cannot ${action.kind}: ${next.reason}. This is a defect.`);
  return next.state;
}

/** The run as its record tells it, with the journal's outcomes that came after its checkpoint folded in. */
export async function readLiveRun(
  record: RunRecord,
  store: RunStore,
  rules: RunRules,
  now: number,
  fresh: boolean,
): Promise<LiveRun> {
  const checkpoint: Checkpoint | undefined =
    record.checkpoint === undefined ? undefined : decodeCheckpoint(record.checkpoint);
  let run = createLiveRun(
    defined({
      runId: record.runId,
      total: record.plan.total,
      startedBy: record.startedBy ?? record.plan.plannedBy,
      startedAt: record.startedAt ?? now,
      paceSetting: record.paceSetting,
      ceilingPerMinute: record.ceilingPerMinute,
      maxInFlight: record.maxInFlight,
      growthKind: record.entriesAtStart === 0 ? ('counted' as const) : ('probed' as const),
      entriesAtStart: record.entriesAtStart,
      isPartial: isWhole(record.plan.selection) ? undefined : (true as const),
      canary: record.plan.canary,
    }),
    rules,
    now,
    checkpoint ? { checkpoint, fresh } : undefined,
  );
  for await (const chunk of store.journal(record.runId, run.journalSeq)) run = applyChunk(run, chunk, now);
  return run;
}

/** A run that nobody drives, as its record tells it. */
export async function readSnapshot(
  record: RunRecord,
  store: RunStore,
  rules: RunRules,
  now: number,
): Promise<RunSnapshot> {
  const run = await readLiveRun(record, store, rules, now, false);
  return { ...takeSnapshot(run, record.state, now), ...defined({ endedAt: record.endedAt }) };
}

const WRITE_AGAIN_MS = 1_000;
const COUNT_WITHIN_MS = 10_000;

/**
 * Drives the run that `record` tells of; this process must hold the lease with `fence`. The record says `running` when
 * this answers. `by`: the person who started or resumed it, none when it goes on by itself.
 */
export async function driveRun(
  record: RunRecord,
  fence: number,
  how: { from: RunState['kind']; by?: Person },
  ports: DriverPorts,
  rules: DriverRules,
): Promise<DrivenRun> {
  const { clock, store, lease } = ports;
  const { runId } = record;
  const fresh = how.by !== undefined;
  const run = await readLiveRun(record, store, rules, clock.now(), fresh);
  const repeating = startedWithoutOutcome(run);
  const invoke = await ports.openFunction(record.maxInFlight);
  const running: RunState = { kind: 'running' };
  const marked = await store.changeAsDriver(runId, fence, {
    set: { state: running, checkpoint: encodeCheckpoint(takeCheckpoint(run, clock.now())) },
    remove: ['endedAt'],
  });

  const keep = (checkpoint: Checkpoint) =>
    store.changeAsDriver(runId, fence, { set: { checkpoint: encodeCheckpoint(checkpoint) } }).then(() => {});
  const writeState = async (halt: Halt, checkpoint: Checkpoint): Promise<void> => {
    const state = stateAfter(halt);
    if (!state) return;
    const endedAt = state.kind === 'completed' ? Math.round(clock.now()) : undefined;
    await store.changeAsDriver(runId, fence, {
      set: { state, checkpoint: encodeCheckpoint(checkpoint), unannounced: true, ...defined({ endedAt }) },
      remove: ['stop', 'stopBy', 'pause', 'pace'],
    });
  };
  const lost = (error: unknown) => {
    if (error instanceof FencedError) driving.halt({ kind: 'lease-lost' });
    throw error;
  };

  void ports.emit(
    how.from === 'planned'
      ? { kind: 'started', snapshot: takeSnapshot(run, running, clock.now()) }
      : {
          kind: 'resumed',
          snapshot: takeSnapshot(run, running, clock.now()),
          repeating,
          from: how.from,
          ...defined({ by: how.by }),
        },
  );

  const driving: Drive = drive(run, {
    clock,
    random: ports.random,
    manifest: (from) => ports.manifest(runId, from),
    invoke,
    append: (chunk) => store.append(runId, { ...chunk, writer: `${ports.holder}#${fence}` }),
    saveCheckpoint: (checkpoint) => keep(checkpoint).catch(lost),
    checkGrowth: ports.checkGrowth,
    saveHalt: (halt, checkpoint) => writeState(halt, checkpoint).catch(lost),
    holdsLease: () => lease.holds(),
    readFault: ports.readFault,
    emit: (event) => void ports.emit(event),
    warn: ports.warn,
  });
  // A stop that was asked for while this was being prepared: before the first invocation.
  const asked = haltAsked(marked);
  if (asked) driving.halt(asked);
  lease.start(() => driving.halt({ kind: 'lease-lost' }));
  const signals = watchStopSignals(record.runId, driving, fence, ports, rules.pollMs);

  async function finish(): Promise<void> {
    const end = await driving.ended;
    signals.end();
    const state = stateAfter(end.halt);
    if (!state) return tellLost(end.leftInFlight);
    const entries = await Promise.race([ports.countEntries(), clock.sleep(COUNT_WITHIN_MS)]).catch((error) =>
      ports.warn('entries not counted at the end', error),
    );
    const live =
      typeof entries === 'number'
        ? advance(driving.run(), { kind: 'entries-counted', entries, now: clock.now() }).run
        : driving.run();
    const ended = () => ({ ...takeSnapshot(live, state, clock.now()), inFlight: end.leftInFlight, draining: false });
    const written = await writeLastState(end, () => emitEnd(ended(), end.leftInFlight, ports, true));
    if (written === 'given-up') return;
    if (state.kind === 'completed') await store.releasePipeline(runId);
    await lease.release();
    if (written === 'at-once') await tellEnd(ended(), end.leftInFlight, ports);
    else await store.markAnnounced(runId);
  }

  /**
   * Goes on until the state is on record; the fence keeps it from overwriting what another copy did meanwhile. Where the
   * first write fails people are told at once, and told that it is not on record yet: hearing of a fault cannot wait for
   * the fault to be over.
   */
  async function writeLastState(
    end: DriveEnd,
    tellEarly: () => Promise<void>,
  ): Promise<'at-once' | 'later' | 'given-up'> {
    for (let failures = 0; ; failures++) {
      try {
        await writeState(end.halt, takeCheckpoint(driving.run(), clock.now()));
        return failures === 0 ? 'at-once' : 'later';
      } catch (error) {
        ports.warn('last state not written yet', error);
        if (error instanceof FencedError || end.halt.kind === 'shutdown') return 'given-up';
        if (failures === 0) await tellEarly();
        await clock.sleep(WRITE_AGAIN_MS);
      }
    }
  }

  /**
   * The right to drive is gone. Where another copy took it, that one tells; where the control table cannot be reached,
   * this one says that it stopped: the record still says `running`, so the run goes on by itself when it can.
   */
  async function tellLost(leftInFlight: number): Promise<void> {
    const now = await store.read(runId).catch(() => undefined);
    if (now && now.fence !== fence) return;
    const snapshot = {
      ...takeSnapshot(driving.run(), { kind: 'interrupted' }, clock.now()),
      inFlight: leftInFlight,
      draining: false,
    };
    await emitEnd(snapshot, leftInFlight, ports, true);
  }

  const finished = finish().catch((error) => ports.warn(`run ${runId} ended without its last state on record`, error));
  return { runId, drive: driving, finished };
}

/** Tells the end of a drive, and notes on the record that it was told. */
export async function tellEnd(
  snapshot: RunSnapshot,
  leftInFlight: number,
  ports: Pick<DriverPorts, 'emit' | 'store'>,
): Promise<void> {
  await emitEnd(snapshot, leftInFlight, ports, false);
  await ports.store.markAnnounced(snapshot.runId);
}

const emitEnd = (snapshot: RunSnapshot, leftInFlight: number, ports: Pick<DriverPorts, 'emit'>, unwritten: boolean) =>
  ports.emit({ kind: eventOf(snapshot.state), snapshot, leftInFlight, ...(unwritten ? { unwritten } : {}) });

type EndKind = 'paused' | 'stopped' | 'tripped' | 'interrupted' | 'completed' | 'abandoned';
function eventOf(state: RunState): EndKind {
  if (state.kind === 'planned' || state.kind === 'running')
    throw new Error(`A run does not end as ${state.kind}: this is a defect.`);
  return state.kind;
}
