import { GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { flushTable } from '../../../src/backup/flush/flush.ts';
import { restoreBackup } from '../../../src/backup/restore/restore.ts';
import type { Faults } from '../../support/fault-proxy.ts';
import { toSdkItem } from '../../support/items.ts';
import { timesheetEntry } from '../../support/pipeline-table.ts';
import { type BackupWorld, startBackupWorld } from '../backup-rig.ts';

let world: BackupWorld;
beforeAll(async () => {
  world = await startBackupWorld();
});
afterAll(() => world.stop());

const ENTRIES = 60;

/** A flush of a held pipeline's table through a DynamoDB that has these faults. */
async function flushThrough(faultsOf: (table: string) => Faults) {
  const table = await world.table(Array.from({ length: ENTRIES }, (_, index) => timesheetEntry(index)));
  const { id } = await world.backup(table);
  const dynamodb = await world.through(faultsOf(table));
  const result = await flushTable(
    { ...world.deps, dynamodb },
    { jobId: `flush-${table}`, table, backupId: id, maxDifference: 0, writers: 'held' },
  );
  return { table, id, result };
}

test('an edit that falls between a deletion that was not taken and its repetition is saved before it goes', async () => {
  const edited = timesheetEntry(3, { Hours: { N: '1.25' } });
  const { table, id, result } = await flushThrough((table) => ({
    async intercept({ operation, body, count }) {
      if (operation !== 'BatchWriteItem' || count > 3) return undefined;
      await world.dynamodb.send(new PutItemCommand({ TableName: table, Item: toSdkItem(edited) }));
      return { status: 200, json: { UnprocessedItems: JSON.parse(body).RequestItems } };
    },
  }));
  expect(result).toMatchObject({ supplemented: 1, remaining: { total: 0 } });
  await restoreBackup(world.deps, { jobId: `restore-${table}`, table, backupId: id, mode: 'replace', by: 'U1' });
  const { ResourceName, DateProjectCode } = edited;
  if (!ResourceName || !DateProjectCode) throw new Error('An entry without its key');
  const Key = toSdkItem({ ResourceName, DateProjectCode });
  const found = await world.dynamodb.send(new GetItemCommand({ TableName: table, Key, ConsistentRead: true }));
  expect(found.Item?.Hours).toEqual({ N: '1.25' });
});

test('what a deletion took though its answer was lost is counted, and once', async () => {
  const { result } = await flushThrough(() => ({
    isLost: ({ operation, count }) => operation === 'BatchWriteItem' && count <= 2,
  }));
  expect(result).toMatchObject({ deleted: ENTRIES, supplemented: 0, remaining: { total: 0 } });
});

test('what was not taken at first is counted once', async () => {
  const { result } = await flushThrough(() => ({
    intercept({ operation, body, count }) {
      if (operation !== 'BatchWriteItem' || count > 2) return undefined;
      return { status: 200, json: { UnprocessedItems: JSON.parse(body).RequestItems } };
    },
  }));
  expect(result).toMatchObject({ deleted: ENTRIES, remaining: { total: 0 } });
});
