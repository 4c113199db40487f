import type { FailureType, Outcome } from '../../pipeline/invoke/invocation.ts';
import type { RecordKind } from '../../pipeline/profile/record-kinds.ts';
import { emptyTally } from '../../pipeline/table/records.ts';
import { isBefore, mayReplace, type WrittenRows } from '../../run/proof/row-proof.ts';

/**
 * What the manifest of a run, its outcomes and the table say about one image.
 *
 * | kind | the image … |
 * | --- | --- |
 * | `processed-with-rows` | was processed, and the table has rows of it |
 * | `processed-with-older-rows` | was processed, and all its rows are older than that (see `why`) |
 * | `processed-without-rows` | was processed, and no row names it (see `why`) |
 * | `rejected-with-record`, `-without-record` | was rejected, and the table has or has not a record of that (two rejected sheets of one person and week share one record) |
 * | `failed-with-record`, `-without-record` | failed in this run, and has or has not a FAILED_IMAGE record of this attempt |
 * | `gone` | was deleted from the bucket after the run was planned |
 * | `rows-without-outcome` | is in the manifest and has rows, but no outcome: it is not finished, or the rows are older |
 * | `neither` | is in the manifest, without an outcome and without rows |
 * | `not-in-manifest` | has rows, but is not in the manifest (see `since`) |
 * | `outcome-not-in-manifest` | has an outcome, but is not in the manifest: an error |
 */
export const RECONCILED_KINDS = [
  'processed-with-rows',
  'processed-with-older-rows',
  'processed-without-rows',
  'rejected-with-record',
  'rejected-without-record',
  'failed-with-record',
  'failed-without-record',
  'gone',
  'rows-without-outcome',
  'neither',
  'not-in-manifest',
  'outcome-not-in-manifest',
] as const;
export type ReconciledKind = (typeof RECONCILED_KINDS)[number];

/** The outcome of an image in the journal of the run. The last outcome of an image counts. */
export interface ImageOutcome {
  readonly kind: Outcome['kind'];
  readonly index: number;
  readonly entriesStored?: number;
  readonly resourceName?: string;
  readonly dateRange?: string;
  readonly failureType?: FailureType;
  readonly needsReview?: true;
  /** When the invocation started and ended, epoch ms. */
  readonly startedAt: number;
  readonly endedAt: number;
}

/** How many records name an image, by kind, and the time of the newest: epoch ms, 0 when unknown. */
export interface ImageRows extends Readonly<Record<RecordKind, number>> {
  readonly newestRow: number;
  readonly newestFailure: number;
}

/**
 * Why a processed image has no rows of this attempt. Entries are overwritten when the same person, date and project come
 * again, and the table does not say by which image. A loss is proven only when nothing can have overwritten the rows.
 * - `nothing-stored`: the function reported that it stored no entry
 * - `missing`: no other row of the person and the dates is newer, so nothing overwrote them: they were deleted, or never
 *   written. Or the run itself found that they are missing.
 * - `unclear`: overwritten by another image, or never written
 */
export type WithoutRows = 'nothing-stored' | 'missing' | 'unclear';

/** When the newest row of an image that is not in the manifest was written: since the start of the run, or before. */
export type Since = 'run-start' | 'before' | 'unknown';

export type ReconciledImage = { readonly key: string; readonly rows: ImageRows; readonly outcome?: ImageOutcome } & (
  | { readonly kind: 'processed-without-rows' | 'processed-with-older-rows'; readonly why: WithoutRows }
  | { readonly kind: 'not-in-manifest'; readonly since: Since }
  | { readonly kind: Exclude<ReconciledKind, KindWithReason | 'not-in-manifest'> }
);

/** The kinds of which `why` gives the reason. */
export type KindWithReason = 'processed-without-rows' | 'processed-with-older-rows';
export const needsReason = (kind: ReconciledKind): kind is KindWithReason =>
  kind === 'processed-without-rows' || kind === 'processed-with-older-rows';

/** What the three sources say about one image. */
export interface ImageFacts {
  readonly key: string;
  readonly inManifest: boolean;
  readonly outcome: ImageOutcome | undefined;
  readonly rows: ImageRows;
}

export interface DecideBy {
  /** When the run started, epoch ms; undefined when unknown. */
  readonly startedAt: number | undefined;
  /** How far the clock of the function may be behind that of the bot. */
  readonly clockSkewMs: number;
}

export const noRows: ImageRows = { ...emptyTally(), newestRow: 0, newestFailure: 0 };

export const addRows = (a: ImageRows, b: ImageRows): ImageRows => ({
  entry: a.entry + b.entry,
  'zero-hour': a['zero-hour'] + b['zero-hour'],
  rejected: a.rejected + b.rejected,
  coverage: a.coverage + b.coverage,
  failed: a.failed + b.failed,
  newestRow: Math.max(a.newestRow, b.newestRow),
  newestFailure: Math.max(a.newestFailure, b.newestFailure),
});

/** The rows that the function writes for a processed image. */
export const ownRows = (rows: ImageRows): number => rows.entry + rows['zero-hour'];

const hasRecords = (rows: ImageRows): boolean => ownRows(rows) + rows.rejected + rows.coverage + rows.failed > 0;

/** The kind of an image. `whyWithoutRows` adds the reason where it needs one. */
export function kindOfImage({ inManifest, outcome, rows }: ImageFacts, by: DecideBy): ReconciledKind {
  if (!inManifest) return outcome === undefined ? 'not-in-manifest' : 'outcome-not-in-manifest';
  if (outcome === undefined) return hasRecords(rows) ? 'rows-without-outcome' : 'neither';
  switch (outcome.kind) {
    case 'processed':
    case 'no-rows':
      if (ownRows(rows) === 0) return 'processed-without-rows';
      if (!isOlder(rows.newestRow, outcome, by)) return 'processed-with-rows';
      return outcome.kind === 'no-rows' ? 'processed-without-rows' : 'processed-with-older-rows';
    case 'rejected':
      return rows.rejected > 0 ? 'rejected-with-record' : 'rejected-without-record';
    case 'failed':
      return rows.failed > 0 && !isOlder(rows.newestFailure, outcome, by)
        ? 'failed-with-record'
        : 'failed-without-record';
    case 'gone':
      return 'gone';
  }
}

/** Whether a record was written before the attempt. A record without a time counts as newer. */
export const isOlder = (at: number, outcome: ImageOutcome, { clockSkewMs }: DecideBy): boolean =>
  isBefore(at, outcome.startedAt, clockSkewMs);

export function sinceOf({ newestRow, newestFailure }: ImageRows, { startedAt, clockSkewMs }: DecideBy): Since {
  const newest = Math.max(newestRow, newestFailure);
  if (newest === 0 || startedAt === undefined) return 'unknown';
  return newest >= startedAt - clockSkewMs ? 'run-start' : 'before';
}

/** `written`: the rows of the image's person; of anybody where the person is not known. */
export function whyWithoutRows(
  outcome: ImageOutcome,
  written: readonly WrittenRows[],
  { clockSkewMs }: DecideBy,
): WithoutRows {
  if (outcome.kind === 'no-rows') return 'missing';
  if (outcome.entriesStored === 0) return 'nothing-stored';
  return written.some((rows) => mayReplace(rows, outcome, clockSkewMs)) ? 'unclear' : 'missing';
}
