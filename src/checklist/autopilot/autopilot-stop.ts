import type { Clock } from '../../lib/clock.ts';
import type { Fault } from '../../pipeline/invoke/invocation.ts';
import type { RunControl } from '../../run/model/run-control.ts';
import type { AutopilotEvent, AutopilotStopped } from '../contracts/autopilot-control.ts';
import type { TableControl } from '../contracts/table-control.ts';
import type { Checklist } from '../steps/checklist.ts';
import type { AutopilotRecord, AutopilotStore } from './autopilot-store.ts';

export interface AutopilotStopPorts {
  readonly store: Pick<AutopilotStore, 'change'>;
  readonly clock: Clock;
  readonly checklist: Pick<Checklist, 'view'>;
  readonly tables: Pick<TableControl, 'withdraw' | 'current' | 'stop'>;
  readonly runs: Pick<RunControl, 'current' | 'stop'>;
  readonly readFault: (error: unknown) => Fault;
  readonly warn: (message: string, cause: unknown) => void;
  readonly emit: (event: AutopilotEvent) => Promise<boolean>;
}

export interface AutopilotStop {
  /**
   * Ends it, and what it asked for; with `work` also the run, flush or restore that is under way. People are told when all of that
   * is done: Slack may be slow, and a stop is not. Undefined where it was over before.
   */
  stopRecord(record: AutopilotRecord, by: string, options: { work: boolean }): Promise<AutopilotStopped | undefined>;
  /** Does again what a stop does besides ending the record: the process that stopped it may have died before. */
  finishStop(record: AutopilotRecord): Promise<void>;
}

/** The states of its record in which there is something to stop. */
const STOPPABLE: AutopilotRecord['state'][] = ['running', 'planned'];

export function createAutopilotStop(ports: AutopilotStopPorts): AutopilotStop {
  const { store, clock, tables, runs } = ports;
  /** Being stopped by this very process. */
  const inHand = new Set<string>();

  /** Stops the run, flush or restore that is under way. */
  async function stopWork(by: string): Promise<Pick<AutopilotStopped, 'run' | 'job'>> {
    const run = await runs.current();
    const halted = run?.state.kind === 'running' ? await runs.stop(by, { now: false }) : undefined;
    const job = await tables.current();
    if (job) await tables.stop(by);
    return { ...(job ? { job } : {}), ...(halted?.ok ? { run: halted.value } : {}) };
  }

  /** Everything is tried, also where something fails: what did is told, and stays to be done. */
  async function clearAway(record: AutopilotRecord, by: string): Promise<Omit<AutopilotStopped, 'record'>> {
    const troubles: Fault[] = [];
    async function trying<T>(work: () => Promise<T>): Promise<T | undefined> {
      try {
        return await work();
      } catch (error) {
        ports.warn('a stop of the autopilot is not done to its end', error);
        troubles.push(ports.readFault(error));
        return undefined;
      }
    }
    const { approvalId } = record;
    // First of all, so that no approval begins anything behind the stop.
    const withdrew = approvalId === undefined ? false : await trying(() => tables.withdraw(approvalId, by));
    const ended = record.stopping === 'work' ? await trying(() => stopWork(by)) : undefined;
    if (troubles.length === 0) await trying(() => store.change(record.id, { remove: ['stopping'] }, ['stopped']));
    return { withdrew: withdrew ?? false, faults: troubles, ...ended };
  }

  async function tell(record: AutopilotRecord): Promise<void> {
    try {
      await ports.emit({ kind: 'stopped', record, view: await ports.checklist.view(record.checklistId) });
    } catch (error) {
      ports.warn('the message of an autopilot that was stopped does not show it', error);
    }
  }

  return {
    async stopRecord(record, by, { work }) {
      const stopping = work ? 'work' : 'request';
      inHand.add(record.id);
      try {
        const set = { state: 'stopped', stoppedBy: by, endedAt: Math.round(clock.now()), stopping } as const;
        const stopped = await store.change(record.id, { set, remove: ['wanted'] }, STOPPABLE);
        if (!stopped) return;
        const cleared = await clearAway(stopped, by);
        await tell(stopped);
        return { record: stopped, ...cleared };
      } finally {
        inHand.delete(record.id);
      }
    },
    async finishStop(record) {
      if (inHand.has(record.id)) return;
      await clearAway(record, record.stoppedBy ?? 'the autopilot');
      await tell(record);
    },
  };
}
