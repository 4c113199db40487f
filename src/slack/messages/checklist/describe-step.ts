import type { ChecklistView, StepView } from '../../../checklist/model/checklist-view.ts';
import type { StepFinding, StepName, StepState } from '../../../checklist/model/step.ts';
import type { DeployRefusal } from '../../../pipeline/package/deploy-errors.ts';
import { code, mention, sentence } from '../kit/escape.ts';
import { clockTime, count, counted, duration, rate } from '../kit/format.ts';
import { describeMissing } from '../refusals/describe-precondition.ts';
import { describeVerdict, fewerText } from '../results/describe-verdict.ts';
import { runName } from '../run/describe-run.ts';
import { backupName } from '../table/describe-table.ts';
import { describeLimit } from './describe-limit.ts';

/** The names of the steps for people. */
export const STEP_TITLES: Readonly<Record<StepName, string>> = {
  backup: 'Back up the table',
  quotas: 'Check quotas',
  deploy: 'Deploy failure logging',
  'test-logging': 'Test failure logging',
  sample: 'Run a sample of images',
  flush: 'Flush the table',
  rescan: 'Rescan every image',
  validate: 'Validate',
};

const STEP_STATE_LABELS: Readonly<Record<StepState, string>> = {
  'to-do': 'to do',
  running: 'in progress',
  done: 'done',
  stale: 'out of date',
  failed: 'failed',
  skipped: 'not needed',
};

/** The state of a step in one or two words. A request that waits for approval is not in progress. */
export const stepLabel = ({ state, overriddenBy, approvalUntil }: StepView): string =>
  overriddenBy ? 'skipped' : approvalUntil === undefined ? STEP_STATE_LABELS[state] : 'waiting for approval';

/** What a test of failure logging found. */
const LOGGING_FOUND: Readonly<Record<string, string>> = {
  proven: 'works: a failure left its record',
  'did-not-fail': 'the function did not fail for an image that does not exist',
  'nothing-logged': 'the function failed and left no record',
  'missing-key': 'DynamoDB refused the record: its key was missing',
  'access-denied': 'DynamoDB refused the record: the function has no permission',
  'table-missing': 'DynamoDB refused the record: no such table',
  throttled: 'DynamoDB throttled the record',
  unreachable: 'DynamoDB did not answer the function',
  other: 'the record could not be written',
  'written-elsewhere': 'the function wrote the record, but not into this table',
  'log-silent': 'no record, and the function’s log does not show why',
  'log-unread': 'no record, and the function’s log cannot be read',
  'no-answer': 'the function did not answer',
};

/** Why a deploy or a rollback was refused, in one clause; the answer to the person who asked says more. */
const DEPLOY_REFUSED: Readonly<Record<string, string>> = {
  'image-package': 'the function is a container image',
  'runtime-not-python': 'the function is not Python',
  'signed-code': 'the function’s code is signed',
  qualified: 'the setting OCR_FUNCTION names a version or an alias',
  'key-clash': 'the table’s key has the same name as an attribute of failure records',
  'environment-unreadable': 'the function’s environment cannot be read',
  'not-taken': 'Lambda refused the change',
  'function-failed': 'the function is in the state Failed',
  'update-in-progress': 'another update of the function was in progress',
  'no-package': 'Lambda did not provide the package',
  'package-not-given': 'Lambda did not provide the package',
  'package-unreadable': 'the package cannot be used',
  'given-not-found': 'the package does not exist',
  'other-bucket': 'the package is not in the control bucket',
  'handler-not-found': 'the handler is not in the package',
  'too-large': 'the package would be too large',
  'environment-too-large': 'the environment would be too large',
  'changed-since-preview': 'the function was changed after the preview',
  'stored-package-gone': 'the saved package is missing',
  'not-loadable': 'the new package could not be loaded, so it was rolled back',
  'update-failed': 'Lambda could not apply the update',
} satisfies Record<DeployRefusal['reason'], string>;

/** What a step found, in one line of mrkdwn. */
export function describeFound(found: StepFinding): string {
  switch (found.kind) {
    case 'backup':
      return `${backupName(found.backupId)}, ${counted(found.records, 'record')}, ${found.sampled === undefined ? 'verified' : `an export of DynamoDB, checked by a sample of ${counted(found.sampled, 'record')}`}`;
    case 'quotas':
      return found.blocking.length === 0
        ? `no limit blocks; ${rate(found.pacePerMinute)} images a minute`
        : `blocked: ${found.blocking.map(describeLimit).join('; ')}`;
    case 'deploy':
      return found.inPlace ? 'already installed' : `code ${code(found.codeSha256.slice(0, 12))}`;
    case 'rollback':
      return `rolled back to code ${code(found.codeSha256.slice(0, 12))}`;
    case 'deploy-refused':
      return DEPLOY_REFUSED[found.reason] ?? sentence(found.reason, 100);
    case 'logging':
      return LOGGING_FOUND[found.result] ?? sentence(found.result, 100);
    case 'sample':
      return found.failed === 0
        ? `all ${counted(found.images, 'image')} worked`
        : `${count(found.failed)} of ${counted(found.images, 'image')} failed`;
    case 'flush':
      return `${counted(found.deleted, 'record')} deleted, ${count(found.remaining)} left`;
    case 'rescan':
      return `${runName(found.runId)}${found.noRows === undefined ? '' : `, ${counted(found.noRows, 'image')} without rows in the table`}`;
    case 'validate':
      return describeValidation(found);
    case 'interrupted':
      return 'interrupted before it ended';
    case 'error':
      return sentence(found.message, 200);
  }
}

function describeValidation({
  verdict,
  fewerEntries = 0,
  onlyEntries,
  imagesWithoutRows = 0,
}: Extract<StepFinding, { kind: 'validate' }>) {
  const facts = [
    ...(imagesWithoutRows > 0 ? [`${counted(imagesWithoutRows, 'image')} without records`] : []),
    ...(fewerEntries > 0 ? [fewerText(fewerEntries, onlyEntries)] : []),
  ];
  return verdict !== 'good' && facts.length > 0 ? facts.join(', ') : describeVerdict(verdict);
}

/** One step in one line: what it found, why it is out of date, who did it and when. */
export function stepLine(step: StepView, now: number): string {
  const parts = [
    ...(step.stale ? [describeMissing(step.stale)] : []),
    ...(step.approvalUntil === undefined ? [] : [`an approver decides by ${clockTime(step.approvalUntil)}`]),
    ...(step.found && !step.stale ? [describeFound(step.found)] : []),
    ...(step.because === 'logging-proven' ? ['failure logging already works'] : []),
    ...(step.because === 'keep' ? ['the table keeps its records'] : []),
    ...(step.overriddenBy
      ? [`skipped by ${mention(step.overriddenBy.by)}: ${sentence(step.overriddenBy.reason, 150)}`]
      : []),
    ...(step.by === undefined || step.at === undefined ? [] : [`${mention(step.by)}, ${duration(now - step.at)} ago`]),
  ];
  return parts.join(' · ');
}

/** `Checklist c-0007: 3 of 8 steps done.` */
export function checklistFact(view: ChecklistView): string {
  if (view.id === undefined) return 'No rescan is open. These are the steps of one.';
  const name = `Checklist ${view.id}`;
  if (view.outcome?.kind === 'completed') {
    const { runId, failed = [] } = view.outcome;
    if (failed.length > 0)
      return `${name} is closed as failed with ${runName(runId)}: ${failed.map((step) => STEP_TITLES[step]).join(', ')}.`;
    const isInvalid = view.steps.some(({ step, state }) => step === 'validate' && state === 'failed');
    return isInvalid
      ? `${name} is closed with a failed validation of ${runName(runId)}.`
      : `${name} is closed: ${runName(runId)} is complete.`;
  }
  if (view.outcome?.kind === 'closed') return `${name} was closed by ${mention(view.outcome.by)}.`;
  const past = view.steps.filter(({ state, overriddenBy }) => state === 'done' || state === 'skipped' || overriddenBy);
  const failed = view.steps.filter(({ state }) => state === 'failed');
  return `${name}: ${past.length} of ${counted(view.steps.length, 'step')} done${failed.length === 0 ? '' : `, ${failed.length} failed`}.`;
}
