import { GetItemCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { listKeys, readText } from '../../../src/backup/catalogue/location.ts';
import { folderOf } from '../../../src/backup/format/backup-record.ts';
import { versionId } from '../../../src/backup/format/digest.ts';
import { entryId } from '../../../src/backup/format/item-key.ts';
import { type RestoreRowsRequest, restoreRows } from '../../../src/backup/restore/restore-rows.ts';
import { readDataFile } from '../../../src/backup/verify/read-file.ts';
import type { Item } from '../../../src/pipeline/table/item.ts';
import { scanTable } from '../../../src/pipeline/table/scan.ts';
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
const NOTHING = { restored: 0, taken: 0, overwritten: 0, changedSince: 0, notInBackup: 0 };
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
      ...NOTHING,
      restored: 1,
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
      ...NOTHING,
      restored: 1,
      taken: 1,
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
    const end = { ...NOTHING, restored: 5 };
    expect(await restoreRows(world.ports, { mayWrite() {}, table, backupId, entries })).toEqual(end);
    expect(await restoreRows(world.ports, { mayWrite() {}, table, backupId, entries })).toEqual(end);
    expect(await world.digest(table)).toEqual(before);
  });

  test('tells that it begins to write before its first write, and not where it may not write', async () => {
    const { table, backupId, remove } = await lost([byHand(1)]);
    await remove([byHand(1)]);
    const seen: string[] = [];
    const request = { table, backupId, entries: [idOf(byHand(1))], onProgress: (done: number) => seen.push(`${done}`) };
    const mayNot = () => {
      throw new Error('stopped');
    };
    await expect(restoreRows(world.ports, { ...request, mayWrite: mayNot })).rejects.toThrow('stopped');
    expect(seen).toEqual([]);
    await restoreRows(world.ports, { ...request, mayWrite: () => seen.push('may write') });
    expect(seen).toEqual(['may write', '0', '1']);
  });

  test('counts records that the backup does not have, and refuses the backup of another table before it writes', async () => {
    const { table, backupId, remove } = await lost([byHand(1)]);
    await remove([byHand(1)]);
    expect(await restoreRows(world.ports, { mayWrite() {}, table, backupId, entries: ['0123456789abcdef'] })).toEqual({
      ...NOTHING,
      notInBackup: 1,
    });
    const other = await world.table([]);
    await expect(
      restoreRows(world.ports, { mayWrite() {}, table: other, backupId, entries: [idOf(byHand(1))] }),
    ).rejects.toThrow();
    expect((await world.digest(other)).items).toBe(0);
  });
});

describe('Overwriting single records with the version of the backup', () => {
  const corrected = timesheetEntry(1, { Hours: { N: '4' }, Note: { S: 'corrected' } });
  const rescanned = timesheetEntry(1, { ProcessingTimestamp: { S: '2026-01-01T00:00:00Z' }, Added: { BOOL: true } });
  /** A table whose backup has corrected rows, and which a rescan has written again. */
  async function overwritten(count = 1) {
    const rows = Array.from({ length: count }, (_, index) => ({
      corrected: { ...corrected, DateProjectCode: { S: `2025-09-02#PJ${index}` } },
      rescanned: { ...rescanned, DateProjectCode: { S: `2025-09-02#PJ${index}` } },
    }));
    const about = await lost(rows.map((row) => row.corrected));
    await putItems(
      world.dynamodb,
      about.table,
      rows.map((row) => row.rescanned),
    );
    const overwrites = rows.map((row) => ({ id: idOf(row.rescanned), seen: versionId(row.rescanned) }));
    const restore = (more: Partial<RestoreRowsRequest> = {}, ports = world.ports) =>
      restoreRows(ports, { mayWrite() {}, entries: [], overwrites, ...about, ...more });
    /** The versions that were saved beside the backup, of complete files. */
    const replaced = async () => {
      const folder = `${folderOf(world.location.prefix, about.backupId)}replaced/`;
      const versions: Item[] = [];
      for await (const name of listKeys(world.location, folder)) {
        if (!name.endsWith('.digest.json')) continue;
        const key = name.slice(0, -'.digest.json'.length);
        const { items, md5 } = JSON.parse((await readText(world.location, name)) ?? '');
        for await (const batch of readDataFile(world.location, about.backupId, { key, items, md5 }))
          for (const { item } of batch) versions.push(item);
      }
      return versions;
    };
    return { ...about, rows, overwrites, restore, replaced };
  }
  const itemsOf = async (table: string): Promise<Item[]> => {
    const [segment] = scanTable(world.dynamodb, table, { segments: 1 });
    const items: Item[] = [];
    for await (const page of segment ?? []) items.push(...page.items);
    return items;
  };

  test('replaces the version that was seen, after saving it in S3, and the backup keeps its own version', async () => {
    const { table, backupId, restore, replaced } = await overwritten();
    const row = { ...corrected, DateProjectCode: { S: '2025-09-02#PJ0' } };
    expect(await restore()).toEqual({ ...NOTHING, overwritten: 1 });
    expect(await itemsOf(table)).toEqual([row]);
    expect(await replaced()).toEqual([{ ...rescanned, DateProjectCode: { S: '2025-09-02#PJ0' } }]);
    // A second time there is nothing to do, and a restore of the whole backup takes the corrected version, not the replaced one.
    expect(await restore()).toEqual({ ...NOTHING, overwritten: 1 });
    expect(await replaced()).toHaveLength(1);
    await world.restore(table, backupId);
    expect(await itemsOf(table)).toEqual([row]);
  });

  test.each([
    ['edited', [{ ...rescanned, DateProjectCode: { S: '2025-09-02#PJ0' }, Hours: { N: '6' } }]],
    [
      'edited in an attribute of its own',
      [{ ...rescanned, DateProjectCode: { S: '2025-09-02#PJ0' }, New: { S: 'x' } }],
    ],
    ['deleted', []],
  ] as const)('leaves a record that was %s since it was seen', async (_, after) => {
    const { table, rows, remove, restore, replaced } = await overwritten();
    await remove(rows.map((row) => row.rescanned));
    await putItems(world.dynamodb, table, [...after]);
    expect(await restore()).toEqual({ ...NOTHING, changedSince: 1 });
    expect(await itemsOf(table)).toEqual([...after]);
    expect(await replaced()).toEqual([]);
  });

  test('leaves a record that is edited between the reading and the write', async () => {
    const { table, rows, restore } = await overwritten();
    const edited = { ...(rows[0]?.rescanned ?? {}), Hours: { N: '6' } };
    const dynamodb = await world.through({
      async intercept({ operation, count }) {
        if (operation === 'PutItem' && count === 1) await putItems(world.dynamodb, table, [edited]);
        return undefined;
      },
    });
    expect(await restore({}, { ...world.ports, dynamodb })).toEqual({ ...NOTHING, changedSince: 1 });
    expect(await itemsOf(table)).toEqual([edited]);
  });

  test('continues after its process died, by the hundred, and every replaced version is in S3', async () => {
    const { table, rows, restore, replaced } = await overwritten(250);
    let writes = 0;
    const mayWrite = () => {
      writes += 1;
      if (writes > 9) throw new Error('The process dies here');
    };
    await expect(restore({ mayWrite, recordsPerSwap: 10 })).rejects.toThrow('dies here');
    expect(await restore()).toEqual({ ...NOTHING, overwritten: 250 });
    expect((await itemsOf(table)).length).toBe(250);
    const saved = new Set((await replaced()).map((item) => versionId(item)));
    for (const row of rows) expect(saved.has(versionId(row.rescanned))).toBe(true);
    for (const item of await itemsOf(table)) expect(item.Hours).toEqual({ N: '4' });
  });
});
