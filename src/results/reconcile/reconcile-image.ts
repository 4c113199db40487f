import type { FailureType, Outcome } from '../../pipeline/invoke/invocation.ts';
import type { RecordKind } from '../../pipeline/table/records.ts';

/**
 * What a run's manifest, its outcomes and the table say together of one image.
 *
 * | kind | the image … |
 * | --- | --- |
 * | `processed-with-rows` | was processed, and the table has rows of it |
 * | `processed-without-rows` | was processed, and no row names it: see `why` |
 * | `rejected-with-record`, `-without-record` | was rejected, and the table says so or not (of two rejected sheets of one person and week the later takes the place of the earlier) |
 * | `failed-with-record`, `-without-record` | failed in this run, and its FAILED_IMAGE record is there or not; one from before this attempt is none |
 * | `rows-without-outcome` | is in the manifest and has rows, but the run has no outcome for it: it is not through, or they are older |
 * | `neither` | is in the manifest; no outcome and no row |
 * | `not-in-manifest` | has rows in the table, but is not in the manifest: see `since` |
 * | `outcome-not-in-manifest` | has an outcome but is not in the manifest: never, if all is well |
 */
export const RECONCILED_KINDS = [
  'processed-with-rows',
  'processed-without-rows',
  'rejected-with-record',
  'rejected-without-record',
  'failed-with-record',
  'failed-without-record',
  'rows-without-outcome',
  'neither',
  'not-in-manifest',
  'outcome-not-in-manifest',
] as const;
export type ReconciledKind = (typeof RECONCILED_KINDS)[number];

/** What the run's journal says of an image, as far as this needs it. The first outcome on record is the one that counts. */
export interface ImageOutcome {
  readonly kind: Outcome['kind'];
  readonly entriesStored?: number;
  readonly resourceName?: string;
  readonly failureType?: FailureType;
  /** When the invocation began, epoch ms. */
  readonly startedAt: number;
  readonly requestId?: string;
}

/** How many records name an image, by kind, and the newest of them: epoch ms, 0 where none says. */
export interface ImageRows extends Readonly<Record<RecordKind, number>> {
  readonly newestRow: number;
  readonly newestFailure: number;
}

/**
 * Why a processed image has no rows. Entries are overwritten when the same person, date and project come again, so no row
 * need be a loss, and the table does not tell which: it is proven only where nobody can have overwritten them.
 * - `nothing-stored`: the function said that it stored none
 * - `person-has-no-rows`: no row of that person is there at all: nothing overwrote them; they were deleted, or never written
 * - `unclear`: no rows of its own: overwritten by another image, or never written
 */
export type WithoutRows = 'nothing-stored' | 'person-has-no-rows' | 'unclear';

/** When the newest row of an image that is not in the manifest was made: after the run began (added meanwhile), or before. */
export type Since = 'run-start' | 'before' | 'unknown';

export type ReconciledImage = { readonly key: string; readonly rows: ImageRows; readonly outcome?: ImageOutcome } & (
  | { readonly kind: 'processed-without-rows'; readonly why: WithoutRows }
  | { readonly kind: 'not-in-manifest'; readonly since: Since }
  | { readonly kind: Exclude<ReconciledKind, 'processed-without-rows' | 'not-in-manifest'> }
);

/** What is known of one image when all three sources are through. */
export interface ImageFacts {
  readonly key: string;
  readonly inManifest: boolean;
  readonly outcome: ImageOutcome | undefined;
  readonly rows: ImageRows;
}

export interface DecideBy {
  /** When the run began, epoch ms; undefined where it is not known. */
  readonly startedAt: number | undefined;
  /** How far the function's clock may be behind the bot's. */
  readonly clockSkewMs: number;
}

export const noRows: ImageRows = {
  entry: 0,
  'zero-hour': 0,
  rejected: 0,
  coverage: 0,
  failed: 0,
  newestRow: 0,
  newestFailure: 0,
};

export const addRows = (a: ImageRows, b: ImageRows): ImageRows => ({
  entry: a.entry + b.entry,
  'zero-hour': a['zero-hour'] + b['zero-hour'],
  rejected: a.rejected + b.rejected,
  coverage: a.coverage + b.coverage,
  failed: a.failed + b.failed,
  newestRow: Math.max(a.newestRow, b.newestRow),
  newestFailure: Math.max(a.newestFailure, b.newestFailure),
});

/** The rows that processing an image makes. */
export const ownRows = (rows: ImageRows): number => rows.entry + rows['zero-hour'];

const isThere = (rows: ImageRows): boolean => ownRows(rows) + rows.rejected + rows.coverage + rows.failed > 0;

/**
 * Which kind an image is, but for `why` a processed one has no rows: whether its person has any is not known yet.
 */
export function kindOfImage({ inManifest, outcome, rows }: ImageFacts, by: DecideBy): ReconciledKind {
  if (!inManifest) return outcome === undefined ? 'not-in-manifest' : 'outcome-not-in-manifest';
  if (outcome === undefined) return isThere(rows) ? 'rows-without-outcome' : 'neither';
  switch (outcome.kind) {
    case 'processed':
      return ownRows(rows) > 0 ? 'processed-with-rows' : 'processed-without-rows';
    case 'rejected':
      return rows.rejected > 0 ? 'rejected-with-record' : 'rejected-without-record';
    case 'failed':
      return rows.failed > 0 && !isOlder(rows.newestFailure, outcome, by)
        ? 'failed-with-record'
        : 'failed-without-record';
  }
}

/** Whether something was made before the attempt; what has no time is not. */
export const isOlder = (at: number, outcome: ImageOutcome, { clockSkewMs }: DecideBy): boolean =>
  at > 0 && at < outcome.startedAt - clockSkewMs;

export function sinceOf({ newestRow, newestFailure }: ImageRows, { startedAt, clockSkewMs }: DecideBy): Since {
  const newest = Math.max(newestRow, newestFailure);
  if (newest === 0 || startedAt === undefined) return 'unknown';
  return newest >= startedAt - clockSkewMs ? 'run-start' : 'before';
}

export function whyWithoutRows(outcome: ImageOutcome | undefined, personHasRows: boolean): WithoutRows {
  if (outcome?.entriesStored === 0) return 'nothing-stored';
  return outcome?.resourceName !== undefined && !personHasRows ? 'person-has-no-rows' : 'unclear';
}
