import { afterAll, beforeAll, expect, test } from 'vitest';
import { findBackup } from '../../../src/backup/catalogue/catalogue.ts';
import { compareWithBackup } from '../../../src/backup/compare/compare.ts';
import {
  BackupNotVerifiedError,
  BackupOfAnotherTableError,
  RestoreDigestMismatchError,
} from '../../../src/backup/errors.ts';
import { keyReader } from '../../../src/backup/format/item-key.ts';
import {
  importLegacy,
  LegacyBackupError,
  LegacyTypesUnknownError,
  refuseLegacy,
} from '../../../src/backup/legacy/legacy.ts';
import { previewRestore, restoreBackup } from '../../../src/backup/restore/restore.ts';
import { readWindows } from '../../../src/backup/verify/read-windows.ts';
import { readSupplements } from '../../../src/backup/write/supplement.ts';
import type { Item } from '../../../src/pipeline/table/item.ts';
import { throttled } from '../../support/fault-proxy.ts';
import { putItems } from '../../support/items.ts';
import { coverage, timesheetEntry } from '../../support/pipeline-table.ts';
import { type BackupWorld, startBackupWorld } from '../backup-rig.ts';

let world: BackupWorld;
beforeAll(async () => {
  world = await startBackupWorld();
});
afterAll(() => world.stop());

const entries = (count: number) => Array.from({ length: count }, (_, index) => timesheetEntry(index));
const put = (table: string, item: Item) => putItems(world.dynamodb, table, [item]);
const changed = (index: number) => timesheetEntry(index, { Hours: { N: '0.25' } });

/** A table with a backup, and since then one record changed, one new, one gone. */
async function driftedTable() {
  const table = await world.table(entries(40));
  const record = await world.backup(table);
  const wanted = await world.digest(table);
  await put(table, changed(3));
  await put(table, timesheetEntry(500));
  return { table, id: record.id, wanted };
}

test('the preview says what a restore will change, and the restore does that', async () => {
  const { table, id, wanted } = await driftedTable();
  const drifted = await world.digest(table);
  expect(await previewRestore(world.deps, { table, backupId: id, mode: 'merge' })).toEqual({
    added: 0,
    overwritten: 1,
    removed: 0,
    same: 39,
  });
  expect(await previewRestore(world.deps, { table, backupId: id, mode: 'replace' })).toMatchObject({ removed: 1 });
  expect(await world.digest(table)).toEqual(drifted);
  const result = await restoreBackup(world.deps, {
    jobId: `r-${table}`,
    table,
    backupId: id,
    mode: 'replace',
    by: 'U1',
  });
  expect(result).toMatchObject({ written: 40, removed: 1, proof: { added: 0, changed: 0, removed: 0, same: 40 } });
  expect(result.proof.tableDigest).toEqual(result.proof.backupDigest);
  expect(await world.digest(table)).toEqual(wanted);
});

test('merge leaves other records alone', async () => {
  const { table, id } = await driftedTable();
  const result = await restoreBackup(world.deps, { jobId: `r-${table}`, table, backupId: id, mode: 'merge', by: 'U1' });
  expect(result).toMatchObject({ removed: 0, proof: { added: 1, changed: 0, removed: 0 } });
  expect((await world.digest(table)).items).toBe(41);
});

test('a restore is undone by a restore of its safety backup', async () => {
  const { table, id } = await driftedTable();
  const drifted = await world.digest(table);
  const { safetyBackupId } = await restoreBackup(world.deps, {
    jobId: `r-${table}`,
    table,
    backupId: id,
    mode: 'replace',
    by: 'U1',
  });
  const safety = await findBackup(world.location, safetyBackupId);
  expect(safety).toMatchObject({ purpose: 'safety', digest: drifted, verification: { kind: 'verified' } });
  await restoreBackup(world.deps, { jobId: `u-${table}`, table, backupId: safetyBackupId, mode: 'replace', by: 'U1' });
  expect(await world.digest(table)).toEqual(drifted);
});

test('a record that came after the safety backup is saved before it is removed', async () => {
  const table = await world.table(entries(10));
  const { id } = await world.backup(table);
  let came = false;
  const dynamodb = await world.through({
    async intercept({ operation }) {
      if (operation !== 'BatchWriteItem' || came) return undefined;
      came = true;
      await put(table, timesheetEntry(777));
      return undefined;
    },
  });
  const { removed, safetyBackupId } = await restoreBackup(
    { ...world.deps, dynamodb },
    { jobId: 'late', table, backupId: id, mode: 'replace', by: 'U1' },
  );
  expect([came, removed]).toEqual([true, 1]);
  const undo = await previewRestore(world.deps, { table, backupId: safetyBackupId, mode: 'merge' });
  expect(undo).toMatchObject({ added: 1 });
});

test('a version that came after the safety backup is saved before it is overwritten, and a restore undone brings it back', async () => {
  const table = await world.table(entries(250));
  const { id } = await world.backup(table);
  // Both differ from the backup; only the second one from the safety backup as well.
  await put(table, changed(3));
  let came = false;
  const dynamodb = await world.through({
    async intercept({ operation, body }) {
      if (operation !== 'BatchGetItem' || came || !body.includes('#PJ7"')) return undefined;
      came = true;
      await put(table, timesheetEntry(7, { Hours: { N: '99' } }));
      return undefined;
    },
  });
  const { safetyBackupId } = await restoreBackup(
    { ...world.deps, dynamodb },
    { jobId: 'newer', table, backupId: id, mode: 'replace', by: 'U1' },
  );
  expect(came).toBe(true);
  const keyOf = keyReader((await findBackup(world.location, safetyBackupId)).table.keys);
  const beside = [...(await readSupplements(world.location, safetyBackupId, keyOf)).byKey.values()];
  expect(beside.map(({ stored }) => stored.item.ProjectCode)).toEqual([{ S: 'PJ7' }]);
  await restoreBackup(world.deps, { jobId: 'undo', table, backupId: safetyBackupId, mode: 'replace', by: 'U1' });
  const change = await previewRestore(world.deps, { table, backupId: id, mode: 'replace' });
  expect(change).toMatchObject({ overwritten: 2, same: 248 });
});

test('nothing is written when the safety backup cannot be read back as it was written', async () => {
  const { table, id } = await driftedTable();
  const before = await world.digest(table);
  const s3 = world.alteringS3((key) => (key.includes('/data/') ? Buffer.from('something else') : undefined));
  await expect(
    restoreBackup(
      { ...world.deps, location: { ...world.location, s3 } },
      { jobId: 'unsafe', table, backupId: id, mode: 'replace', by: 'U1' },
    ),
  ).rejects.toBeInstanceOf(BackupNotVerifiedError);
  expect(await world.digest(table)).toEqual(before);
});

test('nothing is written when an object of the backup was altered since, and it is named', async () => {
  const { table, id } = await driftedTable();
  const before = await world.digest(table);
  const last = (await findBackup(world.location, id)).files.findLast(({ items }) => items > 0)?.key ?? '';
  await world.s3.put('backups', last, 'something else');
  await expect(
    restoreBackup(world.deps, { jobId: 'altered', table, backupId: id, mode: 'merge', by: 'U1' }),
  ).rejects.toMatchObject({ name: 'BackupDamagedError', objectKey: last });
  expect(await world.digest(table)).toEqual(before);
});

test('a table that is not what it should be at the end is an error with both digests', async () => {
  const table = await world.table(entries(10));
  const { id } = await world.backup(table);
  const dynamodb = await world.through({
    async after({ operation }) {
      if (operation === 'BatchWriteItem') await put(table, changed(4));
    },
  });
  const failed = await restoreBackup(
    { ...world.deps, dynamodb },
    { jobId: 'mismatch', table, backupId: id, mode: 'merge', by: 'U1' },
  ).catch((error: unknown) => error);
  expect(failed).toBeInstanceOf(RestoreDigestMismatchError);
  expect(failed).toMatchObject({ backupId: id, difference: { changed: 1, removed: 0 } });
});

test('a backup of another table is refused', async () => {
  const { id } = await world.backup(await world.table(entries(2)));
  const other = await world.table(entries(1));
  const request = { jobId: 'other', table: other, backupId: id, mode: 'replace', by: 'U1' } as const;
  await expect(restoreBackup(world.deps, request)).rejects.toBeInstanceOf(BackupOfAnotherTableError);
  expect((await world.digest(other)).items).toBe(1);
});

test('a restore goes on through throttling and unprocessed items', async () => {
  const table = await world.table(entries(90));
  const { id } = await world.backup(table);
  const wanted = await world.digest(table);
  const empty = await world.table();
  expect(empty).not.toBe(table);
  const dynamodb = await world.through({
    intercept({ operation, body, count }) {
      if (operation === 'Scan' && count % 5 === 1) return throttled;
      if (operation !== 'BatchWriteItem') return undefined;
      if (count % 3 === 1) return { status: 200, json: { UnprocessedItems: JSON.parse(body).RequestItems } };
      return count % 3 === 2 ? throttled : undefined;
    },
  });
  await put(table, changed(1));
  await restoreBackup({ ...world.deps, dynamodb }, { jobId: 'thr', table, backupId: id, mode: 'replace', by: 'U1' });
  expect(await world.digest(table)).toEqual(wanted);
});

test('a comparison that goes to temporary files finds what one in memory finds', async () => {
  const { table, id } = await driftedTable();
  const record = await findBackup(world.location, id);
  const inMemory = await compareWithBackup(world.deps, { record });
  const onDisk = await compareWithBackup(world.deps, { record, memoryBytes: 2_000 });
  expect(inMemory).toMatchObject({ added: 1, changed: 1, removed: 0, same: 39 });
  expect(onDisk).toEqual(inMemory);
  expect(inMemory.examples.added).toEqual([
    { ResourceName: { S: 'Person_15' }, DateProjectCode: { S: '2025-09-25#PJ500' } },
  ]);
  expect(table).toBe(record.table.name);
});

test('reading in windows goes on where it was, and every item comes once', async () => {
  const record = await world.backup(await world.table(entries(150)));
  const seen: string[] = [];
  let done = {};
  let windows = 0;
  for await (const window of readWindows(world.location, record, { size: 20, done, random: Math.random })) {
    seen.push(...window.items.map(({ json }) => json));
    done = window.done;
    windows += 1;
    if (windows === 2) break;
  }
  for await (const window of readWindows(world.location, record, { size: 20, done, random: Math.random }))
    seen.push(...window.items.map(({ json }) => json));
  expect(seen).toHaveLength(150);
  expect(new Set(seen).size).toBe(150);
});

const legacyText = JSON.stringify([
  {
    ResourceName: 'Person_0',
    DateProjectCode: '2025-09-01#PJ0',
    Hours: '7.5',
    IsZeroHourTimesheet: false,
    ProjectName: "It's 42",
  },
  {
    ResourceName: 'Person_1#2025-10',
    DateProjectCode: 'COVERAGE',
    WeeksSubmitted: "{'2025-10-13', \"it's\"}",
    TotalWeeks: '2',
  },
]);

test('a backup of the runbook is recognised and refused with what it lost', () => {
  const refusal = (() => {
    try {
      return refuseLegacy('db_backup_20251121_101500.json', legacyText);
    } catch (error) {
      return error;
    }
  })();
  expect(refusal).toBeInstanceOf(LegacyBackupError);
  expect(refusal).toMatchObject({
    items: 2,
    losses: [
      { attribute: 'Hours', lookedLike: 'number', values: 1, example: '7.5' },
      { attribute: 'WeeksSubmitted', lookedLike: 'set', values: 1 },
      { attribute: 'TotalWeeks', lookedLike: 'number', values: 1 },
    ],
  });
});

test('with the types of a good backup it becomes a proper one and restores exactly', async () => {
  const table = await world.table([timesheetEntry(0), coverage(1)]);
  const good = await world.backup(table);
  const { record } = await importLegacy(world.deps, {
    fileName: 'db_backup_20251121_101500.json',
    text: legacyText,
    table,
    typesFrom: good.id,
    by: 'U1',
  });
  expect(record).toMatchObject({ verification: { kind: 'verified' }, digest: { items: 2 }, counts: { coverage: 1 } });
  await restoreBackup(world.deps, { jobId: 'legacy', table, backupId: record.id, mode: 'replace', by: 'U1' });
  const { scanTable } = await import('../../../src/pipeline/table/scan.ts');
  const items: Item[] = [];
  for (const segment of scanTable(world.dynamodb, table, { segments: 1 }))
    for await (const page of segment) items.push(...page.items);
  expect(items.find((item) => item.TotalWeeks)?.WeeksSubmitted).toEqual({
    SS: expect.toSatisfy((weeks: string[]) => weeks.toSorted().join() === "2025-10-13,it's"),
  });
  expect(items.find((item) => item.Hours)).toMatchObject({ Hours: { N: '7.5' }, ProjectName: { S: "It's 42" } });
});

test('a value whose type the good backup does not tell stops the import', async () => {
  const table = await world.table([coverage(1)]);
  const good = await world.backup(table);
  const request = { fileName: 'db_backup_20251121_101500.json', text: legacyText, table, typesFrom: good.id, by: 'U1' };
  const failed = await importLegacy(world.deps, request).catch((error: unknown) => error);
  expect(failed).toBeInstanceOf(LegacyTypesUnknownError);
  expect(String(failed)).toContain('Hours');
});
