import type { StartRefusal } from '../../../checklist/contracts/result-control.ts';
import { scopeText } from '../checklist/scope-message.ts';
import { clockTime } from '../kit/format.ts';
import { asRefusal, type Message, say } from '../kit/message.ts';
import { runName } from '../run/describe-run.ts';
import { preconditionLines } from './describe-precondition.ts';
import { refusalMessage } from './refusals.ts';

/** Why a run was not planned or started: a precondition of the checklist, or the state of the runs. */
export const startRefusalMessage = (refusal: StartRefusal, runLink?: string): Message =>
  refusal.reason === 'maybe-started' ? refusalMessage(refusal) : asRefusal(describeStartRefusal(refusal, runLink));

function describeStartRefusal(refusal: StartRefusal, runLink?: string): Message {
  switch (refusal.reason) {
    case 'preconditions':
      return say(...preconditionLines(refusal.step, refusal.unmet));
    case 'retry-stale':
      return say(
        `Not started: ${runName(refusal.run.runId)} was started after this plan was made and may have processed the same images.`,
        'See what is failed now with `/rescan failures`, and plan a new retry there.',
      );
    case 'plan-outdated':
      return say(
        `Not started: the plan of ${runName(refusal.runId)} was made at ${clockTime(refusal.plannedAt)}, more than a day ago. Images that were uploaded since then are not in it.`,
        'Make a new plan with `/rescan start`.',
      );
    case 'scope-filters':
      return say(
        `Nothing was planned: this rescan covers ${scopeText(refusal.scope)}, so a run takes exactly these images and no other filter.`,
        'Use `/rescan start` without filters, or `/rescan scope clear` first.',
      );
    case 'scope-changed':
      return say(
        'Nothing was started: the scope of this rescan changed after the plan was made.',
        refusal.scope ? `It covers ${scopeText(refusal.scope)} now.` : 'It covers everything now.',
        'Make a new plan with `/rescan start`.',
      );
    default:
      return refusalMessage(refusal, runLink);
  }
}
