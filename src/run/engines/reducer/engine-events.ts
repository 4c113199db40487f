import type { Fault, InvocationResult } from '../../../pipeline/invoke/invocation.ts';
import type { ManifestEntry, OutcomeRecord, PaceSetting, Person, RunEvent, RunState, Trip } from '../../model/types.ts';
import type { RowClaim } from '../../proof/row-proof.ts';
import type { RowProof } from '../../rules/row-watch.ts';
import type { Checkpoint, Progress } from '../../store/checkpoint.ts';
import type { MachineEntry } from '../../store/machine-entry.ts';
import type { JournalChunk } from '../../store/run-store.ts';
import type { Ending, Throttle } from '../step-functions/remote.ts';
import type { Look } from '../step-functions/window.ts';

/** Why a run stops being driven. */
export type Halt =
  | { readonly kind: 'completed' }
  | { readonly kind: 'pause'; readonly by: Person }
  /** `now`: images in flight are not waited for. */
  | { readonly kind: 'stop'; readonly by: Extract<RunState, { kind: 'stopped' }>['by']; readonly now: boolean }
  | { readonly kind: 'trip'; readonly trip: Trip }
  | { readonly kind: 'fault'; readonly fault: Fault }
  | { readonly kind: 'shutdown' }
  /** This process may not drive the run any more: the process that may writes the state. */
  | { readonly kind: 'lease-lost' };

/** The facts since the last growth check. */
export interface GrowthQuestion {
  readonly growthKind: 'counted' | 'probed';
  /** The last image that claims rows. */
  readonly lastProcessed: RowClaim | undefined;
  readonly rejectedSinceCheck: boolean;
}

export type GrowthAnswer =
  | { readonly kind: 'count'; readonly entries: number }
  /** `entries`: also counted, to be shown, where the table is small enough. */
  | { readonly kind: 'probe'; readonly fresh: boolean; readonly entries?: number }
  /** Nothing could be checked: no image was processed since the last check. */
  | { readonly kind: 'nothing' };

/** What happens to a run while it is driven. `now`: epoch ms, never less than in an earlier event. */
export type EngineEvent = { readonly now: number } & (
  | { readonly kind: 'started' }
  /** Time has passed. `holdsLease`: this process may start an image now. */
  | { readonly kind: 'tick'; readonly holdsLease: boolean }
  /** The next entries of the manifest, in order. `end`: no more follow, or they cannot be read. */
  | { readonly kind: 'manifest-read'; readonly entries: readonly ManifestEntry[]; readonly end?: 'exhausted' | Fault }
  /** An invocation ended. `random`: in [0, 1), for the delay of a retry. */
  | {
      readonly kind: 'replied';
      readonly index: number;
      readonly result: InvocationResult;
      readonly requestId: string | undefined;
      readonly random: number;
    }
  /** The request of an invocation did not leave this process, because it lost the lease after it had decided to start. */
  | { readonly kind: 'not-sent'; readonly index: number }
  /**
   * Chunk `seq` of the journal is on record. `isOwn`: this process wrote it; otherwise another process took its number.
   */
  | {
      readonly kind: 'outcomes-recorded';
      readonly seq: number;
      readonly records: readonly OutcomeRecord[];
      readonly isOwn: boolean;
    }
  /** `mayPass`: it may succeed later without anybody's help. */
  | { readonly kind: 'append-failed'; readonly fault: Fault; readonly mayPass: boolean }
  /** The checkpoint was saved, or could not be. */
  | { readonly kind: 'checkpoint-ended' }
  | { readonly kind: 'growth-checked'; readonly answer: GrowthAnswer }
  | { readonly kind: 'growth-check-failed'; readonly fault: Fault }
  /** What the table says about the images of the lookup, in their order. */
  | { readonly kind: 'rows-looked-up'; readonly proofs: readonly RowProof[] }
  | { readonly kind: 'row-lookup-failed'; readonly fault: Fault }
  /**
   * Images without rows, as outcomes `no-rows`. `end`: there are no more, so that all rows are checked; or they cannot
   * be checked.
   */
  | {
      readonly kind: 'missing-rows-read';
      readonly records: readonly OutcomeRecord[];
      readonly end?: 'exhausted' | Fault;
    }
  | { readonly kind: 'halted'; readonly halt: Halt }
  /** `ok`: the state that follows from the halt was saved. */
  | { readonly kind: 'halt-write-ended'; readonly ok: boolean }
  | { readonly kind: 'pace-set'; readonly paceSetting: PaceSetting; readonly by: Person }
  | { readonly kind: 'entries-counted'; readonly entries: number }
  /** `isNew`: it was started just now, with the throttle that was asked for. */
  | { readonly kind: 'execution-opened'; readonly isNew: boolean }
  /** No execution of the run is running. */
  | { readonly kind: 'no-execution' }
  /** A call about the execution failed. `mayPass`: it may succeed later without anybody's help. */
  | {
      readonly kind: 'execution-failed';
      readonly step: 'open' | 'follow' | 'set-throttle' | 'stop';
      readonly fault: Fault;
      readonly mayPass: boolean;
    }
  | {
      readonly kind: 'execution-followed';
      readonly look: Look;
      /** Outcomes of the two reads of the look, each in the order of the images; those that are counted already, too. */
      readonly found: readonly MachineEntry[];
      readonly stragglers: readonly MachineEntry[];
      /** Rows; absent before the Map Run began. */
      readonly counts?: { readonly running: number; readonly pending: number };
      /** The execution has ended. `isAllRead`: every outcome that it recorded was read. */
      readonly ending?: Ending;
      readonly isAllRead: boolean;
    }
  | { readonly kind: 'throttle-set' }
  | { readonly kind: 'execution-stopped' }
  | { readonly kind: 'ended' }
);

/** What only one engine has to do. */
export type OwnEffect =
  /** Read the next entries of the manifest. `from`: the first one of this drive. */
  | { readonly kind: 'read-manifest'; readonly from: number }
  | { readonly kind: 'invoke'; readonly index: number; readonly key: string }
  /** Have an execution under way for the images below an index that have no outcome. */
  | {
      readonly kind: 'open-execution';
      readonly below: number;
      readonly progress: Progress;
      readonly generation: number;
      readonly throttle: Throttle;
      /**
       * What becomes of the execution that the record names, where it has ended: it is continued (a person resumed the run), or
       * followed, so that what it recorded is judged before anything starts, or replaced (it was followed to its end).
       */
      readonly ended: 'redrive' | 'follow' | 'replace';
      readonly checkpoint: Checkpoint;
    }
  /** Read how far the execution is, and the outcomes of a look. */
  | {
      readonly kind: 'follow-execution';
      readonly look: Look;
      /** Where to read from if the execution has ended: the first image without an outcome that was not read since. */
      readonly sweepFrom: number;
      readonly generation: number;
    }
  /** Find out whether the execution that the record names is running. */
  | { readonly kind: 'find-execution' }
  | { readonly kind: 'set-throttle'; readonly throttle: Throttle }
  /** `isDrained`: no image is in progress. */
  | { readonly kind: 'stop-execution'; readonly isDrained: boolean };

/** What the engine has to do next. */
export type EngineEffect =
  | OwnEffect
  | { readonly kind: 'append'; readonly chunk: Omit<JournalChunk, 'writer'> }
  | { readonly kind: 'save-checkpoint'; readonly checkpoint: Checkpoint }
  | { readonly kind: 'check-growth'; readonly question: GrowthQuestion }
  | { readonly kind: 'look-up-rows'; readonly records: readonly OutcomeRecord[] }
  /** Check the rows of all images, and read the next ones without rows. */
  | { readonly kind: 'read-missing-rows' }
  | { readonly kind: 'write-halt'; readonly halt: Halt; readonly checkpoint: Checkpoint }
  | { readonly kind: 'emit'; readonly event: RunEvent }
  /** Give up the invocations and appends under way. */
  | { readonly kind: 'abandon' }
  /** Send a tick at this time, or after the next event; epoch ms. */
  | { readonly kind: 'sleep'; readonly untilMs: number };
