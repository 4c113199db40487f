import type { OverridableStep, Override } from '../../../checklist/model/step.ts';
import type { ClosedChecklist, CloseRefusal, OverrideRefusal } from '../../../checklist/steps/checklist.ts';
import { sentence } from '../kit/escape.ts';
import { type Message, say } from '../kit/message.ts';
import { describeFault, faultLines, runName } from '../run/describe-run.ts';
import { jobName } from '../table/describe-table.ts';
import { STEP_TITLES } from './describe-step.ts';

export const closedMessage = ({ id, withdrew, resting }: ClosedChecklist): Message =>
  say(
    `Checklist \`${id}\` is closed. What it did stays done; what was approved for it holds no more.`,
    ...(withdrew ? ['Its request for approval was taken back: nobody can approve it any more.'] : []),
    ...(resting === undefined ? [] : [`${runName(resting)} rests: \`/rescan resume\` would still go on with it.`]),
    'The next step opens a new one. `/rescan history` lists them.',
  );

export function closeRefusalMessage(refusal: CloseRefusal): Message {
  switch (refusal.reason) {
    case 'none-open':
      return say('No checklist is open: nothing was changed.');
    case 'run-active':
      return say(
        `${runName(refusal.runId)} of this checklist is running: nothing was closed.`,
        '`/rescan stop` stops it; when it is complete the checklist is closed by itself.',
      );
    case 'job-active':
      return say(`${jobName(refusal.job)} is under way: nothing was closed.`, '`/rescan stop` stops it.');
  }
}

export const overriddenMessage = ({ step, reason }: Override): Message =>
  say(
    `“${STEP_TITLES[step]}” is passed over in this rescan, as long as the function’s code stays as it is and nothing else comes to be missing: ${sentence(reason)}`,
    'The flush still needs its backup and its approval. Whoever approves it sees what was passed over, by whom and why.',
  );

export const overrideRefusalMessage = (step: OverridableStep, refusal: OverrideRefusal): Message =>
  refusal.reason === 'already-met'
    ? say(`“${STEP_TITLES[step]}” holds as it is: there is nothing to pass over, and nothing was changed.`)
    : say(`Nothing was passed over: ${describeFault(refusal.fault)}.`, ...faultLines(refusal.fault));
