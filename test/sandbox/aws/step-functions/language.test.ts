import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createWorld } from '../../../../sandbox/world.ts';
import { BUCKET, FUNCTION, keyOf } from '../aws-rig.ts';
import { CONTROL_TABLE, eventOf, ROLE, type SfnRig, startSfnRig } from './sfn-rig.ts';

/** What the states do as in Step Functions, also where aws-local-stepfunctions does something else by itself. */

let rig: SfnRig;
beforeAll(async () => {
  rig = await startSfnRig();
});
afterAll(() => rig.close());
beforeEach(async () => {
  await createWorld(rig.aws.url).set({ reset: true });
  rig.aws.turn({ latencyMs: 0, stepFunctions: { speed: 10_000 } });
});

/** The status and the output or error of an execution. */
async function result(StartAt: string, States: object, input: unknown = {}) {
  const executionArn = await rig.startWith(await rig.create(JSON.stringify({ StartAt, States })), input);
  const { status, output, error, cause } = await rig.ended(executionArn);
  return { status, output: output === undefined ? undefined : JSON.parse(output), error, cause, executionArn };
}
const pass = (Parameters: object) => ({ Type: 'Pass', Parameters, End: true });
const invoke = (more: object = {}) => ({
  Type: 'Task',
  Resource: 'arn:aws:states:::lambda:invoke',
  Parameters: { FunctionName: FUNCTION, Payload: eventOf(keyOf(0)) },
  End: true,
  ...more,
});
const dynamodb = (operation: string, Parameters: object, more: object = {}) => ({
  Type: 'Task',
  Resource: `arn:aws:states:::${operation}`,
  Parameters: { TableName: CONTROL_TABLE, ...Parameters },
  End: true,
  ...more,
});
/** Puts the error of a task into the output. */
const caught = (task: object) => ({
  Task: { ...task, Catch: [{ ErrorEquals: ['States.ALL'], Next: 'Caught' }] },
  Caught: { Type: 'Pass', End: true },
});

describe('an expression', () => {
  test('keeps the backslashes of texts, so that States.JsonToString returns JSON', async () => {
    const value = { body: '{"a":"b\\n"}', path: 'C:\\x' };
    const { output } = await result(
      'Text',
      {
        Text: pass({
          'text.$': 'States.JsonToString($.value)',
          'format.$': "States.Format('it\\'s {}', $.value.path)",
        }),
      },
      { value },
    );
    expect(JSON.parse(output.text)).toEqual(value);
    expect(output.format).toBe("it's C:\\x");
  });

  test('reads the execution, the state machine and the state from the context object, also inside a branch', async () => {
    const fields = {
      'input.$': '$$.Execution.Input.id',
      'name.$': "States.Format('{}/{}', $$.Execution.Name, $$.State.Name)",
      'role.$': '$$.Execution.RoleArn',
      'machine.$': '$$.StateMachine.Name',
      'entered.$': '$$.State.EnteredTime',
      'retries.$': '$$.State.RetryCount',
    };
    const { output, executionArn } = await result(
      'Both',
      {
        Both: {
          Type: 'Parallel',
          InputPath: '$.inner',
          Branches: [{ StartAt: 'Inside', States: { Inside: pass(fields) } }],
          End: true,
        },
      },
      { id: 'whole', inner: { id: 'part' } },
    );
    expect(output).toEqual([
      {
        input: 'whole',
        name: `${executionArn.split(':').at(-1)}/Inside`,
        role: ROLE,
        machine: executionArn.split(':').at(-2),
        entered: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
        retries: 0,
      },
    ]);
  });

  test('that names no value is States.Runtime, which States.ALL does not catch', async () => {
    const { status, error } = await result('Task', caught(invoke({ InputPath: '$.none' })));
    expect([status, error]).toEqual(['FAILED', 'States.Runtime']);
  });
});

describe('a state', () => {
  test.for([0, false, '', null])('Pass may have the result %j', async (Result) => {
    expect((await result('Pass', { Pass: { Type: 'Pass', Result, End: true } })).output).toEqual(Result);
  });

  test('Wait takes its seconds from the input, and its time passes with the speed of the settings', async () => {
    const began = performance.now();
    const waits = { Wait: { Type: 'Wait', SecondsPath: '$.seconds', End: true } };
    expect((await result('Wait', waits, { seconds: 600 })).output).toEqual({ seconds: 600 });
    expect(performance.now() - began).toBeLessThan(600_000);
  });

  test('Wait with seconds from the input ends when the clock of the local AWS was raised by them, where waits follow that clock', async () => {
    rig.aws.turn({ stepFunctions: { waitsByClock: true } });
    const waits = { Wait: { Type: 'Wait', SecondsPath: '$.seconds', End: true } };
    const machine = await rig.create(JSON.stringify({ StartAt: 'Wait', States: waits }));
    const executionArn = await rig.startWith(machine, { seconds: 600 });
    const ended = rig.ended(executionArn).then(({ output }) => output);
    const early = await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 300, 'waits'))]);
    expect(early).toBe('waits');
    // The wait may begin after the clock was raised for the first time.
    let clockAheadMs = 0;
    const raising = setInterval(() => {
      clockAheadMs += 600_000;
      rig.aws.turn({ clockAheadMs });
    }, 100);
    expect(JSON.parse((await ended) ?? '')).toEqual({ seconds: 600 });
    clearInterval(raising);
  });

  test('Map of which one iteration fails begins no other', async () => {
    const { error } = await result(
      'Each',
      {
        Each: {
          Type: 'Map',
          ItemsPath: '$.ids',
          MaxConcurrency: 1,
          ItemProcessor: {
            ProcessorConfig: { Mode: 'INLINE' },
            StartAt: 'Put',
            States: {
              Put: dynamodb('dynamodb:putItem', {
                Item: { pk: { S: 'run#map' }, sk: { 'S.$': "States.Format('outcomes#{}', $)" } },
                ConditionExpression: 'attribute_not_exists(pk)',
              }),
            },
          },
          End: true,
        },
      },
      { ids: [1, 2, 2, 3] },
    );
    expect(error).toBe('DynamoDB.ConditionalCheckFailedException');
    expect((await rig.outcomes('run#map')).map(({ sk }) => sk?.S)).toEqual(['outcomes#1', 'outcomes#2']);
  });
});

describe('a task', () => {
  test('of Lambda returns the payload with the metadata of the SDK', async () => {
    expect((await result('Task', { Task: invoke() })).output).toMatchObject({
      ExecutedVersion: '$LATEST',
      Payload: { statusCode: 200, body: expect.any(String) },
      SdkHttpMetadata: { HttpStatusCode: 200 },
      SdkResponseMetadata: { RequestId: expect.any(String) },
      StatusCode: 200,
    });
  });

  test.for<[what: string, dials: object, error: string, cause: string]>([
    ['a crash', { failures: { kind: 'crash' } }, 'KeyError', '"errorType":"KeyError"'],
    ['a timeout without an error type', { failures: { kind: 'timeout' } }, 'Lambda.Unknown', 'Task timed out'],
    ['a timeout', { failures: { kind: 'timeout-new' } }, 'Sandbox.Timedout', 'Task timed out'],
    [
      'a throttled invocation',
      { concurrency: { unreserved: 0 } },
      'Lambda.TooManyRequestsException',
      'Status Code: 429',
    ],
    [
      'a function that does not exist',
      { functionMissing: true },
      'Lambda.ResourceNotFoundException',
      'Status Code: 404',
    ],
    [
      'a role without permission',
      { stepFunctions: { denied: ['lambda:InvokeFunction'] } },
      'Lambda.AWSLambdaException',
      'AccessDeniedException',
    ],
  ])('of Lambda fails for %s with the error of Step Functions', async ([, dials, error, cause]) => {
    rig.aws.turn(dials);
    const { output } = await result('Task', caught(invoke()));
    expect(output).toEqual({ Error: error, Cause: expect.stringContaining(cause) });
  });

  test('with more than 256 KiB is States.DataLimitExceeded, which only its name catches', async () => {
    const text = 'x'.repeat(200 * 1_024);
    const task = dynamodb('dynamodb:putItem', { Item: { pk: { 'S.$': '$.text' }, sk: { 'S.$': '$.text' } } });
    const error = 'States.DataLimitExceeded';
    expect(await result('Task', caught(task), { text })).toMatchObject({ status: 'FAILED', error });
    const byName = { Task: { ...task, Catch: [{ ErrorEquals: [error], Next: 'Caught' }] }, Caught: pass({ ok: true }) };
    expect(await result('Task', byName, { text })).toMatchObject({ output: { ok: true } });
    const twice = pass({ 'all.$': 'States.Array($.text, $.text)' });
    expect(await result('Twice', { Twice: twice }, { text })).toMatchObject({ status: 'FAILED', error });
  });

  test.for<[what: string, operation: string, parameters: object, dials: object, error: string]>([
    [
      'a condition that does not hold',
      'dynamodb:putItem',
      { Item: { pk: { S: 'a' }, sk: { S: 'b' } }, ConditionExpression: 'attribute_exists(pk)' },
      {},
      'DynamoDB.ConditionalCheckFailedException',
    ],
    [
      'a condition that does not hold, with the integration of the SDK',
      'aws-sdk:dynamodb:putItem',
      { Item: { pk: { S: 'a' }, sk: { S: 'b' } }, ConditionExpression: 'attribute_exists(pk)' },
      {},
      'DynamoDb.ConditionalCheckFailedException',
    ],
    [
      'a table that does not exist',
      'dynamodb:getItem',
      { TableName: 'none', Key: { pk: { S: 'a' }, sk: { S: 'b' } } },
      {},
      'DynamoDB.ResourceNotFoundException',
    ],
    [
      'throttling',
      'dynamodb:getItem',
      { Key: { pk: { S: 'a' }, sk: { S: 'b' } } },
      { dynamodb: { throttleRate: 1 } },
      'DynamoDB.ProvisionedThroughputExceededException',
    ],
    [
      'a request that is not valid',
      'dynamodb:getItem',
      { Key: { pk: { S: 'a' } } },
      {},
      'DynamoDB.AmazonDynamoDBException',
    ],
    [
      'a role without permission',
      'dynamodb:getItem',
      { Key: { pk: { S: 'a' }, sk: { S: 'b' } } },
      { stepFunctions: { denied: ['dynamodb:GetItem'] } },
      'DynamoDB.AmazonDynamoDBException',
    ],
  ])('of DynamoDB fails for %s with the error of Step Functions', async ([, operation, parameters, dials, error]) => {
    rig.aws.turn(dials);
    expect((await result('Task', caught(dynamodb(operation, parameters)))).output).toMatchObject({ Error: error });
  });

  test('of DynamoDB returns the item with its types, and no item where there is none', async () => {
    const Key = { pk: { S: 'typed' }, sk: { S: 'item' } };
    const item = { ...Key, n: { N: '12345678901234567890' }, l: { L: [{ BOOL: true }, { NULL: true }] } };
    const read = dynamodb('dynamodb:getItem', { Key, ConsistentRead: true });
    expect((await result('Task', { Task: read })).output).not.toHaveProperty('Item');
    await result('Task', { Task: dynamodb('dynamodb:putItem', { Item: item }) });
    expect((await result('Task', { Task: read })).output).toMatchObject({ Item: item });
  });

  test.for<[what: string, dials: object, key: string, error: string | undefined, cause: string]>([
    ['finds an image', {}, keyOf(0), undefined, ''],
    ['does not find one', {}, 'none.png', 'S3.NoSuchKeyException', 'Status Code: 404'],
    [
      'may not know whether it exists',
      { stepFunctions: { denied: ['s3:ListBucket'] } },
      'none.png',
      'S3.S3Exception',
      'Status Code: 403',
    ],
  ])('of S3 %s', async ([, dials, Key, error, cause]) => {
    rig.aws.turn(dials);
    const Resource = 'arn:aws:states:::aws-sdk:s3:headObject';
    const task = { Type: 'Task', Resource, Parameters: { Bucket: BUCKET, Key }, End: true };
    const { output } = await result('Task', caught(task));
    expect(output.Error).toBe(error);
    if (error === undefined) expect(output.ContentLength).toBeGreaterThan(0);
    else expect(output.Cause).toContain(cause);
  });

  test('is retried as often as its Retry says, with waits that the longest wait limits', async () => {
    rig.aws.turn({ failures: { kind: 'crash' } });
    const Retry = [
      {
        ErrorEquals: ['States.TaskFailed'],
        MaxAttempts: 4,
        IntervalSeconds: 100,
        BackoffRate: 100,
        MaxDelaySeconds: 1_000,
      },
    ];
    const before = (await createWorld(rig.aws.url).invocations()).total;
    const began = performance.now();
    expect(await result('Task', { Task: invoke({ Retry }) })).toMatchObject({ status: 'FAILED', error: 'KeyError' });
    expect((await createWorld(rig.aws.url).invocations()).total - before).toBe(5);
    // 100 + 3 x 1,000 seconds at the speed of 10,000 are 310 ms; without the limit it would be over 27 hours.
    expect(performance.now() - began).toBeGreaterThan(300);
  });
});
