import type { StepRefusal } from '../../../checklist/contracts/step-control.ts';
import { type Message, refuseWith } from '../kit/message.ts';
import { describeFault, faultLines } from '../run/describe-run.ts';
import { dateTime } from '../table/describe-table.ts';
import { tableRefusalLines } from '../table/table-refusals.ts';
import { deployRefusalLines, reachedLine } from './deploy-refusals.ts';
import { stopFileLines } from './refusals.ts';

/** Why a step on the function was not done, then what to do about it. */
export const stepRefusalMessage = (refusal: StepRefusal): Message => refuseWith(...stepRefusalLines(refusal));

export function stepRefusalLines(refusal: StepRefusal): string[] {
  switch (refusal.reason) {
    case 'deploy':
      return [...deployRefusalLines(refusal.refusal), ...reachedLines(refusal), ...undoneLines(refusal)];
    case 'approval-needed':
      return [
        'Nothing was deployed: new code needs the approval of a second person.',
        'Attach the zip in the form of `/rescan deploy`, and ask for approval there.',
      ];
    case 'approval':
      return [...tableRefusalLines({ reason: 'use', refusal: refusal.refusal }), '`/rescan deploy` asks again.'];
    case 'approval-gone':
    case 'click':
      return tableRefusalLines(refusal);
    case 'deploy-gone':
      return ['Nothing was done: this was already deployed or rolled back.', 'Start again with `/rescan deploy`.'];
    case 'nothing-deployed':
      return refusal.rolledBackAt === undefined
        ? ['Nothing to roll back: no deploy of the bot is in effect.']
        : [
            `Nothing to roll back: no deploy of the bot is in effect. Last rollback: ${dateTime(refusal.rolledBackAt)}.`,
          ];
    case 'interrupted':
      return [
        'Interrupted before it ended. A copy of the bot finishes it, or has finished it already.',
        'See it with `/rescan checklist`.',
      ];
    case 'deploy-unclear':
      return [
        `It is not known whether this has begun, because the control table failed: ${describeFault(refusal.fault)}.`,
        ...faultLines(refusal.fault),
        'If it has begun, the bot finishes it. `/rescan status` shows it.',
      ];
    case 'no-images':
      return ['Nothing was invoked: the bucket has no image to try.', 'Check the setting `IMAGE_BUCKET`.'];
    case 'fault':
      return [`Failed: ${describeFault(refusal.fault)}.`, ...faultLines(refusal.fault), ...reachedLines(refusal)];
    case 'step-active':
      return [
        'Nothing was done: another step on this function is not finished.',
        'Try again when that is done. See it with `/rescan checklist`.',
      ];
    case 'stop-file':
      return stopFileLines(refusal.path);
    case 'run-active':
    case 'job-active':
    case 'busy':
    case 'shutting-down':
      return tableRefusalLines(refusal);
  }
}

const reachedLines = ({ reached }: Extract<StepRefusal, { reason: 'deploy' | 'fault' }>): string[] =>
  reached === undefined ? [] : [reachedLine(reached)];

function undoneLines({ undone }: Extract<StepRefusal, { reason: 'deploy' }>): string[] {
  if (undone === undefined) return [];
  if (undone === 'undone')
    return ['The bot rolled the function back: code, handler and environment are as before the deploy.'];
  return [
    ':warning: The bot could not roll the function back, so *every image fails*. Use `/rescan deploy rollback`.',
    ...stepRefusalLines(undone.failed),
  ];
}
