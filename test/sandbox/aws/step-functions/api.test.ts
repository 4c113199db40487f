import {
  CreateStateMachineCommand,
  type CreateStateMachineCommandInput,
  DeleteStateMachineCommand,
  DescribeExecutionCommand,
  DescribeMapRunCommand,
  DescribeStateMachineCommand,
  GetExecutionHistoryCommand,
  ListExecutionsCommand,
  ListMapRunsCommand,
  ListStateMachinesCommand,
  SFNServiceException,
  StartExecutionCommand,
  StopExecutionCommand,
  UpdateMapRunCommand,
  UpdateStateMachineCommand,
} from '@aws-sdk/client-sfn';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createWorld } from '../../../../sandbox/world.ts';
import { definition, keys, ROLE, type SfnRig, startSfnRig } from './sfn-rig.ts';

let rig: SfnRig;
beforeAll(async () => {
  rig = await startSfnRig();
});
afterAll(() => rig.close());
/** The name of the state machine of this test: a reset of everything would take longer than most tests. */
let machine = '';
let tests = 0;
beforeEach(async () => {
  await createWorld(rig.aws.url).set({ reset: true });
  rig.aws.turn({ latencyMs: 0, stepFunctions: { speed: 10_000 } });
  tests += 1;
  machine = `machine-${tests}`;
});

const machineOf = (State: object) => JSON.stringify({ StartAt: 'State', States: { State } });
const PASS = machineOf({ Type: 'Pass', End: true });
const WAIT = machineOf({ Type: 'Wait', Seconds: 1_000_000, End: true });
const ACCOUNT = 'us-east-1:016164185850';
const UNKNOWN = {
  machine: `arn:aws:states:${ACCOUNT}:stateMachine:none`,
  execution: `arn:aws:states:${ACCOUNT}:execution:none:none`,
  mapRun: `arn:aws:states:${ACCOUNT}:mapRun:none/Label:none`,
};
const create = (more: Partial<CreateStateMachineCommandInput>) =>
  rig.sfn.send(new CreateStateMachineCommand({ name: machine, definition: PASS, roleArn: ROLE, ...more }));
const start = (stateMachineArn: string, name?: string, input?: string) =>
  rig.sfn.send(new StartExecutionCommand({ stateMachineArn, name, input }));

describe('a state machine', () => {
  test('is created, described, listed, updated and deleted', async () => {
    const { stateMachineArn, creationDate } = await create({});
    expect(stateMachineArn).toBe(`arn:aws:states:${ACCOUNT}:stateMachine:${machine}`);
    expect(creationDate).toBeInstanceOf(Date);
    const describe = () => rig.sfn.send(new DescribeStateMachineCommand({ stateMachineArn }));
    expect(await describe()).toMatchObject({
      name: machine,
      status: 'ACTIVE',
      type: 'STANDARD',
      definition: PASS,
      roleArn: ROLE,
    });
    await create({ name: 'another' });
    const first = await rig.sfn.send(new ListStateMachinesCommand({ maxResults: 1 }));
    const second = await rig.sfn.send(new ListStateMachinesCommand({ nextToken: first.nextToken }));
    expect([first, second].map(({ stateMachines }) => stateMachines?.map(({ name }) => name))).toEqual([
      ['another'],
      [machine],
    ]);
    const updated = await rig.sfn.send(new UpdateStateMachineCommand({ stateMachineArn, definition: WAIT }));
    expect(updated.updateDate).toBeInstanceOf(Date);
    expect(await describe()).toMatchObject({ definition: WAIT, roleArn: ROLE, revisionId: updated.revisionId });
    await rig.sfn.send(new DeleteStateMachineCommand({ stateMachineArn }));
    await expect(describe()).rejects.toMatchObject({ name: 'StateMachineDoesNotExist' });
    // As in AWS, deleting it again is not an error.
    await rig.sfn.send(new DeleteStateMachineCommand({ stateMachineArn }));
  });

  test('is the same when it is created again with the same definition, and its role is not changed', async () => {
    const { stateMachineArn } = await create({});
    expect(await create({ roleArn: `${ROLE}-2` })).toMatchObject({ stateMachineArn });
    expect(await rig.sfn.send(new DescribeStateMachineCommand({ stateMachineArn }))).toMatchObject({ roleArn: ROLE });
  });

  test('keeps the definition of an execution that runs while it is updated', async () => {
    const { stateMachineArn = '' } = await create({ definition: WAIT });
    const { executionArn = '' } = await start(stateMachineArn);
    await rig.sfn.send(new UpdateStateMachineCommand({ stateMachineArn, definition: PASS }));
    expect(await rig.describe(executionArn)).toMatchObject({ status: 'RUNNING' });
    await rig.sfn.send(new DeleteStateMachineCommand({ stateMachineArn }));
    expect(await rig.describe(executionArn)).toMatchObject({ status: 'ABORTED' });
  });
});

describe('an execution', () => {
  test('returns its input as output, and has a history', async () => {
    const { stateMachineArn = '' } = await create({});
    const { executionArn = '', startDate } = await start(stateMachineArn, 'one', '{"a":1}');
    expect(executionArn).toBe(`arn:aws:states:${ACCOUNT}:execution:${machine}:one`);
    expect(await rig.ended(executionArn)).toMatchObject({
      status: 'SUCCEEDED',
      startDate,
      input: '{"a":1}',
      output: '{"a":1}',
      redriveCount: 0,
      redriveStatus: 'NOT_REDRIVABLE',
      redriveStatusReason: 'Execution is SUCCEEDED and cannot be redriven',
    });
    const history = await rig.sfn.send(new GetExecutionHistoryCommand({ executionArn }));
    expect(history.events?.map(({ type }) => type)).toEqual([
      'ExecutionStarted',
      'PassStateEntered',
      'ExecutionSucceeded',
    ]);
    const newest = await rig.sfn.send(
      new GetExecutionHistoryCommand({ executionArn, reverseOrder: true, maxResults: 1 }),
    );
    expect(newest.events?.map(({ type }) => type)).toEqual(['ExecutionSucceeded']);
  });

  test('is started once by requests with the same name and input, and refused with another input or when it has ended', async () => {
    const { stateMachineArn = '' } = await create({ definition: WAIT });
    const first = await start(stateMachineArn, 'once', '{"a":1}');
    expect(await start(stateMachineArn, 'once', '{"a":1}')).toMatchObject({
      executionArn: first.executionArn,
      startDate: first.startDate,
    });
    const exists = { name: 'ExecutionAlreadyExists' };
    await expect(start(stateMachineArn, 'once', '{"a":2}')).rejects.toMatchObject(exists);
    await rig.sfn.send(new StopExecutionCommand({ executionArn: first.executionArn }));
    await expect(start(stateMachineArn, 'once', '{"a":1}')).rejects.toMatchObject(exists);
    rig.aws.turn({ clockAheadMs: 90 * 24 * 60 * 60_000 });
    expect(await start(stateMachineArn, 'once', '{"a":2}')).toMatchObject({ executionArn: first.executionArn });
    rig.aws.turn({ clockAheadMs: 0 });
    await rig.sfn.send(new StopExecutionCommand({ executionArn: first.executionArn }));
  });

  test('that has ended is not changed by another stop', async () => {
    const { stateMachineArn = '' } = await create({});
    const { executionArn = '' } = await start(stateMachineArn);
    const { stopDate } = await rig.ended(executionArn);
    expect(await rig.sfn.send(new StopExecutionCommand({ executionArn, cause: 'late' }))).toMatchObject({ stopDate });
    expect(await rig.describe(executionArn)).toMatchObject({ status: 'SUCCEEDED' });
  });

  test('is listed by state machine, newest first, by status and by page', async () => {
    const { stateMachineArn = '' } = await create({});
    for (const name of ['a', 'b', 'c']) await rig.ended(String((await start(stateMachineArn, name)).executionArn));
    const list = async (more: object) => {
      const { executions = [], nextToken } = await rig.sfn.send(
        new ListExecutionsCommand({ stateMachineArn, ...more }),
      );
      return { names: executions.map(({ name }) => name), nextToken };
    };
    const page = await list({ maxResults: 2 });
    expect(page.names).toEqual(['c', 'b']);
    expect((await list({ nextToken: page.nextToken })).names).toEqual(['a']);
    expect((await list({ statusFilter: 'FAILED' })).names).toEqual([]);
  });

  test('of a Map Run that the bot started continues when the bot is gone', async () => {
    rig.aws.turn({ latencyMs: 30 });
    const { run, executionArn } = await rig.start(await rig.create(definition()), keys(6), { maxConcurrency: 2 });
    // The faults of the bot's connection and credentials do not concern what happens inside AWS.
    rig.aws.turn({
      outage: true,
      expiredCredentials: true,
      accessDenied: ['lambda:InvokeFunction', 'dynamodb:PutItem'],
    });
    await new Promise((resolve) => setTimeout(resolve, 50));
    await expect(rig.describe(executionArn)).rejects.not.toBeInstanceOf(SFNServiceException);
    rig.aws.turn({ outage: false, expiredCredentials: false });
    expect(await rig.ended(executionArn)).toMatchObject({ status: 'SUCCEEDED' });
    rig.aws.turn({ accessDenied: [] });
    expect(await rig.outcomes(run)).toHaveLength(6);
    const history = await rig.sfn.send(new GetExecutionHistoryCommand({ executionArn }));
    expect(history.events?.map(({ type }) => type)).toEqual([
      'ExecutionStarted',
      'MapStateEntered',
      'MapStateStarted',
      'MapRunStarted',
      'MapRunSucceeded',
      'ExecutionSucceeded',
    ]);
  });
});

const long = (count: number) => 'x'.repeat(count);
const map = (more: object, processor: object = {}) =>
  machineOf({
    Type: 'Map',
    ItemProcessor: {
      ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' },
      StartAt: 'Inner',
      States: { Inner: { Type: 'Pass', End: true } },
      ...processor,
    },
    End: true,
    ...more,
  });

describe('a refused request', () => {
  test.for<[what: string, name: string, more: Partial<CreateStateMachineCommandInput>]>([
    ['a name with a space', 'InvalidName', { name: 'a b' }],
    ['a name of 81 characters', 'InvalidName', { name: long(81) }],
    ['a definition that is not JSON', 'InvalidDefinition', { definition: '{' }],
    ['a definition without states', 'InvalidDefinition', { definition: '{"StartAt":"A"}' }],
    [
      'a next state that does not exist',
      'InvalidDefinition',
      { definition: machineOf({ Type: 'Pass', Next: 'None' }) },
    ],
    ['a state without an end', 'InvalidDefinition', { definition: machineOf({ Type: 'Pass' }) }],
    [
      'a resource that the local AWS does not have',
      'InvalidDefinition',
      { definition: machineOf({ Type: 'Task', Resource: 'arn:aws:states:::sqs:sendMessage', End: true }) },
    ],
    [
      'an execution type that is missing',
      'InvalidDefinition',
      { definition: map({}, { ProcessorConfig: { Mode: 'DISTRIBUTED' } }) },
    ],
    [
      'a reader without the place of the CSV headers',
      'InvalidDefinition',
      {
        definition: map({
          ItemReader: { Resource: 'arn:aws:states:::s3:getObject', ReaderConfig: { InputType: 'CSV' } },
        }),
      },
    ],
    [
      'a reader in an inline Map state',
      'InvalidDefinition',
      { definition: map({ ItemReader: {}, MaxConcurrency: 1 }, { ProcessorConfig: { Mode: 'INLINE' } }) },
    ],
    ['a definition of more than 1 MiB', 'InvalidDefinition', { definition: `${PASS}${long(1_048_576)}` }],
    ['a role that is not a role', 'InvalidArn', { roleArn: 'rescan-bot' }],
    ['an EXPRESS state machine', 'StateMachineTypeNotSupported', { type: 'EXPRESS' }],
    ['no role', 'ValidationException', { roleArn: '' }],
  ])('to create a state machine has %s: %s', async ([, name, more]) => {
    await expect(create(more)).rejects.toMatchObject({ name, $metadata: { httpStatusCode: 400 } });
  });

  test('to create one with the name of another definition is StateMachineAlreadyExists', async () => {
    await create({});
    await expect(create({ definition: WAIT })).rejects.toMatchObject({ name: 'StateMachineAlreadyExists' });
  });

  test('is refused when the bot may not pass the role, and when Step Functions may not assume it', async () => {
    rig.aws.turn({ accessDenied: ['iam:PassRole'] });
    await expect(create({})).rejects.toMatchObject({
      name: 'AccessDeniedException',
      message: expect.stringContaining('iam:PassRole'),
    });
    rig.aws.turn({ accessDenied: [], stepFunctions: { roleTrusted: false } });
    await expect(create({})).rejects.toMatchObject({ message: expect.stringContaining('assume the provided role') });
  });

  test.for<[what: string, name: string, call: () => Promise<unknown>]>([
    ['an unknown machine', 'StateMachineDoesNotExist', () => start(UNKNOWN.machine)],
    ['an unknown execution', 'ExecutionDoesNotExist', () => rig.describe(UNKNOWN.execution)],
    [
      'a stop of an unknown execution',
      'ExecutionDoesNotExist',
      () => rig.sfn.send(new StopExecutionCommand({ executionArn: UNKNOWN.execution })),
    ],
    [
      'the Map Runs of an unknown execution',
      'ExecutionDoesNotExist',
      () => rig.sfn.send(new ListMapRunsCommand({ executionArn: UNKNOWN.execution })),
    ],
    [
      'an unknown Map Run',
      'ResourceNotFound',
      () => rig.sfn.send(new DescribeMapRunCommand({ mapRunArn: UNKNOWN.mapRun })),
    ],
    [
      'an update of an unknown Map Run',
      'ResourceNotFound',
      () => rig.sfn.send(new UpdateMapRunCommand({ mapRunArn: UNKNOWN.mapRun, maxConcurrency: 1 })),
    ],
    [
      'a negative concurrency',
      'ValidationException',
      () => rig.sfn.send(new UpdateMapRunCommand({ mapRunArn: UNKNOWN.mapRun, maxConcurrency: -1 })),
    ],
    [
      'the ARN of another resource',
      'InvalidArn',
      () => rig.sfn.send(new DescribeExecutionCommand({ executionArn: UNKNOWN.machine })),
    ],
    ['a text that is no ARN', 'InvalidArn', () => start('rescan-bot')],
    [
      'an update without a change',
      'MissingRequiredParameter',
      async () => {
        const { stateMachineArn } = await create({});
        return rig.sfn.send(new UpdateStateMachineCommand({ stateMachineArn }));
      },
    ],
    [
      'a token that is not one',
      'InvalidToken',
      () => rig.sfn.send(new ListStateMachinesCommand({ nextToken: 'none' })),
    ],
  ])('with %s is %s', async ([, name, call]) => {
    await expect(call()).rejects.toMatchObject({ name, $metadata: { httpStatusCode: 400 } });
  });

  test.for([
    ['an input that is not JSON', 'InvalidExecutionInput', '{'],
    ['an input of more than 256 KiB', 'ValidationException', JSON.stringify(long(256 * 1_024))],
  ] as const)('to start an execution has %s: %s', async ([, name, input]) => {
    const { stateMachineArn = '' } = await create({});
    await expect(start(stateMachineArn, undefined, input)).rejects.toMatchObject({ name });
  });

  test('to start one execution more than the account may have is ExecutionLimitExceeded', async () => {
    rig.aws.turn({ stepFunctions: { openExecutions: 1 } });
    const { stateMachineArn = '' } = await create({ definition: WAIT });
    const { executionArn } = await start(stateMachineArn);
    await expect(start(stateMachineArn)).rejects.toMatchObject({ name: 'ExecutionLimitExceeded' });
    await rig.sfn.send(new StopExecutionCommand({ executionArn }));
    await start(stateMachineArn);
  });

  test('is refused for a missing permission and for expired credentials', async () => {
    rig.aws.turn({ accessDenied: ['states:StartExecution'] });
    await expect(start(UNKNOWN.machine)).rejects.toMatchObject({
      name: 'AccessDeniedException',
      message: expect.stringContaining('states:StartExecution'),
    });
    rig.aws.turn({ accessDenied: [], expiredCredentials: true });
    await expect(start(UNKNOWN.machine)).rejects.toMatchObject({ name: 'ExpiredTokenException' });
  });
});
