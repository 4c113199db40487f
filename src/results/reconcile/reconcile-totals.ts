import type { RecordKind } from '../../pipeline/table/records.ts';
import {
  type DecideBy,
  isOlder,
  ownRows,
  RECONCILED_KINDS,
  type ReconciledImage,
  type ReconciledKind,
  type Since,
  type WithoutRows,
} from './reconcile-image.ts';

export interface ReconcileTotals {
  /** Different keys in the manifest: the sum of all kinds but the two that are not in it. */
  readonly images: number;
  readonly counts: Readonly<Record<ReconciledKind, number>>;
  readonly processedWithoutRows: Readonly<Record<WithoutRows, number>>;
  readonly notInManifest: Readonly<Record<Since, number>>;
  /** Of those processed with rows: that have fewer than the function said it stored (others overwritten, or never written). */
  readonly withFewerRows: number;
  /** Of those processed with rows: whose rows are all from before this run's attempt. */
  readonly withOlderRowsOnly: number;
  /** Of those that failed: that have rows all the same, from before or from another attempt. */
  readonly failedWithRows: number;
  /** Records of the table by kind, and those that name no image. */
  readonly records: Readonly<Record<RecordKind, number>>;
  readonly withoutImage: Readonly<Record<RecordKind, number>>;
  /** Outcomes beyond the first of an image (it was in flight when the process died), and keys the manifest names again. */
  readonly repeatedOutcomes: number;
  readonly repeatedKeys: number;
  /** Keys in records that are those of an image of the manifest in another spelling (URL-encoded, with the bucket …). */
  readonly spelledOtherwise: number;
}

const noRecords = (): Record<RecordKind, number> => ({
  entry: 0,
  'zero-hour': 0,
  rejected: 0,
  coverage: 0,
  failed: 0,
});

/** Counts what a reconciliation finds. */
export function createReconcileSum(by: DecideBy) {
  const counts: Record<ReconciledKind, number> = {
    'processed-with-rows': 0,
    'processed-without-rows': 0,
    'rejected-with-record': 0,
    'rejected-without-record': 0,
    'failed-with-record': 0,
    'failed-without-record': 0,
    'rows-without-outcome': 0,
    neither: 0,
    'not-in-manifest': 0,
    'outcome-not-in-manifest': 0,
  };
  const processedWithoutRows = { 'nothing-stored': 0, 'person-has-no-rows': 0, unclear: 0 };
  const notInManifest = { 'run-start': 0, before: 0, unknown: 0 };
  const records = noRecords();
  const withoutImage = noRecords();
  const some = {
    withFewerRows: 0,
    withOlderRowsOnly: 0,
    failedWithRows: 0,
    repeatedOutcomes: 0,
    repeatedKeys: 0,
    spelledOtherwise: 0,
  };
  return {
    record(kind: RecordKind, namesAnImage: boolean): void {
      records[kind] += 1;
      if (!namesAnImage) withoutImage[kind] += 1;
    },
    repeatedOutcome(): void {
      some.repeatedOutcomes += 1;
    },
    spelledOtherwise(): void {
      some.spelledOtherwise += 1;
    },
    repeatedKey(): void {
      some.repeatedKeys += 1;
    },
    image(image: ReconciledImage): void {
      const { outcome, rows } = image;
      counts[image.kind] += 1;
      if (image.kind === 'processed-without-rows') processedWithoutRows[image.why] += 1;
      if (image.kind === 'not-in-manifest') notInManifest[image.since] += 1;
      if (outcome?.kind === 'failed' && ownRows(rows) > 0) some.failedWithRows += 1;
      if (image.kind !== 'processed-with-rows' || outcome === undefined) return;
      if (ownRows(rows) < (outcome.entriesStored ?? 0)) some.withFewerRows += 1;
      if (isOlder(rows.newestRow, outcome, by)) some.withOlderRowsOnly += 1;
    },
    totals(): ReconcileTotals {
      const inManifest = RECONCILED_KINDS.filter((kind) => !kind.endsWith('not-in-manifest'));
      const images = inManifest.reduce((sum, kind) => sum + counts[kind], 0);
      return { images, counts, processedWithoutRows, notInManifest, records, withoutImage, ...some };
    },
  };
}
export type ReconcileSum = ReturnType<typeof createReconcileSum>;
