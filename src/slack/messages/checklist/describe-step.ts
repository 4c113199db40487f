import type { ChecklistView, StepView } from '../../../checklist/model/checklist-view.ts';
import type { StepFinding, StepName, StepState } from '../../../checklist/model/step.ts';
import type { DeployRefusal } from '../../../pipeline/package/deploy-errors.ts';
import { code, mention, sentence } from '../kit/escape.ts';
import { count, counted, duration, rate } from '../kit/format.ts';
import { describeMissing } from '../refusals/describe-precondition.ts';
import { describeVerdict } from '../results/describe-verdict.ts';
import { runName } from '../run/describe-run.ts';
import { backupName } from '../table/describe-table.ts';
import { describeLimit } from './describe-limit.ts';

/** The steps as a person calls them. */
export const STEP_TITLES: Readonly<Record<StepName, string>> = {
  backup: 'Back up the table',
  quotas: 'Check the quotas',
  deploy: 'Deploy failure logging',
  'test-logging': 'Prove failure logging',
  sample: 'Try a few images',
  flush: 'Flush the table',
  rescan: 'Rescan every image',
  validate: 'Validate',
};

export const STEP_STATE_LABELS: Readonly<Record<StepState, string>> = {
  'to-do': 'to do',
  running: 'under way',
  done: 'done',
  stale: 'no longer holds',
  failed: 'failed',
  skipped: 'not needed',
};

/** The words of what a test of the failure logging found. */
const LOGGING_FOUND: Readonly<Record<string, string>> = {
  proven: 'a failure left its record',
  'did-not-fail': 'the function did not fail for an image that does not exist',
  'nothing-logged': 'the function failed and logged nothing',
  'missing-key': 'DynamoDB refused the record: its key was missing',
  'access-denied': 'DynamoDB refused the record: the function may not write',
  'table-missing': 'DynamoDB refused the record: no such table',
  throttled: 'DynamoDB throttled the record',
  unreachable: 'DynamoDB did not answer the function',
  other: 'the record could not be written',
  'written-elsewhere': 'the function wrote the record, but not into this table',
  'log-silent': 'no record, and its log does not show why',
  'log-unread': 'no record, and the log cannot be read',
  'no-answer': 'the function gave no answer',
};

/** Why a deploy or a rollback was refused, in a line: the answer to who asked says more. */
const DEPLOY_REFUSED: Readonly<Record<string, string>> = {
  'image-package': 'the function is a container image',
  'runtime-not-python': 'the function is not Python',
  'signed-code': 'the function’s code is signed',
  qualified: 'the setting names a version or an alias',
  'key-clash': 'the table’s key has the name of an attribute of the record',
  'environment-unreadable': 'the function’s environment cannot be read',
  'not-taken': 'Lambda did not take the change',
  'function-failed': 'the function is in the state Failed',
  'update-in-progress': 'somebody was updating the function',
  'no-package': 'Lambda did not give the package',
  'package-not-given': 'Lambda did not give the package',
  'package-unreadable': 'the package cannot be used',
  'given-not-found': 'there is no such package',
  'handler-not-found': 'the handler is not in the package',
  'too-large': 'the package would be too large',
  'environment-too-large': 'the environment would be too large',
  'changed-since-preview': 'somebody changed the function meanwhile',
  'stored-package-gone': 'the package that was kept is gone',
  'update-failed': 'Lambda could not carry the update out',
} satisfies Record<DeployRefusal['reason'], string>;

/** What a step found, in one line; plain words for a plan block, mrkdwn elsewhere. */
export function describeFound(found: StepFinding): string {
  switch (found.kind) {
    case 'backup':
      return `${backupName(found.backupId)}, ${counted(found.records, 'record')}, verified`;
    case 'quotas':
      return found.blocking.length === 0
        ? `nothing blocks; ${rate(found.pacePerMinute)} images a minute`
        : `blocking: ${found.blocking.map(describeLimit).join('; ')}`;
    case 'deploy':
      return found.inPlace ? 'already in place' : `code ${code(found.codeSha256.slice(0, 12))}`;
    case 'rollback':
      return `rolled back to code ${code(found.codeSha256.slice(0, 12))}`;
    case 'deploy-refused':
      return DEPLOY_REFUSED[found.reason] ?? sentence(found.reason, 100);
    case 'logging':
      return LOGGING_FOUND[found.result] ?? sentence(found.result, 100);
    case 'sample':
      return found.failed === 0
        ? `${counted(found.images, 'image')} worked`
        : `${count(found.failed)} of ${counted(found.images, 'image')} failed`;
    case 'flush':
      return `${counted(found.deleted, 'record')} deleted, ${count(found.remaining)} left`;
    case 'rescan':
      return runName(found.runId);
    case 'validate':
      return describeVerdict(found.verdict);
    case 'interrupted':
      return 'the bot went down while it was under way';
    case 'error':
      return sentence(found.message, 200);
  }
}

/** One step in one line: what it found, why it does not hold, who did it and when. */
export function stepLine(step: StepView, now: number): string {
  const parts = [
    ...(step.stale ? [describeMissing(step.stale)] : []),
    ...(step.found && !step.stale ? [describeFound(step.found)] : []),
    ...(step.because === 'logging-proven' ? ['failure logging is proven as it is'] : []),
    ...(step.because === 'keep' ? ['the table keeps what it holds'] : []),
    ...(step.overriddenBy
      ? [`passed over by ${mention(step.overriddenBy.by)}: ${sentence(step.overriddenBy.reason, 150)}`]
      : []),
    ...(step.by === undefined || step.at === undefined ? [] : [`${mention(step.by)}, ${duration(now - step.at)} ago`]),
  ];
  return parts.join(' · ');
}

/** `c-0007, 3 of 8 steps done` */
export function checklistFact(view: ChecklistView): string {
  if (view.id === undefined) return 'No rescan is open yet: these are its steps.';
  const name = `Checklist ${view.id}`;
  if (view.outcome?.kind === 'completed') return `${name} is closed: ${runName(view.outcome.runId)} is complete.`;
  if (view.outcome?.kind === 'closed') return `${name} was closed by ${mention(view.outcome.by)}.`;
  const past = view.steps.filter(({ state, overriddenBy }) => state === 'done' || state === 'skipped' || overriddenBy);
  const failed = view.steps.filter(({ state }) => state === 'failed');
  return `${name}: ${past.length} of ${counted(view.steps.length, 'step')} done${failed.length === 0 ? '' : `, ${failed.length} failed`}.`;
}
