import { gunzipSync, gzipSync } from 'node:zlib';
import { GetObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findBackup, listBackups } from '../../../src/backup/catalogue/catalogue.ts';
import { clearUnfinished } from '../../../src/backup/catalogue/clear-unfinished.ts';
import { deleteObject, md5Base64 } from '../../../src/backup/catalogue/location.ts';
import { deleteBackup } from '../../../src/backup/catalogue/prune.ts';
import { BackupDamagedError, BackupLocationError, BackupNotFoundError } from '../../../src/backup/errors.ts';
import { readBack, verifyBackup } from '../../../src/backup/verify/verify.ts';
import { makeBackup } from '../../../src/backup/write/make-backup.ts';
import { arbitraryItems } from '../../support/aws/arbitrary-items.ts';
import { throttled } from '../../support/aws/fault-proxy.ts';
import { coverage, failedImage, timesheetEntry } from '../../support/aws/pipeline-table.ts';
import { type BackupWorld, startBackupWorld } from '../backup-rig.ts';

let world: BackupWorld;
beforeAll(async () => {
  world = await startBackupWorld();
});
afterAll(() => world.stop());

const entries = (count: number) => Array.from({ length: count }, (_, index) => timesheetEntry(index));
const bytesOf = async (key: string) => {
  const answer = await world.location.s3.send(new GetObjectCommand({ Bucket: 'backups', Key: key }));
  return Buffer.from((await answer.Body?.transformToByteArray()) ?? []);
};
const keysUnder = async (prefix: string) =>
  ((await world.location.s3.send(new ListObjectsV2Command({ Bucket: 'backups', Prefix: prefix }))).Contents ?? []).map(
    (object) => object.Key ?? '',
  );
const firstFileWithItems = (record: Awaited<ReturnType<BackupWorld['backup']>>) => {
  const file = record.files.find((candidate) => candidate.items > 0);
  if (file === undefined) throw new Error('an empty backup');
  return file;
};

test('A backup is verified, counts every kind, and has the digest of the table', async () => {
  const table = await world.table([...entries(50), coverage(1), failedImage(1)]);
  const record = await world.backup(table);
  expect(record).toMatchObject({ verification: { kind: 'verified' }, counts: { entry: 50, coverage: 1, failed: 1 } });
  expect(record.digest).toEqual(await world.digest(table));
  expect(await findBackup(world.location, record.id)).toEqual(record);
});

test('A backup has the layout of an export of DynamoDB', async () => {
  const table = await world.table(entries(40));
  const record = await world.backup(table);
  const folder = `bot/AWSDynamoDB/${record.id}/`;
  const summaryText = (await bytesOf(`${folder}manifest-summary.json`)).toString();
  expect(JSON.parse(summaryText)).toMatchObject({
    version: '2020-06-30',
    tableArn: record.table.arn,
    s3Bucket: 'backups',
    s3Prefix: 'bot',
    itemCount: 40,
    outputFormat: 'DYNAMODB_JSON',
    manifestFilesS3Key: `${folder}manifest-files.json`,
  });
  expect((await bytesOf(`${folder}manifest-summary.checksum`)).toString()).toBe(md5Base64(summaryText));
  const lines = (await bytesOf(`${folder}manifest-files.json`)).toString().trimEnd().split('\n');
  let items = 0;
  for (const line of lines) {
    const file = JSON.parse(line);
    expect(file.dataFileS3Key).toMatch(new RegExp(`^${folder}data/.*\\.json\\.gz$`));
    const body = await bytesOf(file.dataFileS3Key);
    expect(file.md5Checksum).toBe(md5Base64(body));
    const plain = gunzipSync(body).toString();
    const rows = plain === '' ? [] : plain.trimEnd().split('\n');
    expect(rows).toHaveLength(file.itemCount);
    for (const row of rows) expect(Object.keys(JSON.parse(row))).toEqual(['Item']);
    items += rows.length;
  }
  expect(items).toBe(40);
});

test('The backup of an empty table is verified', async () => {
  const record = await world.backup(await world.table());
  expect(record).toMatchObject({ verification: { kind: 'verified' }, digest: { items: 0 } });
});

test('Any table has the same digest after a backup, a flush and a restore', async () => {
  await fc.assert(
    fc.asyncProperty(arbitraryItems(12), async (items) => {
      const table = await world.table(items);
      const before = await world.digest(table);
      expect(before.items).toBe(items.length);
      const { id } = await world.backup(table);
      const flushed = await world.flush(table, id, { maxDifference: 0 });
      expect(flushed).toMatchObject({ deleted: items.length, supplemented: 0, newRows: 0 });
      await world.restore(table, id);
      expect(await world.digest(table)).toEqual(before);
    }),
    { numRuns: 12 },
  );
});

test('A flipped bit in an object is found wherever it is, and the object is named', async () => {
  const record = await world.backup(await world.table(entries(30)));
  const file = firstFileWithItems(record);
  const whole = await bytesOf(file.key);
  for (const at of [0, 12, Math.floor(whole.length / 2), whole.length - 6, whole.length - 1]) {
    const flipped = Buffer.from(whole);
    flipped[at] = (flipped[at] ?? 0) ^ 1;
    await world.s3.put('backups', file.key, flipped);
    const settled = await verifyBackup(world.location, record, Date.now, world);
    expect(settled.verification).toMatchObject({ kind: 'unverified', objectKey: file.key });
    expect((await findBackup(world.location, record.id)).verification.kind).toBe('unverified');
  }
  await world.s3.put('backups', file.key, whole);
  expect((await verifyBackup(world.location, record, Date.now, world)).verification.kind).toBe('verified');
});

test('An altered item is found by the digest, even when the checksums of its object are corrected', async () => {
  const record = await world.backup(await world.table(entries(10)));
  const file = firstFileWithItems(record);
  const altered = gzipSync(
    gunzipSync(await bytesOf(file.key))
      .toString()
      .replace('"N":"7.5"', '"N":"7.6"'),
  );
  await world.s3.put('backups', file.key, altered);
  const forged = {
    ...record,
    files: record.files.map((one) => (one.key === file.key ? { ...one, md5: md5Base64(altered) } : one)),
  };
  await expect(readBack(world.location, forged)).rejects.toMatchObject({
    name: 'BackupDamagedError',
    reason: expect.stringContaining('digest'),
  });
});

test('An object that is cut off, is missing or has a malformed line is named', async () => {
  const record = await world.backup(await world.table(entries(10)));
  const file = firstFileWithItems(record);
  const whole = await bytesOf(file.key);
  await world.s3.put('backups', file.key, whole.subarray(0, whole.length - 20));
  await expect(readBack(world.location, record)).rejects.toMatchObject({ objectKey: file.key });
  await world.s3.put('backups', file.key, gzipSync('{"Item":{"a":{"S":"x"}}}\n{"Item":{"a":{"Q":1}}}\n'));
  await expect(readBack(world.location, record)).rejects.toMatchObject({
    objectKey: file.key,
    reason: 'line 2 has no item',
  });
  await deleteObject(world.location, file.key);
  await expect(readBack(world.location, record)).rejects.toMatchObject({
    objectKey: file.key,
    reason: 'it does not exist any more',
  });
  await expect(readBack(world.location, record)).rejects.toBeInstanceOf(BackupDamagedError);
});

test('A stopped backup leaves no object behind', async () => {
  const table = await world.table(entries(200));
  const before = await keysUnder('bot/');
  const stop = new AbortController();
  const made = makeBackup(world.ports, {
    table,
    by: 'U1',
    signal: stop.signal,
    onProgress: () => stop.abort(new Error('stopped by a person')),
  });
  await expect(made).rejects.toThrow('stopped by a person');
  expect(await keysUnder('bot/')).toEqual(before);
});

test('A backup continues through throttling', async () => {
  const table = await world.table(entries(20));
  const dynamodb = await world.through({
    intercept: ({ operation, count }) => (operation === 'Scan' && count <= 6 ? throttled : undefined),
  });
  const { record } = await makeBackup({ ...world.ports, dynamodb }, { table, by: 'U1' });
  expect(record).toMatchObject({ digest: { items: 20 }, verification: { kind: 'verified' } });
});

test('A missing bucket is reported as missing, and no backup is made', async () => {
  const table = await world.table(entries(2));
  const location = { ...world.location, bucket: 'no-such-bucket' };
  const failed = await makeBackup({ ...world.ports, location }, { table, by: 'U1' }).catch((error: unknown) => error);
  expect(failed).toBeInstanceOf(BackupLocationError);
  expect(failed).toMatchObject({ bucket: 'no-such-bucket', reason: 'missing' });
});

test('A deleted backup is not in the catalogue any more, and others still are', async () => {
  const table = await world.table(entries(3));
  const [gone, kept] = [await world.backup(table), await world.backup(table)];
  await deleteBackup(world.location, gone.id);
  await expect(findBackup(world.location, gone.id)).rejects.toBeInstanceOf(BackupNotFoundError);
  const ids = (await listBackups(world.location)).map((record) => record.id);
  expect(ids).toContain(kept.id);
  expect(ids).not.toContain(gone.id);
});

test('What a process that died left behind is deleted only when it is old', async () => {
  const folder = 'bot/AWSDynamoDB/01700000000000-deadbeef/';
  await world.s3.put('backups', `${folder}_started`, 'rescan-bot');
  await world.s3.put('backups', `${folder}data/0000.json.gz`, gzipSync('{"Item":{}}\n'));
  const whole = await world.backup(await world.table(entries(2)));
  const early = await clearUnfinished(world.location, { now: 1_700_000_001_000, olderThanMs: 60_000 });
  expect(early).toEqual({ backupIds: [], uploadsAborted: 0 });
  const late = await clearUnfinished(world.location, { now: Date.now() + 1e9, olderThanMs: 60_000 });
  expect(late.backupIds).toEqual(['01700000000000-deadbeef']);
  expect(await keysUnder(folder)).toEqual([]);
  expect((await findBackup(world.location, whole.id)).id).toBe(whole.id);
});

test('A deletion that was interrupted is completed, and a backup whose record somebody deleted is left alone', async () => {
  const table = await world.table(entries(3));
  const [broken, whole] = [await world.backup(table), await world.backup(table)];
  const folderOfBackup = (id: string) => `bot/AWSDynamoDB/${id}/`;
  const objects = (await keysUnder(folderOfBackup(broken.id))).length;
  // The process dies before each of its calls in turn: marker, record, every other object, marker.
  const left = await Promise.all(
    Array.from({ length: objects + 2 }, async (_, calls) => {
      const record = await world.backup(table);
      let done = 0;
      const dying = deleteBackup(world.location, record.id, () => {
        if (done === calls) throw new Error('the process died');
        done += 1;
      });
      await expect(dying).rejects.toThrow('the process died');
      return record.id;
    }),
  );
  await deleteObject(world.location, `${folderOfBackup(broken.id)}rescan-backup.json`);
  await clearUnfinished(world.location, { now: Date.now() + 1e9, olderThanMs: 60_000 });
  const stillThere = await Promise.all(left.map(async (id) => (await keysUnder(folderOfBackup(id))).length > 0));
  // Until its record is deleted, a backup is whole.
  expect(stillThere).toEqual(left.map((_, calls) => calls < 2));
  for (const id of left.slice(0, 2)) expect((await findBackup(world.location, id)).id).toBe(id);
  expect(await keysUnder(folderOfBackup(broken.id))).toHaveLength(objects - 1);
  expect((await findBackup(world.location, whole.id)).id).toBe(whole.id);
});

test('A backup that is deleted while it is verified does not come back into the catalogue', async () => {
  const table = await world.table([timesheetEntry(1)]);
  const record = await world.backup(table);
  const s3 = world.alteringS3(() => undefined);
  s3.middlewareStack.add(
    (next, { commandName }) =>
      async (args) => {
        if (commandName === 'GetObjectCommand' && !isDeleted) {
          isDeleted = true;
          await deleteBackup(world.location, record.id);
        }
        return next(args);
      },
    { step: 'initialize', name: 'deleting' },
  );
  let isDeleted = false;
  const verifying = verifyBackup({ ...world.location, s3 }, record, () => 1, world);
  await expect(verifying).rejects.toBeInstanceOf(BackupNotFoundError);
  expect((await listBackups(world.location)).some(({ id }) => id === record.id)).toBe(false);
});
