import { afterAll, beforeAll, expect, test } from 'vitest';
import { TIMESHEETS } from '../../../src/pipeline/profile/timesheets.ts';
import { createBoundedCount } from '../../../src/pipeline/table/count.ts';
import { describeTable } from '../../../src/pipeline/table/table.ts';
import { type BackupWorld, startBackupWorld } from '../../backup/backup-rig.ts';
import { failedImage, timesheetEntry } from '../../support/aws/pipeline-table.ts';

let world: BackupWorld;
let table: string;
beforeAll(async () => {
  world = await startBackupWorld();
  table = await world.table([timesheetEntry(1), timesheetEntry(2), failedImage(3)]);
});
afterAll(() => world.stop());

test('a table of at most the given size is counted: its entries, and all its records', async () => {
  const { approximateBytes } = await describeTable(world.dynamodb, table);
  const counts = createBoundedCount(world.dynamodb, table, { maxBytes: approximateBytes, profile: TIMESHEETS });
  expect(await counts.isCountable()).toBe(true);
  expect(await counts.entries()).toBe(2);
  expect(await counts.records()).toBe(3);
  expect(await counts.size()).toEqual({ entries: 2 });
});

test('a larger table is not counted, and its size is the approximate number of records', async () => {
  const { approximateBytes, approximateItems } = await describeTable(world.dynamodb, table);
  const counts = createBoundedCount(world.dynamodb, table, {
    maxBytes: approximateBytes - 1,
    profile: TIMESHEETS,
  });
  expect(await counts.isCountable()).toBe(false);
  expect(await counts.entries()).toBeUndefined();
  expect(await counts.records()).toBeUndefined();
  expect(await counts.size()).toEqual({ entriesApproximate: approximateItems });
});
