import { createServer } from 'node:http';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { afterEach, expect, test } from 'vitest';
import {
  createNativeBackup,
  describePointInTimeRecovery,
  ExportFailedError,
  followExport,
  PointInTimeRecoveryOffError,
  startExport,
} from '../../../src/backup/native/native.ts';
import { testCredentials } from '../../support/dynalite.ts';

const noWait = { now: () => 0, sleep: () => Promise.resolve() };
const stops: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

/** A server that answers each request by a function: for operations that no local stand-in has. */
async function serve(
  answer: (call: { method: string; path: string; target: string; body: string }) => [number, unknown],
) {
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8');
    request.on('data', (chunk: string) => {
      body += chunk;
    });
    request.on('end', () => {
      const target = String(request.headers['x-amz-target'] ?? '').split('.')[1] ?? '';
      const [status, json] = answer({ method: request.method ?? '', path: request.url ?? '', target, body });
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(json === undefined ? '' : JSON.stringify(json));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  stops.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { endpoint: `http://127.0.0.1:${address.port}`, region: 'us-east-1', credentials: testCredentials };
}

const arn = 'arn:aws:dynamodb:us-east-1:123456789012:table/Timesheets';

test('a native backup is DynamoDB’s own, and its recovery state is shown', async () => {
  const dynamodb = new DynamoDBClient(
    await serve(({ target }) =>
      target === 'CreateBackup'
        ? [200, { BackupDetails: { BackupArn: `${arn}/backup/1`, BackupName: 'before', BackupStatus: 'CREATING' } }]
        : [
            200,
            {
              ContinuousBackupsDescription: {
                ContinuousBackupsStatus: 'ENABLED',
                PointInTimeRecoveryDescription: {
                  PointInTimeRecoveryStatus: 'ENABLED',
                  EarliestRestorableDateTime: 1_700_000_000,
                  LatestRestorableDateTime: 1_700_000_300,
                },
              },
            },
          ],
    ),
  );
  expect(await createNativeBackup(dynamodb, 'Timesheets', 'before')).toEqual({
    arn: `${arn}/backup/1`,
    name: 'before',
    status: 'CREATING',
  });
  expect(await describePointInTimeRecovery(dynamodb, 'Timesheets')).toEqual({
    kind: 'on',
    earliest: 1_700_000_000_000,
    latest: 1_700_000_300_000,
  });
});

test('an export is followed to its end', async () => {
  let looks = 0;
  const dynamodb = new DynamoDBClient(
    await serve(({ target }) => {
      if (target === 'ExportTableToPointInTime') return [200, { ExportDescription: { ExportArn: `${arn}/export/1` } }];
      looks += 1;
      const done = { ExportStatus: 'COMPLETED', ItemCount: 5, BilledSizeBytes: 9, ExportManifest: 'm.json' };
      return [200, { ExportDescription: looks < 3 ? { ExportStatus: 'IN_PROGRESS' } : done }];
    }),
  );
  const exportArn = await startExport(dynamodb, { tableArn: arn, bucket: 'backups', prefix: 'bot/' });
  const result = await followExport(dynamodb, exportArn, { clock: noWait, everyMs: 10_000 });
  expect(result).toEqual({ exportArn, items: 5, billedBytes: 9, manifestKey: 'm.json' });
  expect(looks).toBe(3);
});

test('an export without point-in-time recovery, or that failed, is said to be so', async () => {
  const off = new DynamoDBClient(
    await serve(() => [400, { __type: 'com.amazonaws.dynamodb.v20120810#PointInTimeRecoveryUnavailableException' }]),
  );
  const wanted = { tableArn: arn, bucket: 'backups', prefix: '' };
  await expect(startExport(off, wanted)).rejects.toBeInstanceOf(PointInTimeRecoveryOffError);
  const failing = new DynamoDBClient(
    await serve(() => [200, { ExportDescription: { ExportStatus: 'FAILED', FailureCode: 'S3NoSuchBucket' } }]),
  );
  const failed = await followExport(failing, `${arn}/export/1`, { clock: noWait, everyMs: 1 }).catch(
    (error: unknown) => error,
  );
  expect(failed).toBeInstanceOf(ExportFailedError);
  expect(failed).toMatchObject({ code: 'S3NoSuchBucket' });
});
