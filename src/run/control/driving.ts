import { randomUUID } from 'node:crypto';
import { defined } from '../../lib/defined.ts';
import { type Result, refuse, settle, succeed } from '../../lib/result.ts';
import { type DrivenRun, type DriverPorts, type DriverRules, driveRun } from '../engines/driver.ts';
import { readSnapshot } from '../engines/read-run.ts';
import type { Halt } from '../engines/reducer/engine-events.ts';
import { requestedHalt, storedHalt } from '../engines/stop-signals.ts';
import { isOpen } from '../model/run.ts';
import { engineOf, type HaltsBefore, type Refusal } from '../model/run-control.ts';
import type { Person, RunSnapshot, RunState } from '../model/types.ts';
import { inState, REQUESTS, type RunRecord, sameRequests } from '../store/run-store.ts';
import type { StateNote } from '../store/state-notes.ts';
import { type HaltNotes, requestOf } from './halt-notes.ts';

/** A run that this process is about to drive. */
export interface Starting {
  /** A stop or pause that was requested meanwhile: it holds before the first image. */
  halt?: Halt;
  /** Resolves when the run is driven, or will not be. */
  readonly ended: Promise<void>;
}

/** The lease and the record of a run, taken over with a new fence; or who has the lease. */
export type TakenOver =
  | { readonly fence: number; readonly record: RunRecord }
  | { readonly holder: string; readonly waitMs?: number };

/** How a run is started or resumed, besides who asked for it. */
export interface DriveOptions {
  /** No person asked for the start at this moment. */
  readonly unattended?: boolean;
  /**
   * Called after each refusal except `maybe-started`, before this process frees the lease: from then on no process finds the run and
   * drives it. Where it throws after the run may have been marked as started, the refusal is `maybe-started`.
   */
  readonly giveBack?: () => Promise<void>;
}

/** The run that this process drives, if it drives one. */
export interface Driving {
  driven(): DrivenRun | undefined;
  starting(): Starting | undefined;
  /** The record of the open run. A closed run that still holds the pipeline releases it. */
  openRecord(): Promise<RunRecord | undefined>;
  snapshotOf(record: RunRecord): Promise<RunSnapshot>;
  /** See `DrivenRun`; undefined where this process did not drive the run. */
  lastNote(runId: string): StateNote | undefined;
  /** `seen`: the requests that the record had when it was read are removed; later ones stay. */
  takeOver(runId: string, seen?: RunRecord): Promise<TakenOver>;
  /** During `work` a request to halt finds that a run is starting. */
  whileStarting<T>(work: () => Promise<T>): Promise<T>;
  /**
   * Starts or resumes a run for a person: takes it over, changes its record by what `prepare` returns, drives it. `prepare`
   * is called under the lease, so that no other process drives or starts a run meanwhile. A request to halt that came after
   * `before` is a refusal, or holds where it came after the take-over; earlier ones are removed everywhere, except with
   * `unattended`: no person asked for the start at this moment, so a request to halt that is stored anywhere is a refusal
   * and stays. A fault (function missing, credentials) is a refusal, and
   * the run keeps its state; `maybe-started`, where that is not known.
   */
  driveFor(
    seen: RunRecord,
    by: Person,
    from: readonly RunState['kind'][],
    before: HaltsBefore,
    prepare: () => Promise<Result<Record<string, unknown>, Refusal>>,
    options?: DriveOptions,
  ): Promise<Result<RunSnapshot, Refusal>>;
  /**
   * Drives a run that was taken over, without a person. `halt` holds before anything starts. @throws any error of the
   * preparation, after releasing the lease.
   */
  resume(record: RunRecord, fence: number, halt?: Halt): Promise<void>;
}

/** `shutdown`: nothing new is driven from its abort on. */
export function createDriving(
  ports: DriverPorts,
  rules: DriverRules,
  halts: Pick<HaltNotes, 'since'>,
  shutdown: AbortSignal,
): Driving {
  const { store, clock, lease } = ports;
  let driven: DrivenRun | undefined;
  let starting: (Starting & { works: number }) | undefined;
  let endStarting = () => {};
  const lastNotes = new Map<string, DrivenRun['lastNote']>();

  async function takeOver(runId: string, seen?: RunRecord): Promise<TakenOver> {
    const taken = await lease.acquire();
    if (!taken.ok) return { holder: taken.holder, waitMs: taken.waitMs };
    return mark(runId, taken.fence, seen);
  }

  /** Writes the fence of the lease to the record. Releases the lease where a later fence is there. */
  async function mark(runId: string, fence: number, seen?: RunRecord): Promise<TakenOver> {
    const set = { fence, driveId: randomUUID() };
    const isNewer = { lessThan: { fence } };
    const cleared =
      seen && (await store.change(runId, { set, remove: REQUESTS }, { ...isNewer, ...sameRequests(seen) }));
    const marked = cleared?.ok ? cleared : await store.change(runId, { set }, isNewer);
    if (marked.ok && marked.record) return { fence, record: marked.record };
    await lease.release();
    return { holder: 'another copy of the bot' };
  }

  async function whileStarting<T>(work: () => Promise<T>): Promise<T> {
    if (!starting) {
      const { promise, resolve } = Promise.withResolvers<void>();
      starting = { ended: promise, works: 0 };
      endStarting = resolve;
    }
    const mine = starting;
    mine.works++;
    try {
      return await work();
    } finally {
      mine.works--;
      if (mine.works === 0) {
        starting = undefined;
        endStarting();
      }
    }
  }

  async function driveNow(
    record: RunRecord,
    how: { readonly from: RunState['kind']; readonly by?: Person },
    fence: number,
    halt?: Halt,
  ): Promise<DrivenRun> {
    const started = await driveRun(record, fence, how, ports, rules);
    if (halt) started.halt(halt);
    if (starting?.halt) started.halt(starting.halt);
    driven = started;
    lastNotes.set(started.runId, started.lastNote);
    void started.finished.then(() => {
      if (driven === started) driven = undefined;
    });
    return started;
  }

  const driveFor: Driving['driveFor'] = async (seen, by, from, before, prepare, { unattended, giveBack } = {}) => {
    const { runId } = seen;
    /** From the first write on after which a process that finds the run drives it. */
    let startedWith: number | undefined;
    async function refused(refusal: Refusal): Promise<Result<never, Refusal>> {
      const given = await settle(async () => giveBack?.());
      if (given.ok) return refuse(refusal);
      ports.warn(`run ${runId} could not be given back`, given.refusal);
      // A run that is not marked as started is given back by the check for work.
      return startedWith === undefined
        ? refuse(refusal)
        : refuse({ reason: 'maybe-started', runId, fault: ports.readFault(given.refusal) });
    }
    if (shutdown.aborted) return refused({ reason: 'shutting-down' });
    if (await ports.stopFileExists()) return refused({ reason: 'stop-file', path: ports.stopFile });
    const { stops } = before.found;
    const halt = unattended ? (requestedHalt(seen) ?? storedHalt(stops, seen, ports.stopFile)) : undefined;
    if (halt) return refused({ reason: 'stop-stored', ...requestOf(halt) });
    const checked = await settle(() => ports.engines[engineOf(seen.plan)].check());
    if (!checked.ok) return refused({ reason: 'fault', fault: ports.readFault(checked.refusal) });
    const acquired = await lease.acquire();
    if (!acquired.ok) return refused({ reason: 'lease-held', holder: acquired.holder, waitMs: acquired.waitMs });
    let isDriven = false;
    try {
      // Under the lease, and before the requests on the record are removed.
      const later = await halts.since(before, seen);
      if (later) return await refused({ reason: 'halted-since', ...defined({ request: later.request, by: later.by }) });
      const taken = await mark(runId, acquired.fence, unattended ? undefined : seen);
      if ('holder' in taken) return await refused({ reason: 'lease-held', ...taken });
      if (!unattended) await ports.storedStops.clear(before.found);
      const prepared = await prepare();
      if (!prepared.ok) return await refused(prepared.refusal);
      const { kind } = taken.record.state;
      const change = { set: { ...prepared.value, resumedFence: taken.fence }, remove: ['unannounced'] };
      startedWith = taken.fence;
      const marked = await store.change(runId, change, { ...inState(...from), equals: { fence: taken.fence } });
      if (!marked.ok || !marked.record)
        return await refused({ reason: 'plan-gone', runId, ...defined({ state: marked.record?.state.kind }) });
      const started = await driveNow(marked.record, { from: kind, by }, taken.fence);
      isDriven = true;
      return succeed(started.drive.snapshot());
    } catch (error) {
      ports.warn(`run ${runId} could not be driven`, error);
      const fault = ports.readFault(error);
      const read = await settle(() => store.read(runId));
      const after = read.ok ? read.value : undefined;
      // The plan was cancelled at this moment.
      if (after && !isOpen(after.state)) return await refused({ reason: 'plan-gone', runId, state: after.state.kind });
      // Running, or taken over by another process, which drives what was marked as started.
      const mayRun =
        after && startedWith !== undefined && (after.state.kind === 'running' || after.fence > startedWith);
      if (mayRun || (startedWith !== undefined && !read.ok)) return refuse({ reason: 'maybe-started', runId, fault });
      return await refused({ reason: 'fault', fault });
    } finally {
      if (!isDriven) await lease.release();
    }
  };

  return {
    driven: () => driven,
    lastNote: (runId) => lastNotes.get(runId)?.(),
    starting: () => starting,
    async openRecord() {
      const { openRunId } = await store.readOpen();
      const record = openRunId === undefined ? undefined : await store.read(openRunId);
      if (record && !isOpen(record.state)) {
        // The process died after it closed the run and before it released the pipeline.
        await store.releasePipeline(record.runId);
        return;
      }
      return record;
    },
    async snapshotOf(record) {
      const mine = driven?.runId === record.runId && isOpen(record.state) ? driven : undefined;
      // Also while its images in flight are waited for, although the state that follows is on record.
      const known = mine?.drive.run().phase === 'driving' ? mine.drive.snapshot() : mine?.unsavedEnd();
      return known ?? readSnapshot(record, store, rules, clock.now());
    },
    takeOver,
    whileStarting,
    driveFor,
    async resume(record, fence, halt) {
      const { startedBy, state } = record;
      // Its process died while it started the run for this person.
      const isStart = state.kind === 'planned' && startedBy !== undefined;
      const how = isStart ? ({ from: 'planned', by: startedBy } as const) : ({ from: 'interrupted' } as const);
      try {
        await whileStarting(() => driveNow(record, how, fence, halt));
      } catch (error) {
        await lease.release();
        throw error;
      }
    },
  };
}
