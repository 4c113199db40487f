import { GetItemCommand, PutItemCommand, TransactionConflictException } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findBackup, writeRecord } from '../../../src/backup/catalogue/catalogue.ts';
import { BackupNotVerifiedError, FlushRefusedError } from '../../../src/backup/errors.ts';
import type { FlushProgress } from '../../../src/backup/flush/flush.ts';
import { keyReader } from '../../../src/backup/format/item-key.ts';
import { verifyBackup } from '../../../src/backup/verify/verify.ts';
import { readSupplements } from '../../../src/backup/write/supplement.ts';
import { countByKind } from '../../../src/pipeline/table/count.ts';
import { type Item, textOf } from '../../../src/pipeline/table/item.ts';
import { scanTable } from '../../../src/pipeline/table/scan.ts';
import { describeTable } from '../../../src/pipeline/table/table.ts';
import { throttled } from '../../support/aws/fault-proxy.ts';
import { toSdkItem } from '../../support/aws/items.ts';
import { PIPELINE_KEYS } from '../../support/aws/pipeline-keys.ts';
import { coverage, failedImage, timesheetEntry } from '../../support/aws/pipeline-table.ts';
import { type BackupWorld, startBackupWorld } from '../backup-rig.ts';

let world: BackupWorld;
beforeAll(async () => {
  world = await startBackupWorld();
});
afterAll(() => world.stop());

const entries = (count: number) => Array.from({ length: count }, (_, index) => timesheetEntry(index));
const put = (table: string, item: Item) =>
  world.dynamodb.send(new PutItemCommand({ TableName: table, Item: toSdkItem(item) }));
async function itemOf(table: string, index: number) {
  const { ResourceName, DateProjectCode } = timesheetEntry(index);
  if (!ResourceName || !DateProjectCode) throw new Error('An entry without its key');
  const Key = toSdkItem({ ResourceName, DateProjectCode });
  return (await world.dynamodb.send(new GetItemCommand({ TableName: table, Key, ConsistentRead: true }))).Item;
}
const supplementOf = async (backupId: string, table: string) => {
  const keyOf = keyReader((await describeTable(world.dynamodb, table)).keys);
  return [...(await readSupplements(world.location, backupId, keyOf)).byKey.values()].map(({ stored }) => stored.item);
};
/** A DynamoDB that calls `edit` right before the first write that names the record. */
const editBeforeWriteOf = (code: string, edit: () => Promise<unknown>) => {
  let done = false;
  return world.through({
    async intercept({ operation, body }) {
      if (operation !== 'TransactWriteItems' || done || !body.includes(`"${code}"`)) return undefined;
      done = true;
      await edit();
      return undefined;
    },
  });
};

test('A flush leaves the table empty, and a restore brings every record back', async () => {
  const table = await world.table([...entries(130), coverage(1), failedImage(1)]);
  const before = await world.digest(table);
  const { id } = await world.backup(table);
  const result = await world.flush(table, id);
  expect(result).toMatchObject({ deleted: 132, supplemented: 0, newRows: 0, remaining: { total: 0 } });
  expect((await world.digest(table)).items).toBe(0);
  expect(await world.restore(table, id)).toMatchObject({ written: 132, unchanged: 0 });
  expect(await world.digest(table)).toEqual(before);
});

test('A flush saves what came or changed since the backup before it deletes that, and a restore brings it back', async () => {
  const table = await world.table(entries(60));
  const { id } = await world.backup(table);
  await put(table, timesheetEntry(3, { Hours: { N: '1' } }));
  await put(table, timesheetEntry(900));
  const before = await world.digest(table);
  const result = await world.flush(table, id);
  expect(result).toMatchObject({ deleted: 61, supplemented: 2, newRows: 0, difference: { added: 1, changed: 1 } });
  await world.restore(table, id);
  expect(await world.digest(table)).toEqual(before);
});

test('A flush of failed images deletes no other record', async () => {
  const table = await world.table([...entries(30), failedImage(1), failedImage(2)]);
  const { id } = await world.backup(table);
  await put(table, failedImage(3));
  const result = await world.flush(table, id, { kinds: ['failed'] });
  expect(result).toMatchObject({ deleted: 3, supplemented: 1, newRows: 0 });
  expect(await countByKind(world.dynamodb, table, { keys: PIPELINE_KEYS })).toMatchObject({
    entry: 30,
    failed: 0,
    total: 30,
  });
});

test('A failed image that becomes an entry during a flush of failed images stays', async () => {
  const table = await world.table([failedImage(1), failedImage(2)]);
  const { id } = await world.backup(table);
  const { RecordType: _, ...entry } = failedImage(1);
  const dynamodb = await editBeforeWriteOf('FAILED#1', () => put(table, entry));
  const result = await world.flush(table, id, { kinds: ['failed'] }, { dynamodb });
  expect(result).toMatchObject({ deleted: 1, supplemented: 0, newRows: 0, remaining: { entry: 1, failed: 0 } });
});

describe('A flush deletes nothing', () => {
  test('when the table differs from the backup by more than the setting', async () => {
    const table = await world.table(entries(20));
    const { id } = await world.backup(table);
    for (let index = 500; index < 503; index += 1) await put(table, timesheetEntry(index));
    const before = await world.digest(table);
    const refused = await world.flush(table, id, { maxDifference: 2 }).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(FlushRefusedError);
    expect(refused).toMatchObject({ difference: { added: 3, changed: 0, removed: 0 }, maxDifference: 2 });
    expect(await world.digest(table)).toEqual(before);
  });

  test('when the backup is not verified', async () => {
    const table = await world.table(entries(5));
    const record = await world.backup(table);
    await writeRecord(world.location, { ...record, verification: { kind: 'unverified', reason: 'its file was cut' } });
    await expect(world.flush(table, record.id)).rejects.toBeInstanceOf(BackupNotVerifiedError);
    expect((await world.digest(table)).items).toBe(5);
  });

  test('when an object of the verified backup was altered since', async () => {
    const table = await world.table(entries(5));
    const record = await world.backup(table);
    const file = record.files.find(({ items }) => items > 0);
    await world.s3.put('backups', file?.key ?? '', 'something else');
    await expect(world.flush(table, record.id)).rejects.toMatchObject({
      name: 'BackupDamagedError',
      objectKey: file?.key,
    });
    expect((await world.digest(table)).items).toBe(5);
  });

  test('when its process may not write any more', async () => {
    const table = await world.table(entries(5));
    const { id } = await world.backup(table);
    const lost = new Error('The lease is lost');
    const mayWrite = () => {
      throw lost;
    };
    await expect(world.flush(table, id, { mayWrite })).rejects.toBe(lost);
    expect((await world.digest(table)).items).toBe(5);
  });
});

test('A flush that may not write any more after it saved a version does not delete that version', async () => {
  const table = await world.table(entries(3));
  const { id } = await world.backup(table);
  await put(table, timesheetEntry(2, { Hours: { N: '99' } }));
  let mayWrite = true;
  const s3 = world.alteringS3((key) => {
    if (key.includes('/supplement/')) mayWrite = false;
    return undefined;
  });
  const flushed = world.flush(
    table,
    id,
    {
      mayWrite() {
        if (!mayWrite) throw new Error('The lease is lost');
      },
    },
    { location: { ...world.location, s3 } },
  );
  await expect(flushed).rejects.toThrow('The lease is lost');
  expect(await itemOf(table, 2)).toMatchObject({ Hours: { N: '99' } });
});

test('A version that a writer puts between the reading of a record and its deletion is saved and comes back', async () => {
  const table = await world.table(entries(40));
  const { id } = await world.backup(table);
  const dynamodb = await editBeforeWriteOf('PJ7', () => put(table, timesheetEntry(7, { Hours: { N: '99' } })));
  const result = await world.flush(table, id, {}, { dynamodb });
  expect(result).toMatchObject({ deleted: 40, supplemented: 1, newRows: 0 });
  await world.restore(table, id);
  expect(await itemOf(table, 7)).toMatchObject({ Hours: { N: '99' } });
});

test('A version that only has an attribute more, of a name used in the table, is saved before it is deleted', async () => {
  const table = await world.table([...entries(20), timesheetEntry(50, { CorrectedBy: { S: 'Bob' } })]);
  const { id } = await world.backup(table);
  const corrected = timesheetEntry(7, { CorrectedBy: { S: 'Ann' } });
  const dynamodb = await editBeforeWriteOf('PJ7', () => put(table, corrected));
  await world.flush(table, id, { maxDifference: 0 }, { dynamodb });
  expect(await supplementOf(id, table)).toEqual([corrected]);
  await world.restore(table, id);
  expect(await itemOf(table, 7)).toMatchObject({ CorrectedBy: { S: 'Ann' } });
});

test('An attribute whose name a conflict brought in is seen from then on', async () => {
  const table = await world.table(entries(60));
  const { id } = await world.backup(table);
  const codes: string[] = [];
  const onlyAdded: Item[] = [];
  const dynamodb = await world.through({
    async intercept({ operation, body }) {
      if (operation !== 'DeleteItem') return undefined;
      const code = /#PJ(\d+)"/.exec(body)?.[1] ?? '';
      codes.push(code);
      const added = { ReviewedBy: { S: 'Ann' } };
      if (codes.length === 1) await put(table, timesheetEntry(Number(code), { Hours: { N: '9' }, ...added }));
      if (codes.length !== 40) return undefined;
      const item = timesheetEntry(Number(code), added);
      onlyAdded.push(item);
      await put(table, item);
      return undefined;
    },
  });
  await world.flush(table, id, { recordsPerSwap: 1 }, { dynamodb });
  expect(await supplementOf(id, table)).toEqual(expect.arrayContaining(onlyAdded));
  expect(onlyAdded).toHaveLength(1);
});

test('A record that is edited before each attempt to delete it is saved each time', async () => {
  const table = await world.table(entries(5));
  const { id } = await world.backup(table);
  let edits = 0;
  const dynamodb = await world.through({
    async intercept({ operation, body }) {
      if (!['TransactWriteItems', 'DeleteItem'].includes(operation) || edits === 3 || !body.includes('"PJ3"')) return;
      edits += 1;
      await put(table, timesheetEntry(3, { Hours: { N: `${edits}.25` } }));
      return;
    },
  });
  const result = await world.flush(table, id, {}, { dynamodb });
  expect(result).toMatchObject({ deleted: 5, supplemented: 3, remaining: { total: 0 } });
  expect(await supplementOf(id, table)).toMatchObject([{ Hours: { N: '3.25' } }]);
});

test('A flush loses nothing that writers put while it runs', async () => {
  const table = await world.table(entries(300));
  const { id } = await world.backup(table);
  const written = new Map<number, string>();
  let writing = true;
  const writer = (async () => {
    for (let turn = 0; writing; turn += 1) {
      const index = (turn * 37) % 330;
      const hours = String(100 + turn);
      // A put meets TransactionConflict while the record is part of a transaction; the function's SDK repeats it.
      await put(table, timesheetEntry(index, { Hours: { N: hours } })).then(
        () => written.set(index, hours),
        (error: unknown) => {
          if (!(error instanceof TransactionConflictException)) throw error;
        },
      );
    }
  })();
  const result = await world.flush(table, id, { maxDifference: 10_000 });
  writing = false;
  await writer;
  expect(result.supplemented).toBeGreaterThan(0);
  const hoursNow = async () => {
    const hours = new Map<string | undefined, string | undefined>();
    for (const segment of scanTable(world.dynamodb, table, { segments: 1 }))
      for await (const page of segment)
        for (const item of page.items) hours.set(textOf(item.ProjectCode), textOf(item.Hours));
    return hours;
  };
  // The last version of each row is in the table or comes back with the backup.
  const left = await hoursNow();
  await world.restore(table, id);
  const saved = await hoursNow();
  const lost = [...written].filter(
    ([index, hours]) => left.get(`PJ${index}`) !== hours && saved.get(`PJ${index}`) !== hours,
  );
  expect(lost).toEqual([]);
});

test('A flush continues through throttling', async () => {
  const table = await world.table(entries(80));
  const { id } = await world.backup(table);
  const dynamodb = await world.through({
    intercept: ({ operation, count }) =>
      (operation === 'Scan' && count % 5 === 1) || (operation === 'TransactWriteItems' && count % 2 === 1)
        ? throttled
        : undefined,
  });
  const result = await world.flush(table, id, { maxDifference: 0, recordsPerSwap: 20 }, { dynamodb });
  expect(result).toMatchObject({ deleted: 80, newRows: 0 });
});

test('A deletion whose answer was lost is counted once', async () => {
  const table = await world.table(entries(60));
  const { id } = await world.backup(table);
  const dynamodb = await world.through({
    isLost: ({ operation, count }) => operation === 'TransactWriteItems' && count <= 2,
  });
  const result = await world.flush(table, id, { maxDifference: 0, recordsPerSwap: 20 }, { dynamodb });
  expect(result).toMatchObject({ deleted: 60, supplemented: 0, remaining: { total: 0 } });
});

test('A stopped flush continues when it is called again, and counts what it deleted in all', async () => {
  const table = await world.table(entries(120));
  const { id } = await world.backup(table);
  const stop = new AbortController();
  const stopped = world.flush(table, id, {
    signal: stop.signal,
    recordsPerSwap: 2,
    onProgress: ({ stage, done }) => {
      if (stage === 'deleting' && done >= 30) stop.abort(new Error('stopped by a person'));
    },
  });
  await expect(stopped).rejects.toThrow('stopped by a person');
  const left = (await world.digest(table)).items;
  expect(left).toBeGreaterThan(0);
  expect(left).toBeLessThan(120);
  // Its own deletions do not count as a difference.
  expect(await world.flush(table, id, { maxDifference: 0 })).toMatchObject({
    deleted: 120,
    newRows: 0,
    remaining: { total: 0 },
  });
});

test('A resumed flush is held to the limit for changes that are not its own', async () => {
  const table = await world.table(entries(30));
  const { id } = await world.backup(table);
  let writes = 0;
  const mayWrite = () => {
    writes += 1;
    if (writes > 6) throw new Error('The process stops here');
  };
  await expect(world.flush(table, id, { maxDifference: 0, recordsPerSwap: 1, mayWrite })).rejects.toThrow('stops here');
  const before = await world.digest(table);
  expect(before.items).toBeLessThan(30);
  await put(table, timesheetEntry(700));
  const refused = world.flush(table, id, { maxDifference: 0 });
  await expect(refused).rejects.toMatchObject({ difference: { added: 1, changed: 0, removed: 0 } });
  expect((await world.digest(table)).items).toBe(before.items + 1);
  expect(await world.flush(table, id, { maxDifference: 1 })).toMatchObject({ deleted: 31, remaining: { total: 0 } });
});

test('The progress of a flush never goes back within a stage and never exceeds its total, supplements included', async () => {
  const table = await world.table(entries(60));
  const { id } = await world.backup(table);
  for (let index = 0; index < 55; index += 1) await put(table, timesheetEntry(1_000 + index));
  const shown: FlushProgress[] = [];
  await world.flush(table, id, { recordsPerSwap: 7, onProgress: (progress) => void shown.push(progress) });
  for (const { done, total } of shown) expect(done).toBeLessThanOrEqual(total);
  for (const stage of ['comparing', 'deleting', 'leftovers', 'counting'] as const) {
    const ofStage = shown.filter((progress) => progress.stage === stage).map(({ done }) => done);
    expect(ofStage.length).toBeGreaterThan(0);
    expect(ofStage).toEqual(ofStage.toSorted((a, b) => a - b));
  }
  expect(shown.at(-1)).toEqual({ stage: 'counting', done: 115, total: 115, supplemented: 55 });
  expect(shown.filter(({ stage }) => stage === 'deleting').every(({ total }) => total === 115)).toBe(true);
});

test('A flush deletes records that grew since the backup to more than one transaction can hold', async () => {
  const table = await world.table(entries(30));
  const { id } = await world.backup(table);
  for (let index = 0; index < 30; index += 1)
    await put(table, timesheetEntry(index, { Text: { S: 'x'.repeat(300_000) } }));
  expect(await world.flush(table, id)).toMatchObject({ deleted: 30, remaining: { total: 0 } });
  expect(await supplementOf(id, table)).toHaveLength(30);
});

test('A finished flush of the whole table marks its backup as used, which a check keeps and a restore of it takes back', async () => {
  const table = await world.table([...entries(3), failedImage(1)]);
  const { id } = await world.backup(table);
  const usedBy = async () => (await findBackup(world.location, id)).usedBy;
  await world.flush(table, id, { kinds: ['failed'] });
  expect(await usedBy()).toBeUndefined();
  await world.flush(table, id, { jobId: 'f-1' });
  expect(await usedBy()).toMatchObject({ jobId: 'f-1' });
  await verifyBackup(world.location, await findBackup(world.location, id), () => 1, world);
  expect(await usedBy()).toMatchObject({ jobId: 'f-1' });
  await world.restore(table, id);
  expect(await usedBy()).toBeUndefined();
});
