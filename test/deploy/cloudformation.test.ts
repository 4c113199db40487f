import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { BOT_STATEMENTS } from '../../deploy/iam/bot-statements.ts';
import { readSettings, SETTINGS } from '../../src/settings.ts';
import { DELETE_AFTER } from '../../src/state/table/format.ts';
import { evaluate, readTemplate, references, templateText, values } from './template.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const template = readTemplate();
const { Parameters: parameters, Resources: resources, Conditions: conditions, Outputs: outputs } = template;
/** Every condition of the template holds. */
const ALL = new Set(Object.keys(conditions));
const propertiesOf = (id: string): Record<string, unknown> => {
  const found = resources[id];
  if (!found) throw new Error(`The template has no ${id}`);
  return found.Properties;
};
const PSEUDO = ['AWS::AccountId', 'AWS::NoValue', 'AWS::Partition', 'AWS::Region', 'AWS::URLSuffix'];

test('every name that the template refers to exists in it', () => {
  const known = {
    Ref: new Set([...Object.keys(parameters), ...Object.keys(resources), ...PSEUDO]),
    GetAtt: new Set(Object.keys(resources)),
    Condition: ALL,
    Mapping: new Set(Object.keys(template.Mappings)),
  };
  const found = references([conditions, resources, outputs]);
  expect(found.length).toBeGreaterThan(100);
  expect(found.filter(({ kind, name }) => !known[kind].has(name))).toEqual([]);
  for (const { Condition, DependsOn } of Object.values(resources)) {
    if (Condition !== undefined) expect(ALL).toContain(Condition);
    if (DependsOn !== undefined) expect(Object.keys(resources)).toContain(DependsOn);
  }
});

test('every parameter and every condition is used, and every parameter is described and in one group', () => {
  const used = references([conditions, resources, outputs]);
  const refs = new Set(used.filter(({ kind }) => kind === 'Ref').map(({ name }) => name));
  expect(Object.keys(parameters).filter((name) => !refs.has(name))).toEqual([]);
  const held = new Set([
    ...used.filter(({ kind }) => kind === 'Condition').map(({ name }) => name),
    ...Object.values(resources).map(({ Condition }) => Condition),
  ]);
  expect(Object.keys(conditions).filter((name) => !held.has(name))).toEqual([]);
  for (const [name, parameter] of Object.entries(parameters)) expect(parameter.Description, name).toMatch(/\.$/);
  const grouped = [...templateText().matchAll(/^ {8}Parameters: \[([^\]]+)\]$/gm)].flatMap(([, list = '']) =>
    list.split(', '),
  );
  expect(grouped.sort()).toEqual(Object.keys(parameters).sort());
});

test('a resource that exists under a condition is referred to under that condition only', () => {
  const conditional = Object.entries(resources).flatMap(([id, { Condition }]) =>
    Condition ? [{ id, Condition }] : [],
  );
  expect(conditional.length).toBeGreaterThan(0);
  const always = Object.values(resources).filter(({ Condition }) => Condition === undefined);
  const reached = references(evaluate([always, outputs], {}, new Set()));
  expect(reached.filter(({ name }) => conditional.some(({ id }) => id === name))).toEqual([]);
});

test('nothing that a team has to change names an account, a bucket, a table or a function of ours', () => {
  const files = globSync(
    '{deploy/cloudformation.yml,deploy/README.md,deploy/{iam,terraform}/*,deploy/*.ts,docs/iam-policy.json,Dockerfile}',
    { cwd: ROOT },
  );
  expect(files.length).toBeGreaterThan(8);
  for (const path of files) {
    const text = readFileSync(`${ROOT}${path}`, 'utf8');
    expect(text.match(/timesheet|016164185850|\b\d{12}\b/gi), path).toBeNull();
  }
  const withDefault = Object.entries(parameters).filter(
    ([, { Default }]) => typeof Default === 'string' && Default !== '',
  );
  for (const [name, { Default }] of withDefault)
    expect(Default, name).toMatch(/^(rescan-bot|rescan-bot-control|true|false|DISABLED|STANDARD)$/);
});

test('no role may reach every resource, except by statements that AWS scopes to none', () => {
  const wide = [...values(resources)].flatMap((value) => {
    const parsed = z.object({ Sid: z.string(), Resource: z.array(z.unknown()), Action: z.unknown() }).safeParse(value);
    return parsed.success && parsed.data.Resource.includes('*') ? [parsed.data.Sid] : [];
  });
  const explained = BOT_STATEMENTS.filter(({ unscoped }) => unscoped !== undefined).map(({ sid }) => sid);
  // ecr:GetAuthorizationToken is the login to a registry: AWS scopes it to no resource.
  expect(wide.sort()).toEqual([...explained, 'LogInToEcr'].sort());
  expect(templateText()).not.toMatch(/Action: \[?['"]?\*|NotAction|NotResource|AdministratorAccess/);
});

const statementSchema = z.object({
  Sid: z.string(),
  Effect: z.string(),
  Action: z.array(z.string()),
  Resource: z.array(z.string()),
});
const roleSchema = z.object({
  Policies: z.tuple([z.object({ PolicyDocument: z.object({ Statement: z.array(statementSchema) }) })]),
});
const statementsOf = (role: string, held: ReadonlySet<string>) =>
  roleSchema.parse(evaluate(propertiesOf(role), {}, held)).Policies[0].PolicyDocument.Statement;

test('the role of the bot in the template is the described one, without what the template itself creates', () => {
  const described = BOT_STATEMENTS.filter(({ createdByTemplate }) => !createdByTemplate);
  expect(statementsOf('BotRole', ALL).map(({ Sid, Effect, Action }) => [Sid, Effect, Action])).toEqual(
    described.map(({ sid, effect, actions }) => [sid, effect, actions]),
  );
  expect(BOT_STATEMENTS.filter(({ createdByTemplate }) => createdByTemplate).map(({ sid }) => sid)).toEqual([
    'CreateControlTable',
    'InstallTheStateMachine',
    'GiveTheStateMachineItsRole',
  ]);
});

test('without its options the bot may neither delete a table nor change code', () => {
  const actions = statementsOf('BotRole', new Set()).flatMap(({ Action }) => Action);
  expect(actions).not.toContain('dynamodb:DeleteTable');
  expect(actions).not.toContain('dynamodb:CreateTable');
  expect(actions).not.toContain('lambda:UpdateFunctionCode');
  expect(actions).toContain('lambda:InvokeFunction');
});

test('the policies of a role fit into the 10,240 characters that IAM allows', () => {
  for (const role of ['BotRole', 'StartRole', 'MachineRole']) {
    const document = JSON.stringify(statementsOf(role, ALL).map((statement) => statement));
    // Names may be longer than their parameters here.
    expect(document.length + 60 * 20, role).toBeLessThan(10_240);
  }
});

test('the table and the bucket survive the deletion of the stack and of themselves', () => {
  for (const id of ['StateTable', 'BackupBucket', 'Log'])
    expect(resources[id]).toMatchObject({ DeletionPolicy: 'Retain', UpdateReplacePolicy: 'Retain' });
  expect(propertiesOf('StateTable')).toMatchObject({
    BillingMode: 'PAY_PER_REQUEST',
    DeletionProtectionEnabled: true,
    TimeToLiveSpecification: { AttributeName: DELETE_AFTER, Enabled: true },
    PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
    KeySchema: [
      { AttributeName: 'pk', KeyType: 'HASH' },
      { AttributeName: 'sk', KeyType: 'RANGE' },
    ],
  });
  const bucket = propertiesOf('BackupBucket');
  expect(bucket).toMatchObject({
    VersioningConfiguration: { Status: 'Enabled' },
    PublicAccessBlockConfiguration: {
      BlockPublicAcls: true,
      BlockPublicPolicy: true,
      IgnorePublicAcls: true,
      RestrictPublicBuckets: true,
    },
  });
  expect(evaluate(bucket, {}, new Set())).not.toHaveProperty('ObjectLockEnabled');
  expect(evaluate(bucket, {}, ALL)).toMatchObject({ ObjectLockEnabled: true });
  expect(JSON.stringify(propertiesOf('BackupBucketPolicy'))).toContain('"aws:SecureTransport":"false"');
});

const containerSchema = z.object({
  ReadonlyRootFilesystem: z.literal(true),
  MountPoints: z.array(z.object({ ContainerPath: z.string() })),
  StopTimeout: z.number(),
  HealthCheck: z.object({ Command: z.array(z.string()) }),
  Environment: z.array(z.object({ Name: z.string(), Value: z.string() })),
  Secrets: z.array(z.object({ Name: z.string(), ValueFrom: z.string() })),
});
const GIVEN = {
  'AWS::Region': 'eu-west-1',
  'AWS::AccountId': 'ACCOUNT',
  StateTable: 'control-table',
  BackupBucket: 'control-bucket',
  ControlPrefix: '',
  ImageBucket: 'images',
  Table: 'records',
  OcrFunction: 'ocr',
  SlackChannels: 'C0000001',
  Operators: 'U0000001',
  Approvers: '',
};
const container = (held: ReadonlySet<string> = ALL) =>
  containerSchema.parse(
    z.object({ ContainerDefinitions: z.tuple([z.unknown()]) }).parse(evaluate(propertiesOf('Task'), GIVEN, held))
      .ContainerDefinitions[0],
  );

test('the environment of the container is one that the bot starts with, and its tokens are secrets', () => {
  const { Environment, Secrets } = container();
  const tokens: Record<string, string> = {
    SLACK_BOT_TOKEN: 'xoxb-1',
    SLACK_APP_TOKEN: 'xapp-1',
    WEBHOOK_URL: 'https://example.com/hook',
    WEBHOOK_SECRET: 'w'.repeat(16),
    PAGERDUTY_ROUTING_KEY: 'p'.repeat(32),
  };
  expect(Secrets.map(({ Name }) => Name)).toEqual(Object.keys(tokens));
  for (const { Name, ValueFrom } of Secrets) expect(ValueFrom).toMatch(new RegExp(`^\\w+SecretArn:${Name}::$`));
  expect(container(new Set()).Secrets.map(({ Name }) => Name)).toEqual(['SLACK_BOT_TOKEN', 'SLACK_APP_TOKEN']);
  const environment = Object.fromEntries(Environment.map(({ Name, Value }) => [Name, Value]));
  const settings = readSettings({ ...environment, ...tokens });
  expect(settings).toMatchObject({
    controlTable: 'control-table',
    controlBucket: 'control-bucket',
    ocrFunction: 'ocr',
  });
  const known = new Set([...SETTINGS.map(({ variable }) => variable), 'AWS_REGION']);
  expect(Object.keys(environment).filter((name) => !known.has(name))).toEqual([]);
  expect(Object.keys(environment).filter((name) => /TOKEN|SECRET|KEY|WEBHOOK/.test(name))).toEqual([]);
});

test('the container cannot write but below /tmp, and is stopped only after the bot has stopped itself', () => {
  const { MountPoints, StopTimeout, Environment, HealthCheck } = container();
  expect(MountPoints.map(({ ContainerPath }) => ContainerPath)).toEqual(['/tmp']);
  const shutdown = Number(Environment.find(({ Name }) => Name === 'SHUTDOWN_SECONDS')?.Value);
  expect(StopTimeout).toBeGreaterThan(shutdown);
  // Fargate allows two minutes.
  expect(StopTimeout).toBeLessThanOrEqual(120);
  expect(existsSync(`${ROOT}${HealthCheck.Command.at(-1)}`)).toBe(true);
});

test('a deployment starts the new copy first and rolls back when it does not become healthy', () => {
  expect(propertiesOf('Service')).toMatchObject({
    DeploymentConfiguration: {
      MinimumHealthyPercent: 100,
      DeploymentCircuitBreaker: { Enable: true, Rollback: true },
    },
  });
  expect(parameters.DesiredCount).toMatchObject({ Default: 1, AllowedValues: [1, 2] });
});

test('every alarm notifies the topic, or says that it does nothing by itself', () => {
  const alarms = Object.entries(resources).filter(([, { Type }]) => Type.includes('Alarm'));
  expect(alarms.length).toBeGreaterThan(8);
  for (const [id, { Properties }] of alarms) {
    const notifies = JSON.stringify(Properties.AlarmActions ?? []) === '[{"Ref":"AlarmTopicArn"}]';
    expect(notifies !== /^No action\./.test(String(Properties.AlarmDescription)), id).toBe(true);
  }
});

test('the commands of the page give every required parameter, know each one, and name alarms that exist', () => {
  const page = readFileSync(`${ROOT}deploy/README.md`, 'utf8');
  const [, command = ''] = /(aws cloudformation deploy[\s\S]*?)```/.exec(page) ?? [];
  const given = [...command.matchAll(/\b([A-Z][A-Za-z]+)=/g)].map(([, name = '']) => name);
  expect(given.filter((name) => parameters[name] === undefined)).toEqual([]);
  const required = Object.keys(parameters).filter((name) => parameters[name]?.Default === undefined);
  expect(required.filter((name) => !given.includes(name))).toEqual([]);
  const named = [...page.matchAll(/`([A-Z][A-Za-z]+)(?:=[^`]*)?`/g)].map(([, name = '']) => name);
  const others = ['ActiveWork', 'Heartbeat', 'Work', 'Pipeline', 'RescanBot', 'Dockerfile', 'EnvironmentFiles'];
  expect(
    named.filter((name) => /[a-z]/.test(name) && parameters[name] === undefined && !others.includes(name)),
  ).toEqual([]);
  const alarms = JSON.stringify(Object.values(resources).map(({ Properties }) => Properties.AlarmName));
  const inText = [...page.matchAll(/`(?:rescan-bot|…)-((?:not|silent|active|run|errors)[a-z-]*)`/g)];
  expect(inText.length).toBeGreaterThan(5);
  for (const [, name = ''] of inText) expect(alarms).toContain(`-${name}"`);
});

const hasCfnLint = spawnSync('cfn-lint', ['--version']).status === 0;
test.skipIf(!hasCfnLint)('cfn-lint, where it is installed, finds nothing in the template', () => {
  expect(
    execFileSync('cfn-lint', ['-f', 'parseable', '-c', 'I', '--', 'deploy/cloudformation.yml'], {
      cwd: ROOT,
      encoding: 'utf8',
    }),
  ).toBe('');
});
