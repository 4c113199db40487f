import { defined } from '../../lib/defined.ts';
import type { RunEvent, RunSnapshot, RunState } from '../model/types.ts';
import { driveOf, type RunRecord, type RunStore } from '../store/run-store.ts';
import type { StateNotes } from '../store/state-notes.ts';

/** What announcing the end of a run needs. */
export interface EndPorts {
  readonly store: Pick<RunStore, 'markAnnounced'>;
  /** The last state of each run outside the control table. */
  readonly stateNotes: StateNotes;
  /** Resolves when every watcher has dealt with the event; never rejects. */
  readonly emit: (event: RunEvent) => Promise<unknown>;
}

/**
 * Announces the end of the last drive of `record`, and notes it in the control bucket and on the record. `known`: the state that
 * people know of.
 */
export async function announceEnd(
  snapshot: RunSnapshot,
  record: RunRecord,
  leftInFlight: number,
  ports: EndPorts,
  known?: RunState,
): Promise<void> {
  await Promise.all([
    emitEnd(snapshot, driveOf(record), leftInFlight, ports, false, known),
    noteState(snapshot, record.fence, ports),
  ]);
  await ports.store.markAnnounced(snapshot.runId);
}

/** Notes the state in which a run rests until a person decides; an interrupted run continues by itself. Never throws. */
export async function noteState(
  { runId, state }: Pick<RunSnapshot, 'runId' | 'state'>,
  fence: number,
  { stateNotes }: Pick<EndPorts, 'stateNotes'>,
): Promise<void> {
  if (state.kind !== 'planned' && state.kind !== 'interrupted')
    await stateNotes.put(runId, { fence, state: state.kind });
}

/** Tells the watchers of runs of an end. `unwritten`: the control table does not have it yet. `known`: the state that people know of. */
export const emitEnd = (
  snapshot: RunSnapshot,
  drive: string,
  leftInFlight: number,
  ports: Pick<EndPorts, 'emit'>,
  unwritten: boolean,
  known?: RunState,
) =>
  ports.emit({
    kind: endKindOf(snapshot.state),
    snapshot,
    drive,
    leftInFlight,
    ...defined({ unwritten: unwritten || undefined, isKnown: known?.kind === snapshot.state.kind || undefined }),
  });

type EndKind = 'paused' | 'stopped' | 'tripped' | 'interrupted' | 'completed' | 'abandoned';
function endKindOf(state: RunState): EndKind {
  if (state.kind === 'planned' || state.kind === 'running')
    throw new Error(`Defect: a drive cannot end with the run ${state.kind}.`);
  return state.kind;
}
