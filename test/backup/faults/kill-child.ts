import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { z } from 'zod';
import { flushTable } from '../../../src/backup/flush/flush.ts';
import { controlTableJobs } from '../../../src/backup/jobs/job-store.ts';
import { restoreBackup } from '../../../src/backup/restore/restore.ts';
import { makeBackup } from '../../../src/backup/write/make-backup.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { openControlTable } from '../../../src/state/control-table.ts';

/** One operation in a process of its own, to be killed at will; what it is to do comes as JSON in the first argument. */
const setting = z
  .object({
    operation: z.enum(['backup', 'flush', 'restore']),
    dynamoUrl: z.string(),
    s3Url: z.string(),
    table: z.string(),
    backupId: z.string().default(''),
  })
  .parse(JSON.parse(process.argv[2] ?? ''));

const local = { region: 'us-east-1', credentials: { accessKeyId: 'test', secretAccessKey: 'test' } };
const dynamodb = new DynamoDBClient({ ...local, endpoint: setting.dynamoUrl });
const s3 = new S3Client({ ...local, endpoint: setting.s3Url, forcePathStyle: true });
const jobs = controlTableJobs(await openControlTable({ dynamodb, tableName: 'control', clock: systemClock }));
const location = { s3, bucket: 'backups', prefix: 'bot/' };
const deps = { dynamodb, location, clock: systemClock, random: Math.random, jobs };
const { table, backupId } = setting;
const jobId = `${setting.operation}-${table}`;
if (setting.operation === 'backup') await makeBackup(deps, { table, by: 'U1' });
if (setting.operation === 'flush')
  await flushTable(deps, { jobId, table, backupId, maxDifference: 0, writers: 'held' });
if (setting.operation === 'restore') await restoreBackup(deps, { jobId, table, backupId, mode: 'replace', by: 'U1' });
process.exit(0);
