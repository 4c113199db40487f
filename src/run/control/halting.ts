import { randomUUID } from 'node:crypto';
import { defined } from '../../lib/defined.ts';
import { type Result, refuse, succeed } from '../../lib/result.ts';
import { FaultError } from '../../pipeline/fault.ts';
import { noAnswer } from '../../state/table/control-table.ts';
import type { Condition } from '../../state/table/expression.ts';
import { announceEnd } from '../engines/announce-end.ts';
import type { DrivenRun, DriverPorts, DriverRules } from '../engines/driver.ts';
import { readSnapshot } from '../engines/read-run.ts';
import type { Halt } from '../engines/reducer/engine-events.ts';
import { engineOf, type Refusal, type StoppedRun } from '../model/run-control.ts';
import type { HaltPlace, Person, RunSnapshot, RunState } from '../model/types.ts';
import { inState, REQUESTS, type RunRecord } from '../store/run-store.ts';
import type { Driving, Starting } from './driving.ts';
import { type HaltNotes, requestOf } from './halt-notes.ts';

/** How long a person waits for another process before a request returns, ms. */
export const REQUEST_TIMEOUT_MS = 3_000;

/** How long the control table has to store a request before it is stored elsewhere, ms. */
const STORE_TIMEOUT_MS = 3_000;
/** And to read the run, find out who drives it and reach that process, ms. */
const TABLE_TIMEOUT_MS = 10_000;

type HaltRequest = 'pause' | 'stop' | 'stop-now';

/** Stops and pauses runs, whichever process drives them. */
export interface Halting {
  /**
   * Halts the open run: at once if this process drives it, by a request on its record if another one does, on the
   * record itself if none does. The request is stored before this returns: where the control table cannot be written in
   * the control bucket, else in a file. A process that takes the run over later reads all three before it resumes it.
   */
  halt(by: Person, request: HaltRequest): Promise<Result<StoppedRun, Refusal>>;
  /**
   * Writes the state of a run that no process drives. Undefined if another process has the lease, so that it may drive
   * it.
   */
  writeState(runId: string, state: RunState, from: RunState['kind']): Promise<Result<RunSnapshot, Refusal> | undefined>;
  /** Makes a request to the process that drives the run, by its record, and waits a little until `isDone`. */
  requestOfDriver(
    runId: string,
    set: Record<string, unknown>,
    isDone: (record: RunRecord) => boolean,
    condition?: Condition,
  ): Promise<RunRecord | undefined>;
}

const isHalted = ({ kind }: RunState) => kind !== 'running' && kind !== 'interrupted';

const atRest = (halted: Result<RunSnapshot, Refusal>): Result<StoppedRun, Refusal> =>
  halted.ok ? succeed({ ...halted.value, wasAtRest: true }) : halted;

const attributesOf = (by: Person, request: HaltRequest) => ({
  ...(request === 'pause' ? { pause: { by } } : { stop: request === 'stop-now' ? 'now' : true, stopBy: by }),
  requestId: randomUUID(),
});

export function createHalting(
  driving: Driving,
  halts: Pick<HaltNotes, 'note'>,
  ports: DriverPorts,
  rules: DriverRules,
): Halting {
  const { store, clock, lease } = ports;
  const { snapshotOf } = driving;

  const requestOfDriver: Halting['requestOfDriver'] = async (
    runId,
    set,
    isDone,
    condition = inState('running', 'interrupted'),
  ) => {
    await store.change(runId, { set }, condition);
    const until = clock.now() + REQUEST_TIMEOUT_MS;
    for (;;) {
      const record = await store.read(runId);
      if (!record || isDone(record) || clock.now() >= until) return record;
      await clock.sleep(rules.pollMs);
    }
  };

  const writeState: Halting['writeState'] = async (runId, state, from) => {
    const taken = await driving.takeOver(runId);
    if (!('fence' in taken)) return;
    const change = { set: { state, unannounced: true }, remove: REQUESTS };
    const condition = { ...inState(from, 'interrupted'), equals: { fence: taken.fence } };
    try {
      const changed = await store.change(runId, change, condition);
      if (!changed.record) return;
      const snapshot = await readSnapshot(changed.record, store, rules, clock.now());
      // Under the lease: a process that finds an end which is not announced, and nobody at work, announces it.
      if (changed.ok) await announceEnd(snapshot, changed.record, 0, ports);
      return succeed(snapshot);
    } finally {
      await lease.release();
    }
  };

  const halt: Halting['halt'] = (by, request) => {
    const halting: Halt =
      request === 'pause'
        ? { kind: 'pause', by }
        : { kind: 'stop', by: { kind: 'person', by }, now: request === 'stop-now' };
    const noted = halts.note(requestOf(halting));
    noted.catch(() => {});
    return haltNoted(halting, by, request, noted);
  };

  async function haltNoted(
    halting: Halt,
    by: Person,
    request: HaltRequest,
    noted: Promise<void>,
  ): Promise<Result<RunSnapshot, Refusal>> {
    const again = () => haltNoted(halting, by, request, noted);
    const driven = driving.driven();
    if (driven) {
      const place = Promise.withResolvers<HaltPlace | undefined>();
      driven.halt(halting, place.promise);
      return haltDriven(driven, by, request, noted, place.resolve);
    }
    const starting = driving.starting();
    // A pause does not replace a stop.
    if (starting && (starting.halt?.kind !== 'stop' || halting.kind === 'stop')) starting.halt = halting;
    try {
      return await inTime(haltByRecord(by, request, starting, noted, again), TABLE_TIMEOUT_MS);
    } catch (error) {
      ports.warn('the run could not be halted by its record', error);
      if (driving.driven()) return again();
      const stored = await ports.storedStops.put({ request, by, at: Math.round(clock.now()) });
      const fault = ports.readFault(error);
      return refuse({ reason: 'halt-unread', request, fault, stopFile: ports.stopFile, ...defined({ stored }) });
    }
  }

  /** The result of the work. @throws what it throws, and after `ms` */
  async function inTime<T>(work: Promise<T>, ms: number): Promise<T> {
    const done = new AbortController();
    const late = clock.sleep(ms, done.signal).then(() => {
      throw new FaultError(noAnswer(ms));
    });
    late.catch(() => {});
    try {
      return await Promise.race([work, late]);
    } finally {
      done.abort();
      work.catch(() => {});
    }
  }

  /**
   * The run that this process drives is halted. The request is stored, too: the process may die before the state is. `tell` hears
   * where; undefined for nowhere.
   */
  async function haltDriven(
    driven: DrivenRun,
    by: Person,
    request: HaltRequest,
    noted: Promise<void>,
    tell: (place: HaltPlace | undefined) => void,
  ): Promise<Result<RunSnapshot, Refusal>> {
    const { runId, fence } = driven;
    const now = () => driven.unsavedEnd() ?? driven.drive.snapshot();
    try {
      const change = { set: attributesOf(by, request) };
      const writing = Promise.all([store.change(runId, change, { equals: { fence } }), noted]);
      const [written] = await inTime(writing, STORE_TIMEOUT_MS);
      tell({ kind: written.ok ? 'record' : 'unknown' });
      // The request on the record keeps images from starting, as the state does.
      const { unsaved: _unsaved, gateAfterHalt: _gate, ...snapshot } = now();
      // Another process has taken the run over.
      if (!written.ok && written.record) return haltElsewhere(written.record, by, request);
      return succeed(snapshot);
    } catch (error) {
      ports.warn('a request to halt could not be stored in the control table', error);
      const stop = { request, by, at: Math.round(clock.now()), runId, fence };
      const storedIn = await ports.storedStops.put(stop);
      tell(storedIn);
      return succeed({ ...now(), unsaved: { stopFile: ports.stopFile, ...defined({ storedIn }) } });
    }
  }

  async function haltByRecord(
    by: Person,
    request: HaltRequest,
    starting: Starting | undefined,
    noted: Promise<void>,
    again: () => Promise<Result<StoppedRun, Refusal>>,
  ): Promise<Result<StoppedRun, Refusal>> {
    // Before the run is read: a start that does not find the note is then found as an open run.
    await noted;
    if (starting) {
      await Promise.race([starting.ended, clock.sleep(REQUEST_TIMEOUT_MS)]);
      if (driving.starting() !== starting) return again();
    }
    const record = await driving.openRecord();
    if (!record) return refuse({ reason: 'no-run', isHalt: true });
    if (starting) {
      const changed = await store.change(record.runId, { set: attributesOf(by, request) });
      return succeed(await snapshotOf(changed.record ?? record));
    }
    return isHalted(record.state) ? haltAtRest(record, by, request) : haltElsewhere(record, by, request);
  }

  type HaltRun = (record: RunRecord, by: Person, request: HaltRequest) => Promise<Result<StoppedRun, Refusal>>;
  const haltAtRest: HaltRun = async (record, by, request) => {
    const { runId, state } = record;
    if (request === 'pause' || state.kind === 'stopped')
      return refuse({ reason: 'not-running', run: await snapshotOf(record), isHalt: true });
    const next: RunState =
      state.kind === 'planned' ? { kind: 'abandoned', by } : { kind: 'stopped', by: { kind: 'person', by } };
    const written = await writeState(runId, next, state.kind);
    if (written) return atRest(written);
    // Another process has the lease of the pipeline: it may be starting this run.
    const isDone = (now: RunRecord) => isHalted(now.state) && now.state.kind !== state.kind;
    const after = await requestOfDriver(runId, attributesOf(by, request), isDone, {});
    // Its start was refused because of this request.
    if (after?.state.kind === 'planned' && !(await driving.openRecord()))
      return refuse({ reason: 'no-run', isHalt: true });
    return atRest(succeed(await snapshotOf(after ?? record)));
  };

  const haltElsewhere: HaltRun = async (record, by, request) => {
    const { runId, state } = record;
    const next: RunState =
      request === 'pause'
        ? { kind: 'paused', because: { kind: 'person', by } }
        : { kind: 'stopped', by: { kind: 'person', by } };
    const isDone = (now: RunRecord) => now.state.kind !== state.kind;
    const after = await requestOfDriver(runId, attributesOf(by, request), isDone);
    if (after && isHalted(after.state)) return succeed(await snapshotOf(after));
    if (engineOf(record.plan) === 'step-functions') return haltAtStepFunctions(record);
    const written = await writeState(runId, next, 'running');
    if (written) return state.kind === 'interrupted' ? atRest(written) : written;
    // The request stays on the record: the process that drives the run next stops it before its first invocation.
    const last = await store.read(runId);
    return last ? succeed(await snapshotOf(last)) : refuse({ reason: 'no-run' });
  };

  /** No process follows the run: this one does, finds the request on the record, and ends the execution. */
  async function haltAtStepFunctions({ runId }: RunRecord): Promise<Result<RunSnapshot, Refusal>> {
    const taken = await driving.takeOver(runId);
    if ('fence' in taken) await driving.resume(taken.record, taken.fence);
    const last = await store.read(runId);
    return last ? succeed(await snapshotOf(last)) : refuse({ reason: 'no-run' });
  }

  return { halt, writeState, requestOfDriver };
}
