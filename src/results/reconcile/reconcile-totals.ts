import type { RecordKind } from '../../pipeline/profile/record-kinds.ts';
import { emptyTally } from '../../pipeline/table/records.ts';
import { isBefore } from '../../run/proof/row-proof.ts';
import {
  ownRows,
  RECONCILED_KINDS,
  type ReconciledImage,
  type ReconciledKind,
  type Since,
  type WithoutRows,
} from './reconcile-image.ts';

export interface ReconcileTotals {
  /** Different keys in the manifest: the sum of all kinds except the two that are not in it. */
  readonly images: number;
  readonly counts: Readonly<Record<ReconciledKind, number>>;
  readonly processedWithoutRows: Readonly<Record<WithoutRows, number>>;
  readonly notInManifest: Readonly<Record<Since, number>>;
  /** Images processed with rows that have fewer rows than the function reported. */
  readonly withFewerRows: number;
  /** Failed images that have rows, from before or from another attempt. */
  readonly failedWithRows: number;
  /** Processed images in whose reply the function's own validation found errors. */
  readonly needsReview: number;
  /** Failed images whose reply was too large to be delivered, and those of them that have rows. */
  readonly replyTooLarge: { readonly images: number; readonly withRows: number };
  /** The records of the table by kind, and those of them that name no image. */
  readonly records: Readonly<Record<RecordKind, number>>;
  readonly withoutImage: Readonly<Record<RecordKind, number>>;
  /**
   * Second outcomes of an image (it was in progress when the process crashed), and keys that the manifest has twice.
   */
  readonly repeatedOutcomes: number;
  readonly repeatedKeys: number;
  /** Keys of records that are another spelling of an image of the manifest (URL-encoded, with the bucket …). */
  readonly otherSpellings: number;
}

/** Counts the results of a reconciliation. */
export function createReconcileTotals() {
  const counts: Record<ReconciledKind, number> = {
    'processed-with-rows': 0,
    'processed-with-older-rows': 0,
    'processed-without-rows': 0,
    'rejected-with-record': 0,
    'rejected-without-record': 0,
    'failed-with-record': 0,
    'failed-without-record': 0,
    gone: 0,
    'rows-without-outcome': 0,
    neither: 0,
    'not-in-manifest': 0,
    'outcome-not-in-manifest': 0,
  };
  const processedWithoutRows = { 'nothing-stored': 0, missing: 0, unclear: 0 };
  const notInManifest = { 'run-start': 0, before: 0, unknown: 0 };
  const records = emptyTally();
  const withoutImage = emptyTally();
  const replyTooLarge = { images: 0, withRows: 0 };
  const special = {
    withFewerRows: 0,
    failedWithRows: 0,
    needsReview: 0,
    repeatedOutcomes: 0,
    repeatedKeys: 0,
    otherSpellings: 0,
  };
  return {
    addRecord(kind: RecordKind, namesAnImage: boolean): void {
      records[kind] += 1;
      if (!namesAnImage) withoutImage[kind] += 1;
    },
    addRepeatedOutcome(): void {
      special.repeatedOutcomes += 1;
    },
    addOtherSpelling(): void {
      special.otherSpellings += 1;
    },
    addRepeatedKey(): void {
      special.repeatedKeys += 1;
    },
    addImage(image: ReconciledImage): void {
      const { outcome, rows } = image;
      counts[image.kind] += 1;
      if (image.kind === 'processed-without-rows') processedWithoutRows[image.why] += 1;
      if (image.kind === 'not-in-manifest') notInManifest[image.since] += 1;
      if (outcome?.kind === 'failed' && ownRows(rows) > 0) special.failedWithRows += 1;
      if (outcome?.needsReview) special.needsReview += 1;
      if (outcome?.failureType === 'REPLY_TOO_LARGE') {
        replyTooLarge.images += 1;
        if (ownRows(rows) > 0 && !isBefore(rows.newestRow, outcome.startedAt)) replyTooLarge.withRows += 1;
      }
      if (image.kind !== 'processed-with-rows' || outcome === undefined) return;
      if (ownRows(rows) < (outcome.entriesStored ?? 0)) special.withFewerRows += 1;
    },
    totals(): ReconcileTotals {
      const inManifest = RECONCILED_KINDS.filter((kind) => !kind.endsWith('not-in-manifest'));
      const images = inManifest.reduce((sum, kind) => sum + counts[kind], 0);
      return { images, counts, processedWithoutRows, notInManifest, records, withoutImage, replyTooLarge, ...special };
    },
  };
}
export type ReconcileTotalsBuilder = ReturnType<typeof createReconcileTotals>;
