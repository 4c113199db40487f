import type { BackupRecord } from '../../backup/format/backup-record.ts';
import type { Result } from '../../lib/result.ts';
import type { ListedImage } from '../../pipeline/images.ts';
import type { KindCounts } from '../../pipeline/table/records.ts';
import type { Diff } from '../../results/diff/diff.ts';
import type { FailureChoice, Failures } from '../../results/failures/failures.ts';
import type { ReconciledImage } from '../../results/reconcile/reconcile-image.ts';
import type { ReconcileTotals } from '../../results/reconcile/reconcile-totals.ts';
import type { PersonComparison } from '../../results/report/people.ts';
import type { RunReport } from '../../results/report/run-report.ts';
import type { ValidationProblem, Verdict } from '../../results/report/validation.ts';
import type { RunPlan } from '../../run/model/run-control.ts';
import type { OutcomeRecord, PaceSetting, Person, RunState } from '../../run/model/types.ts';
import type { StartRefusal } from './start-control.ts';
import type { TableRefusal } from './table-control.ts';

/** Which images a retry is over. */
export type RetryRequest =
  | { readonly kind: 'failed'; readonly choice: FailureChoice }
  /** Of the last run and its retries: no outcome, or processed and their rows missing. */
  | { readonly kind: 'unaccounted' };

export type ResultRefusal =
  | { readonly reason: 'no-run' }
  | { readonly reason: 'unknown-run'; readonly runId: string }
  | { readonly reason: 'nothing-failed' }
  /** Something failed, but nothing that was asked for. */
  | { readonly reason: 'none-chosen'; readonly failedImages: number; readonly types: readonly string[] }
  /** What was asked for failed, but the bucket does not hold it any more. */
  | { readonly reason: 'images-gone'; readonly bucket: string; readonly images: number }
  | { readonly reason: 'nothing-unaccounted' }
  | { readonly reason: 'images-unknown'; readonly bucket: string; readonly keys: readonly string[] }
  | { readonly reason: 'no-such-person'; readonly person: string; readonly backupId: string }
  | { readonly reason: 'start'; readonly refusal: StartRefusal }
  | { readonly reason: 'table'; readonly refusal: TableRefusal };

/** Runs by id, the newest first. */
export type RunIds = readonly string[];

export interface Validation {
  readonly verdict: Verdict;
  readonly problems: readonly ValidationProblem[];
  /** The runs whose outcomes counted; none where a single person was asked for or nothing ever ran. */
  readonly runIds: RunIds;
  /** Of the newest of them. */
  readonly runState?: RunState['kind'];
  /** The run took only a part of the bucket. */
  readonly isPartial?: boolean;
  readonly reconciled?: ReconcileTotals;
  /** Examples of images that are not accounted for, or worth a look. */
  readonly images: readonly ReconciledImage[];
  readonly now: KindCounts;
  readonly backup?: BackupRecord;
  readonly people: readonly PersonComparison[];
  /** What the people were drawn with; undefined where one was named. */
  readonly seed?: number;
}

/**
 * What the face may ask about what came of a rescan. Everything is read, nothing is changed, but for `planRetry`, which makes a
 * plan that nobody has started. Readers with files behind them are freed by `dispose`.
 */
export interface ResultControl {
  /**
   * Failures of the table and of the runs back to the last one over all images. With a run's id, the causes in that run are
   * counted as well.
   */
  failures(runId?: string): Promise<Result<Failures & { readonly runIds: RunIds }, ResultRefusal>>;
  /** Plans a run over just those images. */
  planRetry(request: {
    readonly setting: RetryRequest;
    /** In words, for everyone who reads the plan. */
    readonly what: string;
    readonly paceSetting: PaceSetting;
    readonly by: Person;
    readonly channel: string;
  }): Promise<Result<RunPlan, ResultRefusal>>;
  /** What the images of a run came to, in the order in which they did; of the last run where none is named. */
  outcomes(
    runId?: string,
  ): Promise<Result<{ readonly runId: string; readonly records: AsyncIterable<OutcomeRecord> }, ResultRefusal>>;
  /** The last attempts that runs made at an image, the newest first. */
  attempts(imageKey: string): Promise<Result<readonly ImageAttempt[], ResultRefusal>>;
  report(runId?: string): Promise<
    Result<
      RunReport & {
        readonly runId: string;
        /** What its plan said. */
        readonly expected: { readonly ms: number; readonly costUsd?: number };
      },
      ResultRefusal
    >
  >;
  /** The verdict of a run that is over is put on the checklist that it belongs to, as `by`'s. */
  validate(request: {
    /** The last run where none is named. */
    readonly runId?: string;
    readonly person?: string;
    readonly seed?: number;
    readonly by: Person;
  }): Promise<Result<Validation, ResultRefusal>>;
  /** The table against a backup: where none is named, what was there before the last flush, or else the last run. */
  diff(backupId?: string): Promise<Result<DiffNow, ResultRefusal>>;
}

/** A diff, and the run that is not through: what is removed may yet come with it. */
export interface DiffNow extends Diff {
  readonly openRun?: { readonly runId: string; readonly state: RunState['kind'] };
}

/** One invocation for an image. */
export type ImageAttempt = Pick<OutcomeRecord, 'startedAt' | 'durationMs' | 'requestId'> & { readonly runId: string };

/** An image of the bucket, if it is there. */
export type FindImage = (key: string) => Promise<ListedImage | undefined>;
