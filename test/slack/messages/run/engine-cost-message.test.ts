import { expect, test } from 'vitest';
import { previewMessage } from '../../../../src/slack/messages/run/preview.ts';
import { runPlan } from '../../../support/memory/scripted-run-control.ts';

const local = { engine: 'local', usd: 0.001155, parts: ['1,400 write units of the control table'] } as const;
const remote = { engine: 'step-functions', usd: 0.3525, parts: ['14,000 state transitions'] } as const;
const textWith = (plan: Parameters<typeof runPlan>[0]) => previewMessage(runPlan(plan)).text;

test('A preview says what the engine itself costs, and where its prices hold', () => {
  const text = textWith({ engineCosts: [local] });
  expect(text).toContain('Cost of the engine: the bot about $0.0012');
  expect(text).toContain(
    'Engine: the bot 1,400 write units of the control table. The work of the function is not in it. Prices of us-east-1 without free tiers; other regions differ.',
  );
});

test('A preview shows both engines where both could run the plan, the chosen one first', () => {
  expect(textWith({ engineCosts: [local, remote] })).toContain(
    'Cost of the engine: the bot about $0.0012; AWS Step Functions about $0.35 with `engine=step-functions`',
  );
  expect(textWith({ engine: 'step-functions', engineCosts: [remote, local] })).toContain(
    'Cost of the engine: AWS Step Functions about $0.35; the bot about $0.0012 with `engine=local`',
  );
});

test('A preview of an older plan says nothing about the cost of the engine', () => {
  expect(textWith({})).not.toContain('Cost of the engine');
});
