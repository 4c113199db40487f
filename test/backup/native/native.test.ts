import { createServer } from 'node:http';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { afterEach, expect, test } from 'vitest';
import {
  createNativeBackup,
  ExportFailedError,
  followExport,
  PointInTimeRecoveryOffError,
  readPointInTimeRecovery,
  startExport,
} from '../../../src/backup/native/native.ts';
import { testCredentials } from '../../support/aws/dynalite.ts';

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

test('A native backup is an on-demand backup of DynamoDB, and point-in-time recovery is read as on', async () => {
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
  expect(await readPointInTimeRecovery(dynamodb, 'Timesheets')).toBe('on');
});

test('An export is followed until it is complete', async () => {
  let looks = 0;
  const dynamodb = new DynamoDBClient(
    await serve(({ target }) => {
      if (target === 'ExportTableToPointInTime') return [200, { ExportDescription: { ExportArn: `${arn}/export/1` } }];
      looks += 1;
      const done = { ExportStatus: 'COMPLETED', ItemCount: 5, BilledSizeBytes: 9, ExportManifest: 'm.json' };
      return [200, { ExportDescription: looks < 3 ? { ExportStatus: 'IN_PROGRESS' } : done }];
    }),
  );
  const exportArn = await startExport(dynamodb, { tableArn: arn, bucket: 'backups', prefix: 'bot/', clientToken: 't' });
  const result = await followExport(dynamodb, exportArn, { clock: noWait, everyMs: 10_000 });
  expect(result).toEqual({ exportArn, items: 5, billedBytes: 9, manifestKey: 'm.json' });
  expect(looks).toBe(3);
});

test('An export without point-in-time recovery, and one that failed, are reported with their own errors', async () => {
  const off = new DynamoDBClient(
    await serve(() => [400, { __type: 'com.amazonaws.dynamodb.v20120810#PointInTimeRecoveryUnavailableException' }]),
  );
  const wanted = { tableArn: arn, bucket: 'backups', prefix: '', clientToken: 't' };
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

test('Point-in-time recovery is off, or unknown when it may not be read; any other error is thrown', async () => {
  const off = { ContinuousBackupsDescription: { ContinuousBackupsStatus: 'ENABLED' } };
  const failure = (name: string): [number, unknown] => [400, { __type: `com.amazonaws.dynamodb.v20120810#${name}` }];
  const read = async (answer: [number, unknown]) =>
    readPointInTimeRecovery(new DynamoDBClient(await serve(() => answer)), 'Timesheets');
  expect(await read([200, off])).toBe('off');
  expect(await read(failure('AccessDeniedException'))).toBe('unknown');
  expect(await read(failure('UnknownOperationException'))).toBe('unknown');
  await expect(read(failure('TableNotFoundException'))).rejects.toThrow();
});
