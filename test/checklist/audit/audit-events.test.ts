import { describe, expect, test } from 'vitest';
import type { ApprovalState } from '../../../src/approvals/approval.ts';
import {
  auditOfAutopilot,
  auditOfRun,
  auditOfTable,
  createAuditor,
} from '../../../src/checklist/audit/audit-events.ts';
import { OUTCOME_WORDS } from '../../../src/checklist/audit/audit-outcome.ts';
import type { NewAuditEntry } from '../../../src/checklist/audit/audit-writer.ts';
import type { AutopilotEvent } from '../../../src/checklist/contracts/autopilot-control.ts';
import type { JobResult } from '../../../src/checklist/contracts/job-result.ts';
import type { TableEvent } from '../../../src/checklist/contracts/table-control.ts';
import type { StepFinding } from '../../../src/checklist/model/step.ts';
import { auditOfStep } from '../../../src/checklist/steps/step-recorder.ts';
import type { RunEvent } from '../../../src/run/model/types.ts';
import { createMemoryAudit } from '../../support/memory/memory-audit.ts';
import { runPlan, runSnapshot } from '../../support/memory/scripted-run-control.ts';
import { autopilotRecord, checklistView } from '../../support/messages/checklist-builders.ts';
import { results, validation, warnings } from '../../support/messages/message-samples.ts';
import { flushApproval, flushJob, NOW } from '../../support/messages/table-builders.ts';

/** `who: outcome (reason)` of an entry; undefined for none. */
const entryText = (entry: NewAuditEntry | undefined): string | undefined =>
  entry && `${entry.who}: ${entry.outcome}${entry.why === undefined ? '' : ` (${entry.why})`}`;

/** For every kind of an event, events with the entry that the audit gets; undefined: nothing was changed. */
type Expected<Event extends { kind: string }> = {
  readonly [Kind in Event['kind']]: readonly (readonly [event: Event & { kind: Kind }, entry?: string])[];
};

const totals = { ...runSnapshot().totals, processed: 5, rejected: 2, failed: 1 };
const snapshot = runSnapshot({ runId: 'r-0007', total: 10, totals, startedBy: 'U1' });
const counts = '5 processed, 2 rejected, 1 failed of 10 images';
const network = { reason: 'network', message: 'no network', fix: 'Wait.' } as const;
const person = { kind: 'person', by: 'U2' } as const;
const [warning] = warnings;
const ended = (state: typeof snapshot.state) => ({ snapshot: { ...snapshot, state }, drive: 'd-1', leftInFlight: 0 });

const RUNS: Expected<RunEvent> = {
  started: [[{ kind: 'started', snapshot }, 'U1: begun: 10 images']],
  resumed: [
    [
      { kind: 'resumed', snapshot, by: 'U2', repeating: 0, rerunning: 0, from: 'tripped' },
      'U2: resumed: it was tripped',
    ],
    [
      { kind: 'resumed', snapshot, repeating: 0, rerunning: 0, from: 'interrupted' },
      'bot: resumed: it was interrupted',
    ],
  ],
  'pace-changed': [
    [
      { kind: 'pace-changed', snapshot, by: 'U2', from: { kind: 'auto' }, to: { kind: 'fixed', perMinute: 60 } },
      'U2: changed: the pace is 60 images a minute',
    ],
    [
      { kind: 'pace-changed', snapshot, by: 'U2', from: { kind: 'auto' }, to: { kind: 'auto' } },
      'U2: changed: the pace is auto',
    ],
  ],
  left: [[{ kind: 'left', snapshot, why: 'shutdown' }]],
  paused: [
    [{ kind: 'paused', ...ended({ kind: 'paused', because: person }) }, `U2: paused: ${counts}`],
    [
      { kind: 'paused', ...ended({ kind: 'paused', because: { kind: 'fault', fault: network } }) },
      `bot: paused: ${counts}`,
    ],
  ],
  stopped: [
    [{ kind: 'stopped', ...ended({ kind: 'stopped', by: person }) }, `U2: stopped: ${counts}`],
    [
      { kind: 'stopped', ...ended({ kind: 'stopped', by: { kind: 'stop-file', path: '/STOP' } }) },
      `stop-file: stopped: ${counts}`,
    ],
  ],
  tripped: [
    [
      { kind: 'tripped', ...ended({ kind: 'tripped', trippedBy: { kind: 'no-growth', minutes: 10 } }) },
      `bot: tripped: ${counts}`,
    ],
  ],
  interrupted: [[{ kind: 'interrupted', ...ended({ kind: 'interrupted' }) }, `bot: interrupted: ${counts}`]],
  completed: [[{ kind: 'completed', ...ended({ kind: 'completed' }) }, `bot: finished: ${counts}`]],
  abandoned: [[{ kind: 'abandoned', ...ended({ kind: 'abandoned', by: 'U2' }) }, `U2: abandoned: ${counts}`]],
  progress: [[{ kind: 'progress', snapshot }]],
  'canary-passed': [[{ kind: 'canary-passed', snapshot, failed: 0, images: 20 }]],
  'warning-began': [[{ kind: 'warning-began', snapshot, warning }]],
  'warning-ended': [[{ kind: 'warning-ended', snapshot, warning }]],
  'first-failure': [[{ kind: 'first-failure', snapshot, failureType: 'OCR_ERROR', key: 'k', message: 'm' }]],
  'connection-broken': [
    [{ kind: 'connection-broken', snapshot, key: 'k', attempt: 1, message: 'm', next: 'retry', others: 0 }],
  ],
  draining: [[{ kind: 'draining', snapshot, why: 'stop', next: { kind: 'interrupted' } }]],
};

const job = flushJob({ id: 'a-1', by: 'U1', approvedBy: 'U2', reason: 'A new template' });
const { work: _, ...about } = job;
const { approvedBy: _approver, reason: _reason, ...unapproved } = job;
const flush = { ...about, work: { kind: 'flush', backupId: 'b-1', failedOnly: false } } as const;
const progress = { stage: 'deleting', done: 30, total: 100, isApproximate: false, stageMs: 1 } as const;
const decided = { by: 'U2', at: 1 };
const changedTo = (state: ApprovalState): Extract<TableEvent, { kind: 'approval-changed' }> => ({
  kind: 'approval-changed',
  approval: flushApproval({ id: 'a-1', state }),
});

const TABLES: Expected<TableEvent> = {
  started: [
    [{ kind: 'started', job }, 'U1: begun: approved by U2 (A new template)'],
    [{ kind: 'started', job: unapproved }, 'U1: begun'],
  ],
  resumed: [[{ kind: 'resumed', job }, 'bot: resumed: the bot had stopped (A new template)']],
  progress: [[{ kind: 'progress', job, progress }]],
  finished: results.map((result: JobResult) => [
    { kind: 'finished', job, result, elapsedMs: 1 },
    expect.stringMatching(/^U1: finished: .*\d+ .*\(A new template\)$/),
  ]),
  stopped: [
    [{ kind: 'stopped', job, by: 'U3', progress }, 'U3: stopped: deleting, 30 of 100 (A new template)'],
    [{ kind: 'stopped', job, by: 'U3' }, 'U3: stopped (A new template)'],
  ],
  failed: [
    [{ kind: 'failed', job, refusal: { reason: 'no-backup' } }, 'U1: failed: no-backup (A new template)'],
    [
      { kind: 'failed', job, refusal: { reason: 'no-backup' }, progress },
      'U1: failed: no-backup, deleting, 30 of 100 (A new template)',
    ],
  ],
  interrupted: [
    [
      {
        kind: 'interrupted',
        job: flush,
        because: { reason: 'approval-gone' },
        next: { ok: false, refusal: { reason: 'no-backup' } },
      },
      'bot: interrupted: not resumed (approval-gone) (A new template)',
    ],
  ],
  unsettled: [
    [{ kind: 'unsettled', job: flush, fault: network }, 'bot: failed: not settled yet (no network) (A new template)'],
  ],
  'function-released': [
    [
      { kind: 'function-released', released: { kind: 'released', functionName: 'ocr', reservedConcurrency: 5 } },
      'bot: released: released',
    ],
  ],
  'function-not-released': [
    [{ kind: 'function-not-released', functionName: 'ocr', fault: network }, 'bot: failed: not released (no network)'],
  ],
  'request-outdated': [[{ kind: 'request-outdated', approval: flushApproval() }]],
  'approval-changed': [
    // The request is in the audit before it exists.
    [changedTo({ kind: 'pending' })],
    [changedTo({ kind: 'approved', ...decided }), 'U2: approved'],
    [changedTo({ kind: 'denied', ...decided }), 'U2: denied'],
    [changedTo({ kind: 'denied', ...decided, reason: 'Not tonight' }), 'U2: denied (Not tonight)'],
    [changedTo({ kind: 'withdrawn', ...decided }), 'U2: withdrawn'],
    [changedTo({ kind: 'expired', at: 1 }), 'bot: expired'],
    [changedTo({ kind: 'used', ...decided, usedAt: 2 }), 'U2: begun: the approval is used'],
    [
      changedTo({ kind: 'void', at: 1, changed: [{ name: 'records', before: '5', after: '6' }], because: 'changed' }),
      'bot: voided: not carried out (records was 5, is 6)',
    ],
    [
      changedTo({ kind: 'void', at: 1, changed: [], because: 'never-started' }),
      'bot: voided: not carried out (never-started)',
    ],
  ],
};

const record = autopilotRecord({ id: 'ap-1', by: 'U1', stoppedBy: 'U2' });
const view = checklistView();
const blocker = { kind: 'waiting', reason: { kind: 'step-failed', step: 'sample' } } as const;

const AUTOPILOTS: Expected<AutopilotEvent> = {
  started: [[{ kind: 'started', record }, 'U1: begun: 1398 images']],
  'approval-asked': [
    [{ kind: 'approval-asked', record, approval: flushApproval({ id: 'a-1' }) }, 'U1: asked: approval a-1 of a flush'],
  ],
  'needs-person': [[{ kind: 'needs-person', record, view, blocker }, 'bot: paused: it waits for a person (waiting)']],
  stopped: [[{ kind: 'stopped', record, view }, 'U2: stopped']],
  validated: [[{ kind: 'validated', record, validation }, `U1: finished: validation, ${validation.verdict}`]],
  finished: [[{ kind: 'finished', record, view }, 'U1: finished']],
  changed: [[{ kind: 'changed', record, view }]],
  'run-planned': [[{ kind: 'run-planned', record, plan: runPlan() }]],
};

const FINDINGS: readonly (readonly [StepFinding, string])[] = [
  [{ kind: 'quotas', blocking: [], pacePerMinute: 60 }, 'no limit blocked, 60 images per minute allowed'],
  [{ kind: 'sample', images: 3, failed: 1 }, '1 of 3 images failed'],
  [{ kind: 'interrupted' }, 'the bot stopped during the step'],
];

describe('the audit', () => {
  test.each([
    ...Object.values(RUNS).flatMap((rows) => rows.map(([event, entry]) => [event.kind, auditOfRun(event), entry])),
    ...Object.values(TABLES).flatMap((rows) => rows.map(([event, entry]) => [event.kind, auditOfTable(event), entry])),
    ...Object.values(AUTOPILOTS).flatMap((rows) =>
      rows.map(([event, entry]) => [event.kind, auditOfAutopilot(event), entry]),
    ),
  ] as const)('records of the event %s what happened', (_, entry, expected) => {
    expect(entryText(typeof entry === 'object' ? entry : undefined)).toEqual(expected);
  });

  test.each(FINDINGS)('records of a step with the finding %j that it ended, and with what', (found, text) => {
    const at = { step: 'sample' as const, by: 'U1', at: NOW };
    expect(auditOfStep('c-1', { ...at, state: 'running' }).outcome).toBe('begun');
    expect(auditOfStep('c-1', { ...at, state: 'done', found }).outcome).toBe(`finished: ${text}`);
    expect(auditOfStep('c-1', { ...at, state: 'failed', found }).outcome).toBe(`failed: ${text}`);
    const refused = { kind: 'deploy-refused', reason: 'signed-code' } as const;
    expect(auditOfStep('c-1', { ...at, state: 'failed', found: refused }).outcome).toBe('refused: signed-code');
  });

  test('begins every outcome with one of its words, in past tense', () => {
    const entries = [
      ...Object.values(RUNS).flatMap((rows) => rows.map(([event]) => auditOfRun(event))),
      ...Object.values(TABLES).flatMap((rows) => rows.map(([event]) => auditOfTable(event))),
    ];
    for (const entry of entries) {
      if (!entry) continue;
      expect(OUTCOME_WORDS).toContain(entry.outcome.split(':')[0]);
      expect(entry.what).toMatch(
        /^(run r-0007|flush a-1|approval a-1 of a flush|function ocr, held by an older version)$/,
      );
    }
  });

  test('gets an entry for each event that changes something, and none for progress', () => {
    const audit = createMemoryAudit();
    const auditor = createAuditor(audit);
    auditor.onRunEvent({ kind: 'progress', snapshot });
    auditor.onRunEvent({ kind: 'started', snapshot });
    auditor.onTableEvent({ kind: 'started', job: flushJob() });
    auditor.onAutopilotEvent({ kind: 'started', record: autopilotRecord() });
    expect(audit.written.map(({ what }) => what.split(' ')[0])).toEqual(['run', 'flush', 'autopilot']);
  });

  test('gets the end of a drive once, also where it is announced again, and that of each drive', () => {
    const audit = createMemoryAudit();
    const auditor = createAuditor(audit);
    const end = (drive: string, kind: 'paused' | 'stopped') =>
      auditor.onRunEvent({ kind, snapshot, drive, leftInFlight: 0 });
    for (const drive of ['d-1', 'd-1', 'd-2']) end(drive, 'paused');
    end('d-2', 'stopped');
    expect(audit.written.map(({ outcome }) => outcome.split(':')[0])).toEqual(['paused', 'paused', 'stopped']);
  });
});
