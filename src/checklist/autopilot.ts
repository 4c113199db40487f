import { randomUUID } from 'node:crypto';
import type { Clock } from '../clock.ts';
import type { Fault } from '../pipeline/reading.ts';
import type { RunControl } from '../rescan/run-control.ts';
import type { Canary, PaceWish } from '../rescan/types.ts';
import type { Lease } from '../state/lease.ts';
import type {
  AutopilotControl,
  AutopilotEvent,
  AutopilotRefusal,
  AutopilotStopped,
  Hindrance,
} from './autopilot-control.ts';
import { type Move, nextMove, type OwnStep } from './autopilot-move.ts';
import type { AutopilotForecast, AutopilotRecord, AutopilotStore } from './autopilot-store.ts';
import type { Checklist } from './checklist.ts';
import type { ChecklistView } from './checklist-view.ts';
import type { Validation } from './result-control.ts';
import type { StartControl } from './start-control.ts';
import type { TableControl } from './table-control.ts';

export interface AutopilotPorts {
  readonly store: AutopilotStore;
  readonly clock: Clock;
  /** Which copy of the bot drives the autopilot. */
  readonly lease: Lease;
  readonly checklist: Pick<Checklist, 'view' | 'ensureOpen'>;
  readonly tables: Pick<
    TableControl,
    'backup' | 'planFlush' | 'request' | 'approval' | 'withdraw' | 'current' | 'stop' | 'watch'
  >;
  readonly starts: StartControl;
  readonly runs: Pick<RunControl, 'current' | 'place' | 'stop' | 'watch'>;
  /** Does a step of its own to its end; what stood in its way otherwise. */
  readonly doStep: (step: Exclude<OwnStep, 'backup' | 'validate'>, by: string) => Promise<Hindrance | undefined>;
  /** Holds the table against what the run says; undefined where it could not be done, which is logged. */
  readonly validate: (by: string) => Promise<Validation | undefined>;
  readonly forecast: () => Promise<{ ok: true; value: AutopilotForecast } | { ok: false; refusal: AutopilotRefusal }>;
  readonly pace: PaceWish;
  readonly canary: Canary;
  readonly stopFile: string;
  readonly stopFileExists: () => Promise<boolean>;
  readonly readFault: (error: unknown) => Fault;
  readonly warn: (message: string, cause: unknown) => void;
  readonly pollMs: number;
}

export interface Autopilot extends AutopilotControl {
  /** Looks for an autopilot that nobody drives, now and from then on. */
  standBy(): void;
  shutDown(): Promise<void>;
}

/** How long a look at the whole checklist is good for while nothing is heard, ms. */
const LOOK_AGAIN_MS = 15_000;
const REASON = 'Autopilot';

/** Drives the checklist by itself (see AutopilotControl for the promises). */
export function createAutopilot(ports: AutopilotPorts): Autopilot {
  const { store, clock, lease, tables, runs } = ports;
  const over = new AbortController();
  const listeners = new Set<(event: AutopilotEvent) => void | Promise<void>>();
  let heard = new AbortController();
  let working: Promise<void> | undefined;

  async function emit(event: AutopilotEvent): Promise<void> {
    for (const listener of listeners)
      await Promise.resolve(listener(event)).catch((error) => ports.warn(`event ${event.kind} was not taken`, error));
  }
  const nudgeLoop = () => heard.abort();

  const refuse = (refusal: AutopilotRefusal): { ok: false; refusal: AutopilotRefusal } => ({ ok: false, refusal });
  const attempt = async <T>(work: () => Promise<T>): Promise<T | { ok: false; refusal: AutopilotRefusal }> => {
    try {
      return await work();
    } catch (error) {
      ports.warn('the autopilot could not do what was asked', error);
      return refuse({ reason: 'fault', fault: ports.readFault(error) });
    }
  };

  // --- driving -------------------------------------------------------------------------------------------------

  async function turn(): Promise<number> {
    const record = await store.read();
    const isUntold = record?.state === 'finished' && record.untold === true;
    if (record?.state !== 'running' && !isUntold) {
      if (lease.holds()) await lease.release();
      return LOOK_AGAIN_MS;
    }
    if (!lease.holds()) {
      const taken = await lease.acquire();
      if (!taken.ok) return Math.max(ports.pollMs, taken.waitMs);
      lease.start(() => ports.warn('the autopilot is driven by another copy of the bot now', undefined));
      // Read anew: whoever held it may have moved on since.
      return 0;
    }
    if (isUntold) {
      await tellFinished(record, await ports.checklist.view());
      return 0;
    }
    // What it needs somebody for was noted, and the process died before anybody was told: it comes to that again.
    if (record.untold) {
      await store.change(record.id, { remove: ['wanted', 'refused', 'untold'] }, ['running']);
      return 0;
    }
    if (await ports.stopFileExists()) {
      await stopRecord(record, `the stop file ${ports.stopFile}`);
      return LOOK_AGAIN_MS;
    }
    const view = await ports.checklist.view();
    if (view.id !== record.checklistId) {
      await stopRecord(record, 'the closing of its checklist');
      return LOOK_AGAIN_MS;
    }
    const approval = record.approvalId === undefined ? undefined : await tables.approval(record.approvalId);
    // Asked for, and the process died before it was shown: nobody could approve what nobody sees.
    if (approval?.state.kind === 'pending' && approval.ts === undefined)
      await emit({ kind: 'approval-asked', record, approval });
    const { attempts } = record;
    const next = nextMove({ view, attempts, ...(approval ? { approval: approval.state.kind } : {}) });
    const isMended = record.wanted !== undefined && !record.refused && next.kind !== 'needs-person';
    const now = isMended ? await store.change(record.id, { remove: ['wanted'] }, ['running']) : record;
    if (!now) return 0;
    await emit({ kind: 'changed', record: now, view });
    return now.refused ? LOOK_AGAIN_MS : move(next, now, view);
  }

  /** Does the next thing; answers how long to wait before looking again. */
  async function move(next: Move, record: AutopilotRecord, view: ChecklistView): Promise<number> {
    switch (next.kind) {
      case 'do':
        return afterwards(record, view, await doStep(next.step, record));
      case 'ask-flush':
        return afterwards(record, view, await askFlush(record));
      case 'start-run':
        return afterwards(record, view, await startRun(record));
      case 'wait':
        return next.for === 'step' ? ports.pollMs * 2 : LOOK_AGAIN_MS;
      case 'needs-person':
        await tellWanted(record, view, { kind: 'wanted', wanted: next.wanted });
        return LOOK_AGAIN_MS;
      case 'finished': {
        const set = { state: 'finished', endedAt: Math.round(clock.now()), untold: true } as const;
        const finished = await store.change(record.id, { set, remove: ['wanted'] }, ['running']);
        if (finished) await tellFinished(finished, view);
        return 0;
      }
    }
  }

  async function afterwards(record: AutopilotRecord, view: ChecklistView, hindrance: Hindrance | undefined) {
    if (!hindrance) return 0;
    await tellWanted(record, view, hindrance);
    return LOOK_AGAIN_MS;
  }

  /** People hear of a thing that hinders it once, until another does or somebody says that it may go on. */
  async function tellWanted(record: AutopilotRecord, view: ChecklistView, hindrance: Hindrance): Promise<void> {
    const wanted = JSON.stringify(hindrance).slice(0, 2_000);
    if (record.wanted === wanted) return;
    const refused = hindrance.kind !== 'wanted';
    const set = { wanted, untold: true, ...(refused ? { refused } : {}) };
    const noted = await store.change(record.id, { set }, ['running']);
    if (!noted) return;
    await emit({ kind: 'needs-person', record: noted, view, hindrance });
    await store.change(record.id, { remove: ['untold'] }, ['running']);
  }

  async function tellFinished(record: AutopilotRecord, view: ChecklistView): Promise<void> {
    const run = await runs.current();
    const its = run && run.runId === record.runId ? { run } : {};
    await emit({ kind: 'finished', record, view, ...its });
    await store.change(record.id, { remove: ['untold'] }, ['finished']);
  }

  async function doStep(step: OwnStep, record: AutopilotRecord): Promise<Hindrance | undefined> {
    const attempts = { ...record.attempts, [step]: (record.attempts[step] ?? 0) + 1 };
    // A deploy is followed by another test of the logging.
    if (step === 'deploy') attempts['test-logging'] = 0;
    if (!(await store.change(record.id, { set: { attempts } }, ['running']))) return;
    if (step === 'backup') return makeBackup(record);
    if (step !== 'validate') return ports.doStep(step, record.by);
    const validation = await ports.validate(record.by);
    if (validation) await emit({ kind: 'validated', record, validation });
    return;
  }

  async function makeBackup(record: AutopilotRecord): Promise<Hindrance | undefined> {
    const ended = new Set<string>();
    let wake = () => {};
    const unwatch = tables.watch((event) => {
      if (event.kind !== 'finished' && event.kind !== 'failed' && event.kind !== 'stopped') return;
      ended.add(event.job.id);
      wake();
    });
    try {
      const begun = await tables.backup({ by: record.by, note: REASON, place: record.place });
      if (!begun.ok) return { kind: 'table-refused', step: 'backup', refusal: begun.refusal };
      while (!ended.has(begun.value.id) && !over.signal.aborted) {
        const waking = new AbortController();
        wake = () => waking.abort();
        await clock.sleep(ports.pollMs, AbortSignal.any([over.signal, waking.signal]));
      }
      return;
    } finally {
      unwatch();
    }
  }

  async function askFlush(record: AutopilotRecord): Promise<Hindrance | undefined> {
    const plan = await tables.planFlush({ failedOnly: false, hold: false });
    if (!plan.ok) return { kind: 'table-refused', step: 'flush', refusal: plan.refusal };
    const { act } = plan.value;
    const asked = await tables.request({ act, by: record.by, reason: REASON, channel: record.place.channel });
    if (!asked.ok) return { kind: 'table-refused', step: 'flush', refusal: asked.refusal };
    const noted = await store.change(record.id, { set: { approvalId: asked.value.id } }, ['running']);
    if (!noted) {
      // Stopped at this very moment: nobody may approve it any more.
      await tables.withdraw(asked.value.id, record.by);
      return;
    }
    await emit({ kind: 'approval-asked', record: noted, approval: asked.value });
    return;
  }

  async function startRun(record: AutopilotRecord): Promise<Hindrance | undefined> {
    const { by, place } = record;
    const { pace: paceWish, canary } = ports;
    const planned = await ports.starts.plan({ selection: {}, paceWish, canary, by, place });
    if (!planned.ok) return { kind: 'start-refused', step: 'rescan', refusal: planned.refusal };
    const { runId } = planned.value;
    const noted = await store.change(record.id, { set: { runId } }, ['running']);
    if (!noted) return;
    await emit({ kind: 'run-planned', record: noted, plan: planned.value });
    const shown = await runs.place(runId);
    const started = await ports.starts.start(runId, by, { place: shown ?? { channel: place.channel } });
    if (!started.ok) return { kind: 'start-refused', step: 'rescan', refusal: started.refusal };
    // A stop that came in between found no run to stop.
    if ((await store.read())?.state !== 'running') await runs.stop(by, { now: false });
    return;
  }

  /** Ends it, then does `besides`; people are told when all of that is done: Slack may be slow, and a stop is not. */
  async function stopRecord(
    record: AutopilotRecord,
    by: string,
    besides: () => Promise<Omit<AutopilotStopped, 'record' | 'withdrew'>> = async () => ({}),
  ): Promise<AutopilotStopped | undefined> {
    const set = { state: 'stopped', stoppedBy: by, endedAt: Math.round(clock.now()) } as const;
    const stopped = await store.change(record.id, { set, remove: ['wanted'] }, ['running', 'planned']);
    if (!stopped) return;
    let withdrew = false;
    let ended = {};
    try {
      // First of all, so that no approval begins anything behind the stop.
      if (stopped.approvalId !== undefined) withdrew = await tables.withdraw(stopped.approvalId, by);
    } finally {
      ended = await besides();
    }
    await emit({ kind: 'stopped', record: stopped, view: await ports.checklist.view() });
    return { record: stopped, withdrew, ...ended };
  }

  /** Stops the run, flush or restore that is under way. */
  async function stopWork(by: string): Promise<Omit<AutopilotStopped, 'record' | 'withdrew'>> {
    const run = await runs.current();
    const halted = run?.state.kind === 'running' ? await runs.stop(by, { now: false }) : undefined;
    const job = await tables.current();
    if (job) await tables.stop(by);
    return { ...(job ? { job } : {}), ...(halted?.ok ? { run: halted.value } : {}) };
  }

  async function standingBy(): Promise<void> {
    while (!over.signal.aborted) {
      heard = new AbortController();
      const wait = await turn().catch((error) => {
        ports.warn('the autopilot could not take its turn', error);
        return ports.pollMs * 4;
      });
      // Never without a breath: what does not change the world must not spin.
      await clock.sleep(Math.min(ports.pollMs, wait + 1), over.signal);
      if (wait > ports.pollMs) await clock.sleep(wait - ports.pollMs, AbortSignal.any([over.signal, heard.signal]));
    }
    if (lease.holds()) await lease.release();
  }

  return {
    plan: (by, { channel }) =>
      attempt(async () => {
        const there = await store.read();
        if (there?.state === 'running') return refuse({ reason: 'active', record: there });
        const forecast = await ports.forecast();
        if (!forecast.ok) return forecast;
        const record: AutopilotRecord = {
          id: `ap-${randomUUID().slice(0, 8)}`,
          by,
          place: { channel },
          state: 'planned',
          forecast: forecast.value,
          plannedAt: Math.round(clock.now()),
          attempts: {},
          nudges: 0,
        };
        if (await store.plan(record)) return { ok: true, value: record };
        const now = await store.read();
        return now ? refuse({ reason: 'active', record: now }) : refuse({ reason: 'plan-gone' });
      }),
    cancel: (id) =>
      attempt(async () => {
        const cancelled = await store.change(id, { set: { state: 'cancelled' } }, ['planned']);
        return cancelled ? { ok: true, value: cancelled } : refuse({ reason: 'plan-gone' });
      }),
    start: (id, by) =>
      attempt(async () => {
        if (await ports.stopFileExists()) return refuse({ reason: 'stop-file', path: ports.stopFile });
        const planned = await store.read();
        if (planned?.id !== id || planned.state !== 'planned') return refuse({ reason: 'plan-gone' });
        const checklistId = await ports.checklist.ensureOpen(by);
        const set = { state: 'running', by, startedAt: Math.round(clock.now()), checklistId } as const;
        const started = await store.change(id, { set }, ['planned']);
        if (!started) return refuse({ reason: 'plan-gone' });
        nudgeLoop();
        return { ok: true, value: started };
      }),
    goOn: () =>
      attempt(async () => {
        const record = await store.read();
        if (record?.state !== 'running') return refuse({ reason: 'not-active' });
        const approval = record.approvalId === undefined ? undefined : await tables.approval(record.approvalId);
        // A request that still waits for its answer stays its own: a stop has to take it back.
        const isOpen = approval?.state.kind === 'pending' || approval?.state.kind === 'approved';
        const nudged = await store.nudge(record.id, { forgetApproval: !isOpen });
        if (!nudged) return refuse({ reason: 'not-active' });
        nudgeLoop();
        return { ok: true, value: nudged };
      }),
    stop: (by) =>
      attempt(async () => {
        const record = await store.read().catch(async (error: unknown) => {
          // Whether it is under way cannot be read: what this copy has in its hands is stopped all the same.
          await Promise.allSettled([runs.stop(by, { now: false }), tables.stop(by)]);
          throw error;
        });
        if (record?.state !== 'running' && record?.state !== 'planned') return refuse({ reason: 'not-active' });
        // What is under way beside a mere plan is somebody else's.
        const stopped = await stopRecord(record, by, record.state === 'running' ? () => stopWork(by) : undefined);
        if (!stopped) return refuse({ reason: 'not-active' });
        nudgeLoop();
        return { ok: true, value: stopped };
      }),
    current: () => store.read(),
    async setPlace(id, place) {
      await store.change(id, { set: { place } }, ['planned', 'running', 'stopped', 'finished']);
    },
    watch(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    standBy() {
      // What others do may be what it waits for.
      const unwatch = [
        runs.watch((event) => {
          if (event.kind !== 'progress') nudgeLoop();
        }),
        tables.watch((event) => {
          if (event.kind !== 'progress') nudgeLoop();
        }),
      ];
      over.signal.addEventListener('abort', () => {
        for (const end of unwatch) end();
      });
      working = standingBy();
    },
    async shutDown() {
      over.abort(new Error('The bot shuts down'));
      await working;
    },
  };
}
