import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import { gzipSync } from 'node:zlib';
import { PutItemCommand } from '@aws-sdk/client-dynamodb';
import { DeleteObjectCommand, GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { listKeys } from '../../../src/backup/catalogue/location.ts';
import { createDigestSum } from '../../../src/backup/format/digest.ts';
import { keyReader } from '../../../src/backup/format/item-key.ts';
import { previewRestore } from '../../../src/backup/restore/restore.ts';
import { readSupplements, saveToSupplement } from '../../../src/backup/write/supplement.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import type { Item } from '../../../src/pipeline/table/item.ts';
import { testCredentials } from '../../support/aws/dynalite.ts';
import { toSdkItem } from '../../support/aws/items.ts';
import { timesheetEntry } from '../../support/aws/pipeline-table.ts';
import { type BackupWorld, startBackupWorld } from '../backup-rig.ts';

let world: BackupWorld;
beforeAll(async () => {
  world = await startBackupWorld();
});
afterAll(() => world.stop());

const OTHER = gzipSync('{"Item":{"ResourceName":{"S":"other"}}}\n');
const keyOf = keyReader([
  { name: 'ResourceName', type: 'S', role: 'HASH' },
  { name: 'DateProjectCode', type: 'S', role: 'RANGE' },
]);
const version = (hours: string): Item => ({
  ResourceName: { S: 'Ann' },
  DateProjectCode: { S: '2025-09-29#P' },
  Hours: { N: hours },
});
const hoursSaved = async (id: string) =>
  [...(await readSupplements(world.location, id, keyOf)).byKey.values()].map(({ stored }) => stored.item.Hours);

test('Of two versions of a record the one that was saved last counts, even when the clock was behind', async () => {
  const at = (now: number) => ({ clock: { ...systemClock, now: () => now }, random: Math.random });
  const now = Date.now();
  await saveToSupplement(world.location, 'clocks', [version('1')], at(now + 60_000));
  await saveToSupplement(world.location, 'clocks', [version('2')], at(now));
  expect(await hoursSaved('clocks')).toEqual([{ N: '2' }]);
  await saveToSupplement(world.location, 'clocks', [version('3')], at(now));
  expect(await hoursSaved('clocks')).toEqual([{ N: '3' }]);
});

test('A supplement that S3 stored differently is found before its record is deleted', async () => {
  const table = await world.table([timesheetEntry(1), timesheetEntry(2)]);
  const { id } = await world.backup(table);
  await world.dynamodb.send(new PutItemCommand({ TableName: table, Item: toSdkItem(timesheetEntry(3)) }));
  const s3 = world.alteringS3((key) => (key.includes('/supplement/') ? OTHER : undefined));
  await expect(world.flush(table, id, {}, { location: { ...world.location, s3 } })).rejects.toMatchObject({
    name: 'BackupDamagedError',
    objectKey: expect.stringContaining('/supplement/'),
  });
  expect((await world.digest(table)).items).toBe(1);
  expect(await hoursSaved(id)).toEqual([]);
});

test('An altered supplement with a corrected checksum is found by its digest and named', async () => {
  await saveToSupplement(world.location, 'corrected', [version('1')], { clock: systemClock, random: Math.random });
  const keys: string[] = [];
  for await (const key of listKeys(world.location, 'bot/AWSDynamoDB/corrected/supplement/')) keys.push(key);
  const [data = '', digest = ''] = keys;
  const body = gzipSync(`{"Item":${JSON.stringify(version('99'))}}\n`);
  const { s3, bucket } = world.location;
  const found = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: digest }));
  const kept: object = JSON.parse((await found.Body?.transformToString()) ?? '');
  const md5 = createHash('md5').update(body).digest('base64');
  await s3.send(new PutObjectCommand({ Bucket: bucket, Key: data, Body: body }));
  await s3.send(new PutObjectCommand({ Bucket: bucket, Key: digest, Body: JSON.stringify({ ...kept, md5 }) }));
  await expect(hoursSaved('corrected')).rejects.toMatchObject({ name: 'BackupDamagedError', objectKey: data });
});

test('A supplement of a process that lost its lease while it wrote does not count', async () => {
  const now = Date.now();
  const at = (time: number) => ({ clock: { ...systemClock, now: () => time }, random: Math.random });
  const lost = new Error('The lease is lost');
  // Its clock is ahead: its file sorts after the one of its successor.
  let asked = 0;
  const mayWrite = () => {
    asked += 1;
    if (asked > 1) throw lost;
  };
  await expect(
    saveToSupplement(world.location, 'lost', [version('1')], { ...at(now + 60_000), mayWrite }),
  ).rejects.toBe(lost);
  await saveToSupplement(world.location, 'lost', [version('2')], at(now));
  expect(asked).toBe(2);
  expect(await hoursSaved('lost')).toEqual([{ N: '2' }]);
});

test('A restore says how many files of a supplement it left out because their digest is missing', async () => {
  const table = await world.table([timesheetEntry(1), timesheetEntry(2)]);
  const { id } = await world.backup(table);
  await world.dynamodb.send(new PutItemCommand({ TableName: table, Item: toSdkItem(timesheetEntry(3)) }));
  await world.flush(table, id);
  const request = { table, backupId: id, mode: 'replace' } as const;
  expect(await previewRestore(world.ports, request)).toMatchObject({ added: 3, leftOut: 0 });
  const { s3, bucket } = world.location;
  const keys = await Array.fromAsync(listKeys(world.location, `bot/AWSDynamoDB/${id}/supplement/`));
  const digests = keys.filter((key) => key.endsWith('.digest.json'));
  expect(digests).toHaveLength(1);
  for (const Key of digests) await s3.send(new DeleteObjectCommand({ Bucket: bucket, Key }));
  expect(await previewRestore(world.ports, request)).toMatchObject({ added: 2, leftOut: 1 });
  expect(await world.restore(table, id)).toMatchObject({ written: 2, leftOut: 1 });
});

/** A server that receives a request and then never finishes its answer. */
async function silentServer(onRequest: () => void) {
  const server = createServer((request, response) => {
    request.resume();
    if (request.method === 'GET') {
      response.writeHead(200, { 'content-length': '1000' });
      response.flushHeaders();
    }
    setTimeout(onRequest, 50);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The server did not listen on a port');
  return {
    port: address.port,
    stop() {
      server.closeAllConnections();
      server.close();
    },
  };
}

const isOfSupplement = (request: object, method: string) =>
  'method' in request &&
  request.method === method &&
  'path' in request &&
  typeof request.path === 'string' &&
  request.path.includes('/supplement/');

test.each(['PUT', 'GET'])('A flush can be stopped while S3 does not finish the %s of a supplement', async (method) => {
  const table = await world.table([timesheetEntry(1), timesheetEntry(2)]);
  const { id } = await world.backup(table);
  const late = timesheetEntry(3);
  await world.dynamodb.send(new PutItemCommand({ TableName: table, Item: toSdkItem(late) }));
  const stop = new AbortController();
  const stopped = new Error('Stopped');
  const silent = await silentServer(() => stop.abort(stopped));
  const s3 = new S3Client({
    endpoint: world.s3Url,
    region: 'us-east-1',
    credentials: testCredentials,
    forcePathStyle: true,
  });
  s3.middlewareStack.add(
    (next) => (args) => {
      const { request } = args;
      if (typeof request === 'object' && request !== null && 'port' in request && isOfSupplement(request, method))
        request.port = silent.port;
      return next(args);
    },
    { step: 'finalizeRequest', priority: 'low', name: 'silent' },
  );
  const flushing = world.flush(table, id, { signal: stop.signal }, { location: { ...world.location, s3 } });
  await expect(flushing).rejects.toBe(stopped);
  // The record that is not in S3 is still there.
  const sum = createDigestSum();
  sum.addItem(late);
  expect(await world.digest(table)).toEqual(sum.digest());
  s3.destroy();
  silent.stop();
});
