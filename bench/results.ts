import { DeleteItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { makeBackup } from '../src/backup/write/make-backup.ts';
import { systemClock } from '../src/lib/clock.ts';
import { TIMESHEETS } from '../src/pipeline/profile/timesheets.ts';
import { toSdkItem } from '../test/support/aws/items.ts';
import { timesheetEntry } from '../test/support/aws/pipeline-table.ts';
import { fill, startServer } from './local-aws.ts';
import { measurePass } from './measure-pass.ts';
import { type Report, rounded } from './report.ts';
import { BUCKET } from './stand-in-process.ts';

const DIFF_ITEMS = Number(process.env.BENCH_ITEMS ?? 100_000);
const KEYS = Number(process.env.BENCH_KEYS ?? 1_000_000);
const CSV_ROWS = 200_000;

/** Diff of a table with 1 % changed items: items per second, and peak memory with these and with a tenth of the items. */
export async function runDiffBenchmark(report: Report): Promise<void> {
  const { aws, dynamodb, s3 } = await startServer();
  try {
    const changed = async (table: string, items: number) => {
      await fill(dynamodb, table, items);
      const location = { s3, bucket: BUCKET, prefix: `diff-${table}/` };
      const { record } = await makeBackup(
        { dynamodb, location, profile: TIMESHEETS, clock: systemClock, random: Math.random },
        { table, by: 'bench' },
      );
      // One of every 100 items: a third of them removed, the others with different hours.
      for (let index = 0; index < items; index += 100) {
        const { ResourceName = { S: '' }, DateProjectCode = { S: '' } } = timesheetEntry(index);
        if (index % 300 === 0)
          await dynamodb.send(
            new DeleteItemCommand({ TableName: table, Key: toSdkItem({ ResourceName, DateProjectCode }) }),
          );
        else
          await dynamodb.send(
            new PutItemCommand({ TableName: table, Item: toSdkItem(timesheetEntry(index, { Hours: { N: '4' } })) }),
          );
      }
      return measurePass('diff', table, aws.url, BUCKET, `diff-${table}/`, record.id, String(items / 100));
    };
    const small = await changed('Diff-small', DIFF_ITEMS / 10);
    const large = await changed('Diff-large', DIFF_ITEMS);
    report({
      name: 'diff.items_per_s',
      value: Math.round(DIFF_ITEMS / large.seconds),
      unit: 'items/s',
      items: DIFF_ITEMS,
    });
    report({
      name: 'diff.memory_mb',
      value: rounded(large.peakMb, 1),
      unit: 'MB',
      goal: 'under 256',
      peakSmall: rounded(small.peakMb, 1),
    });
  } finally {
    aws.close();
  }
}

/** Reconciliation of the manifest, outcomes and rows of so many images, with sources that cost nothing themselves. */
export async function runReconcileBenchmark(report: Report): Promise<void> {
  for (const keys of [1_000, KEYS / 10, KEYS]) {
    const { seconds, cpuSeconds, peakMb } = await measurePass('reconcile', String(keys));
    if (keys === KEYS) report({ name: 'reconcile.seconds', value: rounded(seconds, 1), unit: 's', keys, cpuSeconds });
    report({ name: 'reconcile.memory_mb', value: rounded(peakMb, 1), unit: 'MB', goal: 'under 256', keys });
  }
}

/** Rows per second of the CSV of failures, and peak memory. */
export async function runCsvBenchmark(report: Report): Promise<void> {
  const { seconds, peakMb } = await measurePass('csv', String(CSV_ROWS));
  report({ name: 'csv.rows_per_s', value: Math.round(CSV_ROWS / seconds), unit: 'rows/s', rows: CSV_ROWS });
  report({ name: 'csv.memory_mb', value: rounded(peakMb, 1), unit: 'MB', goal: 'under 256', rows: CSV_ROWS });
}
