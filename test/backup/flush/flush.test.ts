import { DeleteItemCommand, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { writeRecord } from '../../../src/backup/catalogue/catalogue.ts';
import { BackupNotVerifiedError, FlushRefusedError } from '../../../src/backup/errors.ts';
import { flushTable } from '../../../src/backup/flush/flush.ts';
import { restoreBackup } from '../../../src/backup/restore/restore.ts';
import { countByKind } from '../../../src/pipeline/table/count.ts';
import { textOf } from '../../../src/pipeline/table/item.ts';
import { throttled } from '../../support/fault-proxy.ts';
import { toSdkItem } from '../../support/items.ts';
import { coverage, failedImage, timesheetEntry } from '../../support/pipeline-table.ts';
import { type BackupWorld, startBackupWorld } from '../backup-rig.ts';

let world: BackupWorld;
beforeAll(async () => {
  world = await startBackupWorld();
});
afterAll(() => world.stop());

const entries = (count: number) => Array.from({ length: count }, (_, index) => timesheetEntry(index));
async function itemOf(table: string, index: number) {
  const { ResourceName, DateProjectCode } = timesheetEntry(index);
  if (!ResourceName || !DateProjectCode) throw new Error('An entry without its key');
  const Key = toSdkItem({ ResourceName, DateProjectCode });
  return (await world.dynamodb.send(new GetItemCommand({ TableName: table, Key, ConsistentRead: true }))).Item;
}
const flush = (table: string, backupId: string, more: object = {}) =>
  flushTable(world.deps, {
    jobId: `flush-${table}`,
    table,
    backupId,
    maxDifference: 100,
    writers: 'active' as const,
    ...more,
  });

describe.each(['active', 'held'] as const)('a flush with writers %s', (writers) => {
  test('leaves the table empty, and a restore brings every record back', async () => {
    const table = await world.table([...entries(130), coverage(1), failedImage(1)]);
    const before = await world.digest(table);
    const { id } = await world.backup(table);
    const result = await flush(table, id, { writers });
    expect(result).toMatchObject({ deleted: 132, supplemented: 0, newRows: 0, remaining: { total: 0 } });
    expect((await world.digest(table)).items).toBe(0);
    const restored = await restoreBackup(world.deps, {
      jobId: `restore-${table}`,
      table,
      backupId: id,
      mode: 'replace',
      by: 'U1',
    });
    expect(restored.written).toBe(132);
    expect(await world.digest(table)).toEqual(before);
  });

  test('saves what came or changed since the backup before deleting it, and restore brings that back', async () => {
    const table = await world.table(entries(60));
    const { id } = await world.backup(table);
    await world.dynamodb.send(
      new PutItemCommand({ TableName: table, Item: toSdkItem(timesheetEntry(3, { Hours: { N: '1' } })) }),
    );
    await world.dynamodb.send(new PutItemCommand({ TableName: table, Item: toSdkItem(timesheetEntry(900)) }));
    const before = await world.digest(table);
    const result = await flush(table, id, { writers });
    expect(result).toMatchObject({ deleted: 61, supplemented: 2, newRows: 0, difference: { added: 1, changed: 1 } });
    await restoreBackup(world.deps, { jobId: `r-${table}`, table, backupId: id, mode: 'replace', by: 'U1' });
    expect(await world.digest(table)).toEqual(before);
  });

  test('deletes the failed images alone when asked for that kind', async () => {
    const table = await world.table([...entries(30), failedImage(1), failedImage(2)]);
    const { id } = await world.backup(table);
    await world.dynamodb.send(new PutItemCommand({ TableName: table, Item: toSdkItem(failedImage(3)) }));
    const result = await flush(table, id, { kinds: ['failed'], writers });
    expect(result).toMatchObject({ deleted: 3, supplemented: 1, newRows: 0 });
    expect(await countByKind(world.dynamodb, table)).toMatchObject({ entry: 30, failed: 0, total: 30 });
  });
});

test('keeps the table when it differs from the backup by more than the setting', async () => {
  const table = await world.table(entries(20));
  const { id } = await world.backup(table);
  for (let index = 500; index < 503; index += 1)
    await world.dynamodb.send(new PutItemCommand({ TableName: table, Item: toSdkItem(timesheetEntry(index)) }));
  const before = await world.digest(table);
  const refused = await flush(table, id, { maxDifference: 2 }).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(FlushRefusedError);
  expect(refused).toMatchObject({ difference: { added: 3, changed: 0, removed: 0 }, maxDifference: 2 });
  expect(await world.digest(table)).toEqual(before);
});

test('keeps the table when the backup is not verified', async () => {
  const table = await world.table(entries(5));
  const record = await world.backup(table);
  await writeRecord(world.location, { ...record, verification: { kind: 'unverified', reason: 'its file was cut' } });
  await expect(flush(table, record.id)).rejects.toBeInstanceOf(BackupNotVerifiedError);
  expect((await world.digest(table)).items).toBe(5);
});

test('keeps the table when an object of the verified backup was altered since', async () => {
  const table = await world.table(entries(5));
  const record = await world.backup(table);
  const file = record.files.find(({ items }) => items > 0);
  await world.s3.put('backups', file?.key ?? '', 'something else');
  await expect(flush(table, record.id)).rejects.toMatchObject({ name: 'BackupDamagedError', objectKey: file?.key });
  expect((await world.digest(table)).items).toBe(5);
});

test('keeps a version that a writer put between the reading of a record and its deletion', async () => {
  const table = await world.table(entries(40));
  const { id } = await world.backup(table);
  let raced = false;
  const dynamodb = await world.through({
    async intercept({ operation, body }) {
      if (operation !== 'DeleteItem' || raced || !body.includes('"PJ7"')) return undefined;
      raced = true;
      await world.dynamodb.send(
        new PutItemCommand({ TableName: table, Item: toSdkItem(timesheetEntry(7, { Hours: { N: '99' } })) }),
      );
      return undefined;
    },
  });
  const result = await flushTable(
    { ...world.deps, dynamodb },
    { jobId: 'race', table, backupId: id, maxDifference: 100, writers: 'active' },
  );
  expect(raced).toBe(true);
  expect(result).toMatchObject({ deleted: 40, supplemented: 1, newRows: 0 });
  await restoreBackup(world.deps, { jobId: 'race-r', table, backupId: id, mode: 'replace', by: 'U1' });
  const back = await world.dynamodb.send(
    new DeleteItemCommand({
      TableName: table,
      Key: { ResourceName: { S: 'Person_7' }, DateProjectCode: { S: '2025-09-08#PJ7' } },
      ReturnValues: 'ALL_OLD',
    }),
  );
  expect(back.Attributes?.Hours).toEqual({ N: '99' });
});

test('saves at once what it deleted and could not tell from the backup: an attribute was added and nothing else changed', async () => {
  const table = await world.table(entries(20));
  const { id } = await world.backup(table);
  let raced = false;
  const dynamodb = await world.through({
    async intercept({ operation, body }) {
      if (operation !== 'DeleteItem' || raced || !body.includes('"PJ7"')) return undefined;
      raced = true;
      const corrected = timesheetEntry(7, { CorrectedBy: { S: 'Ann' } });
      await world.dynamodb.send(new PutItemCommand({ TableName: table, Item: toSdkItem(corrected) }));
      return undefined;
    },
  });
  await flushTable(
    { ...world.deps, dynamodb },
    { jobId: 'added', table, backupId: id, maxDifference: 0, writers: 'active' },
  );
  expect(raced).toBe(true);
  await restoreBackup(world.deps, { jobId: 'added-r', table, backupId: id, mode: 'replace', by: 'U1' });
  expect(await itemOf(table, 7)).toMatchObject({ CorrectedBy: { S: 'Ann' } });
});

test('loses nothing that writers put while it runs', async () => {
  const table = await world.table(entries(300));
  const { id } = await world.backup(table);
  const written = new Map<number, string>();
  let writing = true;
  const writer = (async () => {
    for (let turn = 0; writing; turn += 1) {
      const index = (turn * 37) % 330;
      const hours = String(100 + turn);
      await world.dynamodb.send(
        new PutItemCommand({ TableName: table, Item: toSdkItem(timesheetEntry(index, { Hours: { N: hours } })) }),
      );
      written.set(index, hours);
    }
  })();
  const result = await flush(table, id, { maxDifference: 10_000 });
  writing = false;
  await writer;
  expect(result.supplemented).toBeGreaterThan(0);
  // Merge the saved under what is in the table now: every row's last version is in one of the two.
  const left = new Map<string, string>();
  const { scanTable } = await import('../../../src/pipeline/table/scan.ts');
  for (const segment of scanTable(world.dynamodb, table, { segments: 1 }))
    for await (const page of segment)
      for (const item of page.items) left.set(textOf(item.ProjectCode) ?? '', textOf(item.Hours) ?? '');
  await restoreBackup(world.deps, { jobId: `m-${table}`, table, backupId: id, mode: 'replace', by: 'U1' });
  const saved = new Map<string, string>();
  for (const segment of scanTable(world.dynamodb, table, { segments: 1 }))
    for await (const page of segment)
      for (const item of page.items) saved.set(textOf(item.ProjectCode) ?? '', textOf(item.Hours) ?? '');
  const lost = [...written].filter(
    ([index, hours]) => left.get(`PJ${index}`) !== hours && saved.get(`PJ${index}`) !== hours,
  );
  expect(lost).toEqual([]);
});

test.each(['active', 'held'] as const)(
  'goes on through throttling and unprocessed items (writers %s)',
  async (writers) => {
    const table = await world.table(entries(80));
    const { id } = await world.backup(table);
    const dynamodb = await world.through({
      intercept({ operation, body, count }) {
        if (['Scan', 'DeleteItem', 'BatchGetItem'].includes(operation) && count % 5 === 1) return throttled;
        if (operation === 'BatchWriteItem' && count % 2 === 1)
          return { status: 200, json: { UnprocessedItems: JSON.parse(body).RequestItems } };
        return undefined;
      },
    });
    const result = await flushTable(
      { ...world.deps, dynamodb },
      { jobId: `throttled-${writers}`, table, backupId: id, maxDifference: 0, writers },
    );
    expect(result).toMatchObject({ deleted: 80, newRows: 0 });
  },
);

test('stops between batches when told, goes on when called again, and counts what it deleted in all', async () => {
  const table = await world.table(entries(120));
  const { id } = await world.backup(table);
  const stop = new AbortController();
  const stopped = flush(table, id, {
    signal: stop.signal,
    onProgress: ({ deleted }: { deleted: number }) => deleted >= 30 && stop.abort(new Error('stopped by a person')),
  });
  await expect(stopped).rejects.toThrow('stopped by a person');
  const left = (await world.digest(table)).items;
  expect(left).toBeGreaterThan(0);
  expect(left).toBeLessThan(120);
  expect(await flush(table, id)).toMatchObject({ deleted: 120, newRows: 0, remaining: { total: 0 } });
});
