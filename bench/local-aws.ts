import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { putItems } from '../test/support/aws/items.ts';
import { createPipelineTable, timesheetEntry } from '../test/support/aws/pipeline-table.ts';
import { BUCKET } from './stand-in-process.ts';

const MAIN = fileURLToPath(new URL('../sandbox/main.ts', import.meta.url));

export interface OtherProcess {
  readonly url: string;
  close(): void;
}

/** The local AWS in a process of its own, so that its work does not count as the bot's. The clients of this process use it. */
export async function startLocalAwsProcess(port: number, images = 1): Promise<OtherProcess> {
  const child: ChildProcess = spawn(
    process.execPath,
    [MAIN, '--aws-only', '--images', String(images), '--port', String(port - 1)],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const url = `http://127.0.0.1:${port}`;
  if (!child.stdout) throw new Error('The local AWS has no output to wait for');
  await new Promise<void>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`The local AWS ended at its start (exit ${code})`)));
    createInterface({ input: child.stdout ?? process.stdin }).on('line', (line) => {
      if (line.includes(url)) resolve();
    });
  });
  Object.assign(process.env, {
    AWS_ENDPOINT_URL: url,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'sandbox',
    AWS_SECRET_ACCESS_KEY: 'sandbox',
  });
  return { url, close: () => void child.kill('SIGTERM') };
}

export async function setWorld(url: string, change: Record<string, unknown>): Promise<void> {
  const reply = await fetch(`${url}/sandbox/world`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(change),
  });
  if (!reply.ok) throw new Error(`The local AWS refused ${JSON.stringify(change)}: ${await reply.text()}`);
}

/** The seconds that `work` took. */
export async function seconds(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

/** The local AWS in a process of its own on a free port, and clients of it. */
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

/** Creates a table with so many timesheet entries. */
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
