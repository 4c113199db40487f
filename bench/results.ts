import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { DeleteItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { makeBackup } from '../src/backup/write/make-backup.ts';
import { systemClock } from '../src/lib/clock.ts';
import { csvBytes } from '../src/lib/csv/write.ts';
import { failureCsvColumns } from '../src/results/failures/failure-columns.ts';
import { toSdkItem } from '../test/support/items.ts';
import { timesheetEntry } from '../test/support/pipeline-table.ts';
import { fill, seconds, startServer } from './local-aws.ts';
import { type Report, rounded } from './report.ts';
import { BUCKET } from './stand-in-process.ts';

const DIFF_ITEMS = Number(process.env.BENCH_ITEMS ?? 100_000);
const KEYS = Number(process.env.BENCH_KEYS ?? 1_000_000);
const CSV_ROWS = 200_000;

/** Runs a pass in a separate process. Returns the seconds it took and its peak memory. */
async function measured(...args: readonly string[]): Promise<{ readonly seconds: number; readonly peakMb: number }> {
  const script = fileURLToPath(new URL('./results-pass.ts', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [...process.execArgv, script, ...args]);
  const [took = Number.NaN, peakMb = Number.NaN] = (stdout.trim().split('\n').at(-1) ?? '').split(' ').map(Number);
  return { seconds: took, peakMb };
}

/** Diff of a table with 1 % changed items: items per second, and peak memory compared with a tenth of the items. */
export async function runDiffBenchmark(report: Report): Promise<void> {
  const { aws, dynamodb, s3 } = await startServer();
  try {
    const changed = async (table: string, items: number) => {
      await fill(dynamodb, table, items);
      const location = { s3, bucket: BUCKET, prefix: `diff-${table}/` };
      const { record } = await makeBackup(
        { dynamodb, location, clock: systemClock, random: Math.random },
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
      return measured('diff', table, aws.url, BUCKET, `diff-${table}/`, record.id, String(items / 100));
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
      value: rounded(large.peakMb - small.peakMb, 1),
      unit: 'MB',
      goal: 'under 64',
      peakSmall: rounded(small.peakMb, 1),
      peakLarge: rounded(large.peakMb, 1),
    });
  } finally {
    aws.close();
  }
}

/** Reconciliation of the manifest, outcomes and rows of 1,000,000 keys, with sources that cost nothing themselves. */
export async function runReconcileBenchmark(report: Report): Promise<void> {
  const { seconds: took, peakMb } = await measured('reconcile', String(KEYS));
  report({ name: 'reconcile.seconds', value: rounded(took, 1), unit: 's', keys: KEYS });
  report({ name: 'reconcile.memory_mb', value: rounded(peakMb, 1), unit: 'MB', goal: 'under 256', keys: KEYS });
}

/** Rows per second of the CSV of failures. */
export async function runCsvBenchmark(report: Report): Promise<void> {
  async function* rows() {
    for (let index = 0; index < CSV_ROWS; index++)
      yield {
        ImageKey: `week ${index}/sheet, "${index}".png`,
        FailureTimestamp: '2025-11-21T10:00:00.000Z',
        FailureType: 'TEXTRACT_ERROR',
        ErrorMessage: `Textract could not read the document ${index}`,
        ProcessingTimeSeconds: '3.21',
        StackTrace: 'Traceback (most recent call last):\n  File "lambda_function.py", line 10\n',
      };
  }
  let bytes = 0;
  const took = await seconds(async () => {
    for await (const chunk of csvBytes(failureCsvColumns, rows())) bytes += chunk.length;
  });
  report({ name: 'csv.rows_per_s', value: Math.round(CSV_ROWS / took), unit: 'rows/s', rows: CSV_ROWS, bytes });
}
