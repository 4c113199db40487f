import type { LateEnd } from '../../checklist/deploys.ts';
import { deployedMessage, rolledBackMessage } from './deploy-words.ts';
import { code } from './escape.ts';
import { compose, type Message } from './message.ts';
import { stepRefusalLines } from './step-refusals.ts';

/** A deploy or a rollback whose process died came to its end all the same, or did not. */
export function lateEndMessage({ kind, by, plan, answer }: LateEnd): Message {
  if (answer.ok) return kind === 'deploy' ? deployedMessage(answer.value, by) : rolledBackMessage(answer.value, by);
  return compose({
    fact: `The ${kind} of ${code(plan.functionName, 170)} broke off, and could not be brought to its end.`,
    lines: stepRefusalLines(answer.refusal),
  });
}
