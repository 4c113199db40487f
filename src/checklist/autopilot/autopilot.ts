import { randomUUID } from 'node:crypto';
import { createEmitter } from '../../lib/async/emitter.ts';
import { type Result, refuse, succeed } from '../../lib/result.ts';
import type { RunControl } from '../../run/model/run-control.ts';
import { coversEverything, describeScope } from '../../run/scope/scope.ts';
import type { AutopilotControl, AutopilotEvent, AutopilotRefusal } from '../contracts/autopilot-control.ts';
import type { TableControl } from '../contracts/table-control.ts';
import type { AutopilotRecord } from '../model/autopilot-record.ts';
import type { Checklist } from '../steps/checklist.ts';
import { type AutopilotDriverPorts, createAutopilotDriver } from './autopilot-driver.ts';
import { type AutopilotStopPorts, createAutopilotStop } from './autopilot-stop.ts';

export interface AutopilotPorts
  extends Omit<AutopilotDriverPorts, 'emit' | 'stop'>,
    Omit<AutopilotStopPorts, 'emit' | 'store' | 'clock'> {
  readonly checklist: Pick<Checklist, 'view' | 'ensureOpen' | 'scope'>;
  readonly tables: AutopilotDriverPorts['tables'] &
    AutopilotStopPorts['tables'] &
    Pick<TableControl, 'approval' | 'addRequester'>;
  readonly runs: AutopilotDriverPorts['runs'] & AutopilotStopPorts['runs'] & Pick<RunControl, 'forecast'>;
}

export interface Autopilot extends AutopilotControl {
  /** Drives an autopilot that no other process drives, now and from now on. */
  standBy(): void;
  shutDown(): Promise<void>;
}

/** See AutopilotControl for the guarantees. */
export function createAutopilot(ports: AutopilotPorts): Autopilot {
  const { store, clock, tables, runs } = ports;
  const events = createEmitter<AutopilotEvent>((error, { kind }) =>
    ports.warn(`a listener failed on the event ${kind} of the autopilot`, error),
  );
  const stop = createAutopilotStop({ ...ports, emit: events.emit });
  const driver = createAutopilotDriver({ ...ports, stop, emit: events.emit });

  async function orFault<T>(work: () => Promise<Result<T, AutopilotRefusal>>): Promise<Result<T, AutopilotRefusal>> {
    try {
      return await work();
    } catch (error) {
      ports.warn('a request to the autopilot failed', error);
      return refuse({ reason: 'fault', fault: ports.readFault(error) });
    }
  }

  return {
    plan: (by, { channel }) =>
      orFault(async () => {
        const before = await store.read();
        if (before?.state === 'running') return refuse({ reason: 'active', record: before });
        const scope = await ports.checklist.scope();
        const isPart = scope !== undefined && !coversEverything(scope.criteria);
        const forecast = await runs.forecast(ports.pace, isPart ? scope.images : undefined);
        if (!forecast.ok) return refuse({ reason: 'start', refusal: forecast.refusal });
        const record: AutopilotRecord = {
          id: `ap-${randomUUID().slice(0, 8)}`,
          by,
          location: { channel },
          state: 'planned',
          forecast: forecast.value,
          ...(scope ? { scope: { id: scope.id, what: describeScope(scope.criteria) } } : {}),
          plannedAt: Math.round(clock.now()),
          attempts: {},
          fence: 0,
        };
        if (await store.plan(record)) return succeed(record);
        const other = await store.read();
        return refuse(other ? { reason: 'active', record: other } : { reason: 'plan-gone' });
      }),
    cancel: (id) =>
      orFault(async () => {
        const cancelled = await store.change(id, { set: { state: 'cancelled' } }, ['planned']);
        return cancelled ? succeed(cancelled) : refuse({ reason: 'plan-gone' });
      }),
    start: (id, by) =>
      orFault(async () => {
        if (await ports.stopFileExists()) return refuse({ reason: 'stop-file', path: ports.stopFile });
        const planned = await store.read();
        if (planned?.id !== id || planned.state !== 'planned') return refuse({ reason: 'plan-gone' });
        // Whoever presses Start has read the plan, which names the scope.
        if ((await ports.checklist.scope())?.id !== planned.scope?.id) return refuse({ reason: 'scope-changed' });
        const checklistId = await ports.checklist.ensureOpen(by);
        const set = { state: 'running', by, startedAt: Math.round(clock.now()), checklistId } as const;
        const started = await store.change(id, { set }, ['planned']);
        if (!started) return refuse({ reason: 'plan-gone' });
        await events.emit({ kind: 'started', record: started });
        driver.wake();
        return succeed(started);
      }),
    retry: (by) =>
      orFault(async () => {
        const record = await store.read();
        if (record?.state !== 'running') return refuse({ reason: 'not-active' });
        // First for its next request, then for the one that waits: whoever lets it go on asks for the flush, too.
        if (by !== record.by) await store.addRequester(record.id, by);
        const approval = record.approvalId === undefined ? undefined : await tables.approval(record.approvalId);
        if (approval?.state.kind === 'pending' && by !== approval.requestedBy)
          await tables.addRequester(approval.id, by);
        // A request that is still open stays in the record, since a stop has to withdraw it.
        const isOpen = approval?.state.kind === 'pending' || approval?.state.kind === 'approved';
        const retried = await store.reset(record.id, { forgetApproval: !isOpen });
        if (!retried) return refuse({ reason: 'not-active' });
        driver.wake();
        return succeed(retried);
      }),
    stop: (by, { now } = { now: false }) =>
      orFault(async () => {
        const record = await store.read().catch(async (error: unknown) => {
          // The record cannot be read: what this process itself drives is stopped anyway.
          await Promise.allSettled([runs.stop(by, { now }), tables.stop(by)]);
          throw error;
        });
        if (record?.state !== 'running' && record?.state !== 'planned') return refuse({ reason: 'not-active' });
        // A run or table job that is active beside a mere plan belongs to someone else.
        const stopped = await stop.stopRecord(record, by, { work: record.state === 'running' });
        if (!stopped) return refuse({ reason: 'not-active' });
        driver.wake();
        return succeed(stopped);
      }),
    current: () => store.read(),
    async setLocation(id, location) {
      await store.change(id, { set: { location } }, ['planned', 'running', 'stopped', 'finished']);
    },
    watch: events.watch,
    standBy: driver.standBy,
    shutDown: driver.shutDown,
  };
}
