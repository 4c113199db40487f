import type { Clock } from '../../lib/clock.ts';
import { defined } from '../../lib/defined.ts';
import type { Fault } from '../../pipeline/invoke/invocation.ts';
import type { RunControl } from '../../run/model/run-control.ts';
import type { AutopilotEvent, AutopilotStopped } from '../contracts/autopilot-control.ts';
import type { TableControl } from '../contracts/table-control.ts';
import type { AutopilotRecord } from '../model/autopilot-record.ts';
import type { Checklist } from '../steps/checklist.ts';
import type { AutopilotStore } from './autopilot-store.ts';

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
   * Stops it and withdraws its request; with `work` also stops the run, flush or restore that is running. The event is
   * emitted after all of that, since Slack may be slow and a stop must not be. Undefined when it had already ended.
   */
  stopRecord(record: AutopilotRecord, by: string, options: { work: boolean }): Promise<AutopilotStopped | undefined>;
  /** Repeats what a stop does besides changing the record: the process that stopped it may have died before that. */
  finishStop(record: AutopilotRecord): Promise<void>;
}

/** The states in which there is something to stop. */
const STOPPABLE: AutopilotRecord['state'][] = ['running', 'planned'];

export function createAutopilotStop(ports: AutopilotStopPorts): AutopilotStop {
  const { store, clock, tables, runs } = ports;
  /** The ids that this process is stopping. */
  const stopping = new Set<string>();

  async function stopWork(by: string): Promise<Pick<AutopilotStopped, 'run' | 'job'>> {
    const run = await runs.current();
    const halted = run?.state.kind === 'running' ? await runs.stop(by, { now: false }) : undefined;
    const job = await tables.current();
    if (job) await tables.stop(by);
    return defined({ job, run: halted?.ok ? halted.value : undefined });
  }

  /** Tries every part of the stop even if one fails. The record keeps `stopping` until all of them succeeded. */
  async function stopParts(record: AutopilotRecord, by: string): Promise<Omit<AutopilotStopped, 'record'>> {
    const faults: Fault[] = [];
    async function attempt<T>(work: () => Promise<T>): Promise<T | undefined> {
      try {
        return await work();
      } catch (error) {
        ports.warn('a part of the stop of the autopilot failed', error);
        faults.push(ports.readFault(error));
        return undefined;
      }
    }
    const { approvalId } = record;
    // First the request, so that no approval begins anything after the stop.
    const withdrew = approvalId === undefined ? false : await attempt(() => tables.withdraw(approvalId, by));
    const ended = record.stopping === 'work' ? await attempt(() => stopWork(by)) : undefined;
    if (faults.length === 0) await attempt(() => store.change(record.id, { remove: ['stopping'] }, ['stopped']));
    return { withdrew: withdrew ?? false, faults, ...ended };
  }

  async function announce(record: AutopilotRecord): Promise<void> {
    try {
      await ports.emit({ kind: 'stopped', record, view: await ports.checklist.view(record.checklistId) });
    } catch (error) {
      ports.warn('the stop of the autopilot was not announced', error);
    }
  }

  return {
    async stopRecord(record, by, { work }) {
      stopping.add(record.id);
      try {
        const set = {
          state: 'stopped',
          stoppedBy: by,
          endedAt: Math.round(clock.now()),
          stopping: work ? 'work' : 'request',
        } as const;
        const stopped = await store.change(record.id, { set, remove: ['blocker'] }, STOPPABLE);
        if (!stopped) return;
        const parts = await stopParts(stopped, by);
        await announce(stopped);
        return { record: stopped, ...parts };
      } finally {
        stopping.delete(record.id);
      }
    },
    async finishStop(record) {
      if (stopping.has(record.id)) return;
      await stopParts(record, record.stoppedBy ?? 'the autopilot');
      await announce(record);
    },
  };
}
