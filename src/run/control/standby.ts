import { isTransient } from '../../lib/async/backoff.ts';
import type { Fault } from '../../pipeline/invoke/invocation.ts';
import { announceEnd, type DriverPorts, type DriverRules, stateAfter } from '../engines/local/driver.ts';
import { readSnapshot } from '../engines/local/read-run.ts';
import { requestedHalt } from '../engines/local/stop-signals.ts';
import { isActive } from '../model/run.ts';
import type { RunState } from '../model/types.ts';
import { FencedError, type RunRecord } from '../store/run-store.ts';
import type { Driving } from './driving.ts';
import type { Halting } from './halting.ts';

export interface StandbyRules extends DriverRules {
  /** Whether an interrupted run is resumed without a person. */
  readonly autoResume: boolean;
}

/** Faults that may be gone at the next check without anybody's help. */
const MAY_PASS: ReadonlySet<Fault['reason']> = new Set(['network', 'control-table']);

/**
 * Returns a check for work that no process does: a run that should be running and that no process drives is resumed, or
 * its state is corrected if it was asked to halt; the end of a run that was saved and not announced is announced.
 */
export function createStandbyCheck(
  driving: Driving,
  { writeState }: Pick<Halting, 'writeState'>,
  ports: DriverPorts,
  rules: StandbyRules,
  shutdown: AbortSignal,
): () => Promise<void> {
  const { store, clock, lease } = ports;

  /** The state that the run must have instead of being resumed; undefined if it is to be resumed. */
  async function haltedState(record: RunRecord): Promise<RunState | undefined> {
    if (await ports.stopFileExists()) return { kind: 'stopped', by: { kind: 'stop-file', path: ports.stopFile } };
    const halt = requestedHalt(record);
    if (halt) return stateAfter(halt);
    return rules.autoResume ? undefined : { kind: 'interrupted' };
  }

  async function resume(record: RunRecord, fence: number): Promise<void> {
    try {
      await driving.resume(record, fence);
    } catch (error) {
      const fault = ports.readFault(error);
      // What may pass is tried again at the next check. Anything else pauses the run, which is announced.
      if (error instanceof FencedError || isTransient(error) || MAY_PASS.has(fault.reason)) throw error;
      ports.warn(`run ${record.runId} could not be resumed`, error);
      await writeState(record.runId, { kind: 'paused', because: { kind: 'fault', fault } }, record.state.kind);
    }
  }

  async function announceIfDue(runId: string | undefined): Promise<void> {
    const record = runId === undefined ? undefined : await store.read(runId);
    if (!record?.unannounced || isActive(record.state) || record.state.kind === 'planned') return;
    if (await store.claimAnnouncement(record.runId))
      await announceEnd(await readSnapshot(record, store, rules, clock.now()), 0, ports);
  }

  return async () => {
    if (driving.driven() || shutdown.aborted) return;
    const record = await driving.openRecord();
    if (!record) return announceIfDue((await store.readOpen()).lastRunId);
    const { kind } = record.state;
    if (kind !== 'running' && !(kind === 'interrupted' && rules.autoResume)) return announceIfDue(record.runId);
    const taken = await driving.takeOver(record.runId);
    if ('holder' in taken || shutdown.aborted) return;
    const halted = await haltedState(taken.record);
    if (!halted) return resume(taken.record, taken.fence);
    await lease.release();
    await writeState(record.runId, halted, kind);
  };
}
