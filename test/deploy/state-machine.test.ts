import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { STATE_MACHINE_STATEMENTS } from '../../deploy/iam/state-machine-statements.ts';
import { definitionText, invokeTimeout, terraformDefinition } from '../../deploy/state-machine-definition.ts';
import { stateMachineDefinition } from '../../src/run/engines/step-functions/definition.ts';
import { judgeInstallation } from '../../src/run/engines/step-functions/installation.ts';
import { actionsOf } from './called-actions.ts';
import { evaluate, readTemplate, values } from './template.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** What a Distributed Map needs of its own machine (Step Functions developer guide, "IAM policies for Distributed Map"). */
const DISTRIBUTED = [
  'states:StartExecution',
  'states:DescribeExecution',
  'states:StopExecution',
  'states:RedriveExecution',
];
/** A writer of results may upload them in parts, and headObject answers 404 only to who may list the bucket. */
const MORE: Readonly<Record<string, readonly string[]>> = {
  's3:PutObject': ['s3:PutObject', 's3:ListMultipartUploadParts', 's3:AbortMultipartUpload'],
  's3:HeadObject': ['s3:GetObject', 's3:ListBucket'],
};

/** The IAM actions of everything that a definition calls. @throws Error for an integration whose action is not known */
function actionsOfDefinition(definition: unknown): readonly string[] {
  const found = [...values(definition)].flatMap((value) => {
    const resource = z.looseObject({ Resource: z.string() }).safeParse(value);
    const distributed = z.looseObject({ Mode: z.literal('DISTRIBUTED') }).safeParse(value);
    if (distributed.success) return DISTRIBUTED;
    if (!resource.success) return [];
    const [, service, operation = ''] =
      /^arn:aws:states:::(?:aws-sdk:)?(dynamodb|lambda|s3):(\w+)$/.exec(resource.data.Resource) ?? [];
    if (service === undefined) throw new Error(`No IAM action is known for ${resource.data.Resource}`);
    const action = `${service}:${operation.charAt(0).toUpperCase()}${operation.slice(1)}`;
    return MORE[action] ?? actionsOf(action);
  });
  return [...new Set(found)].sort();
}

test('the role of the state machine allows what its definition calls, and nothing that it does not', () => {
  const called = actionsOfDefinition(stateMachineDefinition('STANDARD'));
  expect(called.length).toBeGreaterThan(8);
  expect([...new Set(STATE_MACHINE_STATEMENTS.flatMap(({ actions }) => actions))].sort()).toEqual(called);
  expect(() => actionsOfDefinition({ Resource: 'arn:aws:states:::sqs:sendMessage' })).toThrow('sqs');
});

test('the role of the state machine reaches nothing but its resources, and may delete nothing', () => {
  for (const { sid, effect, actions, resources } of STATE_MACHINE_STATEMENTS) {
    expect(effect, sid).toBe('Allow');
    expect(
      resources.every((arn) => arn.startsWith('arn:{partition}:')),
      sid,
    ).toBe(true);
    expect(
      actions.filter((action) => /Delete|Create|Pass/.test(action)),
      sid,
    ).toEqual([]);
  }
});

test.each(['STANDARD', 'EXPRESS'] as const)(
  'the template and the file for Terraform hold the definition with %s children as the bot writes it',
  (childType) => {
    const template = readTemplate();
    const given = { ChildType: childType, 'AWS::Partition': 'aws-cn' };
    const machine = evaluate(template.Resources.Machine?.Properties, given, new Set(), template.Mappings);
    const written = JSON.stringify(stateMachineDefinition(childType, 'aws-cn'));
    expect(machine).toMatchObject({ DefinitionString: written });
    const facts = { arn: 'arn:aws-cn:states:::stateMachine:x', definition: written, roleArn: '', type: 'STANDARD' };
    expect(judgeInstallation({ ...facts, isDeleting: false }, { arn: facts.arn, name: 'x', childType })).toMatchObject({
      kind: 'current',
      childType,
    });
    const forTerraform = readFileSync(`${ROOT}deploy/terraform/state-machine.asl.json.tftpl`, 'utf8');
    expect(forTerraform).toBe(`${definitionText(terraformDefinition)}\n`);
    const rendered = forTerraform
      .replaceAll('${partition}', 'aws-cn')
      .replaceAll('${child_type}', childType)
      .replaceAll('${invoke_timeout_seconds}', String(invokeTimeout(childType)));
    expect(rendered).toBe(`${written}\n`);
  },
);
