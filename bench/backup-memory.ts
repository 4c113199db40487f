import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { flushTable } from '../src/backup/flush/flush.ts';
import { restoreBackup } from '../src/backup/restore/restore.ts';
import { makeBackup } from '../src/backup/write/make-backup.ts';
import { systemClock } from '../src/lib/clock.ts';
import { memoryJobs } from '../test/support/memory-jobs.ts';

/** Backs up, flushes and restores one table in a process of its own, and prints its peak memory, MB. */
const [table = '', url = '', bucket = ''] = process.argv.slice(2);
const local = {
  endpoint: url,
  region: 'us-east-1',
  credentials: { accessKeyId: 'sandbox', secretAccessKey: 'sandbox' },
};
const location = { s3: new S3Client({ ...local, forcePathStyle: true }), bucket, prefix: `memory-${table}/` };
const dynamodb = new DynamoDBClient(local);
const deps = { dynamodb, location, clock: systemClock, random: Math.random, jobs: memoryJobs() };
const peak = (stage: string) => console.error(`${stage}: ${Math.round(process.resourceUsage().maxRSS / 1024)} MB`);
peak('start');
const { record } = await makeBackup(deps, { table, by: 'bench' });
peak('backup');
await flushTable(deps, { jobId: 'f', table, backupId: record.id, maxDifference: 0, mayWrite: () => {} });
peak('flush');
await restoreBackup(deps, { jobId: 'r', table, backupId: record.id, mode: 'replace', by: 'bench', mayWrite() {} });
peak('restore');
console.log(process.resourceUsage().maxRSS / 1024);
process.exit(0);
