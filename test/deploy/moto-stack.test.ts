import { execFile, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { BOT_STATEMENTS } from '../../deploy/iam/bot-statements.ts';
import { stateMachineDefinition } from '../../src/run/engines/step-functions/definition.ts';

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const isHere = spawnSync('python3', ['-c', 'import moto.cloudformation, boto3']).status === 0;
const madeSchema = z.object({
  status: z.string(),
  keys: z.array(z.array(z.string())),
  definitions: z.array(z.string()),
  environment: z.record(z.string(), z.string()),
  statements: z.array(z.object({ Sid: z.string(), Resource: z.array(z.string()) })),
});

/** What moto makes of the template with these parameters. */
async function createStack(parameters: Readonly<Record<string, string>>) {
  const given = {
    ImageBucket: 'images-of-the-team',
    Table: 'records',
    OcrFunction: 'ocr',
    ControlBucket: 'state-of-the-bot',
    ImageTag: 'v1',
    SlackSecretArn: 'arn:aws:secretsmanager:us-east-1:111111111111:secret:slack',
    SlackChannels: 'C01',
    Operators: 'U01',
    AlarmTopicArn: 'arn:aws:sns:us-east-1:111111111111:alarms',
    ...parameters,
  };
  const { stdout } = await promisify(execFile)('python3', [
    at('create_stack.py'),
    at('../../deploy/cloudformation.yml'),
    JSON.stringify(given),
  ]);
  return madeSchema.parse(JSON.parse(stdout));
}

test.skipIf(!isHere)(
  isHere
    ? 'moto creates the stack with every option, and its policy, definition and environment have the given names'
    : 'moto creates the stack (skipped: python3 here cannot import moto)',
  async () => {
    const made = await createStack({ UseStepFunctions: 'true', AllowRecreate: 'true', ControlPrefix: 'bot/' });
    expect(made.status).toBe('CREATE_COMPLETE');
    expect(made.keys).toEqual([
      ['pk', 'HASH'],
      ['sk', 'RANGE'],
    ]);
    // In `Fn::Sub` moto reads `$$` as `$`; CloudFormation has no such rule.
    expect(made.definitions).toEqual([JSON.stringify(stateMachineDefinition('STANDARD')).replaceAll('$$', '$')]);
    expect(made.environment).toMatchObject({
      CONTROL_BUCKET: 'state-of-the-bot',
      TABLE: 'records',
      OCR_FUNCTION: 'ocr',
    });
    expect(made.statements.map(({ Sid }) => Sid)).toEqual(
      BOT_STATEMENTS.filter(({ createdByTemplate }) => !createdByTemplate).map(({ sid }) => sid),
    );
    const resources = made.statements.flatMap(({ Resource }) => Resource);
    expect(resources).toContain('arn:aws:s3:::state-of-the-bot/bot/backups/*');
    expect(resources.filter((arn) => arn.includes('$'))).toEqual([]);
  },
);
