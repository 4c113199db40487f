import type { PipelineBusy, StepRefusal } from '../../../checklist/contracts/step-control.ts';
import { code } from '../kit/escape.ts';
import { type Message, say } from '../kit/message.ts';
import { describeFault, faultLines } from '../run/describe-run.ts';
import { tableRefusalLines } from '../table/table-refusals.ts';
import { deployRefusalLines, reachedLine } from './deploy-refusals.ts';

/** Why a step on the function was not done: what is so, then what can be done about it. */
export const stepRefusalMessage = (refusal: StepRefusal): Message => say(...stepRefusalLines(refusal));

export function stepRefusalLines(refusal: StepRefusal): string[] {
  switch (refusal.reason) {
    case 'deploy':
      return [...deployRefusalLines(refusal.refusal), ...howFar(refusal)];
    case 'deploy-gone':
      return ['This was deployed or rolled back before: nothing was done twice.', '`/rescan deploy` looks again.'];
    case 'nothing-deployed':
      return ['The bot has deployed nothing that could be rolled back.'];
    case 'no-images':
      return [
        'The bucket holds no image that could be tried: nothing was invoked.',
        'Is it the right one? The setting is `IMAGE_BUCKET`.',
      ];
    case 'fault':
      return [
        `It could not be done: ${describeFault(refusal.fault)}.`,
        ...faultLines(refusal.fault),
        ...howFar(refusal),
      ];
    case 'step-active':
      return ['The bot is at another step on this function: nothing was done.', 'Try again when that is at its end.'];
    case 'run-active':
    case 'job-active':
    case 'stop-file':
    case 'busy':
      return inTheWayLines(refusal);
  }
}

const howFar = ({ reached }: Extract<StepRefusal, { reason: 'deploy' | 'fault' }>): string[] =>
  reached === undefined ? [] : [reachedLine(reached)];

const inTheWayLines = (refusal: Exclude<PipelineBusy, { reason: 'step-active' }>): string[] =>
  refusal.reason === 'stop-file'
    ? [`The stop file ${code(refusal.path, 200)} is there: nothing starts while it exists.`]
    : tableRefusalLines(refusal);
