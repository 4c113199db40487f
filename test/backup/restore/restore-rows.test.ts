import { GetItemCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { entryId } from '../../../src/backup/format/item-key.ts';
import { restoreRows } from '../../../src/backup/restore/restore-rows.ts';
import type { Item } from '../../../src/pipeline/table/item.ts';
import { deleteKeys, putItems, toSdkItem } from '../../support/aws/items.ts';
import { timesheetEntry } from '../../support/aws/pipeline-table.ts';
import { type BackupWorld, startBackupWorld } from '../backup-rig.ts';

let world: BackupWorld;
beforeAll(async () => {
  world = await startBackupWorld();
});
afterAll(() => world.stop());

const keyOf = ({ ResourceName = { S: '' }, DateProjectCode = { S: '' } }: Item) => ({ ResourceName, DateProjectCode });
/** By hand: no image, a number that no float holds, a set, and bytes. */
const byHand = (index: number): Item => {
  const { SourceImage: _, ...entry } = timesheetEntry(index);
  return {
    ...entry,
    Hours: { N: '12345678901234567890.123456789012345678' },
    Weeks: { SS: ['b', 'a'] },
    Seal: { B: 'AP8H' },
  };
};
const idOf = (item: Item) => {
  const { ResourceName, DateProjectCode } = keyOf(item);
  if (!('S' in ResourceName) || !('S' in DateProjectCode)) throw new Error('A key of strings.');
  return entryId({ ResourceName: { S: ResourceName.S ?? '' }, DateProjectCode: { S: DateProjectCode.S ?? '' } });
};
async function lost(items: readonly Item[]) {
  const table = await world.table(items);
  const { id: backupId } = await world.backup(table);
  const remove = (gone: readonly Item[]) => deleteKeys(world.dynamodb, table, gone.map(keyOf));
  const read = async (item: Item) =>
    (
      await world.dynamodb.send(
        new GetItemCommand({ TableName: table, Key: toSdkItem(keyOf(item)), ConsistentRead: true }),
      )
    ).Item;
  return { table, backupId, remove, read };
}

describe('Restoring single records', () => {
  test('restores those that were chosen, exactly, and no other', async () => {
    const items = [byHand(1), byHand(2), timesheetEntry(3)];
    const { table, backupId, remove, read } = await lost(items);
    const before = await world.digest(table);
    await remove(items.slice(0, 2));
    const [first = byHand(0), second = byHand(0)] = items;
    expect(await restoreRows(world.ports, { mayWrite() {}, table, backupId, entries: [idOf(first)] })).toEqual({
      restored: 1,
      taken: 0,
      notInBackup: 0,
    });
    expect(await read(second)).toBeUndefined();
    await restoreRows(world.ports, { mayWrite() {}, table, backupId, entries: [idOf(second)] });
    expect(await world.digest(table)).toEqual(before);
  });

  test('leaves another version of a record as it is, and reports it', async () => {
    const items = [byHand(1), byHand(2)];
    const { table, backupId, remove, read } = await lost(items);
    await remove(items);
    const [first = byHand(0)] = items;
    const newer = { ...first, Hours: { N: '4' } };
    await putItems(world.dynamodb, table, [newer]);
    expect(await restoreRows(world.ports, { mayWrite() {}, table, backupId, entries: items.map(idOf) })).toEqual({
      restored: 1,
      taken: 1,
      notInBackup: 0,
    });
    expect((await read(first))?.Hours).toEqual({ N: '4' });
  });

  test('continues after its process died, with the same result', async () => {
    const items = Array.from({ length: 5 }, (_, index) => byHand(index));
    const { table, backupId, remove } = await lost(items);
    const before = await world.digest(table);
    await remove(items);
    const entries = items.map(idOf);
    let writes = 0;
    const mayWrite = () => {
      writes += 1;
      if (writes > 2) throw new Error('The process dies here');
    };
    await expect(restoreRows(world.ports, { table, backupId, entries, recordsPerSwap: 1, mayWrite })).rejects.toThrow(
      'dies here',
    );
    expect((await world.digest(table)).items).toBe(2);
    const end = { restored: 5, taken: 0, notInBackup: 0 };
    expect(await restoreRows(world.ports, { mayWrite() {}, table, backupId, entries })).toEqual(end);
    expect(await restoreRows(world.ports, { mayWrite() {}, table, backupId, entries })).toEqual(end);
    expect(await world.digest(table)).toEqual(before);
  });

  test('counts records that the backup does not have, and refuses the backup of another table before it writes', async () => {
    const { table, backupId, remove } = await lost([byHand(1)]);
    await remove([byHand(1)]);
    expect(await restoreRows(world.ports, { mayWrite() {}, table, backupId, entries: ['0123456789abcdef'] })).toEqual({
      restored: 0,
      taken: 0,
      notInBackup: 1,
    });
    const other = await world.table([]);
    await expect(
      restoreRows(world.ports, { mayWrite() {}, table: other, backupId, entries: [idOf(byHand(1))] }),
    ).rejects.toThrow();
    expect((await world.digest(other)).items).toBe(0);
  });
});
