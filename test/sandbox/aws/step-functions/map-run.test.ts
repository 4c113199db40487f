import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3';
import {
  DescribeMapRunCommand,
  ListExecutionsCommand,
  ListMapRunsCommand,
  RedriveExecutionCommand,
  StopExecutionCommand,
  UpdateMapRunCommand,
} from '@aws-sdk/client-sfn';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { createWorld } from '../../../../sandbox/world.ts';
import { CONTROL_BUCKET } from '../aws-rig.ts';
import { definition, keys, type SfnRig, startSfnRig, until } from './sfn-rig.ts';

let rig: SfnRig;
let machine: string;
beforeAll(async () => {
  rig = await startSfnRig();
});
afterAll(() => rig.close());
beforeEach(async () => {
  await rig.reset();
  machine = await rig.create(definition());
});

const invocations = () => createWorld(rig.aws.url).invocations();
const mapRunArn = async (executionArn: string) =>
  String((await rig.sfn.send(new ListMapRunsCommand({ executionArn }))).mapRuns?.[0]?.mapRunArn);
/** How often Lambda throttled since the reset. */
const throttleCount = async (): Promise<number> => {
  const { metrics } = metricsSchema.parse(await (await fetch(`${rig.aws.url}/sandbox/metrics`)).json());
  return metrics.find(({ name }) => name === 'Throttles')?.sum ?? 0;
};
const metricsSchema = z.object({ metrics: z.array(z.object({ name: z.string(), sum: z.number() })) });
/** Fails every image whose key contains the key of one of these. */
const fail = (failing: readonly string[]) =>
  rig.aws.turn({ failures: failing.map((match) => ({ rate: 1, kind: 'crash', match })) });

describe('a Map Run', () => {
  test.for(['STANDARD', 'EXPRESS'] as const)('processes every row of the items file in a child (%s)', async (type) => {
    const { run, executionArn } = await rig.start(await rig.create(definition(type)), keys(7));
    expect(await rig.ended(executionArn)).toMatchObject({ status: 'SUCCEEDED' });
    const outcomes = await rig.outcomes(run);
    expect(outcomes.map(({ k }) => k?.S)).toEqual(keys(7));
    expect(JSON.parse(outcomes[0]?.reply?.S ?? '')).toMatchObject({ statusCode: 200 });
    expect(await rig.mapRun(executionArn)).toMatchObject({
      status: 'SUCCEEDED',
      executionArn,
      maxConcurrency: 5,
      toleratedFailureCount: 0,
      toleratedFailurePercentage: 0,
      redriveCount: 0,
      executionCounts: { total: 7, succeeded: 7, pending: 0, running: 0, failed: 0, aborted: 0, resultsWritten: 7 },
      itemCounts: { total: 7, succeeded: 7 },
    });
  });

  test('never runs more children at once than MaxConcurrency, and UpdateMapRun changes it while it runs', async () => {
    rig.aws.turn({ latencyMs: 40 });
    const { executionArn } = await rig.start(machine, keys(30), { maxConcurrency: 2 });
    await until(async () => (await invocations()).total >= 6);
    expect((await invocations()).highestConcurrency).toBe(2);
    await rig.sfn.send(new UpdateMapRunCommand({ mapRunArn: await mapRunArn(executionArn), maxConcurrency: 9 }));
    await rig.ended(executionArn);
    expect((await invocations()).highestConcurrency).toBe(9);
    expect(await rig.mapRun(executionArn)).toMatchObject({ maxConcurrency: 9 });
  });

  test('starts no child while more children run than a lowered MaxConcurrency', async () => {
    rig.aws.turn({ latencyMs: 150 });
    const { executionArn } = await rig.start(machine, keys(12), { maxConcurrency: 6 });
    await until(async () => (await invocations()).inFlight === 6);
    const arn = await mapRunArn(executionArn);
    await rig.sfn.send(new UpdateMapRunCommand({ mapRunArn: arn, maxConcurrency: 1 }));
    await until(async () => (await invocations()).total >= 7);
    expect((await invocations()).inFlight).toBe(1);
    await rig.sfn.send(new UpdateMapRunCommand({ mapRunArn: arn, maxConcurrency: 0 }));
    await rig.ended(executionArn);
  });

  test('succeeds when as many items failed as are tolerated', async () => {
    fail(keys(2));
    const { executionArn } = await rig.start(machine, keys(10), { tolerated: 2 });
    expect(await rig.ended(executionArn)).toMatchObject({ status: 'SUCCEEDED' });
    expect(await rig.mapRun(executionArn)).toMatchObject({ executionCounts: { failed: 2, succeeded: 8 } });
  });

  test('fails at the first item above the tolerated count, and starts no other child', async () => {
    fail(keys(3));
    const { executionArn } = await rig.start(machine, keys(10), { maxConcurrency: 1, tolerated: 2 });
    expect(await rig.ended(executionArn)).toMatchObject({
      status: 'FAILED',
      error: 'States.ExceedToleratedFailureThreshold',
      cause: 'The specified tolerated failure threshold was exceeded',
    });
    expect(await rig.mapRun(executionArn)).toMatchObject({
      status: 'FAILED',
      executionCounts: { failed: 3, pending: 7, total: 10 },
    });
  });

  test('retries a throttled invocation, and the state knows how often', async () => {
    rig.aws.turn({ functionPerMinute: 3, stepFunctions: { speed: 20 } });
    const { run, executionArn } = await rig.start(machine, keys(4), { maxConcurrency: 1 });
    await until(async () => (await throttleCount()) > 0);
    rig.aws.turn({ functionPerMinute: 0, stepFunctions: { speed: 10_000 } });
    expect(await rig.ended(executionArn)).toMatchObject({ status: 'SUCCEEDED' });
    const throttles = (await rig.outcomes(run)).map((item) => Number(item.throttles?.N));
    expect(throttles.slice(0, 3)).toEqual([0, 0, 0]);
    expect(throttles[3]).toBeGreaterThan(0);
  });

  test('writes results and a manifest to S3, with the error of each failed child', async () => {
    fail(keys(1));
    const { run, executionArn } = await rig.start(machine, keys(3), { tolerated: 1 });
    const { output = '' } = await rig.ended(executionArn);
    const { MapRunArn, ResultWriterDetails } = JSON.parse(output);
    expect(MapRunArn).toBe(await mapRunArn(executionArn));
    expect(ResultWriterDetails.Key).toBe(`runs/${run}/results/${MapRunArn.split(':').at(-1)}/manifest.json`);
    const read = async (Key: string) => {
      const { Body } = await rig.s3.send(new GetObjectCommand({ Bucket: CONTROL_BUCKET, Key }));
      return JSON.parse((await Body?.transformToString()) ?? '');
    };
    const manifest = await read(ResultWriterDetails.Key);
    expect(manifest).toMatchObject({ DestinationBucket: CONTROL_BUCKET, MapRunArn });
    const failed = await read(manifest.ResultFiles.FAILED[0].Key);
    expect(failed).toEqual([expect.objectContaining({ Status: 'FAILED', Error: expect.any(String), RedriveCount: 0 })]);
    expect(JSON.parse(failed[0].Input).image.k).toBe(keys(1)[0]);
    expect(await read(manifest.ResultFiles.SUCCEEDED[0].Key)).toHaveLength(2);
    expect(manifest.ResultFiles.PENDING).toEqual([]);
  });

  test('lists its children by page and by status', async () => {
    fail(keys(1));
    const { executionArn } = await rig.start(machine, keys(3), { tolerated: 1 });
    await rig.ended(executionArn);
    const arn = await mapRunArn(executionArn);
    const failed = await rig.sfn.send(new ListExecutionsCommand({ mapRunArn: arn, statusFilter: 'FAILED' }));
    expect(failed.executions).toEqual([expect.objectContaining({ status: 'FAILED', mapRunArn: arn, itemCount: 1 })]);
    expect(await rig.describe(String(failed.executions?.[0]?.executionArn))).toMatchObject({
      status: 'FAILED',
      mapRunArn: arn,
      redriveStatus: 'REDRIVABLE_BY_MAP_RUN',
    });
    const first = await rig.sfn.send(new ListExecutionsCommand({ mapRunArn: arn, maxResults: 2 }));
    const rest = await rig.sfn.send(new ListExecutionsCommand({ mapRunArn: arn, nextToken: first.nextToken }));
    expect([first.executions?.length, rest.executions?.length, rest.nextToken]).toEqual([2, 1, undefined]);
  });

  test('times out an EXPRESS child after its 5 minutes', async () => {
    rig.aws.turn({ latencyMs: 2_000, stepFunctions: { expressTimeoutSeconds: 0.2 } });
    const { executionArn } = await rig.start(await rig.create(definition('EXPRESS')), keys(1), { tolerated: 1 });
    await rig.ended(executionArn);
    expect(await rig.mapRun(executionArn)).toMatchObject({ executionCounts: { timedOut: 1 } });
  });

  test.for([
    ['the items file does not exist', {}, 'States.ItemReaderFailed'],
    ['the role may not read the items', { denied: ['s3:GetObject'] }, 'States.ItemReaderFailed'],
    ['the role may not start children', { denied: ['states:StartExecution'] }, 'States.Permissions'],
    ['the role may not write results', { denied: ['s3:PutObject'] }, 'States.ResultWriterFailed'],
  ] as const)('fails when %s', async ([what, dials, error]) => {
    rig.aws.turn({ stepFunctions: dials });
    const { executionArn } =
      what === 'the items file does not exist'
        ? {
            executionArn: await rig.startWith(machine, {
              run: 'none',
              items: { bucket: CONTROL_BUCKET, key: 'none' },
              maxConcurrency: 1,
              tolerated: 0,
            }),
          }
        : await rig.start(machine, keys(1));
    expect(await rig.ended(executionArn)).toMatchObject({ status: 'FAILED', error });
  });
});

describe('StopExecution and RedriveExecution', () => {
  test('stops the children that run, keeps the unstarted ones, and a redrive runs both', async () => {
    rig.aws.turn({ latencyMs: 1_000 });
    const { run, executionArn } = await rig.start(machine, keys(9), { maxConcurrency: 3 });
    await until(async () => (await rig.outcomes(run)).length === 3 && (await invocations()).inFlight === 3);
    await rig.sfn.send(new StopExecutionCommand({ executionArn, error: 'Paused', cause: 'a test' }));
    expect(await rig.describe(executionArn)).toMatchObject({
      status: 'ABORTED',
      error: 'Paused',
      cause: 'a test',
      redriveStatus: 'REDRIVABLE',
    });
    await until(async () => (await rig.mapRun(executionArn)).executionCounts?.aborted === 3);
    expect(await rig.mapRun(executionArn)).toMatchObject({
      status: 'ABORTED',
      executionCounts: { succeeded: 3, aborted: 3, pending: 3, running: 0, total: 9 },
    });
    await until(async () => (await invocations()).inFlight === 0);
    expect(await rig.outcomes(run)).toHaveLength(3);

    rig.aws.turn({ latencyMs: 0 });
    await rig.sfn.send(new RedriveExecutionCommand({ executionArn }));
    expect(await rig.ended(executionArn)).toMatchObject({ status: 'SUCCEEDED', redriveCount: 1 });
    expect((await rig.outcomes(run)).map(({ k }) => k?.S)).toEqual(keys(9));
    expect(await rig.mapRun(executionArn)).toMatchObject({
      status: 'SUCCEEDED',
      redriveCount: 1,
      executionCounts: { succeeded: 9, aborted: 0, pending: 0 },
    });
    // Those in flight ran twice, the others once.
    const { byKey } = await invocations();
    expect(keys(9).map((key) => byKey[key])).toEqual([1, 1, 1, 2, 2, 2, 1, 1, 1]);
  });

  test('an EXPRESS child that ran when its execution was stopped counts as aborted, and still does its work', async () => {
    rig.aws.turn({ latencyMs: 150 });
    const { run, executionArn } = await rig.start(await rig.create(definition('EXPRESS')), keys(3), {
      maxConcurrency: 1,
    });
    await until(async () => (await invocations()).inFlight === 1);
    await rig.sfn.send(new StopExecutionCommand({ executionArn }));
    await until(async () => (await rig.outcomes(run)).length === 1);
    expect(await rig.mapRun(executionArn)).toMatchObject({
      status: 'ABORTED',
      executionCounts: { aborted: 1, pending: 2, succeeded: 0 },
    });
  });

  test('a retry that waited when its execution was stopped is not attempted', async () => {
    rig.aws.turn({ functionPerMinute: 1, stepFunctions: { speed: 10 } });
    const { run, executionArn } = await rig.start(machine, keys(2), { maxConcurrency: 1 });
    await until(async () => (await rig.outcomes(run)).length === 1);
    await rig.sfn.send(new StopExecutionCommand({ executionArn }));
    rig.aws.turn({ functionPerMinute: 0 });
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect((await invocations()).total).toBe(1);
  });

  test('a redrive starts a Map Run that could not start, with the same input', async () => {
    rig.aws.turn({ stepFunctions: { denied: ['s3:GetObject'] } });
    const { run, executionArn } = await rig.start(machine, keys(2));
    await rig.ended(executionArn);
    rig.aws.turn({ stepFunctions: { denied: [] } });
    await rig.sfn.send(new RedriveExecutionCommand({ executionArn }));
    expect(await rig.ended(executionArn)).toMatchObject({ status: 'SUCCEEDED', redriveCount: 1 });
    expect(await rig.outcomes(run)).toHaveLength(2);
  });

  test('a redrive of a failed Map Run runs only what did not succeed', async () => {
    fail(keys(2));
    const { run, executionArn } = await rig.start(machine, keys(5), { maxConcurrency: 1, tolerated: 1 });
    expect(await rig.ended(executionArn)).toMatchObject({ status: 'FAILED' });
    fail([]);
    await rig.sfn.send(new RedriveExecutionCommand({ executionArn }));
    expect(await rig.ended(executionArn)).toMatchObject({ status: 'SUCCEEDED' });
    expect(await rig.outcomes(run)).toHaveLength(5);
    const children = await rig.sfn.send(
      new ListExecutionsCommand({ mapRunArn: await mapRunArn(executionArn), redriveFilter: 'REDRIVEN' }),
    );
    expect(children.executions).toHaveLength(2);
  });

  test('refuses to update a Map Run that has ended, until it is redriven', async () => {
    fail(keys(1));
    const { executionArn } = await rig.start(machine, keys(2), { maxConcurrency: 1 });
    await rig.ended(executionArn);
    const arn = await mapRunArn(executionArn);
    const update = () => rig.sfn.send(new UpdateMapRunCommand({ mapRunArn: arn, maxConcurrency: 2 }));
    await expect(update()).rejects.toMatchObject({
      name: 'ValidationException',
      reason: 'CANNOT_UPDATE_COMPLETED_MAP_RUN',
    });
    rig.aws.turn({ failures: [], latencyMs: 200 });
    await rig.sfn.send(new RedriveExecutionCommand({ executionArn }));
    await until(async () => (await rig.sfn.send(new DescribeMapRunCommand({ mapRunArn: arn }))).status === 'RUNNING');
    await update();
    await rig.ended(executionArn);
  });
});

test('reads items from JSON and JSONL files, in batches where the state asks for them', async () => {
  const of = async (InputType: 'JSON' | 'JSONL', Body: string, batcher: object) => {
    const Key = `items-${InputType}`;
    await rig.s3.send(new PutObjectCommand({ Bucket: CONTROL_BUCKET, Key, Body }));
    const arn = await rig.create(
      JSON.stringify({
        StartAt: 'Each',
        States: {
          Each: {
            Type: 'Map',
            ItemReader: {
              Resource: 'arn:aws:states:::s3:getObject',
              ReaderConfig: { InputType },
              Parameters: { Bucket: CONTROL_BUCKET, Key },
            },
            ...batcher,
            ItemProcessor: {
              ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' },
              StartAt: 'Same',
              States: { Same: { Type: 'Pass', End: true } },
            },
            End: true,
          },
        },
      }),
    );
    const executionArn = await rig.startWith(arn, {});
    const { output } = await rig.ended(executionArn);
    return { output: JSON.parse(output ?? 'null'), itemCounts: (await rig.mapRun(executionArn)).itemCounts };
  };
  expect((await of('JSON', '[1, {"a": 2}, "three"]', {})).output).toEqual([1, { a: 2 }, 'three']);
  const batched = await of('JSONL', '1\n2\n\n3\n', { ItemBatcher: { MaxItemsPerBatch: 2, BatchInput: { x: 'y' } } });
  expect(batched.output).toEqual([
    { BatchInput: { x: 'y' }, Items: [1, 2] },
    { BatchInput: { x: 'y' }, Items: [3] },
  ]);
  expect(batched.itemCounts).toMatchObject({ total: 3, succeeded: 3 });
});

test('a state machine writes no results where it has no image', async () => {
  const { run, executionArn } = await rig.start(machine, []);
  expect(await rig.ended(executionArn)).toMatchObject({ status: 'SUCCEEDED' });
  const written = await rig.s3.send(
    new ListObjectsV2Command({ Bucket: CONTROL_BUCKET, Prefix: `runs/${run}/results/` }),
  );
  expect(written.Contents).toHaveLength(1);
});
