import type { Approval, ApprovalState } from '../../../src/approvals/approval.ts';
import type { AutopilotBlocker } from '../../../src/checklist/contracts/autopilot-control.ts';
import type { JobResult } from '../../../src/checklist/contracts/job-result.ts';
import type { QuotaLine, QuotaReport } from '../../../src/checklist/contracts/quota-report.ts';
import type { ResultRefusal, Validation } from '../../../src/checklist/contracts/result-control.ts';
import type { SetScopeRefusal } from '../../../src/checklist/contracts/scope-control.ts';
import type { LoggingResult, SampleResult, StepRefusal } from '../../../src/checklist/contracts/step-control.ts';
import type {
  ApprovedJob,
  ResumeRefusal,
  TableJob,
  TableRefusal,
} from '../../../src/checklist/contracts/table-control.ts';
import type { StepView } from '../../../src/checklist/model/checklist-view.ts';
import type { UnmetPrecondition } from '../../../src/checklist/model/preconditions.ts';
import type { HistoryEntry } from '../../../src/checklist/steps/history.ts';
import type { Fault } from '../../../src/pipeline/invoke/invocation.ts';
import type { DeployRefusal } from '../../../src/pipeline/package/deploy-errors.ts';
import { TIMESHEETS } from '../../../src/pipeline/profile/timesheets.ts';
import type { DiffEntry } from '../../../src/results/diff/diff-entry.ts';
import type { Finding } from '../../../src/results/report/diagnosis.ts';
import type { RunReport } from '../../../src/results/report/run-report.ts';
import type { Refusal } from '../../../src/run/model/run-control.ts';
import type { RunEvent, RunState } from '../../../src/run/model/types.ts';
import { runSnapshot } from '../memory/scripted-run-control.ts';
import { checklistView, plannedDeploy, scopeFound } from './checklist-builders.ts';
import { causeTotals, diffFound } from './result-builders.ts';
import { backupRecord, flushApproval, flushJob, NOW } from './table-builders.ts';

/** States that reach the branches of the renderers, plain ones: `distort` makes them hostile. */

export const fault: Fault = { reason: 'network', message: 'connect ECONNREFUSED', fix: 'Look at the network.' };
export const counts = { entry: 1, 'zero-hour': 1, rejected: 1, coverage: 1, failed: 1, total: 5 };
export const restoreJob: TableJob = {
  ...flushJob(),
  work: { kind: 'restore', mode: 'rows', backupId: 'b', entries: ['0123456789abcdef'] },
};
export const flushJobToResume: ApprovedJob = {
  ...flushJob(),
  work: { kind: 'flush', backupId: 'b', failedOnly: false, continues: 'a-0' },
};
export const backupJob: TableJob = { ...flushJob(), work: { kind: 'backup' } };
export const interruptions: readonly ResumeRefusal[] = [
  { reason: 'expired', at: NOW },
  { reason: 'changed', changed: [{ name: 'N 1', before: 'B 1', after: 'A 1' }] },
  { reason: 'blocked', refusal: { reason: 'no-backup' } },
  { reason: 'older-version' },
  { reason: 'approval-gone' },
];
export const states: readonly RunState[] = [
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
export const warnings = [
  { kind: 'slow', value: 3, limit: 10 },
  { kind: 'failures', value: 50, limit: 10 },
] as const;
export const runs = states.map((state) => runSnapshot({ state, warnings }));
export const run = runSnapshot({ warnings });

export const missing: readonly UnmetPrecondition[] = [
  { reason: 'no-backup', fix: 'backup' },
  { reason: 'backup-used', fix: 'backup', backupId: 'b 1', at: 1 },
  { reason: 'backup-old', fix: 'backup', backupId: 'b 1', ageMs: 1, mostMs: 2 },
  { reason: 'table-changed', fix: 'backup', backupId: 'b 1', records: 1, saved: 2 },
  { reason: 'quotas-blocking', fix: 'quotas', blocking: ['model-requests'] },
  { reason: 'logging-unproven', fix: 'test-logging' },
  { reason: 'logging-stale', fix: 'test-logging', provenAt: NOW },
  { reason: 'sample-failed', fix: 'sample', failed: 1, images: 3, at: NOW },
  { reason: 'not-flushed', fix: 'flush' },
  { reason: 'run-active', fix: 'stop', runId: 'r-1 x' },
];
export const runRefusals: readonly Refusal[] = [
  { reason: 'run-active', run },
  { reason: 'run-open', run },
  { reason: 'no-run' },
  { reason: 'no-run', isHalt: true },
  { reason: 'nothing-to-resume', run },
  { reason: 'not-running', run },
  { reason: 'not-running', run, isHalt: true },
  { reason: 'halted-since', request: 'stop', by: 'U1' },
  { reason: 'halted-since', request: 'pause' },
  { reason: 'changed-since', run },
  { reason: 'plan-gone', runId: 'r 1' },
  { reason: 'empty-bucket', bucket: 'B 1' },
  { reason: 'no-match', bucket: 'B 1', listed: 3, selection: { prefix: 'P 1', limit: 4, sample: 3, seed: 2 } },
  { reason: 'pace-over-ceiling', asked: 4, ceiling: 3, because: ['A line.'] },
  { reason: 'stop-file', path: '/tmp/x y' },
  { reason: 'stop-stored', request: 'stop', by: 'U1' },
  { reason: 'stop-stored', request: 'pause' },
  { reason: 'shutting-down' },
  { reason: 'maybe-started', runId: 'r 1', fault },
  { reason: 'lease-held', holder: 'Host 1' },
  { reason: 'halt-unread', request: 'stop', fault, stopFile: '/tmp/x y' },
  { reason: 'halt-unread', request: 'pause', fault, stopFile: '/x', stored: { kind: 'file', path: '/tmp/y z' } },
  {
    reason: 'halt-unread',
    request: 'stop',
    fault,
    stopFile: '/x',
    stored: { kind: 'bucket', bucket: 'B', key: 'K 1' },
  },
  { reason: 'fault', fault },
];
export const approvalStates: readonly ApprovalState[] = [
  { kind: 'pending' },
  { kind: 'approved', by: 'U0APPROVER', at: NOW },
  { kind: 'denied', by: 'U0APPROVER', at: NOW },
  { kind: 'expired', at: NOW },
  { kind: 'withdrawn', by: 'U0APPROVER', at: NOW },
  { kind: 'void', at: NOW, changed: [{ name: 'N 1', before: 'B 1', after: 'A 1' }] },
  { kind: 'used', by: 'U0OPERATOR', at: NOW, usedAt: NOW },
];
export const approvals: readonly Approval[] = approvalStates.map((state) => flushApproval({ state }));
export const tableRefusals: readonly TableRefusal[] = [
  { reason: 'scope-changed', asked: 's 1', now: 's 2' },
  { reason: 'scope-changed', asked: 's 1' },
  { reason: 'recreate-with-scope', scope: scopeFound() },
  { reason: 'recovery-off', arn: 'A 1' },
  { reason: 'export-failed', arn: 'A 1', code: 'C 1', why: 'W 1' },
  { reason: 'backup-unverified', backupId: 'B 1', why: 'W 1' },
  { reason: 'backup-of-another-table', backupId: 'B 1', itsArn: 'A 1', arn: 'A 2' },
  { reason: 'backup-damaged', backupId: 'B 1', object: 'O 1', why: 'W 1' },
  { reason: 'differs', backupId: 'B 1', difference: { added: 1, changed: 2, removed: 3 }, most: 100 },
  { reason: 'restore-mismatch', backupId: 'B 1', difference: { added: 1, changed: 2, removed: 3 } },
  { reason: 'record-refused', why: 'W 1' },
  { reason: 'table-not-active', table: 'T 1', status: 'S 1' },
  { reason: 'table-missing', table: 'T 1' },
  { reason: 'job-active', job: flushJob() },
  { reason: 'location', bucket: 'B 1', why: 'missing' },
  {
    reason: 'legacy',
    fileName: 'F 1',
    items: 3,
    losses: [{ attribute: 'A 1', lookedLike: 'number', values: 3, example: 'E 1' }],
  },
  { reason: 'legacy-types', fileName: 'F 1', problems: ['P 1'] },
  { reason: 'legacy-unreadable', fileName: 'F 1', why: 'W 1' },
  { reason: 'preconditions', step: 'flush', unmet: missing },
  { reason: 'click', refusal: { reason: 'decided', state: { kind: 'expired', at: NOW } }, approval: flushApproval() },
  { reason: 'use', refusal: { reason: 'changed', changed: [{ name: 'N 1', before: 'B 1', after: 'A 1' }] } },
  { reason: 'start-unclear', fault },
  { reason: 'fault', fault },
];
export const deployRefusals: readonly DeployRefusal[] = [
  { reason: 'runtime-not-python', runtime: 'R 1' },
  { reason: 'function-failed', why: 'W 1' },
  { reason: 'package-unreadable', name: 'N 1', problem: { reason: 'path-outside', path: 'P 1' } },
  { reason: 'handler-not-found', handler: 'H 1' },
  { reason: 'changed-since-preview', expected: 'E 1', found: 'F 1' },
  { reason: 'update-failed', why: 'W 1' },
];
/** A scope with everything that its message can say. */
export const fullScope = scopeFound({
  criteria: {
    people: ['P 1'],
    images: { total: 9, first: ['I 1'] },
    from: '2025-09-01',
    to: '2025-09-30',
    failed: true,
  },
  beyond: 2,
  nameless: 1,
  missing: {
    images: 3,
    records: 9,
    examples: ['M 1'],
    people: { total: 9, top: [{ name: 'N 1', records: 4 }] },
    oldestDay: '2025-06-02',
  },
  archived: { images: 1, records: 2, examples: ['A 1'], people: { total: 0, top: [] } },
});
export const scopeRefusals: readonly SetScopeRefusal[] = [
  { reason: 'unknown-people', people: [{ name: 'P 1', suggestions: ['P 2'] }] },
  { reason: 'look-alike-images', typed: 'I 1', names: ['I\u202f1', 'I\u00a01'] },
  { reason: 'unknown-images', images: ['I 1'], total: 4 },
  { reason: 'empty-scope', missing: fullScope.missing, archived: fullScope.archived, nameless: 2 },
  { reason: 'scope-fixed', by: 'flush', scope: fullScope },
  { reason: 'scope-fixed', by: 'rescan' },
  { reason: 'no-scope' },
  { reason: 'fault', fault },
];
export const stepRefusals: readonly StepRefusal[] = [
  ...deployRefusals.map((refusal) => ({ reason: 'deploy', refusal }) as const),
  { reason: 'no-images' },
  { reason: 'fault', fault },
  { reason: 'step-active' },
  { reason: 'shutting-down' },
  { reason: 'deploy-unclear', fault: { reason: 'network', message: 'M 1', fix: 'F 1' } },
  { reason: 'nothing-deployed' },
  { reason: 'nothing-deployed', rolledBackAt: 1_760_000_000_000 },
  { reason: 'run-active', runId: 'R 1' },
  { reason: 'job-active', job: restoreJob },
  { reason: 'stop-file', path: '/tmp/x y' },
  { reason: 'busy', holder: 'H 1' },
  { reason: 'busy', holder: 'H 1', waitMs: 240_000 },
];
export const resultRefusals: readonly ResultRefusal[] = [
  { reason: 'unknown-run', runId: 'R 1' },
  { reason: 'none-chosen', failedImages: 3, types: ['T 1'] },
  { reason: 'images-unknown', bucket: 'B 1', keys: ['K 1'] },
  { reason: 'no-such-person', person: 'P 1', backupId: 'B 1' },
  { reason: 'look-alikes', what: 'image', typed: 'T 1', names: ['N 1', 'N\u00a01'] },
  ...runRefusals.map((refusal) => ({ reason: 'start', refusal }) as const),
  ...tableRefusals.map((refusal) => ({ reason: 'table', refusal }) as const),
];
export const blockers: readonly AutopilotBlocker[] = [
  { kind: 'waiting', reason: { kind: 'step-failed', step: 'sample', found: { kind: 'error', message: 'M 1' } } },
  { kind: 'waiting', reason: { kind: 'flush-not-approved', state: 'void' } },
  { kind: 'waiting', reason: { kind: 'run-halted', runId: 'R 1', state: 'tripped' } },
  ...tableRefusals.map((refusal) => ({ kind: 'table-refused', step: 'flush', refusal }) as const),
  ...stepRefusals.map((refusal) => ({ kind: 'step-refused', step: 'deploy', refusal }) as const),
  ...runRefusals.map((refusal) => ({ kind: 'start-refused', step: 'rescan', refusal }) as const),
];
export const steps: Partial<Record<StepView['step'], Partial<StepView>>> = {
  backup: { state: 'done', by: 'U0OPERATOR', at: NOW, found: { kind: 'backup', backupId: 'B 1', records: 3 } },
  quotas: { state: 'failed', found: { kind: 'quotas', pacePerMinute: 3, blocking: ['Q 1'] } },
  deploy: { state: 'done', found: { kind: 'deploy', codeSha256: 'C 1', inPlace: false } },
  'test-logging': { state: 'failed', found: { kind: 'logging', result: 'R 1' } },
  sample: { state: 'stale', stale: { reason: 'backup-old', fix: 'backup', backupId: 'B 1', ageMs: 1, mostMs: 2 } },
  flush: { state: 'running', by: 'U0OPERATOR', at: NOW },
  rescan: { state: 'done', found: { kind: 'rescan', runId: 'R 1' } },
  validate: { state: 'failed', found: { kind: 'error', message: 'M 1' } },
};
export const checklist = checklistView(steps, { next: 'flush', run, unread: [fault] });
export const history: readonly HistoryEntry[] = [
  {
    kind: 'checklist',
    record: {
      id: 'c-0001',
      openedBy: 'U0OPERATOR',
      openedAt: NOW,
      runIds: ['R 1', 'R 2'],
      closedAt: NOW,
      outcome: { kind: 'completed', runId: 'R 1' },
    },
    validation: { step: 'validate', state: 'failed' },
  },
  { kind: 'checklist', record: { id: 'c-0002', openedBy: 'U0OPERATOR', openedAt: NOW, runIds: ['R 1'] } },
  {
    kind: 'run',
    run: {
      runId: 'R 3',
      state: { kind: 'completed' },
      selection: { retry: { of: 'R 1', attempt: 2, what: 'W 1' } },
      images: 24,
      startedBy: 'U0OPERATOR',
      startedAt: NOW,
      endedAt: NOW,
    },
  },
];
export const events: readonly RunEvent[] = [
  { kind: 'started', snapshot: run },
  { kind: 'resumed', snapshot: run, rerunning: 0, repeating: 3, from: 'tripped' },
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
  { kind: 'connection-broken', snapshot: run, key: 'K 1', attempt: 2, message: 'M 1', next: 'retry', others: 95 },
  {
    kind: 'draining',
    snapshot: run,
    why: 'stop',
    by: 'U0OPERATOR',
    next: { kind: 'stopped', by: { kind: 'person', by: 'U0OPERATOR' } },
  },
  {
    kind: 'draining',
    snapshot: run,
    why: 'trip',
    next: { kind: 'tripped', trippedBy: { kind: 'consecutive-failures', failures: 10 } },
  },
  {
    kind: 'draining',
    snapshot: runSnapshot({ engine: 'step-functions', draining: true, gateAfterHalt: 'running' }),
    why: 'trip',
    next: { kind: 'tripped', trippedBy: { kind: 'consecutive-failures', failures: 10 } },
  },
  { kind: 'left', snapshot: run, why: 'shutdown' },
  { kind: 'left', snapshot: run, why: 'control-table' },
  {
    kind: 'resumed',
    snapshot: runSnapshot({ engine: 'step-functions' }),
    rerunning: 0,
    repeating: 0,
    from: 'interrupted',
  },
  { kind: 'draining', snapshot: run, why: 'fault', next: { kind: 'paused', because: { kind: 'fault', fault } } },
  ...runs.flatMap((snapshot): readonly RunEvent[] => {
    const { kind } = snapshot.state;
    return kind === 'planned' || kind === 'running'
      ? []
      : [{ kind, snapshot, drive: 'd-1', leftInFlight: 3, unwritten: true }];
  }),
];
export const logging: readonly LoggingResult[] = [
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
export const findings: readonly Finding[] = [
  {
    kind: 'main-cause',
    cause: causeTotals(),
    share: 0.7,
    weight: 0.7,
    remedies: [
      { kind: 'retry-cause', causeId: '1a2b3c4d5e', images: 3 },
      { kind: 'read-log', errorsOnly: true },
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
export const interval = { from: NOW, to: NOW + 60_000, images: 3, failed: 1, entries: 9 };
export const report: RunReport = {
  intervals: Array.from({ length: 20 }, (_, at) => ({
    ...interval,
    from: NOW + at * 60_000,
    to: NOW + at * 60_000 + 60_000,
  })),
  slowest: [{ key: 'K 1', outcome: 'processed', durationMs: 9_000 }],
  largest: [{ key: 'K 2', outcome: 'failed', bytes: 9_000_000 }],
  failedByType: { OCR_ERROR: 3 },
  images: 60,
  failed: 3,
};
export const quotaLines: readonly QuotaLine[] = [
  { limit: 'model-requests', verdict: 'blocking', name: 'N 1', value: 0, source: 'applied', needs: 3 },
  { limit: 'model-tokens', verdict: 'unknown', name: 'N 1', source: 'default' },
  { limit: 'function', verdict: 'tight', value: 3, needs: 9 },
  { limit: 'write-capacity', verdict: 'ok', name: 'N 1', value: 3, source: 'read' },
];
export const quotas: QuotaReport = {
  lines: quotaLines,
  pacePerMinute: 160,
  because: ['A line of arithmetic.'],
  maxInFlight: 20,
  blocking: quotaLines.slice(0, 1),
  notes: ['A note.'],
  functionTimeoutMs: 300_000,
  functionMemoryMb: 512,
};
export const sample: SampleResult = {
  images: [
    { key: 'K 1', outcome: { kind: 'processed', entriesStored: 3 } },
    { key: 'K 2', outcome: { kind: 'rejected', reason: 'R 1' } },
    { key: 'K 3', outcome: { kind: 'failed', failureType: 'OCR_ERROR', message: 'M 1' } },
    { key: 'K 4', outcome: { kind: 'no-rows', entriesStored: 4 } },
  ],
  failed: 2,
  unproven: 1,
  isAll: false,
};
export const results: readonly JobResult[] = [
  { kind: 'backup', record: backupRecord({ note: 'A note' }), versioning: 'off' },
  { kind: 'flush', deleted: 3, supplemented: 1, remaining: counts, newRows: 2 },
  {
    kind: 'flush',
    deleted: 3,
    supplemented: 1,
    remaining: counts,
    newRows: 2,
    recreated: { digest: 'D 1', descriptionUri: 'U 1', nativeBackupArn: 'A 1' },
  },
  { kind: 'restore', written: 3, unchanged: 2, removed: 1, safetyBackupId: 'B 1', leftOut: 2, digest: 'D 1', items: 3 },
  { kind: 'restore-rows', restored: 3, taken: 1, notInBackup: 1 },
  { kind: 'restore-rows', restored: 0, taken: 0, notInBackup: 0, overwritten: 2, changedSince: 1 },
];
export const rows = { ...counts, newestRow: NOW, newestFailure: NOW };
export const validation: Validation = {
  profile: TIMESHEETS,
  verdict: 'bad',
  problems: [
    { kind: 'without-outcome', images: 3, weight: 'proof' },
    { kind: 'failed', images: 3, unlogged: 1, weight: 'doubt' },
    { kind: 'people-lost-entries', people: 3, entries: 9, weight: 'doubt' },
    {
      kind: 'shared-weeks',
      weeks: 3,
      examples: [
        {
          person: 'P 1',
          week: '2025-09-29',
          images: [{ image: 'K 1', hours: '37.5' }, { image: 'K 2' }],
          otherImages: 3,
        },
      ],
      weight: 'doubt',
    },
  ],
  runIds: ['R 1', 'R 2'],
  images: [{ key: 'K 1', rows, kind: 'neither' }],
  now: counts,
  backup: backupRecord(),
  entryHours: {
    before: { entries: 2_100, withHours: 840, hours: '6300', unreadable: 1 },
    now: { entries: 840, withHours: 840, hours: '6300', unreadable: 0 },
  },
  people: [
    {
      person: 'P 1',
      before: { entries: 3, withHours: 3, hours: '7.5' },
      after: { entries: 2, withHours: 2, hours: '5' },
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
export const entries: readonly DiffEntry[] = [
  { id: '0123456789abcdef', key: { A: { S: 'K 1' } }, record: 'entry', kind: 'removed', item: { Hours: { N: '7.5' } } },
  {
    id: '0123456789abcdee',
    key: { A: { S: 'K 1' } },
    record: 'entry',
    kind: 'changed',
    fields: [{ name: 'F 1', before: { S: 'B 1' } }],
    seen: 'v'.repeat(22),
    isByHand: true,
  },
];
export const person = {
  name: 'P 1',
  totals: { removed: 1, changed: 1, added: 1, moved: 1, hours: { gained: '1', lost: '2' } },
};
export const diff = diffFound({
  removed: 3,
  removedWithoutImage: 1,
  byPerson: { top: [person], others: { names: 0, totals: person.totals } },
  byField: { top: [{ name: 'F 1', totals: 3 }], others: { names: 0, totals: 0 } },
  fieldExamples: [{ name: 'F 1', examples: [{ key: { A: { S: 'K 1' } }, before: { S: 'B 1' }, after: { S: 'B 2' } }] }],
  moved: 7,
  movedHours: '52.5',
  byMove: { top: [{ field: 'F 1', before: 'P 1', after: 'P 2', records: 7, hours: '52.5' }], others: 2 },
  removedZeroHours: 2,
  emptied: { top: [{ name: 'F 2', totals: 2500 }], others: { names: 0, totals: 0 } },
});
export const logLine = { at: NOW, stream: 'S 1', message: 'Some line of it', id: 'I 1' };
export const invocations = [
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
export const auditEntry = {
  number: 3,
  at: NOW,
  who: 'U0OPERATOR',
  what: 'A command',
  why: 'A reason',
  outcome: 'An outcome',
  previous: '0'.repeat(64),
  hash: 'f'.repeat(64),
};
export const rollback = { ...plannedDeploy() };
