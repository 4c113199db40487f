import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { PutItemCommand } from '@aws-sdk/client-dynamodb';
import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { listKeys } from '../../../src/backup/catalogue/location.ts';
import { keyReader } from '../../../src/backup/format/item-key.ts';
import { readSupplements, saveToSupplement } from '../../../src/backup/write/supplement.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import type { Item } from '../../../src/pipeline/table/item.ts';
import { toSdkItem } from '../../support/items.ts';
import { timesheetEntry } from '../../support/pipeline-table.ts';
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
