import { describe, expect, test } from 'vitest';
import { checkView } from '../../../../sandbox/slack/rules/block-check.ts';
import type { TableRefusal } from '../../../../src/checklist/contracts/table-control.ts';
import { flushView, restoreView } from '../../../../src/slack/forms/table-views.ts';
import { withinLimits } from '../../../../src/slack/messages/kit/limits.ts';
import { approvalMessage } from '../../../../src/slack/messages/table/approval-message.ts';
import {
  backupsMessage,
  brokenOffMessage,
  finishedMessage,
  jobMessage,
  pruneMessage,
} from '../../../../src/slack/messages/table/table-messages.ts';
import { tableRefusalMessage } from '../../../../src/slack/messages/table/table-refusals.ts';
import { backupRecord, flushApproval, flushJob, NOW, tableNow } from '../../../support/table-builders.ts';

const WHO_APPROVES = { policy: 'second-person', approvers: ['U0APPROVER', 'S0ONCALL', 'U0OPERATOR'] } as const;
const HOSTILE = '<!channel> `rm -rf` & <https://evil.example|click>';
const buttons = (message: { blocks: readonly unknown[] }) =>
  [...JSON.stringify(message.blocks).matchAll(/"action_id":"([^"]+)"/g)].map((match) => match[1]);

describe('a request for approval', () => {
  test('says who asks for what, on what, why and until when, with two buttons', () => {
    const message = approvalMessage(flushApproval(), WHO_APPROVES);
    expect(message.text).toBe(
      [
        'Approval needed: flush of `TimesheetOCR-dev`',
        '<@U0OPERATOR> asks to delete every record of `TimesheetOCR-dev`.',
        'Why: `OCR 2.6.1`',
        `<@U0APPROVER>, <!subteam^S0ONCALL>: one of you must approve, not who asks, until <!date^${(NOW + 900_000) / 1000}^{time}|09:15 UTC>. It holds for exactly this, and once:`,
        'Records counted: `760`',
        'table: `arn:aws:dynamodb:us-east-1:016164185850:table/TimesheetOCR-dev`',
      ].join('\n'),
    );
    expect(buttons(message)).toEqual(['approval_approve', 'approval_deny']);
    expect(JSON.stringify(message.blocks)).toContain('It begins at once: delete every record of TimesheetOCR-dev.');
  });

  test.each([
    [{ kind: 'used', by: 'U0APPROVER', at: NOW, usedAt: NOW }, 'approved by <@U0APPROVER>.'],
    [
      { kind: 'used', by: 'U0OPERATOR', at: NOW, usedAt: NOW },
      'approved by <@U0OPERATOR>, who asked for it (policy: self).',
    ],
    [{ kind: 'denied', by: 'U0APPROVER', at: NOW }, 'denied by <@U0APPROVER>.'],
    [{ kind: 'withdrawn', by: 'U0OPERATOR', at: NOW }, 'taken back by <@U0OPERATOR>.'],
    [{ kind: 'expired', at: NOW }, 'it expired.'],
  ] as const)('that was decided (%j) has no buttons, and keeps who decided', (state, words) => {
    const message = approvalMessage(flushApproval({ state }), WHO_APPROVES);
    expect(message.text.split('\n')[0]).toBe(`Flush of \`TimesheetOCR-dev\`: ${words}`);
    expect(buttons(message)).toEqual([]);
  });

  test('calls ten approvers at most, and says where there is none but who asks', () => {
    const many = Array.from({ length: 13 }, (_, n) => `U0${String.fromCharCode(65 + n)}`);
    const { text } = approvalMessage(flushApproval(), { policy: 'second-person', approvers: many });
    expect(text.match(/<@U0\w>/g)).toHaveLength(10);
    expect(text).toContain(', 3 more: one of you must approve');
    for (const approvers of [[], ['U0OPERATOR']])
      expect(approvalMessage(flushApproval(), { policy: 'second-person', approvers }).text).toContain(
        'Nobody can approve this, as `APPROVERS` names nobody but who asks.',
      );
  });

  test('that is void says what changed', () => {
    const changed = [{ name: 'records counted', before: '760', after: '761' }];
    const { text } = approvalMessage(flushApproval({ state: { kind: 'void', at: NOW, changed } }), WHO_APPROVES);
    expect(text).toContain('Nothing was done. What changed:\n• records counted: `760` then, `761` now');
  });

  test('a reason from outside does nothing', () => {
    const message = approvalMessage(flushApproval({ reason: HOSTILE }), WHO_APPROVES);
    expect(message.text).not.toContain('<!channel>');
    expect(message.text).toContain('&lt;!channel&gt;');
  });
});

describe('a job', () => {
  test('under way shows how far, how fast and how long still, and can be stopped', () => {
    const message = jobMessage(flushJob(), {
      stage: 'deleting',
      done: 380,
      total: 760,
      isApproximate: false,
      elapsedMs: 2_000,
      supplemented: 2,
    });
    expect(message.text).toBe(
      [
        'The flush is under way: deleting.',
        '`██████████░░░░░░░░░░`',
        '380 of 760 records · 190 a second · about 2 s left · 2 saved first, as they came or changed after the backup',
        'Asked for by <@U0OPERATOR>, approved by <@U0APPROVER>.',
      ].join('\n'),
    );
    expect(buttons(message)).toEqual(['job_stop']);
  });

  test('a backup says that its total is only about right', () => {
    const job = flushJob({ work: { kind: 'backup' } });
    const { text } = jobMessage(job, {
      stage: 'reading',
      done: 5,
      total: 700,
      isApproximate: true,
      bytes: 4_000,
      elapsedMs: 1_000,
    });
    expect(text).toContain('5 of about 700 records · 4 KB');
    expect(text).toContain('about six hours old');
  });

  test('that flushed says that the count is zero, or how many came meanwhile', () => {
    const remaining = { entry: 0, 'zero-hour': 0, rejected: 0, coverage: 0, failed: 0, total: 0 };
    const done = { kind: 'flush', deleted: 4_187, supplemented: 0, remaining, newRows: 0 } as const;
    expect(finishedMessage(flushJob(), done, 61_000).text).toMatch(
      /^The flush is done: 4,187 records deleted in 1 min 1 s; the count is zero\./,
    );
    const busy = { ...done, supplemented: 3, newRows: 2, remaining: { ...remaining, entry: 2, total: 2 } };
    expect(finishedMessage(flushJob(), busy, 61_000).text).toBe(
      [
        'The flush is done: 4,187 records deleted in 1 min 1 s, but 2 new records came meanwhile.',
        '3 records had come or changed after the backup: saved beside it first, and a restore brings them back too.',
        'Something still writes into the table (uploads, or a person): look at it before you start the rescan.',
        'In the table now: 2 records: 2 entries.',
        'Asked for by <@U0OPERATOR>, approved by <@U0APPROVER>.',
      ].join('\n'),
    );
  });

  test('a backup that could not be verified is not called one', () => {
    const record = backupRecord({
      verification: { kind: 'unverified', reason: 'digest differs', objectKey: 'data/1' },
    });
    const { text } = finishedMessage(
      flushJob({ work: { kind: 'backup' } }),
      { kind: 'backup', record, versioning: 'on' },
      1_000,
    );
    expect(text).toMatch(/could not be verified: `digest differs`/);
    expect(text).toContain('Nothing may rely on it.');
  });

  test('a bucket without versioning is warned of', () => {
    const result = { kind: 'backup', record: backupRecord(), versioning: 'off' } as const;
    expect(finishedMessage(flushJob({ work: { kind: 'backup' } }), result, 1_000).text).toContain(
      'versioning of the bucket is off',
    );
  });

  test('that was stopped or broke off says where that leaves the table', () => {
    const progress = { stage: 'deleting', done: 100, total: 760, isApproximate: false, elapsedMs: 1_000 };
    expect(brokenOffMessage({ kind: 'stopped', job: flushJob(), by: 'U0OPERATOR', progress }).text).toBe(
      [
        'The flush was stopped by <@U0OPERATOR> after 100 records.',
        'Every record deleted so far is in the backup: `/rescan restore` with mode merge brings them back.',
        'It was asked for by <@U0OPERATOR>.',
      ].join('\n'),
    );
    const refusal = {
      reason: 'fault',
      fault: { reason: 'network', message: HOSTILE, fix: 'Look at the network.' },
    } as const;
    const { text } = brokenOffMessage({ kind: 'failed', job: flushJob(), refusal });
    expect(text).not.toContain('<!channel>');
  });
});

test('the list of backups says of each what it takes to trust it', () => {
  const records = [
    backupRecord({ note: HOSTILE }),
    backupRecord({ id: 'b2', verification: { kind: 'unverified', reason: 'cut' } }),
  ];
  const { text } = backupsMessage(records, NOW);
  expect(text).toContain(
    '• `20260105083000-abc123` · 30 min ago · 760 records · 45 KB · digest `0123456789ab…` · by <@U0OPERATOR> · verified',
  );
  expect(text).toContain('*not verified*: `cut`');
  expect(text).not.toContain('<!channel>');
});

test('more backups than a button can name are pruned in portions', () => {
  const remove = Array.from({ length: 120 }, (_, index) => backupRecord({ id: `2026010508300${index}-abc123` }));
  const message = pruneMessage({ remove, spared: [] }, 5, NOW);
  expect(message.text).toMatch(/^50 backups would be deleted/);
  expect(() => withinLimits(message)).not.toThrow();
});

test('the forms are what Slack takes, also on a bad day', () => {
  const backup = backupRecord({ note: HOSTILE.repeat(5), id: `x${'9'.repeat(70)}` });
  const now = tableNow({ deletionProtection: true, pointInTimeRecovery: 'unknown' });
  const act = { kind: 'flush', backupId: backup.id, failedOnly: false, hold: false } as const;
  const flush = flushView(
    { act, now, backup, difference: { added: 1, changed: 2, removed: 3 }, holdMs: 300_000 },
    'C1',
    NOW,
  );
  const change = { added: 1, overwritten: 2, removed: 3, same: 4 };
  const restore = restoreView(
    { act: { kind: 'restore', backupId: backup.id, mode: 'replace' }, now, backup, change },
    'C1',
    NOW,
  );
  for (const view of [flush, restore]) {
    expect(checkView(JSON.parse(JSON.stringify(view)))).toEqual([]);
    expect(JSON.stringify(view)).not.toContain('<!channel>');
  }
});

test('every refusal says what is so, and hostile texts in it do nothing', () => {
  const record = { backupId: HOSTILE } as const;
  const refusals: TableRefusal[] = [
    { reason: 'no-backup' },
    { reason: 'backup-not-found', ...record },
    { reason: 'backup-unverified', ...record, why: HOSTILE },
    { reason: 'backup-too-old', ...record, ageMs: 90_000_000, mostMs: 86_400_000 },
    { reason: 'backup-of-another-table', ...record, itsArn: HOSTILE, arn: HOSTILE },
    { reason: 'backup-damaged', ...record, object: HOSTILE, why: HOSTILE },
    { reason: 'backup-in-use', ...record },
    { reason: 'differs', ...record, difference: { added: 120, changed: 0, removed: 1 }, most: 100 },
    { reason: 'table-not-active', table: HOSTILE, status: HOSTILE },
    { reason: 'run-active', runId: 'r-0142' },
    { reason: 'job-active', job: flushJob({ by: HOSTILE }) },
    { reason: 'no-job' },
    { reason: 'stop-file', path: HOSTILE },
    { reason: 'busy', holder: HOSTILE },
    { reason: 'location', bucket: HOSTILE, why: 'missing' },
    { reason: 'location', bucket: HOSTILE, why: 'not-writable' },
    {
      reason: 'legacy',
      fileName: HOSTILE,
      items: 3,
      losses: [{ attribute: HOSTILE, lookedLike: 'set', values: 1, example: HOSTILE }],
    },
    { reason: 'legacy-types', fileName: HOSTILE, problems: [HOSTILE] },
    { reason: 'legacy-unreadable', fileName: HOSTILE, why: HOSTILE },
    { reason: 'recovery-off', arn: HOSTILE },
    { reason: 'approval-gone', approvalId: HOSTILE },
    { reason: 'click', refusal: { reason: 'own-request' }, approval: flushApproval() },
    { reason: 'click', refusal: { reason: 'not-an-approver' }, approval: flushApproval() },
    { reason: 'click', refusal: { reason: 'wrong-message' }, approval: flushApproval() },
    { reason: 'click', refusal: { reason: 'expired', at: NOW }, approval: flushApproval() },
    { reason: 'use', refusal: { reason: 'changed', changed: [{ name: HOSTILE, before: HOSTILE, after: HOSTILE }] } },
    { reason: 'fault', fault: { reason: 'network', message: HOSTILE, fix: 'Look.' } },
  ];
  for (const refusal of refusals) {
    const { text } = withinLimits(tableRefusalMessage(refusal));
    expect(text.length).toBeGreaterThan(20);
    expect(text, refusal.reason).not.toMatch(/<!channel>|<https/);
  }
});
