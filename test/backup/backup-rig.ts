import { DynamoDBClient, UpdateContinuousBackupsCommand } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { type FlushRequest, flushTable } from '../../src/backup/flush/flush.ts';
import { createDigestSum, type Digest } from '../../src/backup/format/digest.ts';
import type { ExportRecord } from '../../src/backup/format/export-record.ts';
import { exportBackup } from '../../src/backup/native/export-backup.ts';
import type { JobPorts } from '../../src/backup/ports.ts';
import { type RestoreRequest, restoreBackup } from '../../src/backup/restore/restore.ts';
import { makeBackup } from '../../src/backup/write/make-backup.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { TIMESHEETS } from '../../src/pipeline/profile/timesheets.ts';
import type { Item } from '../../src/pipeline/table/item.ts';
import { scanTable } from '../../src/pipeline/table/scan.ts';
import { startDynalite, testCredentials } from '../support/aws/dynalite.ts';
import { type Faults, startFaultProxy } from '../support/aws/fault-proxy.ts';
import { putItems } from '../support/aws/items.ts';
import { createPipelineTable } from '../support/aws/pipeline-table.ts';
import { startS3 } from '../support/aws/s3.ts';
import { memoryJobs } from '../support/memory/memory-jobs.ts';

/** A DynamoDB and an S3 on ports of their own. Each table is new. The faults of `through` act on the client that it returns. */
export async function startBackupWorld(options: Parameters<typeof startDynalite>[0] = {}) {
  const s3 = await startS3('backups');
  const dynamo = await startDynalite({ putObject: (...object) => s3.put(...object), ...options });
  const location = { s3: s3.client, bucket: 'backups', prefix: 'bot/' };
  const proxies: (() => Promise<void>)[] = [];
  let tables = 0;
  const dynamodb = dynamo.client;
  const profile = TIMESHEETS;
  const ports = { dynamodb, location, profile, clock: systemClock, random: Math.random, jobs: memoryJobs() };
  return {
    dynamodb,
    dynamoUrl: dynamo.url,
    s3Url: s3.url,
    s3,
    location,
    profile,
    ports,
    /** Flushes the table; `other` ports take the place of the usual ones. */
    flush: (table: string, backupId: string, more: Partial<FlushRequest> = {}, other: Partial<JobPorts> = {}) =>
      flushTable(
        { ...ports, ...other },
        { jobId: `flush-${table}`, table, backupId, maxDifference: 100, mayWrite() {}, ...more },
      ),
    /** Restores the backup, by default in `replace` mode. */
    restore: (table: string, backupId: string, more: Partial<RestoreRequest> = {}, other: Partial<JobPorts> = {}) =>
      restoreBackup(
        { ...ports, ...other },
        { jobId: `restore-${backupId}`, table, backupId, mode: 'replace', by: 'U1', mayWrite() {}, ...more },
      ),
    async table(items: readonly Item[] = []): Promise<string> {
      tables += 1;
      const name = `Timesheets-${tables}`;
      await createPipelineTable(dynamodb, name);
      await putItems(dynamodb, name, items);
      return name;
    },
    /** A backup, by default of the timesheet pipeline. */
    backup: async (table: string, of = profile) =>
      (
        await makeBackup(
          { dynamodb, location, profile: of, clock: systemClock, random: Math.random },
          { table, by: 'U1' },
        )
      ).record,
    /** An export of DynamoDB in the catalogue, checked by a sample and not read in full. */
    async exported(table: string): Promise<ExportRecord> {
      const PointInTimeRecoverySpecification = { PointInTimeRecoveryEnabled: true };
      await dynamodb.send(new UpdateContinuousBackupsCommand({ TableName: table, PointInTimeRecoverySpecification }));
      const about = { jobId: `export-${table}`, startedAt: Date.now(), everyMs: 10 };
      return (await exportBackup({ ...ports, jobs: memoryJobs() }, { table, by: 'U1', ...about })).record;
    },
    digest: (table: string) => digestOf(dynamodb, table),
    async through(faults: Faults): Promise<DynamoDBClient> {
      const proxy = await startFaultProxy(dynamo.url, faults);
      const client = new DynamoDBClient({
        endpoint: proxy.url,
        region: 'us-east-1',
        credentials: testCredentials,
        maxAttempts: 1,
      });
      proxies.push(async () => {
        client.destroy();
        await proxy.stop();
      });
      return client;
    },
    /** A client of S3 that writes another body than it is given, where `alter` returns one for the key. */
    alteringS3(alter: (key: string) => Uint8Array | undefined): S3Client {
      const client = new S3Client({
        endpoint: s3.url,
        region: 'us-east-1',
        credentials: testCredentials,
        forcePathStyle: true,
      });
      client.middlewareStack.add(
        (next) => (args) => {
          const { input } = args;
          const body = 'Key' in input && 'Body' in input ? alter(input.Key ?? '') : undefined;
          return next(body ? { ...args, input: { ...input, Body: body, ContentLength: body.length } } : args);
        },
        { step: 'initialize', name: 'altering' },
      );
      proxies.push(async () => client.destroy());
      return client;
    },
    async stop() {
      for (const stop of proxies) await stop();
      await dynamo.stop();
      await s3.stop();
    },
  };
}
export type BackupWorld = Awaited<ReturnType<typeof startBackupWorld>>;

/** The digest of a table by a scan of one segment. */
export async function digestOf(dynamodb: DynamoDBClient, table: string): Promise<Digest> {
  const sum = createDigestSum();
  for (const segment of scanTable(dynamodb, table, { segments: 1 }))
    for await (const page of segment) for (const item of page.items) sum.addItem(item);
  return sum.digest();
}
