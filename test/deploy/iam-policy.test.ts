import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { BOT_STATEMENTS } from '../../deploy/iam/bot-statements.ts';
import { cloudFormation, NAMES, placeholders, spell, terraform } from '../../deploy/iam/policy.ts';
import { STATE_MACHINE_STATEMENTS } from '../../deploy/iam/state-machine-statements.ts';
import { actionsIn, calledActions } from './called-actions.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const policySchema = z.object({
  Statement: z.array(
    z.object({
      Sid: z.string().regex(/^[A-Za-z0-9]+$/),
      Effect: z.enum(['Allow', 'Deny']),
      Action: z.array(z.string()),
      Resource: z.array(z.string()),
    }),
  ),
});
const readPolicy = (path: string) => policySchema.parse(JSON.parse(readFileSync(`${ROOT}${path}`, 'utf8')));
const allowed = BOT_STATEMENTS.filter(({ effect }) => effect === 'Allow');

test('the role of the bot allows what the bot calls, and nothing that it does not', () => {
  const called = calledActions(`${ROOT}src`);
  expect(called.length).toBeGreaterThan(25);
  expect([...new Set(allowed.flatMap(({ actions }) => actions))].sort()).toEqual(called);
});

test('the bot reaches AWS only by clients whose operations the comparison can read', () => {
  const packages = globSync('src/**/*.ts', { cwd: ROOT }).flatMap((file) =>
    [...readFileSync(`${ROOT}${file}`, 'utf8').matchAll(/from '(@aws-sdk\/[^']+|@smithy\/[^']+)'/g)].map(
      ([, name = '']) => name,
    ),
  );
  const others = [...new Set(packages)].filter((name) => !name.startsWith('@aws-sdk/client-')).sort();
  expect(others).toEqual(['@aws-sdk/util-dynamodb', '@smithy/types']);
});

test.each([
  ["import { GetItemCommand, type PutItemCommandInput } from '@aws-sdk/client-dynamodb';", ['dynamodb:GetItem']],
  ["import { HeadObjectCommand } from '@aws-sdk/client-s3';", ['s3:GetObject']],
  ["import {\n  paginateListMapRuns,\n  SFNClient,\n} from '@aws-sdk/client-sfn';", ['states:ListMapRuns']],
  ["export { InvokeCommand } from '@aws-sdk/client-lambda';", ['lambda:InvokeFunction']],
])('the comparison reads %s', (source, actions) => {
  expect(actionsIn(source)).toEqual(actions);
});

test.each([
  ["import * as s3 from '@aws-sdk/client-s3';", 'cannot be read'],
  ["const s3 = await import('@aws-sdk/client-s3');", 'cannot be read'],
  ["import { SendMessageCommand } from '@aws-sdk/client-sqs';", 'No IAM prefix'],
])('the comparison refuses what it cannot read: %s', (source, problem) => {
  expect(() => actionsIn(source)).toThrow(problem);
});

test('the bot may delete from S3 under backups/ only, and the audit and the packages never', () => {
  const resources = (wanted: 'Allow' | 'Deny') =>
    BOT_STATEMENTS.filter(({ effect, actions }) => effect === wanted && actions.includes('s3:DeleteObject')).flatMap(
      (statement) => statement.resources,
    );
  expect(resources('Allow')).toEqual(['arn:{partition}:s3:::{controlBucket}/{controlPrefix}backups/*']);
  expect(resources('Deny')).toEqual([
    'arn:{partition}:s3:::{controlBucket}/{controlPrefix}audit/*',
    'arn:{partition}:s3:::{controlBucket}/{controlPrefix}packages/*',
  ]);
});

test('only the statement for `flush recreate` allows to delete a table or to change its settings, and it is optional', () => {
  const changing = /^dynamodb:(DeleteTable|Update(?!Item).*|TagResource|PutResourcePolicy)$/;
  const statements = allowed.filter(({ actions }) => actions.some((action) => changing.test(action)));
  expect(statements.map(({ sid, option }) => [sid, option])).toEqual([['RecreateTheTable', 'AllowRecreate']]);
});

test('every resource is named, except where a statement says why AWS scopes none of its actions', () => {
  const unscoped = BOT_STATEMENTS.filter(({ resources }) => resources.includes('*'));
  expect(unscoped.map(({ sid }) => sid)).toEqual(['ReadTheAutoScalingOfTheTable', 'LimitsAndMetrics', 'Heartbeat']);
  for (const { resources, unscoped: reason } of unscoped) {
    expect(resources).toEqual(['*']);
    expect(reason).toMatch(/\.$/);
  }
  for (const { sid, resources, unscoped: reason } of BOT_STATEMENTS) {
    expect(
      resources.every((resource) => resource === '*' || resource.startsWith('arn:{partition}:')),
      sid,
    ).toBe(true);
    expect(reason === undefined, sid).toBe(!resources.includes('*'));
  }
});

test.each([
  ['docs/iam-policy.json', placeholders],
  ['deploy/terraform/bot-policy.json.tftpl', terraform],
])('%s has every statement of the role, each with its own name', (path, spelling) => {
  const { Statement } = readPolicy(path);
  expect(Statement.map(({ Sid }) => Sid)).toEqual(BOT_STATEMENTS.map(({ sid }) => sid));
  expect(new Set(Statement.map(({ Sid }) => Sid)).size).toBe(Statement.length);
  expect(Statement.flatMap(({ Resource }) => Resource)).toEqual(
    BOT_STATEMENTS.flatMap(({ resources }) => resources.map((arn) => spell(arn, spelling))),
  );
});

test('a name is spelled as a placeholder, as a variable of Terraform and as a parameter of CloudFormation', () => {
  const arn = 'arn:{partition}:dynamodb:{region}:{account}:table/{controlTable}';
  expect(spell(arn, placeholders)).toBe('arn:aws:dynamodb:REGION:ACCOUNT:table/CONTROL_TABLE');
  expect(spell(arn, terraform)).toBe('arn:${partition}:dynamodb:${region}:${account}:table/${control_table}');
  expect(spell(arn, cloudFormation)).toBe(
    'arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/${ControlTable}',
  );
  expect(() => spell('arn:{partition}:s3:::{bucket}', placeholders)).toThrow('unknown name bucket');
  for (const name of NAMES)
    expect(
      [...BOT_STATEMENTS, ...STATE_MACHINE_STATEMENTS].some(({ resources }) => resources.join().includes(`{${name}}`)),
    ).toBe(true);
});

test('the bot may hand over one role, to Step Functions only', () => {
  const passing = allowed.filter(({ actions }) => actions.includes('iam:PassRole'));
  expect(passing.map(({ actions, resources, condition }) => ({ actions, resources, condition }))).toEqual([
    {
      actions: ['iam:PassRole'],
      resources: ['arn:{partition}:iam::{account}:role/{stateMachineRole}'],
      condition: { StringEquals: { 'iam:PassedToService': 'states.amazonaws.com' } },
    },
  ]);
});
