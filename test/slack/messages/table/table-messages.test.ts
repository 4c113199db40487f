import { describe, expect, test } from 'vitest';
import { checkView } from '../../../../sandbox/slack/rules/block-check.ts';
import type { ApprovalState } from '../../../../src/approvals/approval.ts';
import { MAX_PRUNED, optionsOf } from '../../../../src/checklist/contracts/table-action.ts';
import type { TableJob, TableRefusal } from '../../../../src/checklist/contracts/table-control.ts';
import { flushView, restoreView } from '../../../../src/slack/forms/table-views.ts';
import { withinLimits } from '../../../../src/slack/messages/kit/limits.ts';
import { approvalMessage, requestEndedMessage } from '../../../../src/slack/messages/table/approval-message.ts';
import {
  backupsMessage,
  brokenOffMessage,
  finishedMessage,
  functionMessage,
  interruptedMessage,
  jobMessage,
  pruneMessage,
} from '../../../../src/slack/messages/table/table-messages.ts';
import { tableRefusalMessage } from '../../../../src/slack/messages/table/table-refusals.ts';
import { nothingLeftOut, scopeFound } from '../../../support/messages/checklist-builders.ts';
import {
  backupRecord,
  exportRecord,
  flushApproval,
  flushJob,
  NOW,
  pruneAction,
  tableNow,
} from '../../../support/messages/table-builders.ts';

const WHO_APPROVES = { policy: 'second-person', approvers: ['U0APPROVER', 'S0ONCALL', 'U0OPERATOR'] } as const;
const HOSTILE = '<!channel> `rm -rf` & <https://evil.example|click>';
const buttons = (message: { blocks: readonly unknown[] }) =>
  [...JSON.stringify(message.blocks).matchAll(/"action_id":"([^"]+)"/g)].map((match) => match[1]);

const firstLine = ({ text }: { text: string }) => text.split('\n')[0];
const at = (time: number, utc: string) => `<!date^${time / 1000}^{time}|${utc} UTC>`;

describe('approvalMessage', () => {
  test('A pending request shows who asks for what, why, who may approve and until when, with its buttons', () => {
    const message = approvalMessage(flushApproval(), WHO_APPROVES);
    expect(message.text).toBe(
      [
        'Approval needed: flush of `TimesheetOCR-dev`',
        '<@U0OPERATOR> asks to delete all 760 records of `TimesheetOCR-dev`.',
        'Reason: `OCR 2.6.1`',
        `<@U0APPROVER>, <!subteam^S0ONCALL>: approve or deny by ${at(NOW + 900_000, '09:15')}. The requester cannot approve. One approval covers only this:`,
        'Records counted: `760`',
        'table: `arn:aws:dynamodb:us-east-1:016164185850:table/TimesheetOCR-dev`',
      ].join('\n'),
    );
    expect(buttons(message)).toEqual(['approval_approve', 'approval_deny', 'approval_deny_with_reason']);
    expect(JSON.stringify(message.blocks)).toContain('It starts at once: delete all 760 records of TimesheetOCR-dev.');
  });

  test('A request shows the short id of its backup, whether point-in-time recovery is on, and what it continues', () => {
    const backupId = '01795940251867-e61dfd26';
    const action = { kind: 'flush', backupId, failedOnly: false, continues: 'a-0' };
    const { text } = approvalMessage(
      flushApproval({
        options: JSON.stringify(action),
        fingerprint: [
          { name: 'backup', value: backupId },
          { name: 'point-in-time recovery', value: 'off' },
        ],
      }),
      WHO_APPROVES,
    );
    expect(text).toContain('Backup: `b-e61dfd26`');
    expect(text).toContain(`backup: \`${backupId}\``);
    expect(text).toContain('Point-in-time recovery: `off`');
    expect(text).toContain('(continues `a-0`)');
  });

  test.each<[ApprovalState, string, string]>([
    [
      { kind: 'used', by: 'U0APPROVER', at: NOW, usedAt: NOW },
      'approved',
      `was approved by <@U0APPROVER> at ${at(NOW, '09:00')}.`,
    ],
    [
      { kind: 'used', by: 'U0OPERATOR', at: NOW, usedAt: NOW },
      'approved',
      `was approved by <@U0OPERATOR> at ${at(NOW, '09:00')}, who is the requester (policy \`self\`).`,
    ],
    [{ kind: 'denied', by: 'U0APPROVER', at: NOW }, 'denied', `was denied by <@U0APPROVER> at ${at(NOW, '09:00')}.`],
    [
      { kind: 'withdrawn', by: 'U0OPERATOR', at: NOW },
      'withdrawn',
      `was withdrawn by <@U0OPERATOR> at ${at(NOW, '09:00')}.`,
    ],
    [{ kind: 'expired', at: NOW }, 'expired', `expired at ${at(NOW, '09:00')}.`],
    [
      { kind: 'void', at: NOW, changed: [], because: 'never-started' },
      'approved, but not started',
      'was approved, but the bot restarted before it started.',
    ],
  ])('A decided request (%j) has no buttons and tells the decision in the past tense', (state, outcome, clause) => {
    const message = approvalMessage(flushApproval({ state }), WHO_APPROVES);
    expect(message.text.split('\n').slice(0, 2)).toEqual([
      `Flush of \`TimesheetOCR-dev\`: ${outcome}.`,
      `<@U0OPERATOR> asked to delete all 760 records of \`TimesheetOCR-dev\`. The request ${clause}`,
    ]);
    expect(message.text.includes('Nothing was done.')).toBe(state.kind !== 'used');
    expect(buttons(message)).toEqual([]);
  });

  test('A request mentions at most ten approvers, and says where only the requester is one', () => {
    const many = Array.from({ length: 13 }, (_, n) => `U0${String.fromCharCode(65 + n)}`);
    const { text } = approvalMessage(flushApproval(), { policy: 'second-person', approvers: many });
    expect(text.match(/<@U0\w>/g)).toHaveLength(10);
    expect(text).toContain(', 3 more: approve or deny by');
    for (const approvers of [[], ['U0OPERATOR']])
      expect(approvalMessage(flushApproval(), { policy: 'second-person', approvers }).text).toContain(
        'Nobody can approve this, because `APPROVERS` lists nobody but the requester.',
      );
  });

  test('A void request lists what changed', () => {
    const changed = [{ name: 'records counted', before: '760', after: '761' }];
    const state = { kind: 'void', at: NOW, changed, because: 'changed' } as const;
    expect(approvalMessage(flushApproval({ state }), WHO_APPROVES).text).toContain(
      'Nothing was done.\n• records counted: `760` before, `761` now',
    );
  });

  test('A reason with mentions and markup is shown as text', () => {
    const message = approvalMessage(flushApproval({ reason: HOSTILE }), WHO_APPROVES);
    expect(message.text).not.toContain('<!channel>');
    expect(message.text).toContain('&lt;!channel&gt;');
  });
});

describe('requestEndedMessage', () => {
  test.each<[ApprovalState, string | undefined]>([
    [{ kind: 'pending' }, undefined],
    [{ kind: 'approved', by: 'U0APPROVER', at: NOW }, undefined],
    [{ kind: 'used', by: 'U0APPROVER', at: NOW, usedAt: NOW }, undefined],
    [{ kind: 'withdrawn', by: 'U0OPERATOR', at: NOW }, undefined],
    [{ kind: 'withdrawn', by: 'U9', at: NOW }, `was withdrawn by <@U9> at ${at(NOW, '09:00')}. Nothing was done.`],
    [
      { kind: 'denied', by: 'U0APPROVER', at: NOW },
      `was denied by <@U0APPROVER> at ${at(NOW, '09:00')}. Nothing was done.`,
    ],
    [{ kind: 'expired', at: NOW }, `expired at ${at(NOW, '09:00')}. Nothing was done.\n\`/rescan flush\` asks again.`],
    [
      { kind: 'void', at: NOW, changed: [], because: 'never-started' },
      'was approved, but the bot restarted before it started. Nothing was done.\n`/rescan flush` asks again.',
    ],
  ])('The requester of a request that ended as %j gets a message, unless they ended it themselves', (state, text) => {
    expect(requestEndedMessage(flushApproval({ state }))?.text).toBe(
      text === undefined ? undefined : `<@U0OPERATOR>: your flush request ${text}`,
    );
  });
});

describe('messages of a job', () => {
  const deleting = { stage: 'deleting', total: 760, isApproximate: false } as const;

  test('A job in progress shows how many records of the total are done, the speed and the time left, and can be stopped', () => {
    const progress = { ...deleting, done: 380, stageMs: 2_000, perSecond: 190, supplemented: 2 };
    const message = jobMessage(flushJob(), progress);
    expect(message.text).toBe(
      [
        'The flush is in progress: deleting records.',
        '`██████████░░░░░░░░░░`',
        '380 of 760 records · 190 per second · about 2 s left · 2 changed since the backup (saved first)',
        'Requested by <@U0OPERATOR>, approved by <@U0APPROVER>.',
      ].join('\n'),
    );
    expect(buttons(message)).toEqual(['job_stop']);
  });

  test('A job that waits for a fault to pass says for what, until when, and how far it is, and can be stopped', () => {
    const fault = { reason: 'network', message: 'no route', fix: 'Look at the network.' } as const;
    const message = jobMessage(flushJob(), {
      ...deleting,
      done: 380,
      stageMs: 1_000,
      waiting: { fault, until: NOW + 600_000 },
    });
    expect(firstLine(message)).toBe(':warning: The flush is waiting: AWS cannot be reached.');
    expect(message.text).toContain(
      `It continues by itself when this is fixed, if that is before ${at(NOW + 600_000, '09:10')}.`,
    );
    expect(message.text).toContain('Look at the network.');
    expect(message.text).toMatch(/of 760 records/);
    expect(buttons(message)).toEqual(['job_stop']);
  });

  test('A stage that counts no records shows its time, and neither a bar nor a count of something else', () => {
    const checking = { stage: 'checking', done: 0, total: 760, isApproximate: false, stageMs: 12_000 } as const;
    expect(jobMessage(flushJob(), checking).text).toBe(
      [
        'The flush is in progress: reading the backup back from S3.',
        '12 s in this step',
        'Requested by <@U0OPERATOR>, approved by <@U0APPROVER>.',
      ].join('\n'),
    );
    expect(jobMessage(flushJob(), { ...checking, stage: 'counting', done: 760 }).text).toContain(
      '760 of 760 records so far · 12 s in this step',
    );
  });

  test('A backup says that its total is approximate', () => {
    const job = flushJob({ work: { kind: 'backup' } });
    const { text } = jobMessage(job, {
      stage: 'reading',
      done: 5,
      total: 700,
      isApproximate: true,
      bytes: 4_000,
      stageMs: 1_000,
    });
    expect(text).toContain('5 of about 700 records · 4 KB');
    expect(text).toContain('DynamoDB’s own count, which can be six hours old');
  });

  test('A finished flush says that the table is empty, or how many records were written meanwhile', () => {
    const remaining = { entry: 0, 'zero-hour': 0, rejected: 0, coverage: 0, failed: 0, total: 0 };
    const done = { kind: 'flush', deleted: 4_187, supplemented: 0, remaining, newRows: 0 } as const;
    expect(firstLine(finishedMessage(flushJob(), done, 61_000))).toBe(
      'The flush is done: 4,187 records deleted in 1 min 1 s. It left the table empty.',
    );
    const busy = { ...done, supplemented: 3, newRows: 2, remaining: { ...remaining, entry: 2, total: 2 } };
    expect(finishedMessage(flushJob(), busy, 61_000).text).toBe(
      [
        'The flush is done: 4,187 records deleted in 1 min 1 s. 2 new records were written meanwhile.',
        '3 records changed after the backup. They were saved next to it first; a restore includes them.',
        'Something still writes to the table (uploads or a person). Find out what before you start the rescan.',
        'In the table now: 2 records: 2 entries.',
        'Requested by <@U0OPERATOR>, approved by <@U0APPROVER>.',
      ].join('\n'),
    );
    const failedOnly = { ...done, remaining: { ...remaining, entry: 2, total: 2 } };
    expect(firstLine(finishedMessage(flushJob(), failedOnly, 61_000))).toMatch(/It left no failed-image records\.$/);
  });

  test.each([
    ['on', 'Point-in-time recovery is on.'],
    ['off', 'Point-in-time recovery is off.'],
    ['unknown', 'The bot could not read whether point-in-time recovery is on.'],
  ])('The receipt of a flush tells point-in-time recovery (%s) as it was approved', (value, line) => {
    const remaining = { entry: 0, 'zero-hour': 0, rejected: 0, coverage: 0, failed: 0, total: 0 };
    const job = flushJob({ fingerprint: [{ name: 'point-in-time recovery', value }] });
    const { text } = finishedMessage(job, { kind: 'flush', deleted: 1, supplemented: 0, remaining, newRows: 0 }, 1_000);
    expect(text.split('\n')).toContain(line);
  });

  test('A backup that could not be verified is not called done', () => {
    const record = backupRecord({
      verification: { kind: 'unverified', reason: 'digest differs', objectKey: 'data/1' },
    });
    const { text } = finishedMessage(
      flushJob({ work: { kind: 'backup' } }),
      { kind: 'backup', record, versioning: 'on' },
      1_000,
    );
    expect(text).toMatch(/could not be verified: `digest differs`/);
    expect(text).toContain('Do not rely on it.');
  });

  test('A finished backup shows that its checksum was verified, and warns of a bucket without versioning', () => {
    const result = { kind: 'backup', record: backupRecord(), versioning: 'off' } as const;
    const { text } = finishedMessage(flushJob({ work: { kind: 'backup' } }), result, 1_000);
    expect(text).toContain('Verified: read back from S3, checksum `0123456789ab` matches.');
    expect(text).toContain('Versioning of the bucket is off');
  });

  test('A job that was stopped or failed says where that leaves the table', () => {
    const progress = { ...deleting, done: 100, stageMs: 1_000 };
    expect(brokenOffMessage({ kind: 'stopped', job: flushJob(), by: 'U0OPERATOR', progress }).text).toBe(
      [
        'The flush was stopped by <@U0OPERATOR> after 100 records.',
        'Every record deleted so far is in backup `b-abc123`. `/rescan restore` with mode merge restores them.',
        'Requested by <@U0OPERATOR>, approved by <@U0APPROVER>.',
      ].join('\n'),
    );
    const refusal = {
      reason: 'fault',
      fault: { reason: 'network', message: HOSTILE, fix: 'Look at the network.' },
    } as const;
    const { text } = brokenOffMessage({ kind: 'failed', job: flushJob(), refusal });
    expect(text).not.toContain('<!channel>');
    // Only where it is known that no process has changed the table, the message says so.
    expect(text).not.toContain('Nothing was');
    // Records that were only compared were not deleted.
    const comparing = { ...progress, stage: 'comparing' } as const;
    expect(firstLine(brokenOffMessage({ kind: 'failed', job: flushJob(), refusal, progress: comparing }))).toBe(
      ':x: The flush failed.',
    );
    // It is not true that nothing was done once records were deleted.
    expect(brokenOffMessage({ kind: 'failed', job: flushJob(), refusal, progress }).text).not.toContain(
      'Nothing was done',
    );
  });

  test.each([
    ['flush', 'comparing', true, 'Nothing was deleted.'],
    ['flush', 'comparing', false, 'Every record deleted so far is in backup'],
    ['flush', 'deleting', false, 'Every record deleted so far is in backup'],
    ['restore', 'checking', true, 'Nothing was written to the table.'],
    ['restore', 'checking', false, 'The table may be partly restored.'],
    ['restore', 'writing', false, 'The table may be partly restored.'],
    ['restore', 'proving', false, 'Every record of the backup was written, but the result is not verified.'],
  ] as const)('A %s that fails in the stage %s (untouched: %s) says: %s', (kind, stage, isUntouched, text) => {
    const backupId = '20260105083000-abc123';
    const job = flushJob({
      work: kind === 'flush' ? { kind, backupId, failedOnly: false } : { kind, backupId, mode: 'replace' },
    });
    const fault = { reason: 'configuration', message: 'a setting does not fit the pipeline', fix: 'Look.' } as const;
    const damaged = { reason: 'backup-damaged', backupId, object: 'data/1.json.gz', why: 'cut' } as const;
    const progress = { stage, done: 299, total: 299, isApproximate: false, stageMs: 1 } as const;
    for (const refusal of [{ reason: 'fault', fault } as const, damaged]) {
      const end = { kind: 'failed', job, refusal, progress, ...(isUntouched && { isUntouched }) } as const;
      const message = brokenOffMessage(end);
      expect(message.text).toContain(text);
      expect(message.text.match(/Nothing was/g) ?? []).toHaveLength(isUntouched ? 1 : 0);
    }
  });

  test('An interrupted job says why it does not continue, and what to do', () => {
    const job = {
      ...flushJob(),
      work: { kind: 'flush', backupId: '20260105083000-abc123', failedOnly: false },
    } as const;
    const next = { ok: true, value: flushApproval({ id: 'a-1-2' }) } as const;
    const expired = { reason: 'expired', at: NOW } as const;
    expect(interruptedMessage({ kind: 'interrupted', job, because: expired, done: 312, next }).text).toBe(
      [
        ':warning: The flush was interrupted after at least 312 records and does not continue without a new approval.',
        'The bot restarted or lost its lease while it ran. Nothing is running now.',
        `Its approval was valid until ${at(NOW, '09:00')}.`,
        'To continue, approve the new request in this channel. To leave it as it is, deny the request.',
        'Every record deleted so far is in backup `b-abc123`. `/rescan restore` with mode merge restores them.',
        'Requested by <@U0OPERATOR>, approved by <@U0APPROVER>.',
      ].join('\n'),
    );
    const state = { kind: 'denied', by: 'U0APPROVER', at: NOW } as const;
    const denied = { ok: true, value: flushApproval({ id: 'a-1-2', state }) } as const;
    const afterwards = interruptedMessage({ kind: 'interrupted', job, because: expired, next: denied }).text;
    expect(afterwards).toContain('The request to continue it was denied by <@U0APPROVER>');
    expect(afterwards).not.toContain('To continue, approve');
    const refused = { ok: false, refusal: { reason: 'no-backup' } } as const;
    expect(
      interruptedMessage({ kind: 'interrupted', job, because: { reason: 'older-version' }, next: refused }).text,
    ).toContain('It cannot be continued now:\nThere is no verified backup of this table.');
  });

  test('A function that an older version had stopped is reported with what was done about it', () => {
    const textOf = (reservedConcurrency: number | undefined, kind: 'released' | 'changed-since') =>
      functionMessage({ kind: 'function-released', released: { kind, functionName: 'fn', reservedConcurrency } }).text;
    expect(textOf(undefined, 'released')).toMatch(
      /^Function `fn` runs again\.\n.*\nIt has no reserved concurrency now\./,
    );
    expect(textOf(7, 'released')).toContain('Its reserved concurrency is 7 now.');
    expect(textOf(7, 'changed-since')).toContain('Somebody has changed that since.');
    const fault = { reason: 'network', message: HOSTILE, fix: 'Look.' } as const;
    const failed = functionMessage({ kind: 'function-not-released', functionName: 'fn', fault });
    expect(firstLine(failed)).toContain('is still stopped');
    expect(failed.text).not.toContain('<!channel>');
  });
});

test('The list of backups shows the short id, the time and whether each backup is verified', () => {
  const records = [
    backupRecord({ note: HOSTILE }),
    backupRecord({ id: 'b2', verification: { kind: 'unverified', reason: 'cut' } }),
  ];
  const { text } = backupsMessage(records);
  const { startedAt } = backupRecord();
  expect(text).toContain(
    `• \`b-abc123\` · <!date^${startedAt / 1000}^{date_short_pretty} {time}|5 Jan, 08:30 UTC> · 760 records · verified · by <@U0OPERATOR>`,
  );
  expect(text).toContain('*not verified*: `cut`');
  expect(text).not.toContain('<!channel>');
});

describe('an export of DynamoDB', () => {
  const job: TableJob = { ...flushJob(), work: { kind: 'backup', export: true } };
  const done = (overrides: Parameters<typeof exportRecord>[0] = {}) =>
    finishedMessage(job, { kind: 'backup', record: exportRecord(overrides), versioning: 'on' }, 60_000).text;

  test('says what was checked, and that there is no checksum of the bot until every record was read', () => {
    const text = done();
    expect(firstLine({ text })).toBe(
      'Backup `b-e1e2e3e4` is done and checked by a sample: DynamoDB exported 760 records, 45 KB in S3, in 1 min.',
    );
    expect(text).toContain(
      'Of 760 records, 200 chosen at random from 1 file were compared with the table: the table has each of them as exported.',
    );
    expect(text).toContain('Not checked: every other record, and the MD5 of the files.');
    expect(text).toContain('The bot has no checksum of its own until it reads every record');
    expect(text).not.toContain('verified:');
  });

  test('says what a difference of the sample means, and refuses to be relied on where most of it differs', () => {
    const verification = { kind: 'sampled', at: NOW, sampled: 200, files: 4, same: 180 } as const;
    expect(done({ verification })).toContain(
      'the table has 180 of them as exported. The other 20 were written or deleted after the time of the export, or the export has an error: a sample cannot tell which.',
    );
    const text = done({ verification: { kind: 'unverified', reason: '150 of 200 sampled records differ' } });
    expect(text).toContain('Do not rely on it.');
    expect(text).toContain('`/rescan backups verify b-e1e2e3e4` reads it in full, which tells.');
  });

  test('shows what DynamoDB does while it runs, and until which day it waits for a fault to pass', () => {
    const progress = { stage: 'exporting', done: 0, total: 0, isApproximate: false, stageMs: 90_000 } as const;
    const running = jobMessage(job, progress).text;
    expect(firstLine({ text: running })).toBe('The export is in progress: DynamoDB copies the table to S3.');
    expect(running).toContain('1 min 30 s in this step');
    expect(running).not.toContain('six hours old');
    const fault = { reason: 'network', message: 'm', fix: 'Look.' } as const;
    const waiting = jobMessage(job, { ...progress, waiting: { fault, until: NOW + 7 * 86_400_000 } }).text;
    expect(waiting).toMatch(/if that is before <!date\^\d+\^\{date_short_pretty\} \{time\}/);
  });

  test('that was stopped names that DynamoDB goes on with it', () => {
    const { text } = brokenOffMessage({ kind: 'stopped', job, by: 'U1' });
    expect(firstLine({ text })).toMatch(/^The export was stopped by <@U1>/);
    expect(text).toContain('DynamoDB cannot cancel an export');
  });

  test('is listed with how far it was checked', () => {
    const { text } = backupsMessage([exportRecord(), backupRecord({ exportArn: 'arn' })]);
    expect(text).toContain('760 records · checked by a sample of 200 records · export of DynamoDB · by');
    expect(text).toContain('760 records · verified · export of DynamoDB · by');
  });
});

describe('the deletion of backups', () => {
  const remove = Array.from({ length: 120 }, (_, at) => backupRecord({ id: `${String(at).padStart(14, '0')}-abc123` }));
  const action = pruneAction(remove.slice(-MAX_PRUNED));

  test('The list names what can be deleted and what is kept and why, and its button asks for approval', () => {
    const spared = [{ record: backupRecord(), because: 'most-records' }] as const;
    const message = pruneMessage({ remove, spared, action }, 5);
    expect(message.text).toMatch(/^20 backups can be deleted; the newest 5 backups stay\./);
    expect(message.text).toContain('100 newer ones can be deleted with another request');
    expect(message.text).toContain('`b-abc123` is kept: no other backup has more records');
    expect(() => withinLimits(message)).not.toThrow();
    expect(JSON.stringify(message.blocks)).toContain('Request approval');
    expect(pruneMessage({ remove: [], spared }, 1).text).toMatch(
      /^Nothing to delete: no backup besides the newest backup/,
    );
  });

  test('The request lists every backup with its number of records, and fits in one message', () => {
    const approval = flushApproval({ action: 'prune', options: optionsOf(action) });
    const message = withinLimits(approvalMessage(approval, WHO_APPROVES));
    expect(message.text).toContain(
      'asks to permanently delete 20 backups of `TimesheetOCR-dev` with 15,200 records in all, and keep the newest one.',
    );
    expect(message.text.match(/· 760 records/g)).toHaveLength(MAX_PRUNED);
    expect(JSON.stringify(message.blocks).match(/· 760 records/g)).toHaveLength(MAX_PRUNED);
  });
});

test('The forms of flush and restore are within the limits of Slack, also with hostile texts', () => {
  const backup = backupRecord({ note: HOSTILE.repeat(5), id: `x${'9'.repeat(70)}` });
  const now = tableNow({ deletionProtection: true, pointInTimeRecovery: 'unknown' });
  const flush = flushView(
    {
      action: { kind: 'flush', backupId: backup.id, failedOnly: false },
      now,
      backup,
      difference: { added: 1, changed: 2, removed: 3 },
    },
    'C1',
  );
  const change = { added: 1, overwritten: 2, removed: 3, same: 4, expired: 0, leftOut: 0 };
  const restore = restoreView(
    { action: { kind: 'restore', backupId: backup.id, mode: 'replace' }, now, backup, change },
    'C1',
  );
  expect(JSON.stringify(restore)).not.toContain('Not included');
  const leaving = restoreView(
    {
      action: { kind: 'restore', backupId: backup.id, mode: 'replace' },
      now,
      backup,
      change: { ...change, leftOut: 2 },
    },
    'C1',
  );
  expect(JSON.stringify(leaving)).toContain('Not included: 2 files in `supplement/` beside the backup');
  for (const view of [flush, restore, leaving]) {
    expect(checkView(JSON.parse(JSON.stringify(view)))).toEqual([]);
    expect(JSON.stringify(view)).not.toContain('<!channel>');
  }
});

test('The form of a flush shows point-in-time recovery, the write units and how long a limited table takes, and no hold', () => {
  const view = flushView(
    {
      action: { kind: 'flush', backupId: 'b', failedOnly: false },
      now: tableNow({ writeCost: { unitsPerRecord: 4, indexes: 1, unitsPerSecond: 5 } }),
      backup: backupRecord(),
      difference: { added: 0, changed: 9, removed: 0 },
    },
    'C1',
  );
  const text = JSON.stringify(view);
  expect(text).toContain('Point-in-time recovery is off.');
  expect(text).toContain('(counted just now)');
  expect(text).toContain('*Since that backup* 0 added, 9 changed, 0 removed.');
  expect(text).toContain(
    'about 3,040 write units (4 per record, because transactions cost double, plus those of 1 index)',
  );
  expect(text).toContain('limited to 5 write units per second, so it takes at least 10 min');
  expect(text).toContain('Type TimesheetOCR-dev to confirm.');
  expect(text).not.toMatch(/hold/i);
});

test('The form of a flush of a scope has the numbers of now, and says where they were others when the scope was set', () => {
  const about = { action: { kind: 'flush', backupId: 'b', failedOnly: false }, backup: backupRecord() } as const;
  const now = tableNow();
  const formOf = (recordsNow: number) =>
    JSON.stringify(
      flushView(
        {
          ...about,
          now,
          difference: { added: 0, changed: 0, removed: 0 },
          scope: { scope: scopeFound(), recordsNow },
          notRebuildable: {
            missing: { ...nothingLeftOut, images: 1, records: 2 },
            archived: nothingLeftOut,
            nameless: 0,
          },
        },
        'C1',
      ),
    );
  expect(formOf(5)).toContain(
    '*Deletes* 5 records: those of this scope, and nothing else. When the scope was set, it had 3 records.',
  );
  expect(formOf(5)).toContain(`All other ${now.counts.total - 5} records of the table stay.`);
  expect(formOf(5)).toContain('*2 records of this scope cannot be rebuilt by this rescan.*');
  expect(formOf(5)).not.toContain('Delete all');
  expect(formOf(3)).not.toContain('When the scope was set, it had');
});

test('The form of a flush of everything does not claim to delete what it offers to keep', () => {
  const text = JSON.stringify(
    flushView(
      {
        action: { kind: 'flush', backupId: 'b', failedOnly: false },
        now: tableNow(),
        backup: backupRecord(),
        difference: { added: 0, changed: 0, removed: 0 },
        notRebuildable: { missing: nothingLeftOut, archived: nothingLeftOut, nameless: 2 },
      },
      'C1',
    ),
  );
  expect(text).toMatch(/\*Deletes\* all [\d,]+ records, or all but the 2 that cannot be rebuilt: choose below\./);
});

test('Every refusal has a text, and hostile texts in it have no effect', () => {
  const record = { backupId: HOSTILE } as const;
  const refusals: TableRefusal[] = [
    { reason: 'no-backup' },
    { reason: 'backup-not-found', ...record },
    { reason: 'backup-unverified', ...record, why: HOSTILE },
    { reason: 'backup-used', ...record, at: 1_764_000_000_000 },
    { reason: 'backup-too-old', ...record, ageMs: 90_000_000, mostMs: 86_400_000 },
    { reason: 'backup-of-another-table', ...record, itsArn: HOSTILE, arn: HOSTILE },
    { reason: 'backup-damaged', ...record, object: HOSTILE, why: HOSTILE },
    { reason: 'backup-in-use', because: 'named', ...record },
    { reason: 'differs', ...record, difference: { added: 120, changed: 0, removed: 1 }, most: 100 },
    { reason: 'restore-mismatch', ...record, difference: { added: 1, changed: 2, removed: 3 } },
    { reason: 'record-refused', why: HOSTILE },
    { reason: 'table-not-active', table: HOSTILE, status: HOSTILE },
    { reason: 'table-missing', table: HOSTILE },
    { reason: 'run-active', runId: 'r-0142' },
    { reason: 'job-active', job: flushJob({ by: HOSTILE }) },
    { reason: 'no-job' },
    { reason: 'stop-file', path: HOSTILE },
    { reason: 'busy', holder: HOSTILE },
    { reason: 'busy', holder: HOSTILE, waitMs: 240_000 },
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
    { reason: 'not-recreatable', table: HOSTILE, obstacles: [HOSTILE] },
    { reason: 'table-in-use', table: HOSTILE, changes: [HOSTILE] },
    {
      reason: 'table-unfinished',
      table: HOSTILE,
      state: 'missing',
      reasons: [HOSTILE],
      createUri: HOSTILE,
      descriptionUri: HOSTILE,
    },
    { reason: 'approval-gone', approvalId: HOSTILE },
    { reason: 'click', refusal: { reason: 'own-request' }, approval: flushApproval() },
    { reason: 'click', refusal: { reason: 'not-an-approver' }, approval: flushApproval() },
    { reason: 'click', refusal: { reason: 'wrong-message' }, approval: flushApproval() },
    { reason: 'click', refusal: { reason: 'expired', at: NOW }, approval: flushApproval() },
    { reason: 'use', refusal: { reason: 'changed', changed: [{ name: HOSTILE, before: HOSTILE, after: HOSTILE }] } },
    { reason: 'use', refusal: { reason: 'other-action', action: 'restore' } },
    { reason: 'use', refusal: { reason: 'wrong-state', state: { kind: 'denied', by: HOSTILE, at: NOW } } },
    { reason: 'use', refusal: { reason: 'expired', at: NOW } },
    { reason: 'start-unclear', fault: { reason: 'network', message: HOSTILE, fix: 'Look.' } },
    { reason: 'fault', fault: { reason: 'network', message: HOSTILE, fix: 'Look.' } },
  ];
  for (const refusal of refusals) {
    const { text } = withinLimits(tableRefusalMessage(refusal));
    expect(text.length).toBeGreaterThan(20);
    expect(text, refusal.reason).not.toMatch(/<!channel>|<https/);
  }
});
