import type { HomeView, ModalView } from '@slack/types';
import type { TableNow } from '../../../src/checklist/contracts/table-control.ts';
import { FileUploadError } from '../../../src/slack/client/file-upload.ts';
import { COMMAND_GROUPS } from '../../../src/slack/commands/command.ts';
import { COMMANDS } from '../../../src/slack/commands/commands.ts';
import { changePlanView } from '../../../src/slack/forms/change-plan-view.ts';
import { denyView } from '../../../src/slack/forms/deny-form.ts';
import { deployView, rollbackView } from '../../../src/slack/forms/deploy-view.ts';
import { restoreRowsView } from '../../../src/slack/forms/restore-rows-view.ts';
import { scopeView } from '../../../src/slack/forms/scope/scope-view.ts';
import * as tableViews from '../../../src/slack/forms/table-views.ts';
import { homeView, unreadHomeView } from '../../../src/slack/home/home-view.ts';
import { auditMessage, chainMessage } from '../../../src/slack/messages/checklist/audit-message.ts';
import * as autopilot from '../../../src/slack/messages/checklist/autopilot-message.ts';
import * as checklistAnswers from '../../../src/slack/messages/checklist/checklist-answers.ts';
import { checklistMessage, historyMessage } from '../../../src/slack/messages/checklist/checklist-message.ts';
import {
  deployApprovalMessage,
  deployNotStartedMessage,
  deployRequestEndedMessage,
} from '../../../src/slack/messages/checklist/deploy-approval-message.ts';
import {
  deployAskedMessage,
  deployEndMessage,
  deployedMessage,
  deployInterruptedMessage,
  deployingMessage,
  lateEndMessage,
  rolledBackMessage,
  wrapperRemovedMessage,
} from '../../../src/slack/messages/checklist/deploy-message.ts';
import { loggingMessage } from '../../../src/slack/messages/checklist/logging-message.ts';
import { quotaMessage } from '../../../src/slack/messages/checklist/quota-message.ts';
import { sampleMessage } from '../../../src/slack/messages/checklist/sample-message.ts';
import * as scopeMessages from '../../../src/slack/messages/checklist/scope-message.ts';
import * as status from '../../../src/slack/messages/checklist/status-message.ts';
import * as help from '../../../src/slack/messages/help/help.ts';
import type { Message } from '../../../src/slack/messages/kit/message.ts';
import * as pipelines from '../../../src/slack/messages/pipelines/choose-messages.ts';
import { fileErrorMessage } from '../../../src/slack/messages/refusals/file-errors.ts';
import * as refusals from '../../../src/slack/messages/refusals/refusals.ts';
import { resultRefusalMessage } from '../../../src/slack/messages/refusals/result-refusals.ts';
import { startRefusalMessage } from '../../../src/slack/messages/refusals/start-refusals.ts';
import { stepRefusalMessage } from '../../../src/slack/messages/refusals/step-refusals.ts';
import { webhookFailedMessage, webhookRefusedMessage } from '../../../src/slack/messages/refusals/webhook-messages.ts';
import { diagnosisMessage } from '../../../src/slack/messages/results/diagnosis-message.ts';
import { diffMessage } from '../../../src/slack/messages/results/diff-message.ts';
import { failuresMessage, retryOutdatedMessage } from '../../../src/slack/messages/results/failures-message.ts';
import { fileSharedMessage } from '../../../src/slack/messages/results/file-message.ts';
import {
  followLostMessage,
  followMessage,
  logsMessage,
  newLinesMessage,
} from '../../../src/slack/messages/results/log-message.ts';
import { chartMessage, reportMessage } from '../../../src/slack/messages/results/report-message.ts';
import {
  alreadySharedMessage,
  answerGoneMessage,
  answerSharedMessage,
} from '../../../src/slack/messages/results/shared-answer.ts';
import { validationMessage } from '../../../src/slack/messages/results/validation-message.ts';
import { alertOf, endOfEarlyAlert } from '../../../src/slack/messages/run/alerts.ts';
import * as answers from '../../../src/slack/messages/run/answers.ts';
import { engineMessage, installMessage, installRefusal } from '../../../src/slack/messages/run/engine-message.ts';
import { cancelledMessage, previewMessage, resumedInsteadMessage } from '../../../src/slack/messages/run/preview.ts';
import { progressPost, runMessage } from '../../../src/slack/messages/run/run-message.ts';
import { approvalMessage, requestEndedMessage } from '../../../src/slack/messages/table/approval-message.ts';
import { approverMessage } from '../../../src/slack/messages/table/approver-message.ts';
import { backupDoneMessage, verifiedMessage } from '../../../src/slack/messages/table/backup-messages.ts';
import * as tables from '../../../src/slack/messages/table/table-messages.ts';
import { tableRefusalMessage } from '../../../src/slack/messages/table/table-refusals.ts';
import { runPlan } from '../memory/scripted-run-control.ts';
import {
  autopilotRecord,
  checklistView,
  deployApproval,
  deployInProgress,
  plannedDeploy,
  scopeFound,
} from './checklist-builders.ts';
import { engineReports } from './engine-reports.ts';
import {
  approvals,
  auditEntry,
  backupJob,
  blockers,
  checklist,
  diff,
  entries,
  events,
  fault,
  findings,
  flushJobToResume,
  fullScope,
  history,
  interruptions,
  invocations,
  logging,
  logLine,
  missing,
  quotas,
  report,
  restoreJob,
  resultRefusals,
  results,
  rollback,
  run,
  runRefusals,
  runs,
  sample,
  scopeRefusals,
  stepRefusals,
  tableRefusals,
  validation,
} from './message-samples.ts';
import { diffFound, failuresFound } from './result-builders.ts';
import { scheduleRenderers } from './schedule-renderers.ts';
import { backupRecord, exportRecord, flushJob, NOW, pruneAction, tableNow } from './table-builders.ts';
/** Every renderer of the bot by its name, with states that reach its branches; `worse` makes each of them hostile. */

export type Rendered = Message | ModalView | HomeView;
type Worse = <T>(value: T) => T;
/** The name of a table is AWS's: at most 255 letters, digits, and `_ - .`. */
function withTableName<P extends { readonly now: TableNow }>(worse: Worse, plan: P): P {
  const distorted = worse(plan);
  return { ...distorted, now: { ...distorted.now, name: `T${'x'.repeat(254)}` } };
}

const statesOf = (worse: Worse): readonly status.ShownState[] =>
  [...runs, undefined].flatMap((one) =>
    [restoreJob, undefined].map((job) => ({
      ...worse({ view: checklist, approvals: [...approvals], autopilot: autopilotRecord({ state: 'running' }) }),
      ...(one ? { run: worse(one) } : {}),
      ...(job ? { job: worse(job) } : {}),
      links: new Map([...(one ? [[one.runId, worse('https://x.example/a b')] as const] : [])]),
    })),
  );

const DEPLOY_APPROVALS = [
  deployApproval(),
  deployApproval({ alsoRequestedBy: ['U0APPROVER'] }),
  deployApproval({ state: { kind: 'used', by: 'U0APPROVER', at: 1, usedAt: 2 } }),
  deployApproval({ state: { kind: 'denied', by: 'U0APPROVER', at: 1 } }),
  deployApproval({ state: { kind: 'expired', at: 1 } }),
  deployApproval({
    state: { kind: 'void', at: 1, changed: [{ name: 'revision', before: 'R 1', after: 'R 2' }], because: 'changed' },
  }),
];

export const RENDERERS: Readonly<Record<string, (worse: Worse) => readonly (Rendered | undefined)[]>> = {
  ...scheduleRenderers,
  alertOf: (worse) =>
    events.flatMap((event) =>
      [true, false].map((resumesByItself) => alertOf(worse(event), { resumesByItself })?.message),
    ),
  endOfEarlyAlert: (worse) => events.map((event) => endOfEarlyAlert(worse(event), { resumesByItself: true })),
  listingMessage: () => [answers.listingMessage()],
  noRunYetMessage: () => [answers.noRunYetMessage()],
  unreadMessage: (worse) => [
    status.unreadMessage(worse(fault), { at: NOW, run: worse(run), job: worse(restoreJob) }),
    status.unreadMessage(undefined, undefined),
  ],
  statusMessage: (worse) => statesOf(worse).map((state) => status.statusMessage(state, 'act')),
  stopQuestion: (worse) => statesOf(worse).map((state) => status.stopQuestion(state, ['r-1'])),
  notInProgressMessage: (worse) => statesOf(worse).map((state) => status.notInProgressMessage(state)),
  haltUnreadMessage: (worse) =>
    runRefusals.flatMap((refusal) =>
      refusal.reason === 'halt-unread' ? [answers.haltUnreadMessage(worse(refusal))] : [],
    ),
  haltedMessage: (worse) =>
    runs.flatMap((one) =>
      (['pause', 'stop', 'stop-now'] as const).map((what) => answers.haltedMessage(worse(one), what)),
    ),
  resumedMessage: (worse) => runs.map((one) => answers.resumedMessage(worse(one))),
  pacedMessage: (worse) => runs.map((one) => answers.pacedMessage(worse(one))),
  paceNowMessage: (worse) => runs.map((one) => answers.paceNowMessage(worse(one), { kind: 'auto' })),
  anotherRunMessage: (worse) => runs.map((one) => answers.anotherRunMessage(worse('R 1'), worse(one))),
  badLineMessage: () => [answers.badLineMessage('`x` is no number.', 'pace 60')],
  approvalMessage: (worse) =>
    approvals.flatMap((approval) =>
      (['second-person', 'self'] as const).map((policy) =>
        approvalMessage(worse(approval), { policy, approvers: worse(['U0APPROVER', 'S0GROUP']) }),
      ),
    ),
  approverMessage: (worse) =>
    approvals.flatMap((approval) =>
      [undefined, 'https://x.example/a'].map((url) => approverMessage(worse(approval), worse(url))),
    ),
  requestEndedMessage: (worse) => approvals.map((approval) => requestEndedMessage(worse(approval))),
  auditMessage: (worse) => [auditMessage(worse([auditEntry]), worse(3))],
  chainMessage: (worse) => [
    chainMessage(worse({ ok: true, entries: 3, head: 'H 1', anchors: 3 })),
    ...(['missing', 'changed', 'two-heads', 'unlinked', 'cut-off'] as const).map((kind) =>
      chainMessage(worse({ ok: false, broken: { kind, number: 3 } })),
    ),
  ],
  autopilotPlanMessage: (worse) => [
    autopilot.autopilotPlanMessage(worse(autopilotRecord({ scope: { id: 's-1', what: 'people P 1' } }))),
    autopilot.autopilotPlanMessage(worse(autopilotRecord())),
  ],
  autopilotMessage: (worse) =>
    (['planned', 'running', 'stopped', 'finished', 'cancelled'] as const).map((state) =>
      autopilot.autopilotMessage(
        worse(autopilotRecord({ state, startedAt: NOW, stoppedBy: 'the stop file' })),
        worse(checklist),
        NOW,
      ),
    ),
  autopilotCancelledMessage: (worse) => [autopilot.autopilotCancelledMessage(worse('U0OPERATOR'))],
  needsPersonMessage: (worse) =>
    blockers.map((blocker) => autopilot.needsPersonMessage(worse(autopilotRecord()), worse(blocker))),
  receiptMessage: (worse) => [
    autopilot.receiptMessage(
      worse(autopilotRecord({ startedAt: NOW, endedAt: NOW + 9 })),
      worse(run),
      worse({ validation: { kind: 'validate', verdict: 'bad', fewerEntries: 3 }, head: 'H 1' }),
    ),
    autopilot.receiptMessage(worse(autopilotRecord()), undefined),
  ],
  autopilotStoppedMessage: (worse) => [
    autopilot.autopilotStoppedMessage(
      worse({ record: autopilotRecord(), withdrew: true, job: restoreJob, run, faults: [fault] }),
    ),
  ],
  autopilotRefusalMessage: (worse) => [
    autopilot.autopilotRefusalMessage(worse({ reason: 'active', record: autopilotRecord() })),
    autopilot.autopilotRefusalMessage({ reason: 'scope-changed' }),
    autopilot.autopilotRefusalMessage(worse({ reason: 'stop-file', path: '/tmp/x y' })),
    autopilot.autopilotRefusalMessage(worse({ reason: 'fault', fault })),
    ...runRefusals.map((refusal) => autopilot.autopilotRefusalMessage(worse({ reason: 'start', refusal }))),
  ],
  scopeSetMessage: (worse) => [
    scopeMessages.scopeSetMessage(worse(fullScope)),
    scopeMessages.scopeSetMessage(worse(scopeFound())),
  ],
  noScopeMessage: () => [scopeMessages.noScopeMessage()],
  scopeClearedMessage: (worse) => [scopeMessages.scopeClearedMessage(worse(fullScope))],
  scopeRefusalMessage: (worse) => scopeRefusals.map((refusal) => scopeMessages.scopeRefusalMessage(worse(refusal))),
  closedMessage: (worse) => [
    checklistAnswers.closedMessage({ id: 'c-0001', withdrew: true, resumableRunId: worse('R 1') }),
  ],
  closeRefusalMessage: (worse) => [
    checklistAnswers.closeRefusalMessage({ reason: 'none-open' }),
    checklistAnswers.closeRefusalMessage(worse({ reason: 'run-active', runId: 'R 1' })),
    checklistAnswers.closeRefusalMessage(worse({ reason: 'job-active', job: restoreJob })),
  ],
  overriddenMessage: (worse) => [
    checklistAnswers.overriddenMessage(
      worse({ step: 'sample', by: 'U0APPROVER', at: NOW, reason: 'Because of it', codeSha256: 'C 1', covers: [] }),
    ),
  ],
  overrideRefusalMessage: (worse) => [
    checklistAnswers.overrideRefusalMessage('sample', { reason: 'already-met' }),
    checklistAnswers.overrideRefusalMessage('sample', worse({ reason: 'fault', fault })),
  ],
  checklistMessage: (worse) => [
    checklistMessage(worse(checklist), NOW, { buttons: true }),
    checklistMessage(worse(checklistView({}, { scope: fullScope })), NOW, { buttons: true }),
    checklistMessage(worse(checklistView({}, { outcome: { kind: 'closed', by: 'U0OPERATOR' } })), NOW, {
      buttons: true,
    }),
  ],
  historyMessage: (worse) => [historyMessage(worse(history), NOW)],
  deployedMessage: (worse) => [
    deployedMessage(worse({ codeSha256: 'C 1', versionBefore: '3', versionAfter: '4' }), worse('U0OPERATOR')),
  ],
  rolledBackMessage: (worse) => [rolledBackMessage(worse({ codeSha256: 'C 1' }), worse('U0OPERATOR'))],
  deployApprovalMessage: (worse) =>
    DEPLOY_APPROVALS.map((approval) =>
      deployApprovalMessage(worse(approval), { policy: 'second-person', approvers: worse(['U0APPROVER']) }),
    ),
  deployRequestEndedMessage: (worse) =>
    DEPLOY_APPROVALS.flatMap((approval) => deployRequestEndedMessage(worse(approval)) ?? []),
  deployNotStartedMessage: (worse) => stepRefusals.map((refusal) => deployNotStartedMessage(worse(refusal))),
  wrapperRemovedMessage: (worse) =>
    (['code', 'handler'] as const).map((what) =>
      wrapperRemovedMessage({
        functionName: worse('F 1'),
        removed: { kind: 'removed', what, codeSha256: worse('C 1'), handler: worse('H 1') },
      }),
    ),
  deployAskedMessage: (worse) => [deployAskedMessage(worse(deployInProgress()))],
  deployingMessage: (worse) => [
    deployingMessage(worse(deployInProgress())),
    ...(['publishing-before', 'code', 'configuration', 'testing', 'publishing-after', 'undoing'] as const).map(
      (stage) => deployingMessage(worse(deployInProgress()), stage),
    ),
  ],
  deployInterruptedMessage: (worse) => [
    deployInterruptedMessage(worse({ kind: 'interrupted', deploy: deployInProgress() })),
    deployInterruptedMessage(
      worse({ kind: 'interrupted', deploy: deployInProgress(), until: { reason: 'stop-file', path: '/tmp/x y' } }),
    ),
  ],
  deployEndMessage: (worse) =>
    stepRefusals.map((refusal) => deployEndMessage(worse(deployInProgress()), worse({ kind: 'failed', refusal }))),
  lateEndMessage: (worse) => [
    lateEndMessage(worse(deployInProgress()), { kind: 'finished', deployed: { codeSha256: 'C 1' } }, 'interrupted'),
    lateEndMessage(worse(deployInProgress()), { kind: 'failed', refusal: { reason: 'deploy-gone' } }, 'not-shown'),
  ],
  diagnosisMessage: (worse) =>
    [...runs, undefined].map((one) =>
      diagnosisMessage(
        {
          findings: worse(findings),
          unread: worse([fault]),
          location: { region: 'us-east-1', functionName: 'TimesheetOCR-ocr-dev' },
          until: NOW,
          ...(one ? { run: worse(one) } : {}),
        },
        NOW,
      ),
    ),
  diffMessage: (worse) => [diffMessage(worse(diff), worse(entries), NOW), diffMessage(worse(diffFound()), [], NOW)],
  failuresMessage: (worse) => [failuresMessage(worse(failuresFound()), NOW)],
  helpMessage: () => [help.helpMessage(COMMANDS)],
  commandHelpMessage: () => COMMANDS.map((command) => help.commandHelpMessage(command)),
  groupHelpMessage: () => COMMAND_GROUPS.map((group) => help.groupHelpMessage(group, COMMANDS)),
  unknownTopicMessage: (worse) => [help.unknownTopicMessage(worse('Flsh'), ['flush', 'run'])],
  unknownWordMessage: (worse) => [help.unknownWordMessage(worse('Strat'), ['start', 'status'])],
  logsMessage: (worse) => [
    logsMessage(worse(invocations), worse({ errorsOnly: true, fromMs: 900_000, pattern: 'P 1', image: 'K 1' }), {
      lines: 3,
      isCut: true,
      from: NOW,
    }).message,
  ],
  followMessage: (worse) =>
    [
      { kind: 'following' } as const,
      { kind: 'time' } as const,
      { kind: 'error' } as const,
      { kind: 'stopped', by: 'U0OPERATOR' } as const,
      { kind: 'lost' } as const,
    ].map((state) => followMessage({ id: 'f-1', forMs: 600_000, only: 'errors only' }, worse(state), worse(3))),
  followLostMessage: () => [followLostMessage()],
  newLinesMessage: (worse) => [newLinesMessage(worse([logLine]), worse(3)).message],
  loggingMessage: (worse) => logging.map((result) => loggingMessage(worse(result))),
  previewMessage: (worse) => [
    previewMessage(worse(runPlan({ selection: { prefix: 'P 1', sample: 3, seed: 7 }, openRun: run }))),
    previewMessage(
      worse(runPlan({ archived: { images: 3, examples: ['A 1'] }, empty: { images: 1, examples: ['A 2'] } })),
    ),
    previewMessage(worse(runPlan({ selection: { retry: { of: 'R 1', what: 'W 1', attempt: 2 } } }))),
  ],
  cancelledMessage: (worse) => [cancelledMessage(worse('R 1'), worse('U0OPERATOR'))],
  resumedInsteadMessage: (worse) => [resumedInsteadMessage(worse('R 1'), worse('R 2'), worse('U0OPERATOR'))],
  quotaMessage: (worse) => [quotaMessage(worse(quotas))],
  engineMessage: (worse) => engineReports(worse).map(engineMessage),
  installMessage: (worse) =>
    engineReports(worse).flatMap((report) => [
      installMessage({ kind: 'created', report }),
      installMessage({ kind: 'updated', report }),
      installMessage({ kind: 'unchanged', report }),
    ]),
  installRefusal: (worse) =>
    engineReports(worse).flatMap((report) => (report.obstacle ? [installRefusal(report.obstacle, report)] : [])),
  refusalMessage: (worse) =>
    runRefusals.map((refusal) => refusals.refusalMessage(worse(refusal), worse('https://x.example/a'))),
  permissionRefusalMessage: (worse) => [
    refusals.permissionRefusalMessage({ reason: 'nobody', role: 'operator', setting: 'OPERATORS' }),
    refusals.permissionRefusalMessage(
      worse({ reason: 'not-listed', role: 'operator', who: ['U0OPERATOR', 'S0GROUP'] }),
    ),
    refusals.permissionRefusalMessage(
      worse({ reason: 'look-up-failed', role: 'approver', group: 'S0GROUP', cause: 1 }),
    ),
    refusals.permissionRefusalMessage({ reason: 'look-up-failed', role: 'operator', cause: 1 }),
    ...(['deactivated', 'bot', 'guest', 'external'] as const).map((outsider) =>
      refusals.permissionRefusalMessage({ reason: 'outsider', role: 'operator', outsider }),
    ),
  ],
  unfinishedMessage: (worse) => [refusals.unfinishedMessage({ shownAs: worse('/rescan start'), at: NOW })],
  unheardMessage: (worse) =>
    (['not-member', 'archived', 'not-found'] as const).map((presence) =>
      refusals.unheardMessage(worse('C01'), presence),
    ),
  webhookFailedMessage: (worse) =>
    (['webhook', 'pagerduty'] as const).map((name) =>
      webhookFailedMessage({ name, ...worse({ host: 'a.example', why: 'HTTP 503', event: 'run.tripped' }) }),
    ),
  webhookRefusedMessage: (worse) =>
    (['webhook', 'pagerduty'] as const).map((name) =>
      webhookRefusedMessage({ name, ...worse({ host: 'a.example', why: 'HTTP 401', event: 'run.tripped' }) }),
    ),
  mutedMessage: (worse) => [refusals.mutedMessage(worse('E 1'))],
  foreignButtonMessage: () => [refusals.foreignButtonMessage('dev'), refusals.foreignButtonMessage(undefined)],
  belongingMessage: (worse) =>
    [
      { kind: 'listed', pipeline: 'dev' } as const,
      { kind: 'chosen', pipeline: 'dev', by: worse('U1'), at: NOW } as const,
      { kind: 'contradictory', pipelines: ['dev', 'prod'] } as const,
      { kind: 'none' } as const,
    ].flatMap((belonging) =>
      [['dev', 'prod'], []].map((allowed) => pipelines.belongingMessage(belonging, { all: ['dev', 'prod'], allowed })),
    ),
  chosenMessage: () => [pipelines.chosenMessage('prod', 'dev'), pipelines.chosenMessage('prod', undefined)],
  chosenNotice: (worse) => [pipelines.chosenNotice('prod', worse('U1'))],
  useRefusalMessage: (worse) =>
    [
      { reason: 'unknown', typed: worse('prdo'), nearest: ['prod'], names: ['dev', 'prod'] } as const,
      { reason: 'unknown', typed: worse('x'), nearest: [], names: ['dev', 'prod'] } as const,
      { reason: 'already', pipeline: 'dev' } as const,
      { reason: 'listed', pipeline: 'dev' } as const,
      { reason: 'not-in-channel' } as const,
      { reason: 'unavailable', pipeline: 'dev' } as const,
      { reason: 'busy', pipeline: 'dev', with: ['run r-0001', 'the autopilot'] } as const,
      { reason: 'unread', pipeline: 'dev' } as const,
      { reason: 'chosen-at-once' } as const,
    ].map(pipelines.useRefusalMessage),
  noPipelineMessage: () => [pipelines.noPipelineMessage()],
  onePipelineMessage: () => [pipelines.onePipelineMessage(['C01'])],
  unavailableMessage: (worse) => [
    pipelines.unavailableMessage('dev', worse(fault), NOW),
    pipelines.unavailableMessage('dev', undefined, NOW),
  ],
  availableMessage: () => [pipelines.availableMessage('dev')],
  wrongChannelMessage: (worse) => [refusals.wrongChannelMessage(worse(['C01']))],
  faultMessage: (worse) => [refusals.faultMessage(worse(fault))],
  formExpiredMessage: () => [refusals.formExpiredMessage()],
  faultWhileMessage: (worse) =>
    [true, false].map((isRead) =>
      refusals.faultWhileMessage(worse(fault), {
        isRead,
        lastKnown: status.lastKnownLines({ at: NOW, run: worse(run) }),
      }),
    ),
  heavyReadMessage: (worse) => [
    refusals.heavyReadMessage({ person: worse('U1'), what: worse('/rescan diff'), since: NOW }),
  ],
  unexpectedErrorMessage: (worse) => [refusals.unexpectedErrorMessage(worse('0a1b2c3d'))],
  reportMessage: (worse) => [
    reportMessage(worse(run), worse(report), {
      expected: worse({ ms: 3, costUsd: 4 }),
      causes: worse(failuresFound().totals.causes),
    }),
  ],
  chartMessage: (worse) => [chartMessage(worse('R 1'), worse(report))],
  resultRefusalMessage: (worse) => resultRefusals.map((refusal) => resultRefusalMessage(worse(refusal))),
  runMessage: (worse) => runs.map((one) => runMessage(worse(one))),
  progressPost: (worse) => runs.map((one) => progressPost(worse(one))),
  sampleMessage: (worse) => [sampleMessage(worse(sample))],
  startRefusalMessage: (worse) => [
    startRefusalMessage(worse({ reason: 'preconditions', step: 'start', unmet: missing })),
    ...runRefusals.map((refusal) => startRefusalMessage(worse(refusal))),
    startRefusalMessage(worse({ reason: 'scope-filters', scope: fullScope })),
    startRefusalMessage(worse({ reason: 'scope-changed', asked: 'W 1', scope: fullScope })),
    startRefusalMessage({ reason: 'scope-changed' }),
    startRefusalMessage({ reason: 'plan-outdated', runId: 'r-0142', plannedAt: 1_767_600_000_000 }),
  ],
  stepRefusalMessage: (worse) => stepRefusals.map((refusal) => stepRefusalMessage(worse(refusal))),
  startedJobMessage: (worse) => [tables.startedJobMessage(worse(flushJob()))],
  jobMessage: (worse) =>
    [flushJob(), restoreJob].map((job) =>
      tables.jobMessage(worse(job), {
        ...worse({ done: 3, total: 9, isApproximate: true, stageMs: 9, perSecond: 3, supplemented: 2, bytes: 9 }),
        stage: 'deleting',
      }),
    ),
  fileSharedMessage: () => [fileSharedMessage('your direct messages with the bot')],
  retryOutdatedMessage: (worse) => [retryOutdatedMessage(worse('r-0001'), worse('r-0002'))],
  answerSharedMessage: () => [answerSharedMessage()],
  alreadySharedMessage: (worse) => [alreadySharedMessage(worse('U0OPERATOR'), NOW)],
  answerGoneMessage: () => [answerGoneMessage()],
  fileErrorMessage: (worse) => [
    fileErrorMessage(new FileUploadError(worse('F 1'), 500), 'the failed images', '/rescan export'),
    fileErrorMessage(Object.assign(new Error('full'), { code: 'ENOSPC' }), 'the failed images'),
  ],
  anotherJobMessage: (worse) => [tables.anotherJobMessage(worse(restoreJob))],
  stoppingJobMessage: (worse) => [tables.stoppingJobMessage(worse(restoreJob))],
  finishedMessage: (worse) => results.map((result) => tables.finishedMessage(worse(flushJob()), worse(result), 9_000)),
  brokenOffMessage: (worse) => [
    tables.brokenOffMessage(worse({ kind: 'stopped', job: flushJob(), by: 'U0OPERATOR' })),
    ...tableRefusals.map((refusal) => tables.brokenOffMessage(worse({ kind: 'failed', job: restoreJob, refusal }))),
  ],
  interruptedMessage: (worse) =>
    interruptions.map((because) =>
      tables.interruptedMessage(
        worse({
          kind: 'interrupted',
          job: flushJobToResume,
          because,
          done: 3,
          next: { ok: false, refusal: { reason: 'backup-not-found', backupId: 'B 1' } },
        }),
      ),
    ),
  unsettledMessage: (worse) =>
    [flushJobToResume, backupJob].map((job) => tables.unsettledMessage(worse({ kind: 'unsettled', job, fault }))),
  functionMessage: (worse) => [
    tables.functionMessage(worse({ kind: 'function-not-released', functionName: 'F 1', fault })),
    ...(['released', 'changed-since'] as const).map((kind) =>
      tables.functionMessage(
        worse({
          kind: 'function-released',
          released: { kind, functionName: 'F 1', reservedConcurrency: 3 },
        }),
      ),
    ),
  ],
  resumedJobMessage: (worse) => [tables.resumedJobMessage(worse(restoreJob))],
  backupsMessage: (worse) => [tables.backupsMessage(worse([backupRecord({ note: 'A note' }), exportRecord()]))],
  backupDoneMessage: (worse) =>
    [
      backupRecord({ note: 'A note' }),
      backupRecord({ verification: { kind: 'unverified', reason: 'R 1', objectKey: 'O 1' } }),
      exportRecord({ note: 'A note' }),
      exportRecord({ verification: { kind: 'sampled', at: NOW, sampled: 200, files: 4, same: 180 } }),
      exportRecord({ verification: { kind: 'unverified', reason: 'R 1' } }),
    ].map((record) => backupDoneMessage(worse(record), 'off', 60_000)),
  verifiedMessage: (worse) =>
    [
      backupRecord(),
      backupRecord({ exportArn: 'A 1' }),
      exportRecord({ verification: { kind: 'unverified', reason: 'R 1', objectKey: 'O 1' } }),
    ].map((record) => verifiedMessage(worse(record))),
  pruneMessage: (worse) => [
    tables.pruneMessage(
      worse({
        remove: [backupRecord()],
        spared: [{ record: backupRecord(), because: 'in-use' }],
        action: pruneAction([backupRecord()]),
      }),
      3,
    ),
    tables.pruneMessage(worse({ remove: [], spared: [{ record: backupRecord(), because: 'safety' }] }), 1),
  ],
  tableRefusalMessage: (worse) => [
    tableRefusalMessage({ reason: 'backup-not-found', backupId: worse('B 1') }),
    ...tableRefusals.map((refusal) => tableRefusalMessage(worse(refusal))),
  ],
  validationMessage: (worse) => [
    validationMessage(worse(validation), NOW),
    validationMessage(worse({ ...validation, runIds: [] }), NOW),
  ],
  changePlanView: (worse) => [
    changePlanView(worse(runPlan({ selection: { prefix: 'P 1', limit: 3, sample: 4, seed: 5 } })), {
      channel: 'C01',
      ts: '1.1',
    }),
  ],
  scopeView: (worse) => [
    scopeView('C01', undefined),
    scopeView('C01', { people: worse(['Ana_Bel', 'x'.repeat(200)]), from: '2025-09-01', failed: true }),
  ],
  denyView: () => [denyView('a-1', { channel: 'C01', ts: '1.1' })],
  deployView: (worse) => [deployView({ ...worse(plannedDeploy()), id: 'd-1' }, 'C01')],
  rollbackView: (worse) => [rollbackView({ ...worse(rollback), id: 'd-1' }, 'C01')],
  unreadHomeView: (worse) => [
    unreadHomeView(worse(fault), { at: NOW, run: worse(run) }),
    unreadHomeView(undefined, undefined),
  ],
  homeView: (worse) => [
    homeView(
      worse({
        view: checklist,
        run,
        autopilot: autopilotRecord({ state: 'running' }),
        history,
        backups: [backupRecord({ note: 'A note' })],
        approvals: [...approvals],
        job: restoreJob,
        rights: 'act',
      }),
      NOW,
    ),
  ],
  restoreRowsView: (worse) => [
    restoreRowsView({
      removed: Array.from({ length: 100 }, (_, at) => ({
        ...worse({ name: 'Some name', about: 'About it', isHandMade: true }),
        id: String(at).padStart(16, '0'),
      })),
      backupId: '20260105083000-abc123',
      table: worse('T 1'),
      changed: Array.from({ length: 100 }, (_, at) => ({
        ...worse({ name: 'Some name', about: 'Hours 7.5 → 4' }),
        id: String(at).padStart(16, '0'),
        seen: 'v'.repeat(22),
      })),
      all: 120,
      byHand: 3,
      allChanged: 2_500,
      channel: 'C01',
    }),
  ],
  loadingView: () => [tableViews.loadingView('Flush the table', 'Looking at it…')],
  refusalView: () => [tableViews.refusalView('Flush the table', ['Some line', 'Another `one`'])],
  flushView: (worse) => [
    tableViews.flushView(
      {
        ...withTableName(worse, {
          now: tableNow(),
          backup: backupRecord({ note: 'A note' }),
          difference: { added: 1, changed: 2, removed: 3 },
        }),
        action: {
          kind: 'flush',
          backupId: '20260105083000-abc123',
          failedOnly: false,
          corrections: {
            kind: 'counted',
            rows: 3,
            // As long as the request cuts it.
            fields: Array.from({ length: 5 }, () => ({ name: worse('F 1').slice(0, 40), records: 3 })),
            since: 'b-1',
          },
        },
      },
      'C01',
    ),
    tableViews.flushView(
      withTableName(worse, {
        action: { kind: 'flush', backupId: '20260105083000-abc123', failedOnly: false },
        now: tableNow(),
        backup: backupRecord({ note: 'A note' }),
        difference: { added: 1, changed: 2, removed: 3 },
      }),
      'C01',
    ),
    ...[{ scope: { scope: fullScope, recordsNow: 4 }, notRebuildable: fullScope }, { notRebuildable: fullScope }].map(
      (about) =>
        tableViews.flushView(
          withTableName(worse, {
            action: { kind: 'flush', backupId: '20260105083000-abc123', failedOnly: false },
            now: tableNow(),
            backup: backupRecord({ note: 'A note' }),
            difference: { added: 1, changed: 2, removed: 3 },
            ...about,
          }),
          'C01',
        ),
    ),
    tableViews.flushView(
      withTableName(worse, {
        action: { kind: 'flush', backupId: '20260105083000-abc123', failedOnly: false, recreate: true },
        now: tableNow(),
        backup: backupRecord({ note: 'A note' }),
        difference: { added: 1, changed: 2, removed: 3 },
        recreation: { digest: 'D 1', losses: ['A loss.', 'B loss.', 'C loss.', 'E loss.', 'F loss.'], indexes: 2 },
      }),
      'C01',
    ),
  ],
  chooseRestoreView: (worse) => [
    tableViews.chooseRestoreView(
      Array.from({ length: 120 }, (_, at) => ({
        ...worse(backupRecord({ note: 'A note' })),
        id: `20260105083000-${at}`,
      })),
      'C01',
      '20260105083000-7',
    ),
  ],
  restoreView: (worse) => [
    tableViews.restoreView(
      withTableName(worse, {
        action: { kind: 'restore', backupId: '20260105083000-abc123', mode: 'replace' },
        now: tableNow({ hasStream: true, replicas: 2 }),
        backup: backupRecord(),
        change: { added: 1, overwritten: 2, removed: 3, same: 4, expired: 5, leftOut: 1 },
      }),
      'C01',
    ),
  ],
};
