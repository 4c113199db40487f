import type { Fault, InvocationResult } from '../../../pipeline/invoke/invocation.ts';
import type { ManifestEntry, OutcomeRecord, PaceSetting, Person, RunEvent, RunState, Trip } from '../../model/types.ts';
import type { RowClaim } from '../../proof/row-proof.ts';
import type { RowProof } from '../../rules/row-watch.ts';
import type { Checkpoint } from '../../store/checkpoint.ts';
import type { JournalChunk } from '../../store/run-store.ts';

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
  /** The state that follows from the halt was saved, or could not be. */
  | { readonly kind: 'halt-write-ended' }
  | { readonly kind: 'pace-set'; readonly paceSetting: PaceSetting; readonly by: Person }
  | { readonly kind: 'entries-counted'; readonly entries: number }
  | { readonly kind: 'ended' }
);

/** What the engine has to do next. */
export type EngineEffect =
  | { readonly kind: 'read-manifest' }
  | { readonly kind: 'invoke'; readonly index: number; readonly key: string }
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
