import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { z } from 'zod';
import { flushTable } from '../../../src/backup/flush/flush.ts';
import { controlTableJobs } from '../../../src/backup/jobs/job-store.ts';
import { restoreBackup } from '../../../src/backup/restore/restore.ts';
import { makeBackup } from '../../../src/backup/write/make-backup.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { TIMESHEETS } from '../../../src/pipeline/profile/timesheets.ts';
import { describeTable } from '../../../src/pipeline/table/table.ts';
import { createLease } from '../../../src/state/lease.ts';
import { openControlTable } from '../../../src/state/table/control-table.ts';

/** One operation in a process of its own, for a test to kill or to stop. The first argument says which, as JSON. */
const setting = z
  .object({
    operation: z.enum(['backup', 'flush', 'restore']),
    dynamoUrl: z.string(),
    s3Url: z.string(),
    table: z.string(),
    backupId: z.string().default(''),
    recordsPerSwap: z.number().default(100),
    /** The operation may write while it holds a lease of this duration; always when absent. */
    leaseMs: z.number().optional(),
  })
  .parse(JSON.parse(process.argv[2] ?? ''));

const local = { region: 'us-east-1', credentials: { accessKeyId: 'test', secretAccessKey: 'test' } };
const dynamodb = new DynamoDBClient({ ...local, maxAttempts: 1, endpoint: setting.dynamoUrl });
const s3 = new S3Client({ ...local, endpoint: setting.s3Url, forcePathStyle: true });
const control = await openControlTable({ dynamodb, tableName: 'control', clock: systemClock });
const location = { s3, bucket: 'backups', prefix: 'bot/' };
const ports = {
  dynamodb,
  location,
  profile: TIMESHEETS,
  clock: systemClock,
  random: Math.random,
  jobs: controlTableJobs(control),
};
const { table, backupId, recordsPerSwap, leaseMs } = setting;

let mayWrite = () => {};
if (leaseMs !== undefined) {
  const holder = `child ${process.pid}`;
  const lease = createLease({ table: control, name: table, holder, durationMs: leaseMs, clock: systemClock });
  if (!(await lease.acquire()).ok) throw new Error('Another process holds the lease');
  lease.start(() => {});
  mayWrite = () => {
    if (!lease.holds()) throw new Error('The lease is lost');
  };
}
// A connection that is being opened when the process is stopped would carry its request afterwards.
await Promise.all(Array.from({ length: 40 }, () => describeTable(dynamodb, table)));
const common = { jobId: `${setting.operation}-${table}`, table, backupId, recordsPerSwap, mayWrite };
switch (setting.operation) {
  case 'backup':
    await makeBackup(ports, { table, by: 'U1' });
    break;
  case 'flush':
    await flushTable(ports, { ...common, maxDifference: 1_000 });
    break;
  case 'restore':
    await restoreBackup(ports, { ...common, mode: 'replace', by: 'U1' });
}
process.exit(0);
