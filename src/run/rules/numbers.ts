import type { RunSnapshot } from '../model/types.ts';
import { doneOf } from './totals.ts';

/**
 * The numbers that people read about a run. Each is defined here and nowhere else; every message, report, receipt and
 * forecast takes it from here.
 */
export interface RunNumbers {
  /** Images of the manifest. */
  readonly images: number;
  /** Images with an outcome: processed, rejected, failed, gone and without rows. Each image counts once. */
  readonly done: number;
  readonly left: number;
  /** Images whose rows are in the table, or that reported none. Until its rows are missed an image counts here. */
  readonly processed: number;
  readonly rejected: number;
  /** Images for which the function reported an error, crashed or timed out. Missing rows are not part of it. */
  readonly failed: number;
  /** Images for which the function reported entries, and whose rows are not in the table. */
  readonly withoutRows: number;
  /** Images that were deleted from the bucket after the run was planned. A retry leaves them out. */
  readonly gone: number;
  /** Images whose rows were stored although the function's own validation found errors. */
  readonly needsReview: number;
  /** What a retry takes: failed, and without rows. */
  readonly toRetry: number;
  /** Entries that the function reported as stored, whatever the table holds. Its coverage records may be among them. */
  readonly entriesReported: number;
  /**
   * Records in the table that are no failed images: timesheet entries, weeks without hours, rejected sheets, coverage.
   * Undefined where the table is not counted. `atStart`: when the run started.
   */
  readonly records?: number;
  readonly recordsAtStart?: number;
  /** Records that came since the start; undefined where the table was not counted since the first outcome. */
  readonly grownBy?: number;
  /** Outcomes since the records were counted. */
  readonly imagesSinceCount: number;
  /** What the function reported as its cost, US dollars; undefined where no reply has it. */
  readonly costUsd?: number;
}

export function numbersOf({ total, totals, growth }: Pick<RunSnapshot, 'total' | 'totals' | 'growth'>): RunNumbers {
  const done = doneOf(totals);
  const {
    processed,
    rejected,
    failed,
    noRows: withoutRows,
    entriesStored,
    costUsd,
    gone = 0,
    needsReview = 0,
  } = totals;
  const { entries: records, entriesAtStart: recordsAtStart, imagesSinceCount = 0 } = growth;
  const isCounted = !(imagesSinceCount > 0 && imagesSinceCount >= done);
  const hasGrowth = records !== undefined && recordsAtStart !== undefined && isCounted;
  return {
    images: total,
    done,
    left: total - done,
    processed,
    rejected,
    failed,
    withoutRows,
    gone,
    needsReview,
    toRetry: failed + withoutRows,
    entriesReported: entriesStored,
    imagesSinceCount,
    ...(records !== undefined && { records }),
    ...(recordsAtStart !== undefined && { recordsAtStart }),
    ...(hasGrowth && { grownBy: records - recordsAtStart }),
    ...(costUsd > 0 && { costUsd }),
  };
}
