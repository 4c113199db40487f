import type { OverridableStep, Override } from '../../../checklist/model/step.ts';
import type { ClosedChecklist, CloseRefusal, OverrideRefusal } from '../../../checklist/steps/checklist.ts';
import { sentence } from '../kit/escape.ts';
import { asRefusal, type Message, refuseWith, say } from '../kit/message.ts';
import { faultMessage } from '../refusals/refusals.ts';
import { runName } from '../run/describe-run.ts';
import { jobName } from '../table/describe-table.ts';
import { STEP_TITLES } from './describe-step.ts';

export const closedMessage = ({ id, withdrew, resumableRunId }: ClosedChecklist): Message =>
  say(
    `Checklist \`${id}\` is closed. Finished steps are kept; its approvals are cancelled.`,
    ...(withdrew ? ['Its request for approval was withdrawn.'] : []),
    ...(resumableRunId === undefined
      ? []
      : [`${runName(resumableRunId)} is still stopped; \`/rescan resume\` can continue it.`]),
    'The next step opens a new checklist. `/rescan history` lists past ones.',
  );

export const closeRefusalMessage = (refusal: CloseRefusal): Message => asRefusal(describeCloseRefusal(refusal));

function describeCloseRefusal(refusal: CloseRefusal): Message {
  switch (refusal.reason) {
    case 'none-open':
      return say('Nothing was closed: no checklist is open.');
    case 'run-active':
      return say(
        `Nothing was closed: ${runName(refusal.runId)} of this checklist is running.`,
        'Stop it with `/rescan stop`. When the run is complete, the checklist closes by itself.',
      );
    case 'job-active':
      return say(`Nothing was closed: ${jobName(refusal.job)} is in progress.`, 'Stop it with `/rescan stop`.');
  }
}

export const overriddenMessage = ({ step, reason }: Override): Message =>
  say(
    `The step “${STEP_TITLES[step]}” is skipped in this rescan: ${sentence(reason)}`,
    'This holds until the function’s code changes or something else is missing. The flush still needs its backup and its approval; the approver sees what was skipped, who skipped it and why.',
  );

export const overrideRefusalMessage = (step: OverridableStep, refusal: OverrideRefusal): Message =>
  refusal.reason === 'already-met'
    ? refuseWith(`Nothing to skip: the step “${STEP_TITLES[step]}” is fine as it is.`)
    : faultMessage(refusal.fault);
