import { randomUUID } from 'node:crypto';
import { isTransient } from '../../lib/backoff.ts';
import type { Fault } from '../../pipeline/invoke/invocation.ts';
import {
  type DrivenRun,
  type DriverPorts,
  type DriverRules,
  driveRun,
  readSnapshot,
  tellEnd,
} from '../engines/local/driver.ts';
import { isActive, isOpen } from '../model/run.ts';
import type { Answer, Refusal, RunControl, RunLocation } from '../model/run-control.ts';
import type { PaceSetting, Person, RunEvent, RunSnapshot, RunState } from '../model/types.ts';
import { forecastRun, type PlannerPorts, type PlannerSettings, planRun, withOpenRun } from '../plan/planner.ts';
import { FencedError, inState, type RunRecord, stopAsked, UNANNOUNCED } from '../store/run-store.ts';
import { type Beginning, createHalting, REQUESTS } from './halting.ts';

export interface RunsPorts extends Omit<DriverPorts, 'emit'> {
  readonly planner: Omit<PlannerPorts, 'store' | 'clock'>;
}
export interface RunsRules extends DriverRules {
  readonly planner: PlannerSettings;
  readonly autoResume: boolean;
  /** How often a copy that drives nothing looks whether a run wants a driver, ms. */
  readonly standbyMs: number;
}

/** The runs of one pipeline, and this process's part in driving them. */
export interface Runs extends RunControl {
  /** Looks for a run that nobody drives, now and from then on. */
  standBy(): void;
  /** Starts nothing more, waits for what is in flight as the rules say, leaves the run to the next driver. */
  shutDown(): Promise<void>;
}

const STEP = 0.25;
const ANSWER_WITHIN_MS = 3_000;
/** Faults that may be over at the next look, without anybody's doing. */
const MAY_PASS: ReadonlySet<Fault['reason']> = new Set(['network', 'control-table']);

const refuse = (refusal: Refusal): { ok: false; refusal: Refusal } => ({ ok: false, refusal });

/** Puts the control of runs together from its ports (see RunControl for what each method promises). */
export function createRuns(ports: RunsPorts, rules: RunsRules): Runs {
  const { store, clock, lease } = ports;
  const listeners = new Set<(event: RunEvent) => void | Promise<void>>();
  const over = new AbortController();
  let driven: DrivenRun | undefined;
  let beginning: Beginning | undefined;
  /** One change of who drives at a time in this process. */
  let turn: Promise<unknown> = Promise.resolve();

  async function emit(event: RunEvent): Promise<void> {
    for (const listener of listeners)
      await Promise.resolve(listener(event)).catch((error) => ports.warn(`event ${event.kind} was not taken`, error));
  }
  const driverPorts: DriverPorts = { ...ports, emit };

  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const next = turn.then(work, work);
    turn = next.catch(() => {});
    return next;
  }

  const snapshotOf = (record: RunRecord): Promise<RunSnapshot> =>
    driven?.runId === record.runId && record.state.kind === 'running'
      ? Promise.resolve(driven.drive.snapshot())
      : readSnapshot(record, store, rules, clock.now());

  async function openRecord(): Promise<RunRecord | undefined> {
    const { openRunId } = await store.readOpen();
    const record = openRunId === undefined ? undefined : await store.read(openRunId);
    if (record && !isOpen(record.state)) {
      // The process died between closing the run and giving the pipeline free.
      await store.releasePipeline(record.runId);
      return;
    }
    return record;
  }

  /** The right to drive `runId`, its record marked with the new fence; `remove`: attributes that go in the same write. */
  async function takeOver(
    runId: string,
    remove: string[] = [],
  ): Promise<{ fence: number; record: RunRecord } | { holder: string }> {
    const taken = await lease.acquire();
    if (!taken.ok) return { holder: taken.holder };
    const change = { set: { fence: taken.fence }, remove };
    const marked = await store.change(runId, change, { lessThan: { fence: taken.fence } });
    if (marked.ok && marked.record) return { fence: taken.fence, record: marked.record };
    await lease.release();
    return { holder: 'another copy of the bot' };
  }

  /** While this is done a halt finds that a run is about to be driven. */
  async function begins<T>(work: () => Promise<T>): Promise<T> {
    let end = () => {};
    const over = new Promise<void>((resolve) => {
      end = resolve;
    });
    beginning = { over };
    try {
      return await work();
    } finally {
      beginning = undefined;
      end();
    }
  }

  async function go(
    record: RunRecord,
    how: { from: RunState['kind']; by?: Person },
    fence: number,
  ): Promise<DrivenRun> {
    try {
      const started = await driveRun(record, fence, how, driverPorts, rules);
      if (beginning?.halt) started.drive.halt(beginning.halt);
      driven = started;
      void started.finished.then(() => {
        if (driven === started) driven = undefined;
      });
      return started;
    } catch (error) {
      await lease.release();
      throw error;
    }
  }

  /** Starts or resumes by a person's word. What cannot work (function gone, credentials) is a refusal; nothing changes. */
  const driveFor = (runId: string, by: Person, from: RunState['kind'][], set: Record<string, unknown>) =>
    begins(() => takeAndDrive(runId, by, from, set));

  async function takeAndDrive(
    runId: string,
    by: Person,
    from: RunState['kind'][],
    set: Record<string, unknown>,
  ): Promise<Answer<RunSnapshot>> {
    if (over.signal.aborted) return refuse({ reason: 'lease-held', holder: 'this one, which is going down' });
    if (await ports.stopFileExists()) return refuse({ reason: 'stop-file', path: ports.stopFile });
    // Requests of before are gone with the taking over: one that comes from here on stops the run before its first image.
    const taken = await takeOver(runId, REQUESTS);
    if ('holder' in taken) return refuse({ reason: 'lease-held', holder: taken.holder });
    const before = taken.record.state.kind;
    const change = { set, remove: UNANNOUNCED };
    const marked = await store.change(runId, change, { ...inState(...from), equals: { fence: taken.fence } });
    if (!marked.ok || !marked.record) {
      await lease.release();
      return refuse({ reason: 'plan-gone', runId, ...(marked.record ? { state: marked.record.state.kind } : {}) });
    }
    try {
      const started = await go(marked.record, { from: before, by }, taken.fence);
      return { ok: true, value: started.drive.snapshot() };
    } catch (error) {
      const fault = ports.readFault(error);
      ports.warn(`run ${runId} could not be driven`, error);
      return refuse({ reason: 'fault', fault });
    }
  }

  async function abandon(record: RunRecord, by: Person): Promise<boolean> {
    const state: RunState = { kind: 'abandoned', by };
    const closed = await store.change(
      record.runId,
      { set: { state, endedAt: Math.round(clock.now()) } },
      // `planned`: the process that was starting it died before it ran.
      inState('planned', 'paused', 'stopped', 'tripped', 'interrupted'),
    );
    if (!closed.ok || !closed.record) return false;
    await store.releasePipeline(record.runId);
    void emit({
      kind: 'abandoned',
      snapshot: await readSnapshot(closed.record, store, rules, clock.now()),
      leftInFlight: 0,
    });
    return true;
  }

  const { halt, settle, askDriver } = createHalting(
    {
      ...driverPorts,
      hands: () => ({ ...(driven ? { driven } : {}), ...(beginning ? { beginning } : {}) }),
      openRecord,
      takeOver,
      snapshotOf,
    },
    rules,
  );

  async function lookForWork(): Promise<void> {
    if (driven || over.signal.aborted) return;
    const record = await openRecord();
    if (!record) return tellUntold((await store.readOpen()).lastRunId);
    const { kind } = record.state;
    if (kind !== 'running' && !(kind === 'interrupted' && rules.autoResume)) return tellUntold(record.runId);
    const taken = await takeOver(record.runId);
    if ('holder' in taken || over.signal.aborted) return;
    const stop = stopAsked(taken.record);
    const fileStop = await ports.stopFileExists();
    if (stop || fileStop || taken.record.pause || !rules.autoResume) {
      const state: RunState = fileStop
        ? { kind: 'stopped', by: { kind: 'stop-file', path: ports.stopFile } }
        : stop
          ? { kind: 'stopped', by: stop.by === undefined ? { kind: 'control-table' } : { kind: 'person', by: stop.by } }
          : taken.record.pause
            ? { kind: 'paused', because: { kind: 'person', by: taken.record.pause.by } }
            : { kind: 'interrupted' };
      await lease.release();
      await settle(record.runId, state, kind);
      return;
    }
    await goOn(taken.record, taken.fence);
  }

  async function goOn(record: RunRecord, fence: number): Promise<void> {
    try {
      await begins(() => go(record, { from: 'interrupted' }, fence));
    } catch (error) {
      const fault = ports.readFault(error);
      // What may pass is tried again at the next look; what will not must be heard of.
      if (error instanceof FencedError || isTransient(error) || MAY_PASS.has(fault.reason)) throw error;
      ports.warn(`run ${record.runId} could not go on`, error);
      await settle(record.runId, { kind: 'paused', because: { kind: 'fault', fault } }, record.state.kind);
    }
  }

  /** An end that was written but never told, as the process died between the two. */
  async function tellUntold(runId: string | undefined): Promise<void> {
    const record = runId === undefined ? undefined : await store.read(runId);
    if (!record?.unannounced || isActive(record.state) || record.state.kind === 'planned') return;
    if (await store.claimAnnouncement(record.runId))
      await tellEnd(await readSnapshot(record, store, rules, clock.now()), 0, driverPorts);
  }

  async function standingBy(): Promise<void> {
    while (!over.signal.aborted) {
      await inTurn(lookForWork).catch((error) => ports.warn('could not look for a run that wants a driver', error));
      await clock.sleep(rules.standbyMs, over.signal);
    }
  }

  return {
    async plan(request, onProgress) {
      const open = await openRecord();
      if (open && isActive(open.state)) return refuse({ reason: 'run-active', run: await snapshotOf(open) });
      try {
        const planned = await planRun(request, { ...ports.planner, store, clock }, rules.planner, onProgress);
        if (!planned.ok) return planned;
        await store.createPlanned(planned.plan, request.location, planned.maxInFlight);
        return { ok: true, value: withOpenRun(planned.plan, open && (await snapshotOf(open))) };
      } catch (error) {
        ports.warn('a run could not be planned', error);
        return refuse({ reason: 'fault', fault: ports.readFault(error) });
      }
    },
    async forecast(paceSetting) {
      try {
        return await forecastRun(paceSetting, ports.planner, rules.planner);
      } catch (error) {
        ports.warn('a run could not be forecast', error);
        return refuse({ reason: 'fault', fault: ports.readFault(error) });
      }
    },
    async readPlan(runId) {
      const record = await store.read(runId);
      if (record?.state.kind !== 'planned') return;
      const open = await openRecord();
      return withOpenRun(record.plan, open && (await snapshotOf(open)));
    },
    async cancelPlan(runId, by) {
      const state: RunState = { kind: 'abandoned', by };
      const done = await store.change(runId, { set: { state } }, inState('planned'));
      if (done.ok) return { ok: true, value: undefined };
      return refuse({ reason: 'plan-gone', runId, ...(done.record ? { state: done.record.state.kind } : {}) });
    },
    start: (runId, by, options) =>
      inTurn(async () => {
        const record = await store.read(runId);
        if (record?.state.kind !== 'planned')
          return refuse({ reason: 'plan-gone', runId, ...(record ? { state: record.state.kind } : {}) });
        const open = await openRecord();
        if (open && open.runId !== runId) {
          const run = await snapshotOf(open);
          if (isActive(open.state)) return refuse({ reason: 'run-active', run });
          if (!options.abandonOpen || driven) return refuse({ reason: 'run-open', run });
          if (await ports.stopFileExists()) return refuse({ reason: 'stop-file', path: ports.stopFile });
          if (!(await abandon(open, by))) return refuse({ reason: 'run-open', run });
        }
        if (!(await store.claimPipeline(runId))) {
          const other = await openRecord();
          return other
            ? refuse({ reason: 'run-active', run: await snapshotOf(other) })
            : refuse({ reason: 'lease-held', holder: 'another copy of the bot' });
        }
        const now = Math.round(clock.now());
        const entries = await ports.countEntries().catch(() => record.plan.entries);
        const answer = await driveFor(runId, by, ['planned'], {
          startedBy: by,
          startedAt: now,
          location: options.location,
          ...(entries === undefined ? {} : { entriesAtStart: entries }),
        });
        if (!answer.ok) await store.releasePipeline(runId);
        return answer;
      }),
    async current() {
      const { openRunId, lastRunId } = await store.readOpen();
      const runId = openRunId ?? lastRunId;
      const record = runId === undefined ? undefined : await store.read(runId);
      return record && snapshotOf(record);
    },
    async read(runId) {
      const record = await store.read(runId);
      return record && snapshotOf(record);
    },
    pause: (by) => halt(by, 'pause'),
    stop: (by, options) => halt(by, options.now ? 'stop-now' : 'stop'),
    async resume(by) {
      // A run that still drains in this process is let go first, as long as a person would wait.
      if (driven?.drive.snapshot().draining) await Promise.race([driven.finished, clock.sleep(ANSWER_WITHIN_MS)]);
      return inTurn(async () => {
        const record = await openRecord();
        if (!record) {
          const last = await this.current();
          return refuse({ reason: 'nothing-to-resume', ...(last ? { run: last } : {}) });
        }
        if (driven || record.state.kind === 'running')
          return refuse({ reason: 'run-active', run: await snapshotOf(record) });
        return driveFor(record.runId, by, ['paused', 'stopped', 'tripped', 'interrupted'], {});
      });
    },
    async setPace(by, setting) {
      const record = await openRecord();
      if (!record) return refuse({ reason: 'no-run' });
      const before = await snapshotOf(record);
      const next = nextPace(setting, before);
      if (next.kind === 'fixed' && next.perMinute > record.ceilingPerMinute) {
        const { ceilingPerMinute: ceiling, plan } = record;
        return refuse({ reason: 'pace-over-ceiling', asked: next.perMinute, ceiling, because: plan.paceBecause });
      }
      if (driven?.runId === record.runId) {
        driven.drive.setPace(next, by);
        await store.change(record.runId, { set: { paceSetting: next } });
        return { ok: true, value: driven.drive.snapshot() };
      }
      if (record.state.kind !== 'running') {
        const kept = await store.change(record.runId, { set: { paceSetting: next } });
        return { ok: true, value: await snapshotOf(kept.record ?? record) };
      }
      const id = randomUUID();
      const after = await askDriver(
        record.runId,
        { pace: { id, by, paceSetting: next }, paceId: id },
        (seen) => seen.pace?.id !== id,
      );
      return { ok: true, value: { ...(await snapshotOf(after ?? record)), paceSetting: next } };
    },
    async setLocation(runId, location: RunLocation) {
      await store.change(runId, { set: { location } });
    },
    async location(runId) {
      return (await store.read(runId))?.location;
    },
    watch(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    standBy() {
      void standingBy();
    },
    async shutDown() {
      over.abort();
      await turn;
      driven?.drive.halt({ kind: 'shutdown' });
      await driven?.finished;
    },
  };
}

/** Faster and slower are steps of a quarter of the pace now, within 1 and the ceiling. */
function nextPace(setting: PaceSetting | 'faster' | 'slower', run: RunSnapshot): PaceSetting {
  if (setting !== 'faster' && setting !== 'slower') return setting;
  const now = run.paceSetting.kind === 'fixed' ? run.paceSetting.perMinute : run.pacePerMinute;
  const step = Math.max(1, Math.round(now * STEP));
  const next = setting === 'faster' ? Math.round(now) + step : Math.round(now) - step;
  return { kind: 'fixed', perMinute: Math.min(run.ceilingPerMinute, Math.max(1, next)) };
}
