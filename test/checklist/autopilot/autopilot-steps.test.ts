import { expect, test } from 'vitest';
import { createAutopilotSteps } from '../../../src/checklist/autopilot/autopilot-work.ts';
import type { StepRefusal } from '../../../src/checklist/contracts/step-control.ts';
import { refuse, succeed } from '../../../src/lib/result.ts';
import { plannedDeploy } from '../../support/messages/checklist-builders.ts';
import { validation } from '../../support/messages/message-samples.ts';

function stepsWith(refusal?: StepRefusal) {
  const calls: string[] = [];
  const warnings: unknown[] = [];
  const refuseIn = (call: string) => {
    calls.push(call);
    return refuse(refusal ?? { reason: 'no-images' as const });
  };
  const steps = createAutopilotSteps({
    steps: {
      quotas: async (by) => refuseIn(`quotas by ${by}`),
      testLogging: async (by) => refuseIn(`test-logging by ${by}`),
      sample: async (by) => {
        if (refusal) return refuseIn(`sample by ${by}`);
        calls.push(`sample by ${by}`);
        return succeed({ images: [], failed: 0, unproven: 0, isAll: true });
      },
    },
    deploys: {
      async plan(by) {
        calls.push(`plan by ${by}`);
        return succeed(plannedDeploy());
      },
      deploy: async (id, by) => refuseIn(`deploy ${id} by ${by}`),
    },
    results: {
      validate: async ({ recordAs }) =>
        recordAs === 'U2' ? refuse({ reason: 'no-run' as const }) : succeed(validation),
    },
    warn: (_message, cause) => warnings.push(cause),
  });
  return { steps, calls, warnings };
}

test('a step of the autopilot that succeeds has no blocker', async () => {
  const { steps, calls } = stepsWith();
  expect(await steps.doStep('sample', 'U1')).toBeUndefined();
  expect(calls).toEqual(['sample by U1']);
});

test('a step of the autopilot that is refused is a blocker with its name and refusal', async () => {
  const refusal = { reason: 'run-active', runId: 'r-0001' } as const;
  for (const step of ['quotas', 'test-logging', 'sample', 'deploy'] as const) {
    const { steps, calls } = stepsWith(refusal);
    expect(await steps.doStep(step, 'U1')).toEqual({ kind: 'step-refused', step, refusal });
    expect(calls).toEqual(step === 'deploy' ? ['plan by U1', 'deploy d-1 by U1'] : [`${step} by U1`]);
  }
});

test('a validation by the autopilot that is refused is logged and has no result', async () => {
  const { steps, warnings } = stepsWith();
  expect(await steps.validate('U1')).toBe(validation);
  expect(await steps.validate('U2')).toBeUndefined();
  expect(warnings).toEqual([{ reason: 'no-run' }]);
});
