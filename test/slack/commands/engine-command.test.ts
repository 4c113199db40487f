import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import {
  createStateMachine,
  describeStateMachine,
  updateStateMachine,
} from '../../../src/pipeline/state-machine/install.ts';
import { createEngineControl, type OpenRun } from '../../../src/run/engines/step-functions/install.ts';
import type { Message } from '../../../src/slack/messages/kit/message.ts';
import { ROLE, startSfnRig } from '../../sandbox/aws/step-functions/sfn-rig.ts';
import { createIntakeRig } from '../../support/rigs/intake-rig.ts';

const ARN = 'arn:aws:states:us-east-1:016164185850:stateMachine:rescan-bot';
const OPERATOR = 'U0OPERATOR';

let aws: Awaited<ReturnType<typeof startSfnRig>>;
let open: OpenRun | undefined;
beforeAll(async () => {
  aws = await startSfnRig();
});
afterAll(() => aws.close());

const rigOf = () =>
  createIntakeRig({
    controls: {
      engine: createEngineControl({
        engine: 'local',
        stateMachine: 'rescan-bot',
        roleArn: ROLE,
        describeFunction: async () => ({
          arn: 'arn:aws:lambda:us-east-1:016164185850:function:ocr',
          timeoutMs: 60_000,
        }),
        describe: (arn) => describeStateMachine(aws.sfn, arn),
        create: (machine) => createStateMachine(aws.sfn, machine),
        update: (machine) => updateStateMachine(aws.sfn, machine),
        openRunOnMachine: async () => open,
      }),
    },
  });

const buttonSchema = z.object({
  elements: z.tuple([
    z.object({ action_id: z.string(), value: z.string(), confirm: z.object({ text: z.object({ text: z.string() }) }) }),
  ]),
});
const buttonOf = (messages: readonly Message[]) =>
  buttonSchema.parse(messages.at(-1)?.blocks.find(({ type }) => type === 'actions')).elements[0];
const textOf = (messages: readonly Message[]) => messages.map(({ text }) => text).join('\n');

test('An operator installs the state machine after a confirmation that names it, its role and what is created; the audit has it', async () => {
  const rig = rigOf();
  const shown = await rig.command(OPERATOR, 'engine install');
  const { action_id, value, confirm } = buttonOf(shown.heard);
  expect(confirm.text.text).toContain(ARN);
  expect(confirm.text.text).toContain(ROLE);
  expect(await describeStateMachine(aws.sfn, ARN)).toBeUndefined();

  const refused = await rig.click('U0VIEWER', action_id, value);
  expect(textOf(refused.heard)).toMatch(/may only read|read-only/);
  expect(await describeStateMachine(aws.sfn, ARN)).toBeUndefined();

  const installed = await rig.click(OPERATOR, action_id, value);
  expect(textOf(installed.heard)).toContain('The state machine `rescan-bot` was created.');
  expect(installed.audited).toMatchObject([{ who: OPERATOR, outcome: expect.stringContaining('was created') }]);
  expect((await describeStateMachine(aws.sfn, ARN))?.roleArn).toBe(ROLE);

  const again = await rig.click(OPERATOR, action_id, value);
  expect(textOf(again.heard)).toContain('Nothing was changed');
  const seen = textOf((await rig.command('U0VIEWER', 'engine')).heard);
  expect(seen).toContain('is installed and up to date');
  expect(seen).toMatch(/Definition `[0-9a-f]{12}`, EXPRESS children/);
});

test('While a run is running on it, nothing is installed and no button is shown', async () => {
  await aws.reset();
  const rig = rigOf();
  const { value, action_id } = buttonOf((await rig.command(OPERATOR, 'engine')).heard);
  open = { runId: 'r-0142', isRunning: true, hasExecution: true };
  const shown = await rig.command('U0VIEWER', 'engine');
  expect(textOf(shown.heard)).toContain('Run r-0142 is running on the state machine');
  expect(shown.heard.at(-1)?.blocks.some(({ type }) => type === 'actions')).toBe(false);
  const clicked = await rig.click(OPERATOR, action_id, value);
  expect(textOf(clicked.heard)).toContain('Nothing was installed');
  expect(clicked.audited).toMatchObject([{ outcome: expect.stringMatching(/^refused/) }]);
  expect(await describeStateMachine(aws.sfn, ARN)).toBeUndefined();
  open = undefined;
});
