import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Outcome } from '../../../src/pipeline/invoke/invocation.ts';
import type { OutcomeRecord } from '../../../src/run/model/types.ts';
import { addOutcome, noTotals } from '../../../src/run/rules/totals.ts';
import { doneCount, emptyProgress, isDone, markDone, type Progress } from '../../../src/run/store/checkpoint.ts';
import {
  noneSinceGrowth,
  noteSinceGrowth,
  progressWithout,
  totalsWithout,
} from '../../../src/run/store/since-growth.ts';

const progressOf = (indexes: Iterable<number>): Progress => {
  const progress = emptyProgress();
  for (const index of indexes) markDone(progress, index);
  return progress;
};
const indexes = fc.uniqueArray(fc.nat(60));
const record = (index: number, outcome: Outcome): OutcomeRecord => ({
  index,
  key: `image ${index}`,
  outcome,
  startedAt: 0,
  durationMs: 1,
  throttles: 0,
});

test('Exactly the removed images have no outcome afterwards', () => {
  fc.assert(
    fc.property(indexes, indexes, (done, removed) => {
      const left = progressWithout(progressOf(done), progressOf(removed));
      const expected = new Set(done).difference(new Set(removed));
      for (let index = 0; index <= 61; index++) expect(isDone(left, index)).toBe(expected.has(index));
      expect(doneCount(left)).toBe(expected.size);
      // It is in the form that a checkpoint accepts.
      expect(left).toEqual(progressOf(expected));
    }),
  );
});

test('The totals lose exactly the processed images since growth, and keep the cost and everything else', () => {
  const before: Outcome[] = [
    { kind: 'processed', entriesStored: 4, costUsd: 1 },
    { kind: 'failed', failureType: 'OCR_ERROR', message: 'x' },
  ];
  const since: OutcomeRecord[] = [
    record(2, { kind: 'processed', entriesStored: 3, costUsd: 1 }),
    record(3, { kind: 'rejected', reason: 'Draft' }),
    record(4, { kind: 'processed', entriesStored: 0 }),
    record(5, { kind: 'processed', entriesStored: 2 }),
    record(2, { kind: 'no-rows', entriesStored: 3 }),
  ];
  const first = before.map((outcome, index) => record(index, outcome)).reduce(addOutcome, noTotals);
  const totals = since.reduce(addOutcome, first);
  const noted = since.reduce(noteSinceGrowth, noneSinceGrowth());
  expect(noted).toMatchObject({ processed: 1, noRows: 1, entriesStored: 5 });
  expect([2, 3, 4, 5].map((index) => isDone(noted.images, index))).toEqual([true, false, false, true]);
  expect(totalsWithout(totals, noted)).toEqual({ ...totals, processed: 2, noRows: 0, entriesStored: 4 });
});
