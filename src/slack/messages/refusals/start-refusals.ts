import type { StartRefusal } from '../../../checklist/contracts/start-control.ts';
import { type Message, say } from '../kit/message.ts';
import { runName } from '../run/describe-run.ts';
import { preconditionLines } from './describe-precondition.ts';
import { refusalMessage } from './refusals.ts';

/** Why a run was not planned or started: by the checklist, or by the runs themselves. */
export function startRefusalMessage(refusal: StartRefusal, runLink?: string): Message {
  switch (refusal.reason) {
    case 'preconditions':
      return say(...preconditionLines(refusal.step, refusal.unmet));
    case 'retry-stale':
      return say(
        `${runName(refusal.run.runId)} was started after this was planned, and may have gone over the same images. Nothing was started.`,
        '`/rescan failures` shows what is failed now; its buttons plan anew.',
      );
    default:
      return refusalMessage(refusal, runLink);
  }
}
