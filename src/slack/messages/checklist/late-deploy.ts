import type { RecoveredDeploy } from '../../../checklist/deploy/deploys.ts';
import { code } from '../kit/escape.ts';
import { compose, type Message } from '../kit/message.ts';
import { deployedMessage, rolledBackMessage } from '../refusals/deploy-refusals.ts';
import { stepRefusalLines } from '../refusals/step-refusals.ts';

/** A deploy or a rollback whose process died came to its end all the same, or did not. */
export function lateEndMessage({ kind, by, plan, answer }: RecoveredDeploy): Message {
  if (answer.ok) return kind === 'deploy' ? deployedMessage(answer.value, by) : rolledBackMessage(answer.value, by);
  return compose({
    fact: `The ${kind} of ${code(plan.functionName, 170)} broke off, and could not be brought to its end.`,
    lines: stepRefusalLines(answer.refusal),
  });
}
