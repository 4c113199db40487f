import type { BackupRecord } from '../../backup/format/backup-record.ts';
import type { Result } from '../../lib/result.ts';
import type { ListedImage } from '../../pipeline/images.ts';
import type { Profile, ProfilePart } from '../../pipeline/profile/profile.ts';
import type { KindCounts } from '../../pipeline/table/records.ts';
import type { Diff } from '../../results/diff/diff.ts';
import type { DiffTotals } from '../../results/diff/diff-totals.ts';
import type { FailureChoice, Failures } from '../../results/failures/failures.ts';
import type { ReconciledImage } from '../../results/reconcile/reconcile-image.ts';
import type { ReconcileTotals } from '../../results/reconcile/reconcile-totals.ts';
import type { EntryHoursComparison } from '../../results/report/entry-hours.ts';
import type { PersonComparison } from '../../results/report/people.ts';
import type { RunReport } from '../../results/report/run-report.ts';
import type { ValidationProblem, Verdict } from '../../results/report/validation.ts';
import type { Refusal, RunControl, RunPlan } from '../../run/model/run-control.ts';
import type { EngineKind, OutcomeRecord, PaceSetting, Person, RunSnapshot, RunState } from '../../run/model/types.ts';
import type { Scope } from '../../run/scope/scope.ts';
import type { UnmetPrecondition } from '../model/preconditions.ts';
import type { ResultScope } from '../results/run-scope.ts';
import type { TableRefusal } from './table-control.ts';

export type StartRefusal =
  | Refusal
  /** A run was started after this retry was planned, and may have processed the same images. */
  | { readonly reason: 'retry-stale'; readonly run: RunSnapshot }
  /** The plan was made too long ago, epoch ms: the bucket may hold other images by now. */
  | { readonly reason: 'plan-outdated'; readonly runId: string; readonly plannedAt: number }
  /** The checklist has a scope: a run takes exactly its images, and no other filter. */
  | { readonly reason: 'scope-filters'; readonly scope: Scope }
  /** The plan was made for another scope than the checklist has now. `asked`: its criteria. */
  | { readonly reason: 'scope-changed'; readonly asked?: string; readonly scope?: Scope }
  | {
      readonly reason: 'preconditions';
      readonly step: 'start' | 'resume';
      readonly unmet: readonly UnmetPrecondition[];
    };

/**
 * Plans, starts and resumes runs when the preconditions of the checklist are met: a start needs a flush of this
 * checklist, or `keep`; a resume needs that nobody flushed or restored the table since the run started. A retry is
 * refused if another run was started after it was planned, so that the same failures are not retried twice. A plan that is
 * older than a day is refused. A start is in the audit log before it begins.
 */
export interface StartControl {
  plan(...request: Parameters<RunControl['plan']>): Promise<Result<RunPlan, StartRefusal>>;
  start(...request: Parameters<RunControl['start']>): Promise<Result<RunSnapshot, StartRefusal>>;
  resume(...request: Parameters<RunControl['resume']>): Promise<Result<RunSnapshot, StartRefusal>>;
}

/** The images that a retry processes. */
export type RetryRequest =
  | { readonly kind: 'failed'; readonly choice: FailureChoice }
  /**
   * Of the last run and its retries: no outcome, or processed and their rows missing; `withUnclear`: also where another
   * image may have overwritten the rows.
   */
  | { readonly kind: 'unaccounted'; readonly withUnclear?: boolean }
  /** Of the last run and its retries: processed images in which the function's own validation found errors. */
  | { readonly kind: 'needs-review' };

export type ResultRefusal =
  | { readonly reason: 'no-run' }
  | { readonly reason: 'unknown-run'; readonly runId: string }
  | { readonly reason: 'nothing-failed' }
  /** Images failed, but none of those that were requested. */
  | { readonly reason: 'none-chosen'; readonly failedImages: number; readonly types: readonly string[] }
  /** The requested images failed, but they are not in the bucket any more. */
  | { readonly reason: 'images-gone'; readonly bucket: string; readonly images: number }
  | { readonly reason: 'nothing-unaccounted' }
  /** No processed image of the last run needs a review. */
  | { readonly reason: 'nothing-to-review' }
  | { readonly reason: 'images-unknown'; readonly bucket: string; readonly keys: readonly string[] }
  /** Several names look like the one that was typed, and none is exactly it. */
  | {
      readonly reason: 'look-alikes';
      readonly what: 'image' | 'person';
      readonly typed: string;
      readonly names: readonly string[];
    }
  /** The profile of the pipeline does not say where this is found. */
  | { readonly reason: 'profile-lacks'; readonly what: ProfilePart; readonly profile: string }
  | { readonly reason: 'no-such-person'; readonly person: string; readonly backupId: string }
  | { readonly reason: 'start'; readonly refusal: StartRefusal }
  | { readonly reason: 'table'; readonly refusal: TableRefusal };

/** The ids of runs, newest first. */
export type RunIds = readonly string[];

/** What the messages about results have to know of the profile. */
export type ShownProfile = Pick<Profile, 'kinds' | 'labels' | 'record' | 'person' | 'together'>;

export interface Validation {
  readonly verdict: Verdict;
  readonly problems: readonly ValidationProblem[];
  /** The runs whose outcomes were used; empty for one person, or when there was no run. */
  readonly runIds: RunIds;
  /** The state of the newest of them. */
  readonly runState?: RunState['kind'];
  /** The run processed only a part of the bucket. */
  readonly isPartial?: boolean;
  /** The run covered a scope: `now`, `people`, `entryHours` and the counts of `backup` are of its records only. */
  readonly scope?: ResultScope & {
    /** The other records of the table, compared with the backup. */
    readonly outside: DiffTotals['outside'];
  };
  readonly reconciled?: ReconcileTotals;
  /** Examples of images with a problem. */
  readonly images: readonly ReconciledImage[];
  readonly now: KindCounts;
  readonly profile: ShownProfile;
  readonly backup?: BackupRecord;
  /** Present where the table has fewer entries than the backup. */
  readonly entryHours?: EntryHoursComparison;
  readonly people: readonly PersonComparison[];
  /** The seed that the people were drawn with; undefined when one person was requested. */
  readonly seed?: number;
}

/**
 * Results of runs. Nothing is changed, except that `planRetry` stores a plan. Call `dispose` of results that have one:
 * they use temporary files.
 */
export interface ResultControl {
  /**
   * The failures in the table and in the runs back to the last one over all images. With `runId`, the causes in that
   * run are counted too.
   */
  failures(runId?: string): Promise<Result<Failures & { readonly runIds: RunIds }, ResultRefusal>>;
  /** Plans a run over these images only. */
  planRetry(request: {
    readonly request: RetryRequest;
    /** A description for the people who read the plan. */
    readonly what: string;
    readonly paceSetting: PaceSetting;
    /** Undefined: the setting RUN_ENGINE. */
    readonly engine?: EngineKind;
    readonly by: Person;
    readonly channel: string;
  }): Promise<Result<RunPlan, ResultRefusal>>;
  /** The last outcome of each image of a run, in the order in which they were recorded; without an id, of the last run. */
  outcomes(runId?: string): Promise<Result<RunOutcomes, ResultRefusal>>;
  /** The last attempts at an image in all runs, newest first. */
  attempts(imageKey: string): Promise<Result<readonly ImageAttempt[], ResultRefusal>>;
  report(runId?: string): Promise<
    Result<
      RunReport & {
        readonly runId: string;
        /** By its plan. */
        readonly expected: { readonly ms: number; readonly costUsd?: number };
      },
      ResultRefusal
    >
  >;
  /** Validates a run. The verdict of a run that has ended is recorded in its checklist as the work of `recordAs`, if given. */
  validate(request: {
    /** Without it, the last run. */
    readonly runId?: string;
    readonly person?: string;
    readonly seed?: number;
    readonly recordAs?: Person;
  }): Promise<Result<Validation, ResultRefusal>>;
  /**
   * Compares the table with a backup. Without `backupId`: with the one from before the last flush, else before the last run, and
   * only the records of the scope that these covered. With `backupId`: every record, or those of the scope `scopeId`.
   */
  diff(request?: { readonly backupId?: string; readonly scopeId?: string }): Promise<Result<DiffNow, ResultRefusal>>;
  /** What a run over a scope changed, compared with the backup from before it; undefined where the run covered no scope. */
  changes(runId: string): Promise<Result<DiffNow | undefined, ResultRefusal>>;
}

/** A diff, and the run that is still open: it may still write records that the diff shows as removed. */
export interface DiffNow extends Diff {
  /** Only the records of this scope were compared; the others are in `totals.outside`. */
  readonly scope?: ResultScope;
  readonly openRun?: { readonly runId: string; readonly state: RunState['kind'] };
}

/** The outcomes of a run, and the profile of the pipeline, which says what its CSV calls a person. */
export interface RunOutcomes {
  readonly runId: string;
  readonly records: AsyncIterable<OutcomeRecord>;
  readonly profile: Pick<Profile, 'person'>;
}

/** One invocation for one image. */
export type ImageAttempt = Pick<OutcomeRecord, 'startedAt' | 'durationMs' | 'requestId'> & { readonly runId: string };

/** The image with this key; undefined when it is not in the bucket. */
export type FindImage = (key: string) => Promise<ListedImage | undefined>;
