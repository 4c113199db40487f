import type { Result } from '../../lib/result.ts';
import type { AutopilotBlocker } from '../contracts/autopilot-control.ts';
import type { ResultControl } from '../contracts/result-control.ts';
import type { DeployControl, StepControl, StepRefusal } from '../contracts/step-control.ts';
import type { OwnStep } from './autopilot-move.ts';
import type { AutopilotWorkPorts } from './autopilot-work.ts';

/** The steps of the checklist as the autopilot does them: through the same controls as a person. */
export function createAutopilotSteps(ports: {
  readonly steps: StepControl;
  readonly deploys: Pick<DeployControl, 'plan' | 'deploy'>;
  readonly results: Pick<ResultControl, 'validate'>;
  readonly warn: (message: string, cause: unknown) => void;
}): Pick<AutopilotWorkPorts, 'doStep' | 'validate'> {
  const { steps, deploys } = ports;
  async function doAs(
    step: Exclude<OwnStep, 'backup' | 'validate'>,
    by: string,
  ): Promise<Result<unknown, StepRefusal>> {
    switch (step) {
      case 'test-logging':
        return steps.testLogging(by);
      case 'sample':
        return steps.sample(by);
      case 'quotas':
        return steps.quotas(by);
      case 'deploy': {
        const planned = await deploys.plan(by);
        return planned.ok ? deploys.deploy(planned.value.id, by) : planned;
      }
    }
  }
  return {
    async doStep(step, by): Promise<AutopilotBlocker | undefined> {
      const done = await doAs(step, by);
      return done.ok ? undefined : { kind: 'step-refused', step, refusal: done.refusal };
    },
    async validate(by) {
      const validated = await ports.results.validate({ by });
      if (validated.ok) return validated.value;
      ports.warn('the autopilot could not validate the table', validated.refusal);
      return;
    },
  };
}
