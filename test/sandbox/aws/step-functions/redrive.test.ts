import { GetItemCommand } from '@aws-sdk/client-dynamodb';
import { RedriveExecutionCommand, StopExecutionCommand } from '@aws-sdk/client-sfn';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createWorld } from '../../../../sandbox/world.ts';
import { FUNCTION, keyOf } from '../aws-rig.ts';
import { CONTROL_TABLE, definition, eventOf, keys, type SfnRig, startSfnRig, until } from './sfn-rig.ts';

let rig: SfnRig;
beforeAll(async () => {
  rig = await startSfnRig();
});
afterAll(() => rig.close());
beforeEach(() => rig.reset());

const total = async () => (await createWorld(rig.aws.url).invocations()).total;
const redrive = (executionArn: string, clientToken?: string) =>
  rig.sfn.send(new RedriveExecutionCommand({ executionArn, ...(clientToken === undefined ? {} : { clientToken }) }));

const invoke = (next: object) => ({
  Type: 'Task',
  Resource: 'arn:aws:states:::lambda:invoke',
  Parameters: { FunctionName: FUNCTION, 'Payload.$': '$.event' },
  ResultPath: '$.result',
  ...next,
});
/** Counts up an item of the control table. */
const count = (sk: string, next: object) => ({
  Type: 'Task',
  Resource: 'arn:aws:states:::dynamodb:updateItem',
  Parameters: {
    TableName: CONTROL_TABLE,
    Key: { pk: { 'S.$': '$.id' }, sk: { S: sk } },
    UpdateExpression: 'ADD n :one',
    ExpressionAttributeValues: { ':one': { N: '1' } },
  },
  ResultPath: null,
  ...next,
});
const countOf = async (pk: string, sk: string) => {
  const { Item } = await rig.dynamodb.send(
    new GetItemCommand({ TableName: CONTROL_TABLE, Key: { pk: { S: pk }, sk: { S: sk } }, ConsistentRead: true }),
  );
  return Number(Item?.n?.N ?? 0);
};
const machineOf = (StartAt: string, States: object) => JSON.stringify({ StartAt, States });
/** The same machine as the child of a Map Run over one item. */
const asChild = (ExecutionType: 'STANDARD' | 'EXPRESS', StartAt: string, States: object) =>
  machineOf('Each', {
    Each: {
      Type: 'Map',
      ItemsPath: '$.items',
      ItemProcessor: { ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType }, StartAt, States },
      End: true,
    },
  });
const failing = () => rig.aws.turn({ failures: { rate: 1, kind: 'crash' } });
const working = () => rig.aws.turn({ failures: [] });

describe('a redriven execution', () => {
  test('continues at the task that failed and keeps the results before it', async () => {
    const arn = await rig.create(
      machineOf('First', { First: count('first', { Next: 'Invoke' }), Invoke: invoke({ End: true }) }),
    );
    failing();
    const executionArn = await rig.startWith(arn, { id: 'keeps', event: eventOf(keyOf(0)) });
    expect(await rig.ended(executionArn)).toMatchObject({ status: 'FAILED', redriveStatus: 'REDRIVABLE' });
    working();
    await redrive(executionArn);
    expect(await rig.ended(executionArn)).toMatchObject({ status: 'SUCCEEDED', redriveCount: 1 });
    expect(await countOf('keeps', 'first')).toBe(1);
    expect(await total()).toBe(2);
  });

  test('repeats only the iteration of an inline Map that failed', async () => {
    const arn = await rig.create(
      machineOf('Each', {
        Each: {
          Type: 'Map',
          ItemsPath: '$.images',
          MaxConcurrency: 1,
          ItemProcessor: {
            ProcessorConfig: { Mode: 'INLINE' },
            StartAt: 'Count',
            States: { Count: count('each', { Next: 'Invoke' }), Invoke: invoke({ End: true }) },
          },
          End: true,
        },
      }),
    );
    rig.aws.turn({ failures: { rate: 1, kind: 'crash', match: keyOf(1) } });
    const images = [0, 1, 2].map((index) => ({ id: `iteration-${index}`, event: eventOf(keyOf(index)) }));
    const executionArn = await rig.startWith(arn, { images });
    await rig.ended(executionArn);
    working();
    await redrive(executionArn);
    expect(await rig.ended(executionArn)).toMatchObject({ status: 'SUCCEEDED' });
    expect(await Promise.all([0, 1, 2].map((index) => countOf(`iteration-${index}`, 'each')))).toEqual([1, 1, 1]);
    const { byKey } = await createWorld(rig.aws.url).invocations();
    expect([0, 1, 2].map((index) => byKey[keyOf(index)])).toEqual([1, 2, 1]);
  });

  test('begins with a fresh count of retries, and repeats what the last attempt of a Parallel state did not complete', async () => {
    const Retry = [{ ErrorEquals: ['States.ALL'], MaxAttempts: 2, IntervalSeconds: 1 }];
    const arn = await rig.create(
      machineOf('Both', {
        Both: {
          Type: 'Parallel',
          Branches: [
            { StartAt: 'Count', States: { Count: count('branch', { Next: 'Invoke' }), Invoke: invoke({ End: true }) } },
          ],
          Retry,
          End: true,
        },
      }),
    );
    failing();
    const executionArn = await rig.startWith(arn, { id: 'parallel', event: eventOf(keyOf(0)) });
    await rig.ended(executionArn);
    // Three attempts of the Parallel state, each with both tasks.
    expect([await countOf('parallel', 'branch'), await total()]).toEqual([3, 3]);
    await redrive(executionArn);
    await rig.ended(executionArn);
    // The last attempt continues at its failed task; the two retries run both tasks again.
    expect([await countOf('parallel', 'branch'), await total()]).toEqual([5, 6]);
    working();
    await redrive(executionArn);
    expect(await rig.ended(executionArn)).toMatchObject({ status: 'SUCCEEDED', redriveCount: 2 });
    expect(await countOf('parallel', 'branch')).toBe(5);
  });

  test.for([
    ['STANDARD', 'FAILED', 1],
    ['EXPRESS', 'SUCCEEDED', 2],
  ] as const)(
    'that has a %s child in a Fail state is %s: STANDARD enters it again, EXPRESS starts over',
    async ([type, status, reads]) => {
      const id = `fail-${type}`;
      const read = {
        Type: 'Task',
        Resource: 'arn:aws:states:::dynamodb:getItem',
        Parameters: {
          TableName: CONTROL_TABLE,
          Key: { pk: { 'S.$': '$.id' }, sk: { S: 'run' } },
          ConsistentRead: true,
        },
        ResultPath: '$.run',
      };
      const arn = await rig.create(
        asChild(type, 'Count', {
          Count: count('reads', { Next: 'Read' }),
          Read: { ...read, Next: 'Gate' },
          Gate: {
            Type: 'Choice',
            Choices: [{ Variable: '$.run.Item.stateKind.S', StringEquals: 'running', Next: 'Done' }],
            Default: 'Halted',
          },
          Done: { Type: 'Succeed' },
          Halted: { Type: 'Fail', Error: 'RunHalted', Cause: 'The run is not running.' },
        }),
      );
      await rig.setState(id, 'paused');
      const executionArn = await rig.startWith(arn, { items: [{ id }] });
      expect(await rig.ended(executionArn)).toMatchObject({ status: 'FAILED' });
      await rig.setState(id, 'running');
      await redrive(executionArn);
      expect(await rig.ended(executionArn)).toMatchObject({ status });
      expect(await countOf(id, 'reads')).toBe(reads);
    },
  );

  test('continues a STANDARD child that was stopped during a task at this task, without the gate before it', async () => {
    rig.aws.turn({ latencyMs: 1_500 });
    const { run, executionArn } = await rig.start(await rig.create(definition()), keys(1), { maxConcurrency: 1 });
    await until(async () => (await createWorld(rig.aws.url).invocations()).inFlight === 1);
    await rig.sfn.send(new StopExecutionCommand({ executionArn }));
    await rig.ended(executionArn);
    // The gate would not let it pass.
    await rig.setState(run, 'paused');
    rig.aws.turn({ latencyMs: 0 });
    await redrive(executionArn);
    expect(await rig.ended(executionArn)).toMatchObject({ status: 'SUCCEEDED', redriveCount: 1 });
    expect(await total()).toBe(2);
  });

  test('checks again with a task that failed by itself', async () => {
    rig.aws.turn({ latencyMs: 300 });
    const { run, executionArn } = await rig.start(await rig.create(definition()), keys(4), { maxConcurrency: 1 });
    await until(async () => (await rig.outcomes(run)).length === 1);
    await rig.setState(run, 'paused');
    expect(await rig.ended(executionArn)).toMatchObject({ status: 'FAILED' });
    expect((await rig.outcomes(run)).length).toBeLessThan(4);
    await rig.setState(run, 'running');
    await redrive(executionArn);
    expect(await rig.ended(executionArn)).toMatchObject({ status: 'SUCCEEDED', redriveCount: 1 });
    expect(await rig.outcomes(run)).toHaveLength(4);
    expect(await total()).toBe(4);
  });
});

describe('RedriveExecution', () => {
  const failed = async (): Promise<string> => {
    const arn = await rig.create(machineOf('No', { No: { Type: 'Fail', Error: 'No' } }));
    const executionArn = await rig.startWith(arn, {});
    await rig.ended(executionArn);
    return executionArn;
  };

  test('with the token of an earlier request redrives nothing', async () => {
    const executionArn = await failed();
    const { redriveDate } = await redrive(executionArn, 'one');
    await rig.ended(executionArn);
    expect((await redrive(executionArn, 'one')).redriveDate).toEqual(redriveDate);
    expect(await rig.ended(executionArn)).toMatchObject({ redriveCount: 1 });
    await redrive(executionArn, 'two');
    expect(await rig.ended(executionArn)).toMatchObject({ status: 'FAILED', error: 'No', redriveCount: 2 });
  });

  test('is refused for an execution that runs, that succeeded, or that ended more than 14 days ago', async () => {
    const refused = (reason: string) => ({ name: 'ExecutionNotRedrivable', message: reason });
    const waiting = await rig.create(machineOf('Wait', { Wait: { Type: 'Wait', Seconds: 300_000, End: true } }));
    const running = await rig.startWith(waiting, {});
    await expect(redrive(running)).rejects.toMatchObject(refused('Execution is RUNNING and cannot be redriven'));
    await rig.sfn.send(new StopExecutionCommand({ executionArn: running }));

    const passing = await rig.create(machineOf('Pass', { Pass: { Type: 'Pass', End: true } }));
    const done = await rig.startWith(passing, {});
    await rig.ended(done);
    await expect(redrive(done)).rejects.toMatchObject(refused('Execution is SUCCEEDED and cannot be redriven'));

    const executionArn = await failed();
    rig.aws.turn({ clockAheadMs: 14 * 24 * 60 * 60_000 + 60_000 });
    await expect(redrive(executionArn)).rejects.toMatchObject(refused('Execution redrivable period exceeded'));
    expect(await rig.describe(executionArn)).toMatchObject({
      redriveStatus: 'NOT_REDRIVABLE',
      redriveStatusReason: 'Execution redrivable period exceeded',
    });
    rig.aws.turn({ clockAheadMs: 0 });
  });

  test('of two requests at the same time accepts one', async () => {
    rig.aws.turn({ latencyMs: 2_000 });
    const { executionArn } = await rig.start(await rig.create(definition()), keys(30), { maxConcurrency: 1 });
    await until(async () => (await createWorld(rig.aws.url).invocations()).inFlight === 1);
    await rig.sfn.send(new StopExecutionCommand({ executionArn }));
    // The results of the stopped Map Run are being written.
    const results = await Promise.allSettled([redrive(executionArn), redrive(executionArn)]);
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(await rig.describe(executionArn)).toMatchObject({ status: 'RUNNING', redriveCount: 1 });
  });
});
