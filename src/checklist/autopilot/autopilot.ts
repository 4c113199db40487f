import { randomUUID } from 'node:crypto';
import type { Clock } from '../../lib/clock.ts';
import type { Fault } from '../../pipeline/invoke/invocation.ts';
import type { RunControl } from '../../run/model/run-control.ts';
import type { Lease } from '../../state/lease.ts';
import type {
  AutopilotBlocker,
  AutopilotControl,
  AutopilotEvent,
  AutopilotRefusal,
} from '../contracts/autopilot-control.ts';
import type { TableControl } from '../contracts/table-control.ts';
import type { ChecklistView } from '../model/checklist-view.ts';
import type { Checklist } from '../steps/checklist.ts';
import { type Move, nextMove } from './autopilot-move.ts';
import { type AutopilotStopPorts, createAutopilotStop } from './autopilot-stop.ts';
import type { AutopilotForecast, AutopilotRecord, AutopilotStore } from './autopilot-store.ts';
import { type AutopilotWorkPorts, createAutopilotWork } from './autopilot-work.ts';

export interface AutopilotPorts
  extends Omit<AutopilotWorkPorts, 'emit' | 'change' | 'over'>,
    Omit<AutopilotStopPorts, 'emit'> {
  readonly store: AutopilotStore;
  readonly clock: Clock;
  /** Which copy of the bot drives the autopilot. */
  readonly lease: Lease;
  readonly checklist: Pick<Checklist, 'view' | 'ensureOpen'>;
  readonly tables: AutopilotWorkPorts['tables'] &
    AutopilotStopPorts['tables'] &
    Pick<TableControl, 'approval' | 'watch'>;
  readonly runs: AutopilotWorkPorts['runs'] & AutopilotStopPorts['runs'] & Pick<RunControl, 'watch'>;
  readonly forecast: () => Promise<{ ok: true; value: AutopilotForecast } | { ok: false; refusal: AutopilotRefusal }>;
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
/** A step that is under way is not waited for longer at a shutdown, ms: it survives that, as it survives a crash. */
const SHUTDOWN_MS = 3_000;

/** Drives the checklist by itself (see AutopilotControl for the promises). */
export function createAutopilot(ports: AutopilotPorts): Autopilot {
  const { store, clock, lease, tables, runs } = ports;
  const over = new AbortController();
  /** The right under which this copy drives: what it writes after it lost that is refused. */
  let fence = 0;
  const listeners = new Set<(event: AutopilotEvent) => void | Promise<void>>();
  let heard = new AbortController();
  let working: Promise<void> | undefined;

  /** Whether everybody took it. */
  async function emit(event: AutopilotEvent): Promise<boolean> {
    let isTaken = true;
    for (const listener of listeners)
      try {
        await listener(event);
      } catch (error) {
        isTaken = false;
        ports.warn(`event ${event.kind} was not taken`, error);
      }
    return isTaken;
  }
  /** Writes as the copy that drives; undefined where it does not any more, or the record is in another state. */
  const change = (
    id: string,
    what: Parameters<AutopilotStore['change']>[1],
    states: AutopilotRecord['state'][],
  ): Promise<AutopilotRecord | undefined> => store.change(id, what, states, fence);
  const { doStep, askFlush, startRun } = createAutopilotWork({ ...ports, emit, change, over: over.signal });
  const { stopRecord, finishStop } = createAutopilotStop({ ...ports, emit });
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
    // It was stopped, and the process died before all of that was done.
    if (record?.state === 'stopped' && record.stopping !== undefined) await finishStop(record);
    const isUntold = record?.state === 'finished' && record.untold === true;
    if (record?.state !== 'running' && !isUntold) {
      if (lease.holds()) await lease.release();
      return LOOK_AGAIN_MS;
    }
    if (!lease.holds()) {
      const taken = await lease.acquire();
      if (!taken.ok) return Math.max(ports.pollMs, taken.waitMs);
      lease.start(() => ports.warn('the autopilot is driven by another copy of the bot now', undefined));
      if (!(await store.drive(record.id, taken.fence))) {
        await lease.release();
        return ports.pollMs;
      }
      fence = taken.fence;
      // Read anew: whoever held it may have moved on since.
      return 0;
    }
    if (isUntold) {
      await tellFinished(record, await ports.checklist.view(record.checklistId));
      return 0;
    }
    // What it needs somebody for was noted, and the process died before anybody was told: it comes to that again.
    if (record.untold) {
      await change(record.id, { remove: ['wanted', 'refused', 'untold'] }, ['running']);
      return 0;
    }
    if (await ports.stopFileExists()) {
      await stopRecord(record, `the stop file ${ports.stopFile}`, { work: false });
      return LOOK_AGAIN_MS;
    }
    const view = await ports.checklist.view(record.checklistId);
    if (view.id !== record.checklistId || view.outcome?.kind === 'closed') {
      await stopRecord(record, 'the closing of its checklist', { work: false });
      return LOOK_AGAIN_MS;
    }
    const approval = record.approvalId === undefined ? undefined : await tables.approval(record.approvalId);
    // Asked for, and the process died before it was shown: nobody could approve what nobody sees.
    if (approval?.state.kind === 'pending' && approval.ts === undefined)
      await emit({ kind: 'approval-asked', record, approval });
    const { attempts } = record;
    const next = nextMove({ view, attempts, ...(approval ? { approval: approval.state.kind } : {}) });
    const isMended = record.wanted !== undefined && !record.refused && next.kind !== 'needs-person';
    const now = isMended ? await change(record.id, { remove: ['wanted'] }, ['running']) : record;
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
        await tellWanted(record, view, { kind: 'waiting', reason: next.reason });
        return LOOK_AGAIN_MS;
      case 'finished': {
        const set = { state: 'finished', endedAt: Math.round(clock.now()), untold: true } as const;
        const finished = await change(record.id, { set, remove: ['wanted'] }, ['running']);
        if (finished) await tellFinished(finished, view);
        return 0;
      }
    }
  }

  async function afterwards(record: AutopilotRecord, view: ChecklistView, hindrance: AutopilotBlocker | undefined) {
    if (!hindrance) return 0;
    await tellWanted(record, view, hindrance);
    return LOOK_AGAIN_MS;
  }

  /** People hear of a thing that hinders it once, until another does or somebody says that it may go on. */
  async function tellWanted(record: AutopilotRecord, view: ChecklistView, hindrance: AutopilotBlocker): Promise<void> {
    const wanted = JSON.stringify(hindrance).slice(0, 2_000);
    if (record.wanted === wanted) return;
    const refused = hindrance.kind !== 'waiting';
    const set = { wanted, untold: true, ...(refused ? { refused } : {}) };
    const noted = await change(record.id, { set }, ['running']);
    if (!noted) return;
    // Where it was not taken, the record says that nobody was told, and it comes to that again.
    if (await emit({ kind: 'needs-person', record: noted, view, blocker: hindrance }))
      await change(record.id, { remove: ['untold'] }, ['running']);
  }

  async function tellFinished(record: AutopilotRecord, view: ChecklistView): Promise<void> {
    const run = await runs.current();
    // The run that completed the rescan, also where somebody else had started it.
    const runId = view.outcome?.kind === 'completed' ? view.outcome.runId : record.runId;
    const its = run && run.runId === runId ? { run } : {};
    if (await emit({ kind: 'finished', record, view, ...its }))
      await change(record.id, { remove: ['untold'] }, ['finished']);
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
          location: { channel },
          state: 'planned',
          forecast: forecast.value,
          plannedAt: Math.round(clock.now()),
          attempts: {},
          nudges: 0,
          fence: 0,
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
        await emit({ kind: 'started', record: started });
        nudgeLoop();
        return { ok: true, value: started };
      }),
    retry: () =>
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
        const stopped = await stopRecord(record, by, { work: record.state === 'running' });
        if (!stopped) return refuse({ reason: 'not-active' });
        nudgeLoop();
        return { ok: true, value: stopped };
      }),
    current: () => store.read(),
    async setLocation(id, location) {
      await store.change(id, { set: { location } }, ['planned', 'running', 'stopped', 'finished']);
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
      const ended = new AbortController();
      await Promise.race([working, clock.sleep(SHUTDOWN_MS, ended.signal)]);
      ended.abort();
    },
  };
}
