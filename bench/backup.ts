import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { flushTable } from '../src/backup/flush/flush.ts';
import { restoreBackup } from '../src/backup/restore/restore.ts';
import { makeBackup } from '../src/backup/write/make-backup.ts';
import { systemClock } from '../src/lib/clock.ts';
import { putItems } from '../test/support/items.ts';
import { memoryJobs } from '../test/support/memory-jobs.ts';
import { createPipelineTable, timesheetEntry } from '../test/support/pipeline-table.ts';
import { setWorld, startLocalAwsProcess } from './local-aws.ts';
import { type Report, rounded } from './report.ts';
import { backUpAsRunbook, flushAsRunbook, restoreAsRunbook } from './runbook-way.ts';

const ITEMS = Number(process.env.BENCH_ITEMS ?? 100_000);
/** With 20 ms on each request the runbook's flush and restore take their time: their rate is that of the first so many. */
const SLOW_BASELINE = Math.min(ITEMS, 10_000);
export const BUCKET = 'bench-backups';

/** Seconds that `work` took. */
export async function seconds(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

/** The local AWS in a process of its own on a port that nobody else has, and clients of it. */
export async function startServer() {
  const aws = await startLocalAwsProcess(21_000 + Math.floor(Math.random() * 20_000));
  const local = {
    endpoint: aws.url,
    region: 'us-east-1',
    credentials: { accessKeyId: 'sandbox', secretAccessKey: 'sandbox' },
  };
  const dynamodb = new DynamoDBClient({ ...local, requestHandler: { httpAgent: { maxSockets: 128 } } });
  const s3 = new S3Client({ ...local, forcePathStyle: true });
  await s3.send(new CreateBucketCommand({ Bucket: BUCKET }));
  return { aws, dynamodb, s3 };
}

/** Peak memory of backup, flush and restore, each run in a process of its own: 100,000 items less 10,000. */
export async function runBackupMemoryBenchmark(report: Report): Promise<void> {
  const { aws, dynamodb } = await startServer();
  try {
    await fill(dynamodb, 'Bench-large', ITEMS);
    await fill(dynamodb, 'Bench-small', ITEMS / 10);
    const small = await peakMemory('Bench-small', aws.url);
    const large = await peakMemory('Bench-large', aws.url);
    report({
      name: 'backup.memory_mb',
      value: rounded(large - small, 1),
      unit: 'MB',
      goal: 'under 48',
      peakSmall: rounded(small, 1),
      peakLarge: rounded(large, 1),
    });
  } finally {
    aws.close();
  }
}

/** Backup, flush and restore of 100,000 items against the runbook's way on the same server, plain and with 20 ms a request. */
export async function runBackupBenchmarks(report: Report): Promise<void> {
  const { aws, dynamodb, s3 } = await startServer();
  try {
    const table = 'Bench-large';
    await fill(dynamodb, table, ITEMS);
    const here = { dynamodb, s3, table, report };
    await round(here, '', ITEMS);
    await setWorld(aws.url, { addedLatencyMs: 20 });
    await round(here, '_20ms', SLOW_BASELINE);
  } finally {
    aws.close();
  }
}

async function round(
  { dynamodb, s3, table, report }: { dynamodb: DynamoDBClient; s3: S3Client; table: string; report: Report },
  suffix: '' | '_20ms',
  baselineItems: number,
): Promise<void> {
  const location = { s3, bucket: BUCKET, prefix: `bench${suffix}/` };
  const deps = { dynamodb, location, clock: systemClock, random: Math.random, jobs: memoryJobs() };
  const file = join(tmpdir(), `db_backup_bench_${process.pid}.json`);
  const compare = (name: string, oursSeconds: number, baseline: { items: number; seconds: number }, goal: string) => {
    const rate = ITEMS / oursSeconds;
    const baselineRate = baseline.items / baseline.seconds;
    report({
      name: `${name}.ratio${suffix}`,
      value: rounded(rate / baselineRate),
      unit: '×',
      goal,
      itemsPerSecond: Math.round(rate),
      runbookItemsPerSecond: Math.round(baselineRate),
    });
    if (suffix === '') report({ name: `${name}.items_per_s`, value: Math.round(rate), unit: 'items/s' });
  };
  const slow = suffix === '_20ms';

  const runbookBackup = { items: ITEMS, seconds: await seconds(() => backUpAsRunbook(dynamodb, table, file)) };
  let backupId = '';
  let stored: number | undefined;
  const start = performance.now();
  const verified = await seconds(async () => {
    const { record } = await makeBackup(deps, {
      table,
      by: 'bench',
      onProgress({ stage }) {
        if (stage === 'verifying') stored ??= (performance.now() - start) / 1000;
      },
    });
    backupId = record.id;
  });
  compare('backup', stored ?? verified, runbookBackup, slow ? 'at least 8' : 'at least 1');
  report({
    name: `backup.ratio_with_read_back${suffix}`,
    value: rounded(runbookBackup.seconds / verified),
    unit: '×',
  });

  const flush = await seconds(() =>
    flushTable(deps, { jobId: 'flush', table, backupId, maxDifference: 0, mayWrite: () => {} }),
  );
  let written: number | undefined;
  let writing = 0;
  const restore = await seconds(() =>
    restoreBackup(deps, {
      jobId: 'restore',
      table,
      backupId,
      mode: 'replace',
      by: 'bench',
      mayWrite() {},
      onProgress({ stage }) {
        if (stage === 'writing') writing ||= performance.now();
        if (stage === 'proving') written ??= (performance.now() - writing) / 1000;
      },
    }),
  );
  const runbookFlush = {
    items: baselineItems,
    seconds: await seconds(() => flushAsRunbook(dynamodb, table, baselineItems)),
  };
  const runbookRestore = {
    items: baselineItems,
    seconds: await seconds(() => restoreAsRunbook(dynamodb, table, file, baselineItems)),
  };
  const goal = slow ? 'at least 8' : 'at least 1.2';
  compare('flush', flush, runbookFlush, goal);
  compare('restore', restore, runbookRestore, goal);
  report({
    name: `restore.ratio_writing_alone${suffix}`,
    value: rounded(ITEMS / (written ?? restore) / (runbookRestore.items / runbookRestore.seconds)),
    unit: '×',
  });
  await rm(file, { force: true });
}

/** A table of so many timesheet entries. */
export async function fill(dynamodb: DynamoDBClient, table: string, items: number): Promise<void> {
  await createPipelineTable(dynamodb, table);
  let next = 0;
  await Promise.all(
    Array.from({ length: 8 }, async () => {
      while (next < items) {
        const first = next;
        next += 25;
        const length = Math.min(25, items - first);
        await putItems(
          dynamodb,
          table,
          Array.from({ length }, (_, at) => timesheetEntry(first + at)),
        );
      }
    }),
  );
}

async function peakMemory(table: string, url: string): Promise<number> {
  const script = fileURLToPath(new URL('./backup-memory.ts', import.meta.url));
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [
    ...process.execArgv,
    script,
    table,
    url,
    BUCKET,
  ]);
  console.error(stderr.trim().replaceAll('\n', ', '));
  return Number(stdout.trim().split('\n').at(-1));
}
