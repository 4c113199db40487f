import { DeleteItemCommand, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { entryId } from '../../src/backup/item-key.ts';
import { putBack } from '../../src/backup/put-back.ts';
import { timesheetEntry } from '../support/pipeline-table.ts';
import { type BackupWorld, startBackupWorld } from './world.ts';

let world: BackupWorld;
beforeAll(async () => {
  world = await startBackupWorld();
});
afterAll(() => world.stop());

function keyOf(index: number) {
  const { ResourceName, DateProjectCode } = timesheetEntry(index);
  return { ResourceName: { S: ResourceName?.S ?? '' }, DateProjectCode: { S: DateProjectCode?.S ?? '' } };
}

test('puts removed records back exactly, leaves alone what stands at a key by now, and says which was which', async () => {
  const table = await world.table([1, 2, 3].map((index) => timesheetEntry(index)));
  const { id } = await world.backup(table);
  for (const index of [1, 2]) await world.dynamodb.send(new DeleteItemCommand({ TableName: table, Key: keyOf(index) }));
  const corrected = timesheetEntry(2, { Hours: { N: '99' } });
  await world.dynamodb.send(new PutItemCommand({ TableName: table, Item: corrected }));
  const entries = [1, 2].map((index) => entryId(keyOf(index)));
  const result = await putBack(world.deps, { table, backupId: id, entries: [...entries, '0123456789abcdef'] });
  expect(result).toEqual({ restored: 1, taken: 1, notInBackup: 1 });
  const item = async (index: number) =>
    (await world.dynamodb.send(new GetItemCommand({ TableName: table, Key: keyOf(index) }))).Item;
  expect(await item(1)).toEqual(timesheetEntry(1));
  expect(await item(2)).toEqual(corrected);
});
