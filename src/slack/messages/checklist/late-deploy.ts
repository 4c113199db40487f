import type { RecoveredDeploy } from '../../../checklist/deploy/deploys.ts';
import { code } from '../kit/escape.ts';
import { compose, type Message } from '../kit/message.ts';
import { stepRefusalLines } from '../refusals/step-refusals.ts';
import { deployedMessage, rolledBackMessage } from './deploy-message.ts';

/** How a deploy or a rollback ended that was interrupted by a restart of the bot. */
export function lateEndMessage({ kind, by, plan, answer }: RecoveredDeploy): Message {
  if (answer.ok) return kind === 'deploy' ? deployedMessage(answer.value, by) : rolledBackMessage(answer.value, by);
  return compose({
    fact: `The ${kind} of ${code(plan.functionName, 170)} was interrupted by a restart of the bot and could not be finished.`,
    lines: stepRefusalLines(answer.refusal),
  });
}
