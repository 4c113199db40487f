import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { createEmitter } from '../../lib/async/emitter.ts';
import { defined } from '../../lib/defined.ts';
import { type Result, refuse, settle, succeed } from '../../lib/result.ts';
import { noteState } from '../engines/announce-end.ts';
import type { DriverPorts, DriverRules } from '../engines/driver.ts';
import { readSnapshot } from '../engines/read-run.ts';
import { isActive } from '../model/run.ts';
import type { HaltsBefore, KnownHalts, Refusal, RunControl, RunLocation } from '../model/run-control.ts';
import type { EngineKind, PaceSetting, Person, RunEvent, RunSnapshot, RunState } from '../model/types.ts';
import { forecastRun, type PlannerPorts, type PlannerSettings, planRun, withOpenRun } from '../plan/planner.ts';
import { driveOf, inState, type RunRecord } from '../store/run-store.ts';
import { createDriving } from './driving.ts';
import { createHaltNotes, openRunOf } from './halt-notes.ts';
import { createHalting, REQUEST_TIMEOUT_MS } from './halting.ts';
import { createStandbyCheck, type StandbyRules } from './standby.ts';

export interface RunsPorts extends Omit<DriverPorts, 'emit'> {
  readonly planner: Omit<PlannerPorts, 'store' | 'clock'>;
}
export interface RunsRules extends DriverRules, StandbyRules {
  readonly planner: PlannerSettings;
  /** The engine of a run where the request names none. */
  readonly engine: EngineKind;
  /** How often a process that drives nothing checks for a run that needs it, ms. */
  readonly standbyMs: number;
}

/** The runs of one pipeline, and this process's part in driving them. */
export interface Runs extends RunControl {
  /** Checks for a run that no process drives, now and from then on. */
  standBy(): void;
  /** Starts nothing more, waits for images in flight as the rules say, and leaves the run to the next process. */
  shutDown(): Promise<void>;
}

/** How long the count of the entries at the start of a run may take, ms. */
const START_COUNT_MS = 5_000;

/** Share of the pace that `faster` and `slower` change. */
const PACE_STEP = 0.25;

/** The control of the runs of one pipeline (see RunControl for what each method promises). */
export function createRuns(ports: RunsPorts, rules: RunsRules): Runs {
  const { store, clock } = ports;
  const emitter = createEmitter<RunEvent>((error, event) =>
    ports.warn(`a watcher of runs failed on the event ${event.kind}`, error),
  );
  const driverPorts: DriverPorts = { ...ports, emit: emitter.emit };
  const shutdown = new AbortController();
  const halts = createHaltNotes(ports);
  const driving = createDriving(driverPorts, rules, halts, shutdown.signal);
  const { openRecord, snapshotOf } = driving;
  const halting = createHalting(driving, halts, driverPorts, rules);
  const checkForWork = createStandbyCheck(driving, halting, driverPorts, rules, shutdown.signal);

  /** This process changes what it drives one step at a time. */
  let turn: Promise<unknown> = Promise.resolve();
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const next = turn.then(work, work);
    turn = next.catch(() => {});
    return next;
  }

  async function abandon(record: RunRecord, by: Person): Promise<boolean> {
    const state: RunState = { kind: 'abandoned', by };
    const closed = await store.change(
      record.runId,
      { set: { state, endedAt: Math.round(clock.now()) } },
      // `planned`: the process that was starting it died before it was running.
      inState('planned', 'paused', 'stopped', 'tripped', 'interrupted'),
    );
    if (!closed.ok || !closed.record) return false;
    await store.releasePipeline(record.runId);
    const snapshot = await readSnapshot(closed.record, store, rules, clock.now());
    void emitter.emit({ kind: 'abandoned', snapshot, drive: driveOf(closed.record), leftInFlight: 0 });
    void noteState(snapshot, closed.record.fence, ports);
    return true;
  }

  const current = async (): Promise<RunSnapshot | undefined> => {
    const { openRunId, lastRunId } = await store.readOpen();
    const runId = openRunId ?? lastRunId;
    const record = runId === undefined ? undefined : await store.read(runId);
    return record && snapshotOf(record);
  };

  async function watchForWork(): Promise<void> {
    while (!shutdown.signal.aborted) {
      await inTurn(checkForWork).catch((error) => ports.warn('the check for a run to drive failed', error));
      await clock.sleep(rules.standbyMs, shutdown.signal);
    }
  }

  /** Why the open run prevents the start of another one. `abandons`: it is abandoned where it may be. */
  async function refusalByOpen(
    runId: string,
    { abandonOpen }: { readonly abandonOpen?: boolean },
    abandons: boolean,
    by: Person = '',
  ): Promise<Refusal | undefined> {
    const open = await openRecord();
    if (!open || open.runId === runId) return;
    const run = await snapshotOf(open);
    if (isActive(open.state)) return { reason: 'run-active', run };
    if (!abandonOpen || driving.driven()) return { reason: 'run-open', run };
    return abandons && !(await abandon(open, by)) ? { reason: 'run-open', run } : undefined;
  }

  /** The lease is not renewed until the run is driven, so the count must not take long. */
  async function countInTime(): Promise<number | undefined> {
    const counted = new AbortController();
    const late = clock.sleep(START_COUNT_MS, counted.signal).then(() => {
      throw new Error('The entries were not counted in time.');
    });
    late.catch(() => {});
    return Promise.race([ports.countEntries(), late]).finally(() => counted.abort());
  }

  /** Starts or resumes a run as a person's request, one at a time, with what was known of halts when it was made. */
  function whileStarting(
    since: KnownHalts,
    work: (before: HaltsBefore) => Promise<Result<RunSnapshot, Refusal>>,
  ): Promise<Result<RunSnapshot, Refusal>> {
    return driving.whileStarting(() =>
      inTurn(async () => {
        const before = await settle(() => since.before);
        if (before.ok) return work(before.value);
        ports.warn('the requests to halt could not be read', before.refusal);
        return refuse({ reason: 'fault', fault: ports.readFault(before.refusal) });
      }),
    );
  }

  async function start(
    runId: string,
    by: Person,
    options: Parameters<RunControl['start']>[2],
    before: HaltsBefore,
  ): Promise<Result<RunSnapshot, Refusal>> {
    const record = await store.read(runId);
    if (record?.state.kind !== 'planned')
      return refuse({ reason: 'plan-gone', runId, ...defined({ state: record?.state.kind }) });
    // A plan has a note only where the control table was restored to a time before the start.
    const noted = await settle(() => ports.stateNotes.read(runId));
    if (!noted.ok) return refuse({ reason: 'fault', fault: ports.readFault(noted.refusal) });
    if (noted.value)
      return refuse({
        reason: 'plan-gone',
        runId,
        ...(noted.value === 'unreadable' ? {} : { state: noted.value.state }),
      });
    const open = await refusalByOpen(runId, options, false);
    if (open) return refuse(open);
    // Before the lease, so that a stop through another copy finds the run that is being started.
    const claim = randomUUID();
    await store.claimPipeline(runId, claim);
    const prepare = async (): Promise<Result<Record<string, unknown>, Refusal>> => {
      const other = await refusalByOpen(runId, options, true, by);
      if (other) return refuse(other);
      if (!(await store.confirmClaim(runId, claim)))
        return refuse({ reason: 'lease-held', holder: 'another copy of the bot' });
      const startedAt = Math.round(clock.now());
      const entriesAtStart = await countInTime().catch(() => record.plan.entries);
      return succeed(defined({ startedBy: by, startedAt, location: options.location, entriesAtStart }));
    };
    const unattended = options.unattended ?? false;
    const giveBack = () => store.releasePipeline(runId, claim);
    return driving.driveFor(record, by, ['planned'], before, prepare, { unattended, giveBack });
  }

  async function resume(by: Person, before: HaltsBefore): Promise<Result<RunSnapshot, Refusal>> {
    const record = await openRecord();
    if (!record) return refuse({ reason: 'nothing-to-resume', ...defined({ run: await current() }) });
    if (driving.driven() || record.state.kind === 'running')
      return refuse({ reason: 'run-active', run: await snapshotOf(record) });
    if (hasChanged(record, before)) return refuse({ reason: 'changed-since', run: await snapshotOf(record) });
    const from = ['planned', 'paused', 'stopped', 'tripped', 'interrupted'] as const;
    return driving.driveFor(record, by, from, before, async () => succeed({}));
  }

  const setPace: RunControl['setPace'] = async (by, requested) => {
    const record = await openRecord();
    if (!record) return refuse({ reason: 'no-run' });
    const { runId, ceilingPerMinute: ceiling, plan } = record;
    const paceSetting = paceSettingOf(requested, await snapshotOf(record));
    if (paceSetting.kind === 'fixed' && paceSetting.perMinute > ceiling)
      return refuse({ reason: 'pace-over-ceiling', asked: paceSetting.perMinute, ceiling, because: plan.paceBecause });
    const driven = driving.driven();
    if (driven?.runId === runId) {
      driven.drive.setPace(paceSetting, by);
      await store.change(runId, { set: { paceSetting } });
      return succeed(driven.drive.snapshot());
    }
    if (record.state.kind !== 'running') {
      const changed = await store.change(runId, { set: { paceSetting } });
      return succeed(await snapshotOf(changed.record ?? record));
    }
    const id = randomUUID();
    const set = { pace: { id, by, paceSetting }, paceId: id };
    const after = await halting.requestOfDriver(runId, set, (now) => now.pace?.id !== id);
    return succeed({ ...(await snapshotOf(after ?? record)), paceSetting });
  };

  return {
    async plan(request, onProgress) {
      const open = await openRecord();
      if (open && isActive(open.state)) return refuse({ reason: 'run-active', run: await snapshotOf(open) });
      const { engine = rules.engine } = request;
      try {
        await ports.engines[engine].check();
        const planned = await planRun(
          { ...request, engine },
          { ...ports.planner, store, clock },
          rules.planner,
          onProgress,
        );
        if (!planned.ok) return planned;
        const { plan, maxInFlight } = planned.value;
        await store.createPlanned(plan, request.location, maxInFlight);
        return succeed(withOpenRun(plan, open && (await snapshotOf(open))));
      } catch (error) {
        ports.warn('a run could not be planned', error);
        return refuse({ reason: 'fault', fault: ports.readFault(error) });
      }
    },
    async forecast(paceSetting, images) {
      try {
        return await forecastRun(paceSetting, ports.planner, rules.planner, images);
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
      const changed = await store.change(runId, { set: { state } }, inState('planned'));
      if (changed.ok) return succeed(undefined);
      return refuse({ reason: 'plan-gone', runId, ...defined({ state: changed.record?.state.kind }) });
    },
    start: (runId, by, options) =>
      whileStarting(options.since ?? halts.known(), (before) => start(runId, by, options, before)),
    knownHalts: halts.known,
    current,
    async read(runId) {
      const record = await store.read(runId);
      return record && snapshotOf(record);
    },
    pause: (by) => halting.halt(by, 'pause'),
    stop: (by, options) => halting.halt(by, options.now ? 'stop-now' : 'stop'),
    async resume(by, since = halts.known()) {
      // A run that still drains in this process gets a little time to end.
      const driven = driving.driven();
      if (driven?.drive.snapshot().draining) await Promise.race([driven.finished, clock.sleep(REQUEST_TIMEOUT_MS)]);
      return whileStarting(since, (before) => resume(by, before));
    },
    setPace,
    async setLocation(runId, location: RunLocation) {
      await store.change(runId, { set: { location } });
    },
    async location(runId) {
      return (await store.read(runId))?.location;
    },
    watch: emitter.watch,
    standBy() {
      void watchForWork();
    },
    async shutDown() {
      shutdown.abort();
      await turn;
      const driven = driving.driven();
      driven?.drive.halt({ kind: 'shutdown' });
      await driven?.finished;
    },
  };
}

/** Whether the run was resumed or halted since then. One that was driven then may have been halting, which the resume waited for. */
function hasChanged(record: RunRecord, { open }: HaltsBefore): boolean {
  return open?.runId === record.runId && open.kind !== 'running' && !isDeepStrictEqual(open, openRunOf(record));
}

/** `faster` and `slower` change the present pace by a quarter, between 1 a minute and the ceiling. */
function paceSettingOf(requested: PaceSetting | 'faster' | 'slower', run: RunSnapshot): PaceSetting {
  if (requested !== 'faster' && requested !== 'slower') return requested;
  const now = run.paceSetting.kind === 'fixed' ? run.paceSetting.perMinute : run.pacePerMinute;
  const step = Math.max(1, Math.round(now * PACE_STEP));
  const next = requested === 'faster' ? Math.round(now) + step : Math.round(now) - step;
  return { kind: 'fixed', perMinute: Math.min(run.ceilingPerMinute, Math.max(1, next)) };
}
