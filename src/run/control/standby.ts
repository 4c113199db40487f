import { randomUUID } from 'node:crypto';
import { isTransient } from '../../lib/async/backoff.ts';
import type { Fault } from '../../pipeline/invoke/invocation.ts';
import type { FoundStops } from '../../state/stops/stored-stops.ts';
import { announceEnd } from '../engines/announce-end.ts';
import type { DriverPorts, DriverRules } from '../engines/driver.ts';
import { readSnapshot } from '../engines/read-run.ts';
import type { Halt } from '../engines/reducer/engine-events.ts';
import { stateAfter } from '../engines/reducer/halts.ts';
import { notedHalt, requestedHalt, setBackFault, storedHalt } from '../engines/stop-signals.ts';
import { isActive } from '../model/run.ts';
import { engineOf } from '../model/run-control.ts';
import type { RunState } from '../model/types.ts';
import { FencedError, inState, type RunRecord } from '../store/run-store.ts';
import { isLater, type StateNote } from '../store/state-notes.ts';
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

  /** The request to halt that is stored anywhere; or the control table has an earlier state of the run than the control bucket. */
  async function haltFor(record: RunRecord, found: FoundStops): Promise<Halt | undefined> {
    if (await ports.stopFileExists())
      return { kind: 'stop', by: { kind: 'stop-file', path: ports.stopFile }, now: false };
    const requested = requestedHalt(record) ?? storedHalt(found.stops, record, ports.stopFile);
    if (requested) return requested;
    const { runId } = record;
    return notedHalt(await ports.stateNotes.read(runId), record, ports.stateNotes.uri(runId));
  }

  /** The state that the run must have instead of being resumed; undefined if it is to be resumed. */
  function haltedState(record: RunRecord, halt: Halt | undefined): RunState | undefined {
    // After a fault a person decides, also about a run that was being started.
    if (halt)
      return record.state.kind === 'planned' && halt.kind !== 'fault' ? abandonedBy(halt, record) : stateAfter(halt);
    return rules.autoResume || isRemote(record) ? undefined : { kind: 'interrupted' };
  }

  async function resume(record: RunRecord, fence: number, halt: Halt | undefined): Promise<void> {
    try {
      await driving.resume(record, fence, halt);
    } catch (error) {
      const fault = ports.readFault(error);
      // What may pass is tried again at the next check. Anything else pauses the run, which is announced.
      if (error instanceof FencedError || isTransient(error) || MAY_PASS.has(fault.reason)) throw error;
      ports.warn(`run ${record.runId} could not be resumed`, error);
      await writeState(record.runId, { kind: 'paused', because: { kind: 'fault', fault } }, record.state.kind);
    }
  }

  /** The control table went back behind what this process wrote: nothing is resumed before a person has looked. */
  async function pauseSetBack(record: RunRecord, { fence: known }: StateNote): Promise<void> {
    const { runId, state } = record;
    const fault = setBackFault(runId, true);
    const paused: RunState = { kind: 'paused', because: { kind: 'fault', fault } };
    const fence = Math.max(known, record.fence) + 1;
    await store.change(
      runId,
      { set: { state: paused, unannounced: true, fence, driveId: randomUUID() } },
      // Not where another process has taken it over meanwhile: its fence may be the same as this one.
      { ...inState(state.kind), equals: { fence: record.fence } },
    );
  }

  async function announceIfDue(runId: string | undefined): Promise<void> {
    const record = runId === undefined ? undefined : await store.read(runId);
    if (!record || !isUnannounced(record)) return;
    // While a process has the lease it waits for images in flight, or announces the end itself.
    if (!(await lease.acquire()).ok) return;
    try {
      const now = await store.read(record.runId);
      if (now && isUnannounced(now))
        await announceEnd(await readSnapshot(now, store, rules, clock.now()), now, 0, ports);
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
    const known = driving.lastNote(record.runId);
    if (known && isBehind(record, known)) return pauseSetBack(record, known);
    const taken = await driving.takeOver(record.runId);
    if ('holder' in taken || shutdown.aborted) return;
    try {
      const found = await ports.storedStops.find();
      const halt = await haltFor(taken.record, found);
      const halted = haltedState(taken.record, halt);
      const isStarted = kind !== 'planned' || taken.record.startedBy !== undefined;
      // The process that was starting it may have given the pipeline back meanwhile, and answered that nothing was done.
      if (kind === 'planned' && isStarted && !(await store.keepClaim(record.runId, randomUUID())))
        return await lease.release();
      // The process that follows a run on Step Functions ends its execution, too.
      const isFollowed = kind === 'running' && isRemote(taken.record);
      if ((!halted || isFollowed) && isStarted) return await resume(taken.record, taken.fence, halt);
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

/** A run on Step Functions continues there while no process drives it: it is not interrupted. */
const isRemote = ({ plan }: RunRecord): boolean => engineOf(plan) === 'step-functions';

/** Whether the record is of an earlier time than what this process wrote last. A later fence is of another process. */
const isBehind = (record: RunRecord, written: StateNote): boolean =>
  record.fence < written.fence || (record.fence === written.fence && isLater(written, record));

const isUnannounced = ({ unannounced, state }: RunRecord): boolean =>
  unannounced === true && !isActive(state) && state.kind !== 'planned';

/** A run that was being started when somebody stopped it: it never ran. */
const abandonedBy = (halt: Halt, { startedBy, plan }: RunRecord): RunState => {
  const by =
    halt.kind === 'pause' ? halt.by : halt.kind === 'stop' && halt.by.kind === 'person' ? halt.by.by : undefined;
  return { kind: 'abandoned', by: by ?? startedBy ?? plan.plannedBy };
};
