import { isTransient } from '../../lib/async/backoff.ts';
import type { Fault } from '../../pipeline/invoke/invocation.ts';
import type { FoundStops } from '../../state/stops/stored-stops.ts';
import { announceEnd, type DriverPorts, type DriverRules } from '../engines/local/driver.ts';
import type { Halt } from '../engines/local/engine-events.ts';
import { stateAfter } from '../engines/local/halts.ts';
import { readSnapshot } from '../engines/local/read-run.ts';
import { requestedHalt, setBackFault, storedHalt } from '../engines/local/stop-signals.ts';
import { isActive } from '../model/run.ts';
import type { RunState } from '../model/types.ts';
import { FencedError, inState, type RunRecord } from '../store/run-store.ts';
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
  async function haltedState(record: RunRecord, found: FoundStops): Promise<RunState | undefined> {
    if (await ports.stopFileExists()) return { kind: 'stopped', by: { kind: 'stop-file', path: ports.stopFile } };
    const halt = requestedHalt(record) ?? storedHalt(found.stops, record, ports.stopFile);
    if (halt) return record.state.kind === 'planned' ? abandonedBy(halt, record) : stateAfter(halt);
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

  /** The control table went back behind what this process wrote: nothing is resumed before a person has looked. */
  async function pauseSetBack(record: RunRecord): Promise<void> {
    const { runId, state } = record;
    const fault = setBackFault(runId, true);
    const paused: RunState = { kind: 'paused', because: { kind: 'fault', fault } };
    const fence = driving.knownFence(runId) + 1;
    await store.change(runId, { set: { state: paused, unannounced: true, fence } }, inState(state.kind));
  }

  async function announceIfDue(runId: string | undefined): Promise<void> {
    const record = runId === undefined ? undefined : await store.read(runId);
    if (!record || !isUnannounced(record)) return;
    // While a process has the lease it waits for images in flight, or announces the end itself.
    if (!(await lease.acquire()).ok) return;
    try {
      const now = await store.read(record.runId);
      if (now && isUnannounced(now)) await announceEnd(await readSnapshot(now, store, rules, clock.now()), 0, ports);
    } finally {
      await lease.release();
    }
  }

  return async () => {
    if (driving.driven() || shutdown.aborted) return;
    // Watched all the time, so that the time until the lease can be taken over runs from the start of this process.
    await lease.look();
    const record = await driving.openRecord();
    if (!record) return announceIfDue((await store.readOpen()).lastRunId);
    const { kind } = record.state;
    // A plan that holds the pipeline: the process that was starting it died.
    const mayNeedDriver = kind === 'running' || kind === 'planned' || (kind === 'interrupted' && rules.autoResume);
    if (!mayNeedDriver) return announceIfDue(record.runId);
    if (record.fence < driving.knownFence(record.runId)) return pauseSetBack(record);
    const taken = await driving.takeOver(record.runId);
    if ('holder' in taken || shutdown.aborted) return;
    try {
      const found = await ports.storedStops.find();
      const halted = await haltedState(taken.record, found);
      if (!halted && (kind !== 'planned' || taken.record.startedBy !== undefined))
        return await resume(taken.record, taken.fence);
      if (halted) {
        // A stop stays stored until the state that follows from it is written.
        if (await writeState(record.runId, halted, kind)) await ports.storedStops.clear(found);
        return;
      }
      await store.releasePipeline(record.runId);
      await lease.release();
    } catch (error) {
      await lease.release();
      throw error;
    }
  };
}

const isUnannounced = ({ unannounced, state }: RunRecord): boolean =>
  unannounced === true && !isActive(state) && state.kind !== 'planned';

/** A run that was being started when somebody stopped it: it never ran. */
const abandonedBy = (halt: Halt, { startedBy, plan }: RunRecord): RunState => {
  const by =
    halt.kind === 'pause' ? halt.by : halt.kind === 'stop' && halt.by.kind === 'person' ? halt.by.by : undefined;
  return { kind: 'abandoned', by: by ?? startedBy ?? plan.plannedBy };
};
