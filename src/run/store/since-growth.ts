import type { OutcomeRecord, RunTotals } from '../model/types.ts';
import { claimsRows } from '../proof/row-proof.ts';
import { copyProgress, emptyProgress, isDone, markDone, type Progress, type SinceGrowth } from './checkpoint.ts';

/** The processed images since the table last grew: what they stored is not proven. */
export const noneSinceGrowth = (): SinceGrowth => ({
  images: emptyProgress(),
  processed: 0,
  noRows: 0,
  entriesStored: 0,
});

export const copySinceGrowth = (since: SinceGrowth): SinceGrowth => ({
  ...since,
  images: copyProgress(since.images),
});

/** More ranges than this are not kept, so that the checkpoint stays small. The end of the run checks all images. */
const MAX_RANGES = 2_000;

/** Notes an outcome that was counted. Changes `since` in place and returns it with its new counts. */
export function noteSinceGrowth(since: SinceGrowth, record: OutcomeRecord): SinceGrowth {
  const { outcome, index } = record;
  if (outcome.kind === 'no-rows')
    return isDone(since.images, index) ? { ...since, processed: since.processed - 1, noRows: since.noRows + 1 } : since;
  if (outcome.kind !== 'processed' || !claimsRows(record) || since.images.beyond.length > MAX_RANGES) return since;
  markDone(since.images, index);
  const entriesStored = since.entriesStored + (outcome.entriesStored ?? 0);
  const next = { ...since, processed: since.processed + 1, entriesStored };
  return outcome.review ? { ...next, needsReview: (since.needsReview ?? 0) + 1 } : next;
}

/** The totals without the images since growth, which are processed again. What they cost stays. */
export const totalsWithout = (totals: RunTotals, since: SinceGrowth): RunTotals => ({
  ...totals,
  processed: Math.max(0, totals.processed - since.processed),
  noRows: Math.max(0, totals.noRows - since.noRows),
  entriesStored: Math.max(0, totals.entriesStored - since.entriesStored),
  ...(since.needsReview && { needsReview: Math.max(0, (totals.needsReview ?? 0) - since.needsReview) }),
});

/** The progress in which these images have no outcome. */
export function progressWithout(progress: Progress, images: Progress): Progress {
  const removed = rangesOf(images);
  const kept = rangesOf(progress).flatMap((range) => subtract(range, removed));
  const [first, ...rest] = kept;
  return first?.[0] === 0 ? { lowWater: first[1] + 1, beyond: rest } : { lowWater: 0, beyond: kept };
}

type Range = [from: number, to: number];
const rangesOf = ({ lowWater, beyond }: Progress): Range[] => [
  ...(lowWater > 0 ? [[0, lowWater - 1] satisfies Range] : []),
  ...beyond.map(([from, to]): Range => [from, to]),
];

function subtract([from, to]: Range, removed: readonly Range[]): Range[] {
  const left: Range[] = [];
  let next = from;
  for (const [first, last] of removed) {
    if (last < next || first > to) continue;
    if (first > next) left.push([next, first - 1]);
    next = last + 1;
  }
  if (next <= to) left.push([next, to]);
  return left;
}
