import { UpdateTimeToLiveCommand } from '@aws-sdk/client-dynamodb';
import { DeleteObjectCommand, GetObjectCommand } from '@aws-sdk/client-s3';
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
import { previewRestore, type RestoreProgress } from '../../../src/backup/restore/restore.ts';
import { readWindows } from '../../../src/backup/verify/read-windows.ts';
import { readSupplements } from '../../../src/backup/write/supplement.ts';
import { defined } from '../../../src/lib/defined.ts';
import { RECORD_KINDS } from '../../../src/pipeline/profile/record-kinds.ts';
import type { Item } from '../../../src/pipeline/table/item.ts';
import { throttled } from '../../support/aws/fault-proxy.ts';
import { deleteKeys, putItems } from '../../support/aws/items.ts';
import { coverage, timesheetEntry } from '../../support/aws/pipeline-table.ts';
import { type BackupWorld, startBackupWorld } from '../backup-rig.ts';

let world: BackupWorld;
beforeAll(async () => {
  world = await startBackupWorld();
});
afterAll(() => world.stop());

const entries = (count: number) => Array.from({ length: count }, (_, index) => timesheetEntry(index));
const put = (table: string, item: Item) => putItems(world.dynamodb, table, [item]);
const keyOfEntry = ({ ResourceName, DateProjectCode }: Item): Item => defined({ ResourceName, DateProjectCode });
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

test('A record that is past its time to live is written again, and is no damage when DynamoDB deletes it', async () => {
  const past = { ExpiresAt: { N: String(Math.floor(world.ports.clock.now() / 1000) - 60) } };
  const table = await world.table([...entries(5), timesheetEntry(5, past), timesheetEntry(6, past)]);
  const TimeToLiveSpecification = { Enabled: true, AttributeName: 'ExpiresAt' };
  await world.dynamodb.send(new UpdateTimeToLiveCommand({ TableName: table, TimeToLiveSpecification }));
  const record = await world.backup(table);
  await deleteKeys(
    world.dynamodb,
    table,
    [0, 5].map((index) => keyOfEntry(timesheetEntry(index))),
  );
  expect(await previewRestore(world.ports, { table, backupId: record.id, mode: 'replace' })).toEqual({
    added: 2,
    overwritten: 0,
    removed: 0,
    same: 5,
    expired: 2,
    leftOut: 0,
  });
  const isExpired = (item: Item) => item.ExpiresAt !== undefined;
  expect(await compareWithBackup(world.ports, { record, isExpired })).toMatchObject({
    removed: 1,
    expired: 1,
    same: 5,
  });
  expect(await world.restore(table, record.id, { jobId: `r-${table}` })).toMatchObject({ written: 2 });
});

test('The preview of a restore shows what the restore then changes', async () => {
  const { table, id, wanted } = await driftedTable();
  const drifted = await world.digest(table);
  expect(await previewRestore(world.ports, { table, backupId: id, mode: 'merge' })).toEqual({
    added: 0,
    overwritten: 1,
    removed: 0,
    same: 39,
    expired: 0,
    leftOut: 0,
  });
  expect(await previewRestore(world.ports, { table, backupId: id, mode: 'replace' })).toMatchObject({ removed: 1 });
  expect(await world.digest(table)).toEqual(drifted);
  const result = await world.restore(table, id, { jobId: `r-${table}` });
  expect(result).toMatchObject({
    written: 1,
    unchanged: 39,
    removed: 1,
    proof: { added: 0, changed: 0, removed: 0, same: 40 },
  });
  expect(result.proof.tableDigest).toEqual(result.proof.backupDigest);
  expect(await world.digest(table)).toEqual(wanted);
});

test('A restore in merge mode leaves other records as they are', async () => {
  const { table, id } = await driftedTable();
  const result = await world.restore(table, id, { jobId: `r-${table}`, mode: 'merge' });
  expect(result).toMatchObject({ removed: 0, proof: { added: 1, changed: 0, removed: 0 } });
  expect((await world.digest(table)).items).toBe(41);
});

test('A restore of the safety backup undoes a restore', async () => {
  const { table, id } = await driftedTable();
  const drifted = await world.digest(table);
  const { safetyBackupId } = await world.restore(table, id, { jobId: `r-${table}` });
  const safety = await findBackup(world.location, safetyBackupId);
  expect(safety).toMatchObject({ purpose: 'safety', digest: drifted, verification: { kind: 'verified' } });
  await world.restore(table, safetyBackupId, { jobId: `u-${table}` });
  expect(await world.digest(table)).toEqual(drifted);
});

test('A record that came after the safety backup is saved before it is removed', async () => {
  const table = await world.table(entries(10));
  const { id } = await world.backup(table);
  let came = false;
  const dynamodb = await world.through({
    async intercept({ operation }) {
      if (operation !== 'BatchGetItem' || came) return undefined;
      came = true;
      await put(table, timesheetEntry(777));
      return undefined;
    },
  });
  const { removed, safetyBackupId } = await world.restore(table, id, { jobId: 'late' }, { dynamodb });
  expect([came, removed]).toEqual([true, 1]);
  const undo = await previewRestore(world.ports, { table, backupId: safetyBackupId, mode: 'merge' });
  expect(undo).toMatchObject({ added: 1 });
});

test('A version that came after the safety backup is saved before it is overwritten, and an undo brings it back', async () => {
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
  const { safetyBackupId } = await world.restore(table, id, { jobId: 'newer' }, { dynamodb });
  expect(came).toBe(true);
  const keyOf = keyReader((await findBackup(world.location, safetyBackupId)).table.keys);
  const beside = [...(await readSupplements(world.location, safetyBackupId, keyOf)).byKey.values()];
  expect(beside.map(({ stored }) => stored.item.ProjectCode)).toEqual([{ S: 'PJ7' }]);
  await world.restore(table, safetyBackupId, { jobId: 'undo' });
  const change = await previewRestore(world.ports, { table, backupId: id, mode: 'replace' });
  expect(change).toMatchObject({ overwritten: 2, same: 248 });
});

test('A restore writes nothing when its safety backup cannot be read back as it was written', async () => {
  const { table, id } = await driftedTable();
  const before = await world.digest(table);
  const s3 = world.alteringS3((key) => (key.includes('/data/') ? Buffer.from('something else') : undefined));
  await expect(
    world.restore(table, id, { jobId: 'unsafe' }, { location: { ...world.location, s3 } }),
  ).rejects.toBeInstanceOf(BackupNotVerifiedError);
  expect(await world.digest(table)).toEqual(before);
});

test('A restore writes nothing when an object of the backup was altered, and names the object', async () => {
  const { table, id } = await driftedTable();
  const before = await world.digest(table);
  const last = (await findBackup(world.location, id)).files.findLast(({ items }) => items > 0)?.key ?? '';
  await world.s3.put('backups', last, 'something else');
  await expect(world.restore(table, id, { jobId: 'altered', mode: 'merge' })).rejects.toMatchObject({
    name: 'BackupDamagedError',
    objectKey: last,
  });
  expect(await world.digest(table)).toEqual(before);
});

test('A restore whose table is not as wanted at the end fails with both digests', async () => {
  const table = await world.table(entries(10));
  const { id } = await world.backup(table);
  await put(table, changed(1));
  const dynamodb = await world.through({
    async after({ operation }) {
      if (operation === 'PutItem') await put(table, changed(4));
    },
  });
  const failed = await world
    .restore(table, id, { jobId: 'mismatch', mode: 'merge' }, { dynamodb })
    .catch((error: unknown) => error);
  expect(failed).toBeInstanceOf(RestoreDigestMismatchError);
  expect(failed).toMatchObject({ backupId: id, difference: { changed: 1, removed: 0 } });
});

test('A restore refuses the backup of another table', async () => {
  const { id } = await world.backup(await world.table(entries(2)));
  const other = await world.table(entries(1));
  await expect(world.restore(other, id)).rejects.toBeInstanceOf(BackupOfAnotherTableError);
  expect((await world.digest(other)).items).toBe(1);
});

test('A restore continues through throttling and lost answers', async () => {
  const table = await world.table(entries(90));
  const { id } = await world.backup(table);
  const wanted = await world.digest(table);
  const dynamodb = await world.through({
    intercept({ operation, count }) {
      if (operation === 'Scan' && count % 5 === 1) return throttled;
      if (operation === 'BatchGetItem' && count % 2 === 1) return throttled;
      return operation === 'TransactWriteItems' && count % 3 === 1 ? throttled : undefined;
    },
    isLost: ({ operation, count }) => operation === 'TransactWriteItems' && count % 3 === 2,
  });
  for (let index = 0; index < 30; index += 1) await put(table, changed(index));
  const result = await world.restore(table, id, { recordsPerSwap: 10 }, { dynamodb });
  expect(result).toMatchObject({ written: 30, unchanged: 60 });
  expect(await world.digest(table)).toEqual(wanted);
});

test('A restore that may not write any more writes nothing', async () => {
  const { table, id } = await driftedTable();
  const drifted = await world.digest(table);
  const mayWrite = () => {
    throw new Error('The lease is lost');
  };
  await expect(world.restore(table, id, { mayWrite })).rejects.toThrow('The lease is lost');
  expect(await world.digest(table)).toEqual(drifted);
});

test('The progress of a restore counts the records of the supplements, and never exceeds its total', async () => {
  const table = await world.table(entries(19));
  const { id } = await world.backup(table);
  for (let index = 15; index < 60; index += 1) await put(table, changed(index));
  await world.flush(table, id);
  const shown: RestoreProgress[] = [];
  const result = await world.restore(table, id, {
    recordsPerSwap: 7,
    onProgress: (progress) => void shown.push(progress),
  });
  expect(result).toMatchObject({ written: 60, unchanged: 0 });
  for (const { done, total } of shown) expect(done).toBeLessThanOrEqual(total);
  const writing = shown.filter(({ stage }) => stage === 'writing');
  expect(writing.every(({ total }) => total === 60)).toBe(true);
  expect(writing.at(-1)?.done).toBe(60);
});

test('A version that was saved before a crash and is then set back is saved again, so that an undo brings back the last one', async () => {
  const table = await world.table(entries(3));
  const { id } = await world.backup(table);
  const original = timesheetEntry(2, { Hours: { N: '5' } });
  await put(table, original);
  // The first attempt makes its safety backup, saves the edit that comes then, and dies before it writes.
  let died = false;
  const dynamodb = await world.through({
    async intercept({ operation, count }) {
      if (operation === 'BatchGetItem' && count === 1) await put(table, timesheetEntry(2, { Hours: { N: '6' } }));
      return undefined;
    },
  });
  const s3 = world.alteringS3((key) => {
    if (key.includes('/supplement/') && key.endsWith('.digest.json')) died = true;
    return undefined;
  });
  const mayWrite = () => {
    if (died) throw new Error('The process dies here');
  };
  const first = world.restore(table, id, { mayWrite }, { dynamodb, location: { ...world.location, s3 } });
  await expect(first).rejects.toThrow('dies here');
  await put(table, original);
  const { safetyBackupId } = await world.restore(table, id);
  await world.restore(table, safetyBackupId);
  const preview = await previewRestore(world.ports, { table, backupId: id, mode: 'merge' });
  expect(preview).toMatchObject({ overwritten: 1, same: 2 });
  const keyOf = keyReader((await findBackup(world.location, id)).table.keys);
  const saved = [...(await readSupplements(world.location, safetyBackupId, keyOf)).byKey.values()];
  expect(saved.map(({ stored }) => stored.item.Hours)).toEqual([{ N: '5' }]);
});

test('A comparison by temporary files has the same result as one in memory', async () => {
  const { table, id } = await driftedTable();
  const record = await findBackup(world.location, id);
  const inMemory = await compareWithBackup(world.ports, { record });
  const onDisk = await compareWithBackup(world.ports, { record, memoryBytes: 2_000 });
  expect(inMemory).toMatchObject({ added: 1, changed: 1, removed: 0, same: 39 });
  expect(onDisk).toEqual(inMemory);
  expect(inMemory.examples.added).toEqual([
    { ResourceName: { S: 'Person_15' }, DateProjectCode: { S: '2025-09-25#PJ500' } },
  ]);
  expect(table).toBe(record.table.name);
});

test('Reading in windows continues where it stopped, and returns every item once', async () => {
  const record = await world.backup(await world.table(entries(150)));
  const seen: string[] = [];
  let done = {};
  let windows = 0;
  for await (const window of readWindows(world.location, record, { size: 20, done, random: Math.random })) {
    seen.push(...window.lines);
    done = window.done;
    windows += 1;
    if (windows === 2) break;
  }
  for await (const window of readWindows(world.location, record, { size: 20, done, random: Math.random }))
    seen.push(...window.lines);
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

test('A backup in the format of the runbook is refused with a list of what it lost', () => {
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

test('A backup in the format of the runbook is restored exactly with the types of another backup', async () => {
  const table = await world.table([timesheetEntry(0), coverage(1)]);
  const good = await world.backup(table);
  const { record } = await importLegacy(world.ports, {
    fileName: 'db_backup_20251121_101500.json',
    text: legacyText,
    table,
    typesFrom: good.id,
    by: 'U1',
  });
  expect(record).toMatchObject({ verification: { kind: 'verified' }, digest: { items: 2 }, counts: { coverage: 1 } });
  await world.restore(table, record.id, { jobId: 'legacy' });
  const { scanTable } = await import('../../../src/pipeline/table/scan.ts');
  const items: Item[] = [];
  for (const segment of scanTable(world.dynamodb, table, { segments: 1 }))
    for await (const page of segment) items.push(...page.items);
  expect(items.find((item) => item.TotalWeeks)?.WeeksSubmitted).toEqual({
    SS: expect.toSatisfy((weeks: string[]) => weeks.toSorted().join() === "2025-10-13,it's"),
  });
  expect(items.find((item) => item.Hours)).toMatchObject({ Hours: { N: '7.5' }, ProjectName: { S: "It's 42" } });
});

test('The import stops at a value whose type the other backup does not have', async () => {
  const table = await world.table([coverage(1)]);
  const good = await world.backup(table);
  const request = { fileName: 'db_backup_20251121_101500.json', text: legacyText, table, typesFrom: good.id, by: 'U1' };
  const failed = await importLegacy(world.ports, request).catch((error: unknown) => error);
  expect(failed).toBeInstanceOf(LegacyTypesUnknownError);
  expect(String(failed)).toContain('Hours');
});

test('The import refuses a file that has two records with one key, or a record without its key', async () => {
  const table = await world.table([timesheetEntry(0)]);
  const good = await world.backup(table);
  const entry = { ResourceName: 'Ann', DateProjectCode: '2025-10-13#PJ', ProjectCode: 'PJ' };
  const importing = (...items: object[]) =>
    importLegacy(world.ports, { fileName: 'f.json', text: JSON.stringify(items), table, typesFrom: good.id, by: 'U1' });
  await expect(importing(entry, { ...entry, ProjectCode: 'PX' })).rejects.toMatchObject({
    problems: [expect.stringContaining('two records with the key')],
  });
  await expect(importing(entry, { ResourceName: 'Ann' })).rejects.toMatchObject({
    problems: [expect.stringContaining('without its key')],
  });
});

test('A comparison of equal contents proves every object of the backup by its MD5, and names one that was altered or deleted', async () => {
  const table = await world.table(entries(60));
  const record = await world.backup(table);
  const equal = await compareWithBackup(world.ports, { record });
  expect(equal).toMatchObject({ same: 60, added: 0, changed: 0, removed: 0, removedAsStarted: 0 });
  expect(equal.tableDigest).toEqual(record.digest);
  expect(equal.backupDigest).toEqual(record.digest);
  expect(equal.attributeNames).toEqual(
    (await compareWithBackup(world.ports, { record, kinds: [...RECORD_KINDS] })).attributeNames,
  );
  for (const { key } of record.files.filter(({ items }) => items > 0)) {
    const stored = await world.s3.client.send(new GetObjectCommand({ Bucket: 'backups', Key: key }));
    const whole = (await stored.Body?.transformToByteArray()) ?? new Uint8Array();
    const flipped = Uint8Array.from(whole);
    flipped[9] = (flipped[9] ?? 0) ^ 1;
    await world.s3.put('backups', key, flipped);
    const named = { name: 'BackupDamagedError', objectKey: key };
    await expect(compareWithBackup(world.ports, { record })).rejects.toMatchObject(named);
    await world.s3.client.send(new DeleteObjectCommand({ Bucket: 'backups', Key: key }));
    await expect(compareWithBackup(world.ports, { record })).rejects.toMatchObject(named);
    await world.s3.put('backups', key, whole);
  }
  await put(table, { ...timesheetEntry(3), Hours: { N: '1' } });
  expect(await compareWithBackup(world.ports, { record })).toMatchObject({
    same: 59,
    changed: 1,
    added: 0,
    removed: 0,
  });
});
