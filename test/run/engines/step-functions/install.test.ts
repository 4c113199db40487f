import { CreateStateMachineCommand, type SFNClient, UpdateStateMachineCommand } from '@aws-sdk/client-sfn';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  createStateMachine,
  describeStateMachine,
  type MachineFacts,
  updateStateMachine,
} from '../../../../src/pipeline/state-machine/install.ts';
import { stateMachineDefinition } from '../../../../src/run/engines/step-functions/definition.ts';
import { createEngineControl, type EngineControlPorts } from '../../../../src/run/engines/step-functions/install.ts';
import {
  installationId,
  judgeInstallation,
  type WantedMachine,
} from '../../../../src/run/engines/step-functions/installation.ts';
import { ROLE, startSfnRig } from '../../../sandbox/aws/step-functions/sfn-rig.ts';

const OTHER_ROLE = 'arn:aws:iam::016164185850:role/other';
const FUNCTION_ARN = 'arn:aws:lambda:us-east-1:016164185850:function:ocr';

let aws: Awaited<ReturnType<typeof startSfnRig>>;
let sfn: SFNClient;
beforeAll(async () => {
  aws = await startSfnRig();
  sfn = aws.sfn;
});
afterAll(() => aws.close());

let count = 0;
let name = '';
let arn = '';
beforeEach(() => {
  name = `rescan-bot-${count++}`;
  arn = `arn:aws:states:us-east-1:016164185850:stateMachine:${name}`;
});

const controlWith = (more: Partial<EngineControlPorts> = {}) =>
  createEngineControl({
    engine: 'step-functions',
    stateMachine: name,
    roleArn: ROLE,
    describeFunction: async () => ({ arn: FUNCTION_ARN, timeoutMs: 120_000 }),
    describe: (at) => describeStateMachine(sfn, at),
    create: (machine) => createStateMachine(sfn, machine),
    update: (machine) => updateStateMachine(sfn, machine),
    openRunOnMachine: async () => undefined,
    ...more,
  });

async function install(more: Partial<EngineControlPorts> = {}) {
  const control = controlWith(more);
  return control.install((await control.report()).installationId);
}

describe('An installation', () => {
  test('creates the state machine, and repeating it changes nothing', async () => {
    expect((await controlWith().report()).installation).toEqual({ kind: 'missing' });
    await expect(controlWith().checkInstalled()).rejects.toThrow(/does not exist/);
    expect(await install()).toMatchObject({ kind: 'created', report: { installation: { kind: 'current' } } });
    expect(await install()).toMatchObject({ kind: 'unchanged' });
    expect(await controlWith().checkInstalled()).toMatchObject({ stateMachineArn: arn, childType: 'STANDARD' });
    const found = await describeStateMachine(sfn, arn);
    expect(JSON.parse(found?.definition ?? '')).toEqual(stateMachineDefinition('STANDARD'));
    expect(found?.roleArn).toBe(ROLE);
  });

  test('updates a definition of an earlier version and another role, and says so before', async () => {
    const earlier = JSON.stringify({ ...stateMachineDefinition('STANDARD'), TimeoutSeconds: 5 });
    await sfn.send(new CreateStateMachineCommand({ name, definition: earlier, roleArn: OTHER_ROLE }));
    const { installation } = await controlWith().report();
    expect(installation).toMatchObject({
      kind: 'outdated',
      changes: [{ kind: 'definition' }, { kind: 'role', from: OTHER_ROLE, to: ROLE }],
    });
    await expect(controlWith().checkInstalled()).rejects.toThrow(/not the one of this version/);
    expect(await install()).toMatchObject({ kind: 'updated' });
    expect(await controlWith().checkInstalled()).toMatchObject({ stateMachineArn: arn });
  });

  test('keeps the role where the setting is empty, and needs one to create', async () => {
    expect(await install({ roleArn: undefined })).toMatchObject({ kind: 'refused', because: 'no-role' });
    expect(await describeStateMachine(sfn, arn)).toBeUndefined();
    const earlier = JSON.stringify({ ...stateMachineDefinition('STANDARD'), TimeoutSeconds: 5 });
    await sfn.send(new CreateStateMachineCommand({ name, definition: earlier, roleArn: OTHER_ROLE }));
    expect(await install({ roleArn: undefined })).toMatchObject({ kind: 'updated' });
    expect((await describeStateMachine(sfn, arn))?.roleArn).toBe(OTHER_ROLE);
  });

  test('never overwrites a state machine that the bot did not make', async () => {
    const definition = JSON.stringify({ StartAt: 'A', States: { A: { Type: 'Succeed' } } });
    await sfn.send(new CreateStateMachineCommand({ name, definition, roleArn: ROLE }));
    expect(await install()).toMatchObject({ kind: 'refused', because: 'foreign' });
    expect((await describeStateMachine(sfn, arn))?.definition).toBe(definition);
    await expect(controlWith().checkInstalled()).rejects.toThrow(/cannot be used/);
  });

  test('is refused while a run is running on the state machine', async () => {
    const busy = { openRunOnMachine: async () => ({ runId: 'r-0142', isRunning: true, hasExecution: true }) };
    expect(await install(busy)).toMatchObject({
      kind: 'refused',
      because: 'run-running',
      report: { runningRunId: 'r-0142' },
    });
    expect(await describeStateMachine(sfn, arn)).toBeUndefined();
  });

  test('names a halted run whose execution began with another definition, and no other run', async () => {
    await install();
    const { digest } = await controlWith().checkInstalled();
    const reportOf = (run: { isRunning: boolean; hasExecution: boolean; definition?: string }) =>
      controlWith({ openRunOnMachine: async () => ({ runId: 'r-0142', ...run }) }).report();
    const halted = { isRunning: false, hasExecution: true };
    expect((await reportOf({ ...halted, definition: 'another' })).haltedRunId).toBe('r-0142');
    expect((await reportOf(halted)).haltedRunId).toBe('r-0142');
    expect((await reportOf({ ...halted, definition: digest })).haltedRunId).toBeUndefined();
    expect((await reportOf({ isRunning: false, hasExecution: false })).haltedRunId).toBeUndefined();
    expect((await reportOf({ isRunning: true, hasExecution: true })).haltedRunId).toBeUndefined();
  });

  test('is refused when the state machine changed after it was confirmed', async () => {
    const confirmed = (await controlWith().report()).installationId;
    const earlier = JSON.stringify({ ...stateMachineDefinition('STANDARD'), TimeoutSeconds: 5 });
    await sfn.send(new CreateStateMachineCommand({ name, definition: earlier, roleArn: ROLE }));
    expect(await controlWith().install(confirmed)).toMatchObject({ kind: 'refused', because: 'changed' });
    const another = (await controlWith().report()).installationId;
    await sfn.send(new UpdateStateMachineCommand({ stateMachineArn: arn, roleArn: OTHER_ROLE }));
    expect(await controlWith().install(another)).toMatchObject({ kind: 'refused', because: 'changed' });
  });

  test('that somebody else finishes first is refused, and not overwritten', async () => {
    const definition = JSON.stringify({ StartAt: 'A', States: { A: { Type: 'Succeed' } } });
    const answer = await install({
      async create(machine) {
        await sfn.send(new CreateStateMachineCommand({ name, definition, roleArn: ROLE }));
        return createStateMachine(sfn, machine);
      },
    });
    expect(answer).toMatchObject({ kind: 'refused', because: 'changed' });
    expect((await describeStateMachine(sfn, arn))?.definition).toBe(definition);
  });

  test('whose reply is lost is found by the next one, and a repeated call of the SDK does no harm', async () => {
    const lost = {
      async create(machine: Parameters<EngineControlPorts['create']>[0]): Promise<never> {
        await createStateMachine(sfn, machine);
        throw new Error('the reply was lost');
      },
    };
    await expect(install(lost)).rejects.toThrow('the reply was lost');
    expect(await install()).toMatchObject({ kind: 'unchanged' });
    const twice = {
      async create(machine: Parameters<EngineControlPorts['create']>[0]) {
        await createStateMachine(sfn, machine);
        return createStateMachine(sfn, machine);
      },
    };
    name = `${name}-twice`;
    expect(await install(twice)).toMatchObject({ kind: 'created' });
  });

  test('that AWS does not confirm is reported', async () => {
    expect(await install({ create: async () => 'created' })).toMatchObject({
      kind: 'refused',
      because: 'not-confirmed',
    });
  });
});

const wanted: WantedMachine = {
  arn: 'arn:aws-cn:states:cn-north-1:1:stateMachine:m',
  name: 'm',
  childType: 'STANDARD',
};
const factsOf = (childType: 'STANDARD' | 'EXPRESS', more: Partial<MachineFacts> = {}): MachineFacts => ({
  arn: wanted.arn,
  definition: JSON.stringify(stateMachineDefinition(childType, 'aws-cn'), null, 2),
  roleArn: ROLE,
  type: 'STANDARD',
  isDeleting: false,
  ...more,
});

test.each([
  ['spaces in its text', factsOf('STANDARD'), wanted, { kind: 'current', childType: 'STANDARD', changes: [] }],
  [
    'STANDARD children where EXPRESS ones would do',
    factsOf('STANDARD'),
    { ...wanted, childType: 'EXPRESS' },
    { kind: 'current', changes: [{ kind: 'children', from: 'STANDARD', to: 'EXPRESS' }] },
  ],
  [
    'EXPRESS children for a function that takes too long',
    factsOf('EXPRESS'),
    wanted,
    { kind: 'outdated', changes: [{ kind: 'children', from: 'EXPRESS', to: 'STANDARD' }] },
  ],
  [
    'the definition of another partition',
    factsOf('STANDARD', { definition: JSON.stringify(stateMachineDefinition('STANDARD')) }),
    wanted,
    { kind: 'outdated', changes: [{ kind: 'definition' }] },
  ],
  ['the type EXPRESS', factsOf('STANDARD', { type: 'EXPRESS' }), wanted, { kind: 'foreign' }],
  ['a text that is no JSON', factsOf('STANDARD', { definition: '{' }), wanted, { kind: 'foreign' }],
  ['been deleted', factsOf('STANDARD', { isDeleting: true }), wanted, { kind: 'deleting' }],
] as const)('A state machine that has %s is judged', (_name, found, want, judged) => {
  expect(judgeInstallation(found, want)).toMatchObject(judged);
});

test('What a person confirms is another thing after every change', () => {
  const ids = [
    installationId(undefined, wanted),
    installationId(undefined, { ...wanted, roleArn: ROLE }),
    installationId(undefined, { ...wanted, childType: 'EXPRESS' }),
    installationId(factsOf('STANDARD'), wanted),
    installationId(factsOf('STANDARD', { revisionId: '2' }), wanted),
  ];
  expect(new Set(ids).size).toBe(ids.length);
});

test('The ARN of the state machine is of the account and region of the function, and a setting may name it', async () => {
  const describeFunction = async () => ({
    arn: 'arn:aws-cn:lambda:cn-north-1:123456789012:function:f:live',
    timeoutMs: 3_000,
  });
  const at = controlWith({ describeFunction, describe: async () => undefined });
  expect((await at.report()).machine).toMatchObject({
    arn: `arn:aws-cn:states:cn-north-1:123456789012:stateMachine:${name}`,
    childType: 'EXPRESS',
  });
  const given = controlWith({ stateMachine: arn, describeFunction: async () => ({ timeoutMs: 3_000 }) });
  expect((await given.report()).machine).toMatchObject({ arn, name });
  await expect(controlWith({ describeFunction: async () => ({ timeoutMs: 3_000 }) }).report()).rejects.toThrow(
    /account of the function/,
  );
});
