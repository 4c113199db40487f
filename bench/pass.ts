import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { csvBytes } from '../src/lib/csv/write.ts';
import { createAwsClients } from '../src/pipeline/aws.ts';
import { TIMESHEETS } from '../src/pipeline/profile/timesheets.ts';
import { diffWithBackup } from '../src/results/diff/diff.ts';
import { failureCsvColumns } from '../src/results/failures/failure-columns.ts';
import { reconcile } from '../src/results/reconcile/reconcile.ts';
import { drive } from '../src/run/engines/local/engine.ts';
import type { OutcomeRecord } from '../src/run/model/types.ts';
import { readManifest, readManifestIndex, writeManifest } from '../src/run/plan/manifest.ts';
import { encodeCheckpoint } from '../src/run/store/checkpoint.ts';
import { completed, liveRun, numbered, quietPorts } from './bench-run.ts';

/**
 * One long piece of the bot's work in a process of its own, in which everything that the bot imports is loaded. Prints the seconds it
 * took, its CPU seconds and its peak memory in MB.
 */
await import('../src/app/bot.ts');

async function diff([
  table = '',
  endpoint = '',
  bucket = '',
  prefix = '',
  backupId = '',
  differing = '',
]: string[]): Promise<void> {
  const local = { endpoint, region: 'us-east-1', credentials: { accessKeyId: 'sandbox', secretAccessKey: 'sandbox' } };
  const s3 = new S3Client({ ...local, forcePathStyle: true });
  const dynamodb = new DynamoDBClient(local);
  const found = await diffWithBackup(
    { dynamodb, location: { s3, bucket, prefix }, profile: TIMESHEETS },
    { table, backupId },
  );
  const { removed, changed, added } = found.totals;
  if (removed + changed !== Number(differing) || added > 0) throw new Error(`Found ${JSON.stringify(found.totals)}`);
  await found.dispose();
}

const keyOf = (index: number) => `2025/week ${index % 52}/Person_${index % 997}_${index}.png`;

async function* manifest(keys: number) {
  for (let index = 0; index < keys; index++) yield { key: keyOf(index) };
}

async function* journal(keys: number) {
  const CHUNK = 50;
  for (let first = 0; first < keys; first += CHUNK)
    yield {
      records: Array.from({ length: Math.min(CHUNK, keys - first) }, (_, at): OutcomeRecord => {
        const index = first + at;
        return {
          index,
          key: keyOf(index),
          outcome:
            index % 50 === 0
              ? { kind: 'failed', failureType: 'OCR_ERROR', message: 'm' }
              : { kind: 'processed', entriesStored: 1, resourceName: `Person ${index % 997}` },
          startedAt: 1_000_000,
          durationMs: 5,
          throttles: 0,
        };
      }),
    };
}

async function* rows(keys: number) {
  const PAGE = 500;
  for (let first = 0; first < keys; first += PAGE)
    yield {
      items: Array.from({ length: Math.min(PAGE, keys - first) }, (_, at) => ({
        ResourceName: { S: `Person_${(first + at) % 997}` },
        DateProjectCode: { S: `2025-09-01#PJ${first + at}` },
        Hours: { N: '7.5' },
        SourceImage: { S: keyOf(first + at) },
      })),
    };
}

async function reconcileAll([keys = '0']: string[]): Promise<void> {
  const number = Number(keys);
  const found = await reconcile(
    { manifest: manifest(number), journal: journal(number), rows: [rows(number)] },
    { keys: { hash: 'ResourceName', range: 'DateProjectCode', profile: TIMESHEETS } },
  );
  if (found.totals.images !== number) throw new Error(`Reconciled ${found.totals.images} images`);
  await found.dispose();
}

/** Writes and reads the manifest of a run, and drives the run at full speed. Function and journal cost nothing. */
async function runManifest([images = '0']: string[]): Promise<void> {
  const { s3 } = createAwsClients();
  const location = { bucket: 'rescan-bot-control', prefix: `bench/${images}/` };
  await writeManifest(s3, location, numbered(Number(images)));
  const index = await readManifestIndex(s3, location);
  await completed(
    drive(liveRun(Number(images), { kind: 'fixed', perMinute: 1_000_000_000 }, 64), {
      ...quietPorts,
      manifest: (from) => readManifest(s3, location, index, from),
      invoke: async () => ({ result: { kind: 'outcome', outcome: { kind: 'processed', entriesStored: 3 } } }),
      append: async ({ records }) => ({ ok: true, records }),
      saveCheckpoint: async (checkpoint) => void encodeCheckpoint(checkpoint),
    }),
  );
}

/** Writes the CSV of so many failures. */
async function writeCsv([rows = '0']: string[]): Promise<void> {
  async function* failures() {
    for (let index = 0; index < Number(rows); index++)
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
  for await (const chunk of csvBytes(failureCsvColumns, failures())) bytes += chunk.length;
  if (bytes < Number(rows)) throw new Error(`The CSV has only ${bytes} bytes`);
}

const passes: Readonly<Record<string, (args: string[]) => Promise<void>>> = {
  diff,
  reconcile: reconcileAll,
  manifest: runManifest,
  csv: writeCsv,
};
const [name = '', ...args] = process.argv.slice(2);
const run = passes[name];
if (run === undefined) throw new Error(`There is no pass ${name}`);
const cpuBefore = process.cpuUsage();
const start = performance.now();
await run(args);
const seconds = (performance.now() - start) / 1000;
const { user, system } = process.cpuUsage(cpuBefore);
console.log(`${seconds} ${(user + system) / 1e6} ${process.resourceUsage().maxRSS / 1024}`);
process.exit(0);
