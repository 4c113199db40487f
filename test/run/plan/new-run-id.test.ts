import { expect, test } from 'vitest';
import { TIMESHEETS } from '../../../src/pipeline/profile/timesheets.ts';
import { newRunId } from '../../../src/run/plan/planner.ts';
import { createRunStore, runIdOf } from '../../../src/run/store/run-store.ts';
import { createMemoryControlTable } from '../../support/memory/memory-control-table.ts';

/** The ids of the next two plans in a control table that has forgotten the runs in the bucket. */
async function twoIds(inBucket: readonly string[], lastNumber: number): Promise<readonly string[]> {
  const store = createRunStore(createMemoryControlTable().table, 'ocr', TIMESHEETS.reply);
  if (lastNumber > 0) await store.nextRunId(lastNumber - 1);
  const storedRuns = async () => inBucket;
  return [await newRunId({ store, storedRuns }), await newRunId({ store, storedRuns })];
}

test('a plan gets the next number where the control table knows every run', async () => {
  expect(await twoIds(['r-0001', 'r-0002', 'r-0003'], 3)).toEqual(['r-0004', 'r-0005']);
  expect(await twoIds([], 0)).toEqual(['r-0001', 'r-0002']);
});

test('after a restore of the control table a plan gets a number above that of every run in the bucket', async () => {
  expect(await twoIds(['r-0001', 'r-0007', 'r-0012', 'other'], 2)).toEqual(['r-0013', 'r-0014']);
});

test('ids are compared by number, not as texts: r-10000 is after r-9999', async () => {
  const ids = [9_998, 9_999, 10_000, 10_004].map(runIdOf);
  expect(await twoIds(ids, 9_998)).toEqual(['r-10005', 'r-10006']);
  expect(await twoIds(ids.slice(0, 2), 9_999)).toEqual(['r-10000', 'r-10001']);
});
