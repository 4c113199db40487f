import type { HomeView, ModalView } from '@slack/types';
import type { Approval, ApprovalState } from '../../src/approvals/approval.ts';
import type { Hindrance } from '../../src/checklist/autopilot-control.ts';
import type { StepView } from '../../src/checklist/checklist-view.ts';
import type { Missing } from '../../src/checklist/gates.ts';
import type { LoggingResult } from '../../src/checklist/logging-test.ts';
import type { QuotaLine, QuotaReport } from '../../src/checklist/quota-report.ts';
import type { ResultRefusal, Validation } from '../../src/checklist/result-control.ts';
import type { SampleResult } from '../../src/checklist/sample.ts';
import type { StepRefusal } from '../../src/checklist/step-control.ts';
import type { JobResult, TableJob, TableNow, TableRefusal } from '../../src/checklist/table-control.ts';
import type { DeployRefusal } from '../../src/pipeline/deploy-errors.ts';
import type { Fault } from '../../src/pipeline/reading.ts';
import type { Finding } from '../../src/rescan/diagnosis.ts';
import type { DiffEntry } from '../../src/rescan/diff-entry.ts';
import type { Refusal } from '../../src/rescan/run-control.ts';
import type { RunReport } from '../../src/rescan/run-report.ts';
import type { RunEvent, RunState } from '../../src/rescan/types.ts';
import { FileUploadError } from '../../src/slack/file-upload.ts';
import { alertOf } from '../../src/slack/messages/alerts.ts';
import * as answers from '../../src/slack/messages/answers.ts';
import { approvalMessage } from '../../src/slack/messages/approval-message.ts';
import { auditMessage, chainMessage } from '../../src/slack/messages/audit-message.ts';
import * as autopilot from '../../src/slack/messages/autopilot-message.ts';
import * as checklistAnswers from '../../src/slack/messages/checklist-answers.ts';
import { checklistMessage, historyMessage } from '../../src/slack/messages/checklist-message.ts';
import { deployedMessage, rolledBackMessage } from '../../src/slack/messages/deploy-words.ts';
import { diagnosisMessage } from '../../src/slack/messages/diagnosis-message.ts';
import { diffMessage } from '../../src/slack/messages/diff-message.ts';
import { failuresMessage } from '../../src/slack/messages/failures-message.ts';
import { fileTroubleMessage } from '../../src/slack/messages/file-trouble.ts';
import { helpMessage, unknownWordMessage } from '../../src/slack/messages/help.ts';
import { lateEndMessage } from '../../src/slack/messages/late-deploy.ts';
import {
  followLostMessage,
  followMessage,
  logsMessage,
  newLinesMessage,
} from '../../src/slack/messages/log-message.ts';
import { loggingMessage } from '../../src/slack/messages/logging-message.ts';
import type { Message } from '../../src/slack/messages/message.ts';
import { cancelledMessage, previewMessage, resumedInsteadMessage } from '../../src/slack/messages/preview.ts';
import { quotaMessage } from '../../src/slack/messages/quota-message.ts';
import * as refusals from '../../src/slack/messages/refusals.ts';
import { chartMessage, reportMessage } from '../../src/slack/messages/report-message.ts';
import { resultRefusalMessage } from '../../src/slack/messages/result-refusals.ts';
import { progressPost, runMessage } from '../../src/slack/messages/run-message.ts';
import { sampleMessage } from '../../src/slack/messages/sample-message.ts';
import { startRefusalMessage } from '../../src/slack/messages/start-refusals.ts';
import { stepRefusalMessage } from '../../src/slack/messages/step-refusals.ts';
import * as tables from '../../src/slack/messages/table-messages.ts';
import { tableRefusalMessage } from '../../src/slack/messages/table-refusals.ts';
import { validationMessage } from '../../src/slack/messages/validation-message.ts';
import { changePlanView } from '../../src/slack/views/change-plan-view.ts';
import { deployView, rollbackView } from '../../src/slack/views/deploy-view.ts';
import { homeView } from '../../src/slack/views/home-view.ts';
import { putBackView } from '../../src/slack/views/put-back-view.ts';
import * as tableViews from '../../src/slack/views/table-views.ts';
import { autopilotRecord, checklistView, plannedDeploy } from './checklist-builders.ts';
import { causeTotals, diffFound, failuresFound } from './result-builders.ts';
import { runPlan, runSnapshot } from './scripted-run-control.ts';
import { backupRecord, flushApproval, flushJob, NOW, tableNow } from './table-builders.ts';

/** Every renderer of the bot by its name, with states that reach its branches; `worse` makes each of them hostile. */

export type Rendered = Message | ModalView | HomeView;
type Worse = <T>(value: T) => T;

const fault: Fault = { reason: 'network', message: 'connect ECONNREFUSED', mend: 'Look at the network.' };
const counts = { entry: 1, 'zero-hour': 1, rejected: 1, coverage: 1, failed: 1, total: 5 };
const restoreJob: TableJob = {
  ...flushJob(),
  work: { kind: 'restore', mode: 'put-back', backupId: 'b', entries: ['0123456789abcdef'] },
};
const states: readonly RunState[] = [
  { kind: 'planned' },
  { kind: 'running' },
  { kind: 'paused', because: { kind: 'person', by: 'U0OPERATOR' } },
  { kind: 'paused', because: { kind: 'fault', fault } },
  { kind: 'stopped', by: { kind: 'stop-file', path: '/tmp/x y' } },
  { kind: 'stopped', by: { kind: 'control-table' } },
  { kind: 'tripped', trippedBy: { kind: 'consecutive-failures', failures: 10 } },
  { kind: 'tripped', trippedBy: { kind: 'failure-rate', failed: 11, window: 20 } },
  { kind: 'tripped', trippedBy: { kind: 'no-growth', minutes: 10 } },
  { kind: 'tripped', trippedBy: { kind: 'canary', failed: 5, images: 20, percent: 20 } },
  { kind: 'interrupted' },
  { kind: 'completed' },
  { kind: 'abandoned', by: 'U0OPERATOR' },
];
const warnings = [
  { kind: 'slow', value: 3, limit: 10 },
  { kind: 'failures', value: 50, limit: 10 },
] as const;
const runs = states.map((state) => runSnapshot({ state, warnings }));
const run = runSnapshot({ warnings });

const missing: readonly Missing[] = [
  { reason: 'no-backup', mend: 'backup' },
  { reason: 'backup-old', mend: 'backup', backupId: 'b 1', ageMs: 1, mostMs: 2 },
  { reason: 'table-changed', mend: 'backup', backupId: 'b 1', records: 1, saved: 2 },
  { reason: 'quotas-blocking', mend: 'quotas', blocking: ['model-requests'] },
  { reason: 'logging-unproven', mend: 'test-logging' },
  { reason: 'logging-stale', mend: 'test-logging', provenAt: NOW },
  { reason: 'sample-failed', mend: 'sample', failed: 1, images: 3, at: NOW },
  { reason: 'not-flushed', mend: 'flush' },
  { reason: 'run-active', mend: 'stop', runId: 'r-1 x' },
];
const runRefusals: readonly Refusal[] = [
  { reason: 'run-active', run },
  { reason: 'run-open', run },
  { reason: 'no-run' },
  { reason: 'nothing-to-resume', run },
  { reason: 'not-running', run },
  { reason: 'plan-gone', runId: 'r 1' },
  { reason: 'empty-bucket', bucket: 'B 1' },
  { reason: 'no-match', bucket: 'B 1', looked: 3, selection: { prefix: 'P 1', limit: 4, sample: 3, seed: 2 } },
  { reason: 'pace-over-ceiling', asked: 4, ceiling: 3, because: ['A line.'] },
  { reason: 'stop-file', path: '/tmp/x y' },
  { reason: 'lease-held', holder: 'Host 1' },
  { reason: 'fault', fault },
];
const approvalStates: readonly ApprovalState[] = [
  { kind: 'pending' },
  { kind: 'approved', by: 'U0APPROVER', at: NOW },
  { kind: 'denied', by: 'U0APPROVER', at: NOW },
  { kind: 'expired', at: NOW },
  { kind: 'withdrawn', by: 'U0APPROVER', at: NOW },
  { kind: 'void', at: NOW, changed: [{ name: 'N 1', before: 'B 1', after: 'A 1' }] },
  { kind: 'used', by: 'U0OPERATOR', at: NOW, usedAt: NOW },
];
const approvals: readonly Approval[] = approvalStates.map((state) => flushApproval({ state }));
const tableRefusals: readonly TableRefusal[] = [
  { reason: 'backup-unverified', backupId: 'B 1', why: 'W 1' },
  { reason: 'backup-of-another-table', backupId: 'B 1', itsArn: 'A 1', arn: 'A 2' },
  { reason: 'backup-damaged', backupId: 'B 1', object: 'O 1', why: 'W 1' },
  { reason: 'differs', backupId: 'B 1', difference: { added: 1, changed: 2, removed: 3 }, most: 100 },
  { reason: 'table-not-active', table: 'T 1', status: 'S 1' },
  { reason: 'job-active', job: flushJob() },
  { reason: 'place', bucket: 'B 1', why: 'missing' },
  {
    reason: 'legacy',
    fileName: 'F 1',
    items: 3,
    losses: [{ attribute: 'A 1', lookedLike: 'number', values: 3, example: 'E 1' }],
  },
  { reason: 'legacy-types', fileName: 'F 1', problems: ['P 1'] },
  { reason: 'legacy-unreadable', fileName: 'F 1', why: 'W 1' },
  { reason: 'gate', step: 'flush', missing },
  { reason: 'click', refusal: { reason: 'decided', state: { kind: 'expired', at: NOW } }, approval: flushApproval() },
  { reason: 'use', refusal: { reason: 'changed', changed: [{ name: 'N 1', before: 'B 1', after: 'A 1' }] } },
  { reason: 'fault', fault },
];
const deployRefusals: readonly DeployRefusal[] = [
  { reason: 'runtime-not-python', runtime: 'R 1' },
  { reason: 'function-failed', why: 'W 1' },
  { reason: 'package-unreadable', name: 'N 1', problem: { reason: 'path-outside', path: 'P 1' } },
  { reason: 'handler-not-found', handler: 'H 1' },
  { reason: 'changed-since-preview', expected: 'E 1', found: 'F 1' },
  { reason: 'update-failed', why: 'W 1' },
];
const stepRefusals: readonly StepRefusal[] = [
  ...deployRefusals.map((refusal) => ({ reason: 'deploy', refusal }) as const),
  { reason: 'no-images' },
  { reason: 'fault', fault },
  { reason: 'step-active' },
  { reason: 'run-active', runId: 'R 1' },
  { reason: 'job-active', job: restoreJob },
  { reason: 'stop-file', path: '/tmp/x y' },
  { reason: 'busy', holder: 'H 1' },
];
const resultRefusals: readonly ResultRefusal[] = [
  { reason: 'unknown-run', runId: 'R 1' },
  { reason: 'none-chosen', failedImages: 3, types: ['T 1'] },
  { reason: 'images-unknown', bucket: 'B 1', keys: ['K 1'] },
  { reason: 'no-such-person', person: 'P 1', backupId: 'B 1' },
  ...runRefusals.map((refusal) => ({ reason: 'start', refusal }) as const),
  ...tableRefusals.map((refusal) => ({ reason: 'table', refusal }) as const),
];
const hindrances: readonly Hindrance[] = [
  { kind: 'wanted', wanted: { kind: 'step-failed', step: 'sample', found: { kind: 'trouble', message: 'M 1' } } },
  { kind: 'wanted', wanted: { kind: 'flush-not-approved', state: 'void' } },
  { kind: 'wanted', wanted: { kind: 'run-rests', runId: 'R 1', state: 'tripped' } },
  ...tableRefusals.map((refusal) => ({ kind: 'table-refused', step: 'flush', refusal }) as const),
  ...stepRefusals.map((refusal) => ({ kind: 'step-refused', step: 'deploy', refusal }) as const),
  ...runRefusals.map((refusal) => ({ kind: 'start-refused', step: 'rescan', refusal }) as const),
];
const steps: Partial<Record<StepView['step'], Partial<StepView>>> = {
  backup: { state: 'done', by: 'U0OPERATOR', at: NOW, found: { kind: 'backup', backupId: 'B 1', records: 3 } },
  quotas: { state: 'failed', found: { kind: 'quotas', pacePerMinute: 3, blocking: ['Q 1'] } },
  deploy: { state: 'done', found: { kind: 'deploy', codeSha256: 'C 1', inPlace: false } },
  'test-logging': { state: 'failed', found: { kind: 'logging', result: 'R 1' } },
  sample: { state: 'stale', stale: { reason: 'backup-old', mend: 'backup', backupId: 'B 1', ageMs: 1, mostMs: 2 } },
  flush: { state: 'running', by: 'U0OPERATOR', at: NOW },
  rescan: { state: 'done', found: { kind: 'rescan', runId: 'R 1' } },
  validate: { state: 'failed', found: { kind: 'trouble', message: 'M 1' } },
};
const checklist = checklistView(steps, { next: 'flush', run, troubles: [fault] });
const history = [
  {
    id: 'c-0001',
    openedBy: 'U0OPERATOR',
    openedAt: NOW,
    runIds: ['R 1', 'R 2'],
    closedAt: NOW,
    outcome: { kind: 'closed' as const, by: 'U0OPERATOR' },
  },
  { id: 'c-0002', openedBy: 'U0OPERATOR', openedAt: NOW, runIds: ['R 1'] },
];
const events: readonly RunEvent[] = [
  { kind: 'started', snapshot: run },
  { kind: 'resumed', snapshot: run, repeating: 3, from: 'tripped' },
  {
    kind: 'pace-changed',
    snapshot: run,
    by: 'U0OPERATOR',
    from: { kind: 'auto' },
    to: { kind: 'fixed', perMinute: 3 },
  },
  { kind: 'canary-passed', snapshot: run, failed: 1, images: 20 },
  { kind: 'warning-began', snapshot: run, warning: warnings[0] },
  { kind: 'warning-ended', snapshot: run, warning: warnings[1] },
  { kind: 'first-failure', snapshot: run, failureType: 'OCR_ERROR', key: 'K 1', message: 'M 1', requestId: 'R 1' },
  { kind: 'connection-broken', snapshot: run, key: 'K 1', attempt: 2, message: 'M 1' },
  { kind: 'draining', snapshot: run, why: 'stop', by: 'U0OPERATOR' },
  ...runs.flatMap((snapshot): readonly RunEvent[] => {
    const { kind } = snapshot.state;
    return kind === 'planned' || kind === 'running' ? [] : [{ kind, snapshot, leftInFlight: 3, unwritten: true }];
  }),
];
const logging: readonly LoggingResult[] = [
  {
    kind: 'proven',
    imageKey: 'K 1',
    record: { key: 'K 2', attributes: [['N 1', 'V 1']] },
    afterMs: 3,
    leftBecause: 'L 1',
  },
  { kind: 'did-not-fail', imageKey: 'K 1', reply: 'R 1' },
  { kind: 'nothing-logged', imageKey: 'K 1', failure: 'F 1' },
  { kind: 'write-refused', imageKey: 'K 1', failure: 'F 1', line: 'L 1', refusal: 'missing-key' },
  { kind: 'log-unread', imageKey: 'K 1', failure: 'F 1', fault },
  { kind: 'no-answer', imageKey: 'K 1', message: 'M 1' },
];
const findings: readonly Finding[] = [
  {
    kind: 'main-cause',
    cause: causeTotals(),
    share: 0.7,
    weight: 0.7,
    remedies: [
      { kind: 'retry-cause', causeId: '1a2b3c4d5e', images: 3 },
      { kind: 'look-at-log', errorsOnly: true },
    ],
  },
  { kind: 'many-causes', causes: 5, images: 9, weight: 0.2, remedies: [] },
  {
    kind: 'cluster',
    cluster: { by: 'prefix', group: 'G 1', images: 3, failed: 2, share: 0.6, shareElsewhere: 0.1 },
    weight: 0.5,
    remedies: [{ kind: 'slower' }],
  },
  {
    kind: 'throttling',
    throttling: { source: 'bedrock', times: 12 },
    weight: 0.4,
    remedies: [{ kind: 'raise-quota', service: 'bedrock', quota: 'Q 1' }],
  },
  { kind: 'near-timeout', mostMs: 9, timeoutMs: 10, timedOut: 2, weight: 0.4, remedies: [{ kind: 'raise-timeout' }] },
  { kind: 'quota-use', name: 'N 1', perMinute: 190, limit: 200, weight: 0.4, remedies: [] },
];
const stretch = { from: NOW, to: NOW + 60_000, images: 3, failed: 1, entries: 9 };
const report: RunReport = {
  stretches: Array.from({ length: 20 }, (_, at) => ({
    ...stretch,
    from: NOW + at * 60_000,
    to: NOW + at * 60_000 + 60_000,
  })),
  slowest: [{ key: 'K 1', outcome: 'processed', durationMs: 9_000 }],
  largest: [{ key: 'K 2', outcome: 'failed', bytes: 9_000_000 }],
  failedByType: { OCR_ERROR: 3 },
  images: 60,
  failed: 3,
};
const quotaLines: readonly QuotaLine[] = [
  { limit: 'model-requests', verdict: 'blocking', name: 'N 1', value: 0, source: 'applied', needs: 3 },
  { limit: 'model-tokens', verdict: 'unknown', name: 'N 1', source: 'default' },
  { limit: 'function', verdict: 'tight', value: 3, needs: 9 },
  { limit: 'write-capacity', verdict: 'ok', name: 'N 1', value: 3, source: 'read' },
];
const quotas: QuotaReport = {
  lines: quotaLines,
  pacePerMinute: 160,
  because: ['A line of arithmetic.'],
  maxInFlight: 20,
  blocking: quotaLines.slice(0, 1),
  notes: ['A note.'],
  functionTimeoutMs: 300_000,
  functionMemoryMb: 512,
};
const sample: SampleResult = {
  images: [
    { key: 'K 1', outcome: { kind: 'processed', entriesStored: 3 } },
    { key: 'K 2', outcome: { kind: 'rejected', reason: 'R 1' } },
    { key: 'K 3', outcome: { kind: 'failed', failureType: 'OCR_ERROR', message: 'M 1' } },
  ],
  failed: 1,
  isAll: false,
};
const results: readonly JobResult[] = [
  { kind: 'backup', record: backupRecord({ note: 'A note' }), versioning: 'off' },
  { kind: 'flush', deleted: 3, supplemented: 1, remaining: counts, newRows: 2 },
  { kind: 'restore', written: 3, removed: 1, safetyBackupId: 'B 1', digest: 'D 1', items: 3 },
  { kind: 'put-back', restored: 3, taken: 1, notInBackup: 1 },
];
const rows = { ...counts, newestRow: NOW, newestFailure: NOW };
const validation: Validation = {
  verdict: 'bad',
  problems: [
    { kind: 'without-outcome', images: 3, weight: 'proof' },
    { kind: 'failed', images: 3, unlogged: 1, weight: 'doubt' },
    { kind: 'people-lost-entries', people: 3, entries: 9, weight: 'doubt' },
  ],
  runIds: ['R 1', 'R 2'],
  images: [{ key: 'K 1', rows, kind: 'neither' }],
  now: counts,
  backup: backupRecord(),
  people: [
    {
      person: 'P 1',
      before: { entries: 3, hours: '7.5' },
      after: { entries: 2, hours: '5' },
      same: 1,
      removed: 1,
      added: 0,
      changed: 1,
      changes: [
        { sortKey: 'S 1', kind: 'removed', hours: '2.5' },
        { sortKey: 'S 2', kind: 'changed', fields: [{ name: 'F 1', before: { S: 'B 1' }, after: { SS: ['A 1'] } }] },
      ],
    },
  ],
  seed: 7,
};
const entries: readonly DiffEntry[] = [
  { id: '0123456789abcdef', key: { A: { S: 'K 1' } }, record: 'entry', kind: 'removed', item: { Hours: { N: '7.5' } } },
  {
    id: '0123456789abcdee',
    key: { A: { S: 'K 1' } },
    record: 'entry',
    kind: 'changed',
    fields: [{ name: 'F 1', before: { S: 'B 1' } }],
  },
];
const person = { name: 'P 1', totals: { removed: 1, changed: 1, added: 1, hours: { gained: '1', lost: '2' } } };
const diff = diffFound({
  removed: 3,
  removedWithoutImage: 1,
  byPerson: { top: [person], others: { names: 0, totals: person.totals } },
  byField: { top: [{ name: 'F 1', totals: 3 }], others: { names: 0, totals: 0 } },
});
const logLine = { at: NOW, stream: 'S 1', message: 'Some line of it', id: 'I 1' };
const invocations = [
  {
    requestId: 'R 1',
    stream: 'S 1',
    at: NOW,
    lines: [logLine],
    report: { durationMs: 3, maxMemoryMb: 9 },
    isError: true,
    isHit: true,
    firstError: 0,
  },
];
const auditEntry = {
  number: 3,
  at: NOW,
  who: 'U0OPERATOR',
  what: 'A command',
  why: 'A reason',
  outcome: 'An outcome',
  previous: '0'.repeat(64),
  hash: 'f'.repeat(64),
};
const rollback = { ...plannedDeploy() };

/** The name of a table is AWS's: at most 255 letters, digits, and `_ - .`. */
function withTableName<P extends { readonly now: TableNow }>(worse: Worse, plan: P): P {
  const distorted = worse(plan);
  return { ...distorted, now: { ...distorted.now, name: `T${'x'.repeat(254)}` } };
}

export const RENDERERS: Readonly<Record<string, (worse: Worse) => readonly (Rendered | undefined)[]>> = {
  alertOf: (worse) =>
    events.flatMap((event) =>
      [true, false].map((goesOnByItself) => alertOf(worse(event), { goesOnByItself })?.message),
    ),
  listingMessage: () => [answers.listingMessage()],
  noRunYetMessage: () => [answers.noRunYetMessage()],
  statusMessage: (worse) =>
    runs.map((one) => answers.statusMessage(worse(one), { buttons: true, link: worse('https://x.example/a b') })),
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
  auditMessage: (worse) => [auditMessage(worse([auditEntry]), worse(3))],
  chainMessage: (worse) => [
    chainMessage(worse({ ok: true, entries: 3, head: 'H 1', anchors: 3 })),
    ...(['missing', 'changed', 'unlinked', 'cut-off'] as const).map((kind) =>
      chainMessage(worse({ ok: false, broken: { kind, number: 3 } })),
    ),
  ],
  autopilotPlanMessage: (worse) => [autopilot.autopilotPlanMessage(worse(autopilotRecord()))],
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
    hindrances.map((hindrance) => autopilot.needsPersonMessage(worse(autopilotRecord()), worse(hindrance))),
  receiptMessage: (worse) => [
    autopilot.receiptMessage(
      worse(autopilotRecord({ startedAt: NOW, endedAt: NOW + 9 })),
      worse(run),
      worse({ verdict: 'bad', head: 'H 1' }),
    ),
    autopilot.receiptMessage(worse(autopilotRecord()), undefined),
  ],
  autopilotStoppedMessage: (worse) => [
    autopilot.autopilotStoppedMessage(
      worse({ record: autopilotRecord(), withdrew: true, job: restoreJob, run, troubles: [fault] }),
    ),
  ],
  autopilotRefusalMessage: (worse) => [
    autopilot.autopilotRefusalMessage(worse({ reason: 'active', record: autopilotRecord() })),
    autopilot.autopilotRefusalMessage(worse({ reason: 'stop-file', path: '/tmp/x y' })),
    autopilot.autopilotRefusalMessage(worse({ reason: 'fault', fault })),
    ...runRefusals.map((refusal) => autopilot.autopilotRefusalMessage(worse({ reason: 'start', refusal }))),
  ],
  closedMessage: (worse) => [checklistAnswers.closedMessage({ id: 'c-0001', withdrew: true, resting: worse('R 1') })],
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
    checklistAnswers.overrideRefusalMessage('sample', { reason: 'holds' }),
    checklistAnswers.overrideRefusalMessage('sample', worse({ reason: 'fault', fault })),
  ],
  checklistMessage: (worse) => [
    checklistMessage(worse(checklist), NOW, { buttons: true }),
    checklistMessage(worse(checklistView({}, { outcome: { kind: 'closed', by: 'U0OPERATOR' } })), NOW, {
      buttons: true,
    }),
  ],
  historyMessage: (worse) => [historyMessage(worse(history), NOW)],
  deployedMessage: (worse) => [
    deployedMessage(worse({ codeSha256: 'C 1', versionBefore: '3', versionAfter: '4' }), worse('U0OPERATOR')),
  ],
  rolledBackMessage: (worse) => [rolledBackMessage(worse({ codeSha256: 'C 1' }), worse('U0OPERATOR'))],
  lateEndMessage: (worse) =>
    stepRefusals.map((refusal) =>
      lateEndMessage(
        worse({ kind: 'deploy', by: 'U0OPERATOR', plan: plannedDeploy().plan, answer: { ok: false, refusal } }),
      ),
    ),
  diagnosisMessage: (worse) =>
    [...runs, undefined].map((one) =>
      diagnosisMessage(
        {
          findings: worse(findings),
          unread: worse([fault]),
          place: { region: 'us-east-1', functionName: 'TimesheetOCR-ocr-dev' },
          until: NOW,
          ...(one ? { run: worse(one) } : {}),
        },
        NOW,
      ),
    ),
  diffMessage: (worse) => [diffMessage(worse(diff), worse(entries), NOW), diffMessage(worse(diffFound()), [], NOW)],
  failuresMessage: (worse) => [failuresMessage(worse(failuresFound()), NOW)],
  helpMessage: () => [helpMessage([{ word: 'start', role: 'operator', usage: 'start', help: 'Starts' }])],
  unknownWordMessage: (worse) => [unknownWordMessage(worse('Strat'), ['start', 'status'])],
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
      { kind: 'trouble' } as const,
      { kind: 'stopped', by: 'U0OPERATOR' } as const,
      { kind: 'lost' } as const,
    ].map((state) => followMessage({ id: 'f-1', forMs: 600_000, only: 'errors only' }, worse(state), worse(3))),
  followLostMessage: () => [followLostMessage()],
  newLinesMessage: (worse) => [newLinesMessage(worse([logLine]), worse(3)).message],
  loggingMessage: (worse) => logging.map((result) => loggingMessage(worse(result))),
  previewMessage: (worse) => [
    previewMessage(worse(runPlan({ selection: { prefix: 'P 1', sample: 3, seed: 7 }, openRun: run }))),
    previewMessage(worse(runPlan({ selection: { retry: { of: 'R 1', what: 'W 1', attempt: 2 } } }))),
  ],
  cancelledMessage: (worse) => [cancelledMessage(worse('R 1'), worse('U0OPERATOR'))],
  resumedInsteadMessage: (worse) => [resumedInsteadMessage(worse('R 1'), worse('R 2'), worse('U0OPERATOR'))],
  quotaMessage: (worse) => [quotaMessage(worse(quotas))],
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
  ],
  unheardMessage: (worse) =>
    (['not-member', 'archived', 'not-found'] as const).map((presence) =>
      refusals.unheardMessage(worse('C01'), presence),
    ),
  mutedMessage: (worse) => [refusals.mutedMessage(worse('E 1'))],
  wrongChannelMessage: (worse) => [refusals.wrongChannelMessage(worse(['C01']))],
  defectMessage: (worse) => [refusals.defectMessage(worse('0a1b2c3d'))],
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
    startRefusalMessage(worse({ reason: 'gate', step: 'start', missing })),
    ...runRefusals.map((refusal) => startRefusalMessage(worse(refusal))),
  ],
  stepRefusalMessage: (worse) => stepRefusals.map((refusal) => stepRefusalMessage(worse(refusal))),
  jobMessage: (worse) =>
    [flushJob(), restoreJob].map((job) =>
      tables.jobMessage(
        worse(job),
        worse({ stage: 'deleting', done: 3, total: 9, isApproximate: true, elapsedMs: 9, supplemented: 2, bytes: 9 }),
      ),
    ),
  fileTroubleMessage: (worse) => [
    fileTroubleMessage(new FileUploadError(worse('F 1'), 500), 'the failed images', '/rescan export'),
    fileTroubleMessage(Object.assign(new Error('full'), { code: 'ENOSPC' }), 'the failed images'),
  ],
  stoppingJobMessage: (worse) => [tables.stoppingJobMessage(worse(restoreJob))],
  finishedMessage: (worse) => results.map((result) => tables.finishedMessage(worse(flushJob()), worse(result), 9_000)),
  brokenOffMessage: (worse) => [
    tables.brokenOffMessage(worse({ kind: 'stopped', job: flushJob(), by: 'U0OPERATOR' })),
    ...tableRefusals.map((refusal) => tables.brokenOffMessage(worse({ kind: 'failed', job: restoreJob, refusal }))),
  ],
  resumedJobMessage: (worse) => [tables.resumedJobMessage(worse(restoreJob))],
  backupsMessage: (worse) => [tables.backupsMessage(worse([backupRecord({ note: 'A note' })]), NOW)],
  pruneMessage: (worse) => [
    tables.pruneMessage(
      worse({ remove: [backupRecord()], spared: [{ record: backupRecord(), because: 'in-use' }] }),
      3,
      NOW,
    ),
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
  deployView: (worse) => [deployView({ ...worse(plannedDeploy()), id: 'd-1' }, 'C01')],
  rollbackView: (worse) => [rollbackView({ ...worse(rollback), id: 'd-1' }, 'C01')],
  homeView: (worse) => [
    homeView(
      worse({
        view: checklist,
        run,
        autopilot: autopilotRecord({ state: 'running' }),
        history,
        backups: [backupRecord({ note: 'A note' })],
        approvals: [...approvals],
        mayAct: true,
      }),
      NOW,
    ),
  ],
  putBackView: (worse) => [
    putBackView({
      removed: Array.from({ length: 100 }, (_, at) => ({
        ...worse({ name: 'Some name', about: 'About it', isHandMade: true }),
        id: String(at).padStart(16, '0'),
      })),
      backupId: '20260105083000-abc123',
      table: worse('T 1'),
      all: 120,
      byHand: 3,
      channel: 'C01',
    }),
  ],
  lookingView: () => [tableViews.lookingView('Flush the table', 'Looking at it…')],
  refusalView: () => [tableViews.refusalView('Flush the table', ['Some line', 'Another `one`'])],
  flushView: (worse) => [
    tableViews.flushView(
      withTableName(worse, {
        act: { kind: 'flush', backupId: '20260105083000-abc123', failedOnly: false, hold: false },
        now: tableNow(),
        backup: backupRecord({ note: 'A note' }),
        difference: { added: 1, changed: 2, removed: 3 },
        holdMs: 300_000,
      }),
      'C01',
      NOW,
    ),
  ],
  chooseRestoreView: (worse) => [
    tableViews.chooseRestoreView(
      Array.from({ length: 120 }, (_, at) => ({
        ...worse(backupRecord({ note: 'A note' })),
        id: `20260105083000-${at}`,
      })),
      'C01',
      NOW,
      '20260105083000-7',
    ),
  ],
  restoreView: (worse) => [
    tableViews.restoreView(
      withTableName(worse, {
        act: { kind: 'restore', backupId: '20260105083000-abc123', mode: 'replace' },
        now: tableNow(),
        backup: backupRecord(),
        change: { added: 1, overwritten: 2, removed: 3, same: 4 },
      }),
      'C01',
      NOW,
    ),
  ],
};
