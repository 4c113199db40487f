import { LambdaClient } from '@aws-sdk/client-lambda';
import { afterEach, expect, test } from 'vitest';
import { releaseHeldFunction } from '../../../src/backup/jobs/release-held-function.ts';
import { testCredentials } from '../../support/aws/dynalite.ts';
import { startWire } from '../../support/aws/wire.ts';
import { memoryJobs } from '../../support/memory/memory-jobs.ts';

const stops: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

/** A Lambda that knows only the reserved concurrency of a function, and the record of an older version that it is held. */
async function heldFunction(options: { before?: number; now?: number; denied?: boolean }) {
  const state = { reserved: options.now, writes: 0 };
  const wire = await startWire(({ method, body }) => {
    if (method === 'GET')
      return { body: JSON.stringify({ ReservedConcurrentExecutions: state.reserved }), headers: JSON_TYPE };
    if (options.denied)
      return { status: 403, headers: { ...JSON_TYPE, 'x-amzn-errortype': 'AccessDeniedException' }, body: '{}' };
    state.writes += 1;
    state.reserved = method === 'PUT' ? Number(JSON.parse(body).ReservedConcurrentExecutions) : undefined;
    return method === 'PUT' ? { body: '{}', headers: JSON_TYPE } : { status: 204 };
  });
  const lambda = new LambdaClient({ endpoint: wire.url, region: 'us-east-1', credentials: testCredentials });
  stops.push(
    () => wire.stop(),
    async () => lambda.destroy(),
  );
  const jobs = memoryJobs();
  await jobs.write({
    kind: 'hold',
    id: 'hold-ocr',
    functionName: 'ocr',
    heldAt: 1,
    ...(options.before === undefined ? {} : { reservedBefore: options.before }),
  });
  return { state, jobs, lambda };
}
const JSON_TYPE = { 'content-type': 'application/json' };

test.each([[undefined], [0], [12]])(
  'A function that an older version still holds gets its reserved concurrency of %s back, once',
  async (before) => {
    const { state, ...deps } = await heldFunction({ now: 0, ...(before === undefined ? {} : { before }) });
    expect(await releaseHeldFunction(deps, 'ocr')).toEqual({
      kind: 'released',
      functionName: 'ocr',
      reservedConcurrency: before,
    });
    expect(state.reserved).toBe(before);
    expect(await deps.jobs.list()).toEqual([]);
    expect(await releaseHeldFunction(deps, 'ocr')).toBeUndefined();
  },
);

test.each([[undefined], [30]])(
  'A reserved concurrency that a person set to %s while the function was held is left alone',
  async (now) => {
    const { state, ...deps } = await heldFunction({ before: 12, ...(now === undefined ? {} : { now }) });
    expect(await releaseHeldFunction(deps, 'ocr')).toEqual({
      kind: 'changed-since',
      functionName: 'ocr',
      reservedConcurrency: now,
    });
    expect(state).toEqual({ reserved: now, writes: 0 });
    expect(await deps.jobs.list()).toEqual([]);
  },
);

test('A function that is not held is not touched, and one whose release fails stays on record', async () => {
  const { state, ...deps } = await heldFunction({ before: 12, now: 0, denied: true });
  expect(await releaseHeldFunction(deps, 'another')).toBeUndefined();
  await expect(releaseHeldFunction(deps, 'ocr')).rejects.toMatchObject({ name: 'AccessDeniedException' });
  expect(state.reserved).toBe(0);
  expect(await deps.jobs.list()).toMatchObject([{ kind: 'hold', functionName: 'ocr' }]);
});
