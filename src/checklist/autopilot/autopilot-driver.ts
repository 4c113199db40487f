import { within } from '../../lib/async/within.ts';
import type { Clock } from '../../lib/clock.ts';
import { defined } from '../../lib/defined.ts';
import type { RunControl } from '../../run/model/run-control.ts';
import type { Lease } from '../../state/lease.ts';
import type { AutopilotBlocker, AutopilotEvent } from '../contracts/autopilot-control.ts';
import type { TableControl } from '../contracts/table-control.ts';
import type { AutopilotRecord } from '../model/autopilot-record.ts';
import type { ChecklistView } from '../model/checklist-view.ts';
import type { Checklist } from '../steps/checklist.ts';
import { type Move, nextMove } from './autopilot-move.ts';
import type { AutopilotStop } from './autopilot-stop.ts';
import type { AutopilotStore } from './autopilot-store.ts';
import { type AutopilotWorkPorts, createAutopilotWork } from './autopilot-work.ts';

export interface AutopilotDriverPorts extends Omit<AutopilotWorkPorts, 'change' | 'holdsLease' | 'closing'> {
  readonly store: AutopilotStore;
  readonly clock: Clock;
  /** The process that holds it drives the autopilot. */
  readonly lease: Lease;
  readonly checklist: Pick<Checklist, 'view'>;
  readonly tables: AutopilotWorkPorts['tables'] & Pick<TableControl, 'approval' | 'watch'>;
  readonly runs: AutopilotWorkPorts['runs'] & Pick<RunControl, 'current' | 'watch'>;
  readonly stop: AutopilotStop;
  readonly emit: (event: AutopilotEvent) => Promise<boolean>;
  readonly stopFile: string;
  readonly stopFileExists: () => Promise<boolean>;
  /**
   * Who asked to stop whatever runs since then (epoch ms), where the control table could not store it; undefined where nobody
   * did. @throws where that cannot be read
   */
  readonly storedStop: (since: number) => Promise<string | undefined>;
  readonly warn: (message: string, cause: unknown) => void;
  readonly pollMs: number;
}

export interface AutopilotDriver {
  /** Drives an autopilot that no other process drives, now and from now on. */
  standBy(): void;
  /** Ends the wait for the next turn. */
  wake(): void;
  shutDown(): Promise<void>;
}

/** How long the facts are used while no event arrives, ms. */
const RECHECK_MS = 15_000;
/** How long a shutdown waits for the current step, ms. The step survives the shutdown as it survives a crash. */
const SHUTDOWN_MS = 3_000;

/**
 * Drives the autopilot in turns. Each turn decides from the stored facts alone, so that it continues after a crash, or
 * after a person did a step.
 */
export function createAutopilotDriver(ports: AutopilotDriverPorts): AutopilotDriver {
  const { store, clock, lease, tables, runs, emit } = ports;
  const { stopRecord, finishStop } = ports.stop;
  const closing = new AbortController();
  /** The fence of this process's lease: writes with it are refused after another process took over. */
  let fence = 0;
  let waking = new AbortController();
  let driving: Promise<void> | undefined;

  /** Changes the record as the driver; undefined when this process is not the driver, or the state is another. */
  const change: AutopilotWorkPorts['change'] = (id, what, states) => store.change(id, what, states, fence);
  const work = createAutopilotWork({ ...ports, change, holdsLease: lease.holds, closing: closing.signal });

  /** One turn. Returns how long to wait before the next one, ms. */
  async function turn(): Promise<number> {
    const record = await store.read();
    if (record?.state === 'stopped' && record.stopping !== undefined) await finishStop(record);
    const isEndUnannounced = record?.state === 'finished' && record.unannounced === true;
    if (record?.state !== 'running' && !isEndUnannounced) {
      if (lease.holds()) await lease.release();
      return RECHECK_MS;
    }
    // The record is read again under the lease: the process that held it may have changed it.
    if (!lease.holds()) return takeOver(record);
    if (isEndUnannounced) {
      await announceFinished(record, await ports.checklist.view(record.checklistId));
      return 0;
    }
    // The blocker was stored, and the process died before it was announced: the next turn finds it again.
    if (record.unannounced) {
      await change(record.id, { remove: ['blocker', 'refused', 'unannounced'] }, ['running']);
      return 0;
    }
    if (await ports.stopFileExists()) {
      await stopRecord(record, `the stop file ${ports.stopFile}`, { work: false });
      return RECHECK_MS;
    }
    const stopper = await ports.storedStop(record.startedAt ?? 0);
    if (stopper !== undefined) {
      await stopRecord(record, stopper, { work: true });
      return RECHECK_MS;
    }
    const view = await ports.checklist.view(record.checklistId);
    if (view.id !== record.checklistId || view.outcome?.kind === 'closed') {
      await stopRecord(record, 'the closing of its checklist', { work: false });
      return RECHECK_MS;
    }
    return proceed(record, view);
  }

  async function takeOver(record: AutopilotRecord): Promise<number> {
    const taken = await lease.acquire();
    if (!taken.ok) return Math.max(ports.pollMs, taken.waitMs);
    lease.start(() => ports.warn('another process of the bot drives the autopilot now', undefined));
    if (!(await store.drive(record.id, taken.fence))) {
      await lease.release();
      return ports.pollMs;
    }
    fence = taken.fence;
    return 0;
  }

  async function proceed(record: AutopilotRecord, view: ChecklistView): Promise<number> {
    const approval = record.approvalId === undefined ? undefined : await tables.approval(record.approvalId);
    // The process died before the request was shown, and nobody can approve what nobody sees.
    if (approval?.state.kind === 'pending' && approval.ts === undefined)
      await emit({ kind: 'approval-asked', record, approval });
    const { attempts, attemptedAt } = record;
    const approvalBy = approval && 'by' in approval.state ? approval.state.by : undefined;
    const next = nextMove(defined({ view, attempts, attemptedAt, approval: approval?.state.kind, approvalBy }));
    const isUnblocked = record.blocker !== undefined && !record.refused && next.kind !== 'needs-person';
    const now = isUnblocked ? await change(record.id, { remove: ['blocker'] }, ['running']) : record;
    if (!now) return 0;
    await emit({ kind: 'changed', record: now, view });
    return now.refused ? RECHECK_MS : make(next, now, view);
  }

  async function make(move: Move, record: AutopilotRecord, view: ChecklistView): Promise<number> {
    switch (move.kind) {
      case 'do':
        return reportOrProceed(record, view, await work.doStep(move.step, record));
      case 'ask-flush':
        return reportOrProceed(record, view, await work.requestFlush(record));
      case 'start-run':
        return reportOrProceed(record, view, await work.startRun(record));
      case 'wait':
        return move.for === 'step' ? ports.pollMs * 2 : RECHECK_MS;
      case 'needs-person':
        return reportOrProceed(record, view, { kind: 'waiting', reason: move.reason });
      case 'finished': {
        const set = { state: 'finished', endedAt: Math.round(clock.now()), unannounced: true } as const;
        const finished = await change(record.id, { set, remove: ['blocker'] }, ['running']);
        if (finished) await announceFinished(finished, view);
        return 0;
      }
    }
  }

  async function reportOrProceed(
    record: AutopilotRecord,
    view: ChecklistView,
    blocker: AutopilotBlocker | undefined,
  ): Promise<number> {
    if (!blocker) return 0;
    await announceBlocker(record, view, blocker);
    return RECHECK_MS;
  }

  /** Announces a blocker once, until there is another one or someone retries. */
  async function announceBlocker(record: AutopilotRecord, view: ChecklistView, found: AutopilotBlocker): Promise<void> {
    const blocker = JSON.stringify(found).slice(0, 2_000);
    if (record.blocker === blocker) return;
    const set = defined({ blocker, unannounced: true, refused: found.kind === 'waiting' ? undefined : true });
    const updated = await change(record.id, { set }, ['running']);
    if (!updated) return;
    // If a listener fails, the record stays `unannounced` and the blocker is announced again.
    if (await emit({ kind: 'needs-person', record: updated, view, blocker: found }))
      await change(record.id, { remove: ['unannounced'] }, ['running']);
  }

  async function announceFinished(record: AutopilotRecord, view: ChecklistView): Promise<void> {
    const run = await runs.current();
    // The run that completed the checklist, which a person may have started.
    const runId = view.outcome?.kind === 'completed' ? view.outcome.runId : record.runId;
    const its = run && run.runId === runId ? { run } : {};
    if (await emit({ kind: 'finished', record, view, ...its }))
      await change(record.id, { remove: ['unannounced'] }, ['finished']);
  }

  async function keepDriving(): Promise<void> {
    while (!closing.signal.aborted) {
      waking = new AbortController();
      const waitMs = await turn().catch((error) => {
        ports.warn('a turn of the autopilot failed', error);
        return ports.pollMs * 4;
      });
      // At least a short wait, so that a turn that changes nothing cannot spin.
      await clock.sleep(Math.min(ports.pollMs, waitMs + 1), closing.signal);
      if (waitMs > ports.pollMs)
        await clock.sleep(waitMs - ports.pollMs, AbortSignal.any([closing.signal, waking.signal]));
    }
    if (lease.holds()) await lease.release();
  }

  const wake = () => waking.abort();

  return {
    wake,
    standBy() {
      // An event of a run or of the table may be what it waits for.
      const wakeUnlessProgress = (event: { readonly kind: string }) => {
        if (event.kind !== 'progress') wake();
      };
      const unwatch = [runs.watch(wakeUnlessProgress), tables.watch(wakeUnlessProgress)];
      closing.signal.addEventListener('abort', () => {
        for (const remove of unwatch) remove();
      });
      driving = keepDriving();
    },
    async shutDown() {
      closing.abort(new Error('The bot shuts down'));
      await within(clock, SHUTDOWN_MS, Promise.resolve(driving));
    },
  };
}
