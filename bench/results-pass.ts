import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { diffWithBackup } from '../src/results/diff/diff.ts';
import { reconcile } from '../src/results/reconcile/reconcile.ts';
import type { OutcomeRecord } from '../src/run/model/types.ts';

/** Runs one diff or one reconciliation, and prints the seconds it took and its peak memory in MB. */
const [pass = '', ...args] = process.argv.slice(2);

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
  const found = await diffWithBackup({ dynamodb, location: { s3, bucket, prefix } }, { table, backupId });
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
  const found = await reconcile({ manifest: manifest(number), journal: journal(number), rows: [rows(number)] });
  if (found.totals.images !== number) throw new Error(`Reconciled ${found.totals.images} images`);
  await found.dispose();
}

const start = performance.now();
await (pass === 'diff' ? diff(args) : reconcileAll(args));
console.log(`${(performance.now() - start) / 1000} ${process.resourceUsage().maxRSS / 1024}`);
process.exit(0);
