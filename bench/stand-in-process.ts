import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';

const MAIN = fileURLToPath(new URL('./stand-in/main.ts', import.meta.url));
export const BUCKET = 'bench-backups';

/** The clients as the bot makes them (src/pipeline/aws.ts): one attempt for the table, 100 connections. */
export function clientsOf(url: string) {
  const local = {
    endpoint: url,
    region: 'us-east-1',
    credentials: { accessKeyId: 'bench', secretAccessKey: 'bench' },
    requestHandler: { httpAgent: { keepAlive: true, maxSockets: 100 } },
  };
  return {
    dynamodb: new DynamoDBClient({ ...local, maxAttempts: 1 }),
    s3: new S3Client({ ...local, forcePathStyle: true }),
  };
}

/** The stand-in for DynamoDB and S3 in a process of its own, and clients of it. */
export async function startStandIn() {
  const child: ChildProcess = spawn(process.execPath, ['--max-old-space-size=8192', MAIN], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const output = child.stdout;
  if (!output) throw new Error('The stand-in has no output to wait for');
  const url = await new Promise<string>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`The stand-in ended at its start (exit ${code})`)));
    createInterface({ input: output }).once('line', resolve);
  });
  const clients = clientsOf(url);
  await clients.s3.send(new CreateBucketCommand({ Bucket: BUCKET }));
  return {
    url,
    ...clients,
    async setLatencyMs(latencyMs: number) {
      await fetch(`${url}/latency`, { method: 'POST', body: String(latencyMs) });
    },
    /** Puts so many timesheet entries into a table, at once and without latency. */
    async fill(table: string, items: number) {
      const reply = await fetch(`${url}/fill`, { method: 'POST', body: JSON.stringify({ table, items }) });
      if (!reply.ok) throw new Error(`The stand-in could not fill ${table}`);
    },
    close: () => void child.kill('SIGTERM'),
  };
}
export type StandIn = Awaited<ReturnType<typeof startStandIn>>;
