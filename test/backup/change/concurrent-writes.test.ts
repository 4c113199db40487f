import { createServer } from 'node:http';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { afterEach, expect, test } from 'vitest';
import { holdFunction, releaseFunction, whileHeld } from '../../../src/backup/change/hold.ts';
import { memoryJobs } from '../../../src/backup/change/job-store.ts';
import {
  createNativeBackup,
  describePointInTimeRecovery,
  ExportFailedError,
  followExport,
  PointInTimeRecoveryOffError,
  startExport,
} from '../../../src/backup/make/native.ts';
import { testCredentials } from '../../support/dynalite.ts';
import { createFakeClock, settle } from '../../support/fake-clock.ts';

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

/** A Lambda that knows one thing: a function's reserved concurrency. */
async function lambdaWith(reserved: number | undefined) {
  const state: { reserved: number | undefined } = { reserved };
  const options = await serve(({ method, body }) => {
    if (method === 'PUT') state.reserved = Number(JSON.parse(body).ReservedConcurrentExecutions);
    if (method === 'DELETE') state.reserved = undefined;
    return [
      method === 'DELETE' ? 204 : 200,
      method === 'DELETE' ? undefined : { ReservedConcurrentExecutions: state.reserved },
    ];
  });
  const deps = { lambda: new LambdaClient(options), jobs: memoryJobs(), clock: noWait };
  return { state, deps };
}

test.each([[undefined], [0], [12]])('a held function gets its reserved concurrency back (%s)', async (before) => {
  const { state, deps } = await lambdaWith(before);
  const seen = await whileHeld(deps, { functionName: 'ocr', drainMs: 0 }, async () => state.reserved);
  expect(seen).toBe(0);
  expect(state.reserved).toBe(before);
  expect(await deps.jobs.list()).toEqual([]);
});

test('what a held function has under way may end before the work begins; a stop meanwhile begins nothing and releases it', async () => {
  const { state, deps } = await lambdaWith(7);
  const clock = createFakeClock();
  let began = false;
  const stop = new AbortController();
  const work = async () => {
    began = true;
  };
  const first = whileHeld({ ...deps, clock }, { functionName: 'ocr', drainMs: 60_000 }, work);
  const holds = async () => {
    while (state.reserved !== 0 || clock.sleeping() === 0) await settle();
  };
  await holds();
  await clock.advance(59_999);
  expect(began).toBe(false);
  await clock.advance(1);
  await first;
  expect(began).toBe(true);

  began = false;
  const held = { functionName: 'ocr', drainMs: 60_000, signal: stop.signal };
  const second = whileHeld({ ...deps, clock }, held, work);
  await holds();
  stop.abort(new Error('stopped by a person'));
  await expect(second).rejects.toThrow('stopped by a person');
  expect(began).toBe(false);
  expect(state.reserved).toBe(7);
});

test('a function is released when the work fails', async () => {
  const { state, deps } = await lambdaWith(7);
  const failed = whileHeld(deps, { functionName: 'ocr', drainMs: 0 }, () =>
    Promise.reject(new Error('the flush failed')),
  );
  await expect(failed).rejects.toThrow('the flush failed');
  expect(state.reserved).toBe(7);
});

test('after a crash the function is found and put back to what it was, though it was held twice', async () => {
  const { state, deps } = await lambdaWith(7);
  await holdFunction(deps, 'ocr');
  await holdFunction(deps, 'ocr');
  expect(await deps.jobs.list()).toMatchObject([{ kind: 'hold', functionName: 'ocr' }]);
  expect(await releaseFunction(deps, 'ocr')).toBe(true);
  expect(state.reserved).toBe(7);
  expect(await releaseFunction(deps, 'ocr')).toBe(false);
});

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
