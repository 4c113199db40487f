import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import {
  DescribeExportCommand,
  DescribeTableCommand,
  ExportTableToPointInTimeCommand,
  type ExportTableToPointInTimeCommandInput,
  ListExportsCommand,
  UpdateContinuousBackupsCommand,
} from '@aws-sdk/client-dynamodb';
import { GetObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { type BackupWorld, startBackupWorld } from '../../backup/backup-rig.ts';
import { putItems } from '../../support/aws/items.ts';
import { timesheetEntry } from '../../support/aws/pipeline-table.ts';

const EXPORT_MS = 60_000;
let now = Date.UTC(2026, 0, 1);
let world: BackupWorld;
beforeAll(async () => {
  world = await startBackupWorld({ now: () => now, exportMs: EXPORT_MS });
});
afterAll(() => world.stop());

async function createTable(entries: number, recovery = true): Promise<{ readonly name: string; readonly arn: string }> {
  const name = await world.table(Array.from({ length: entries }, (_, index) => timesheetEntry(index)));
  if (recovery)
    await world.dynamodb.send(
      new UpdateContinuousBackupsCommand({
        TableName: name,
        PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
      }),
    );
  const { Table } = await world.dynamodb.send(new DescribeTableCommand({ TableName: name }));
  return { name, arn: Table?.TableArn ?? '' };
}
const ask = async (TableArn: string, more: Partial<ExportTableToPointInTimeCommandInput> = {}) =>
  (
    await world.dynamodb.send(
      new ExportTableToPointInTimeCommand({ TableArn, S3Bucket: 'backups', S3Prefix: 'bot', ...more }),
    )
  ).ExportDescription;
const look = async (ExportArn: string) =>
  (await world.dynamodb.send(new DescribeExportCommand({ ExportArn }))).ExportDescription;
const bytesOf = async (Key: string) =>
  (await (await world.s3.client.send(new GetObjectCommand({ Bucket: 'backups', Key }))).Body?.transformToByteArray()) ??
  new Uint8Array();
const textOf = async (key: string) => Buffer.from(await bytesOf(key)).toString('utf8');
const base64Md5 = (body: string | Uint8Array) => createHash('md5').update(body).digest('base64');

const lineSchema = z.object({
  itemCount: z.int(),
  md5Checksum: z.string(),
  etag: z.string(),
  dataFileS3Key: z.string(),
});
const summarySchema = z.looseObject({ itemCount: z.int(), manifestFilesS3Key: z.string(), exportArn: z.string() });

test('An export holds the table as it was when it was asked for, in files whose checksums are in its manifests', async () => {
  const { name, arn } = await createTable(25);
  const asked = await ask(arn);
  expect(asked).toMatchObject({ ExportStatus: 'IN_PROGRESS', ExportFormat: 'DYNAMODB_JSON', TableArn: arn });
  expect(asked?.ExportArn).toMatch(new RegExp(`^${arn}/export/\\d{14}-[0-9a-f]{8}$`));
  await putItems(world.dynamodb, name, [timesheetEntry(99)]);
  now += EXPORT_MS - 1;
  expect((await look(asked?.ExportArn ?? ''))?.ExportStatus).toBe('IN_PROGRESS');
  now += 1;
  const done = await look(asked?.ExportArn ?? '');
  expect(done).toMatchObject({ ExportStatus: 'COMPLETED', ItemCount: 25 });

  const id = asked?.ExportArn?.split('/').at(-1);
  expect(done?.ExportManifest).toBe(`bot/AWSDynamoDB/${id}/manifest-summary.json`);
  const summaryText = await textOf(done?.ExportManifest ?? '');
  expect(await textOf(`bot/AWSDynamoDB/${id}/manifest-summary.checksum`)).toBe(base64Md5(summaryText));
  const summary = summarySchema.parse(JSON.parse(summaryText));
  expect(summary).toMatchObject({ itemCount: 25, exportArn: asked?.ExportArn });
  const filesText = await textOf(summary.manifestFilesS3Key);
  expect(await textOf(`bot/AWSDynamoDB/${id}/manifest-files.checksum`)).toBe(base64Md5(filesText));
  const files = filesText
    .trimEnd()
    .split('\n')
    .map((line) => lineSchema.parse(JSON.parse(line)));
  const items: unknown[] = [];
  for (const file of files) {
    const body = await bytesOf(file.dataFileS3Key);
    expect(base64Md5(body)).toBe(file.md5Checksum);
    const lines = gunzipSync(body)
      .toString('utf8')
      .split('\n')
      .filter((line) => line !== '');
    expect(lines).toHaveLength(file.itemCount);
    items.push(...lines.map((line) => JSON.parse(line)));
  }
  expect(items).toHaveLength(25);
  expect(items).toContainEqual({ Item: timesheetEntry(0) });
  expect(items).not.toContainEqual({ Item: timesheetEntry(99) });
  const listed = await world.s3.client.send(new ListObjectsV2Command({ Bucket: 'backups', Prefix: 'bot/' }));
  expect(listed.Contents?.map(({ Key }) => Key)).toContain(`bot/AWSDynamoDB/${id}/_started`);
});

test('The same token returns the same export for 8 hours, and a conflict for another request', async () => {
  const { arn } = await createTable(1);
  const ClientToken = 'token-1';
  const first = await ask(arn, { ClientToken });
  expect((await ask(arn, { ClientToken }))?.ExportArn).toBe(first?.ExportArn);
  await expect(ask(arn, { ClientToken, S3Prefix: 'other' })).rejects.toMatchObject({ name: 'ExportConflictException' });
  now += 8 * 60 * 60_000;
  expect((await ask(arn, { ClientToken }))?.ExportArn).not.toBe(first?.ExportArn);
  const { ExportSummaries } = await world.dynamodb.send(new ListExportsCommand({ TableArn: arn }));
  expect(ExportSummaries?.map(({ ExportStatus }) => ExportStatus)).toEqual(['COMPLETED', 'IN_PROGRESS']);
});

test('An export is refused without point-in-time recovery, outside of its window, and of a table that is not there', async () => {
  const { arn } = await createTable(1, false);
  await expect(ask(arn)).rejects.toMatchObject({ name: 'PointInTimeRecoveryUnavailableException' });
  const recoverable = await createTable(1);
  for (const offset of [-60_000, 60_000])
    await expect(ask(recoverable.arn, { ExportTime: new Date(now + offset) })).rejects.toMatchObject({
      name: 'InvalidExportTimeException',
    });
  await expect(ask(`${arn}x`)).rejects.toMatchObject({ name: 'TableNotFoundException' });
  await expect(look(`${arn}/export/01700000000000-00000000`)).rejects.toMatchObject({
    name: 'ExportNotFoundException',
  });
});

test('An export into a bucket that does not exist is accepted and then fails', async () => {
  const { arn } = await createTable(1);
  const asked = await ask(arn, { S3Bucket: 'no-such-bucket' });
  now += EXPORT_MS;
  expect(await look(asked?.ExportArn ?? '')).toMatchObject({ ExportStatus: 'FAILED', FailureCode: 'S3NoSuchBucket' });
});
