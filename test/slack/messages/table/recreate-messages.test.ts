import { expect, test } from 'vitest';
import { flushView } from '../../../../src/slack/forms/table-views.ts';
import { approvalMessage } from '../../../../src/slack/messages/table/approval-message.ts';
import { brokenOffMessage, finishedMessage } from '../../../../src/slack/messages/table/table-messages.ts';
import { backupRecord, flushApproval, flushJob, tableNow } from '../../../support/messages/table-builders.ts';

const RECREATE = { kind: 'flush', backupId: 'b', failedOnly: false, recreate: true } as const;
const LOSS = 'The stream gets a new ARN. Consumers of arn:s must be attached again.';

test('The form of a recreation says what it costs, what keeps the records, and what the new table cannot have', () => {
  const plan = {
    action: RECREATE,
    now: tableNow({ pointInTimeRecovery: 'on' }),
    backup: backupRecord(),
    difference: { added: 0, changed: 0, removed: 0 },
    recreation: { digest: 'd', losses: [LOSS], indexes: 2 },
  };
  const text = JSON.stringify(flushView(plan, 'C1'));
  expect(text).toContain('The table does not exist for about a minute.');
  expect(text).toContain('2 indexes are rebuilt');
  expect(text).toContain(LOSS);
  expect(text).toContain('system backup at the deletion and keeps it for 35 days');
  expect(text).not.toContain('write unit');
  const off = JSON.stringify(flushView({ ...plan, now: tableNow() }, 'C1'));
  expect(off).toContain('between that backup and the deletion is lost');
});

test('The approval of a recreation shows that the table is deleted, and every loss', () => {
  const approval = flushApproval({
    options: JSON.stringify(RECREATE),
    fingerprint: [
      { name: 'table', value: tableNow().arn },
      { name: 'records counted', value: '760' },
      { name: 'description of the table', value: 'd1' },
      { name: 'safeguard', value: 'the system backup' },
      { name: 'not kept, 1', value: LOSS },
    ],
  });
  const text = JSON.stringify(approvalMessage(approval, { policy: 'second-person', approvers: ['U0APPROVER'] }));
  expect(text).toContain('with all 760 records and create it anew, empty');
  expect(text).toContain(`:warning: ${LOSS}`);
  expect(text).toContain('only in the safeguard');
  expect(text).toContain('escription of the table: `d1`');
});

test('A table that was not created again is reported with the command that creates it', () => {
  const refusal = {
    reason: 'table-unfinished',
    table: 'T',
    state: 'missing',
    reasons: ['AccessDeniedException: not authorized'],
    createUri: 's3://b/create-table.json',
    descriptionUri: 's3://b/description.json',
  } as const;
  const { text } = brokenOffMessage({ kind: 'failed', job: flushJob({ work: RECREATE }), refusal });
  expect(text).toContain('was deleted, and could not be created again');
  expect(text).toContain('aws s3 cp s3://b/create-table.json create-table.json');
  expect(text).toContain('--cli-input-json file://create-table.json');
  expect(text).not.toContain('The table was not deleted');
});

test.each([
  ['rehearsing', true, 'The table was not deleted.'],
  ['recreating', true, 'The table was not deleted.'],
  ['recreating', false, 'It is not known whether the table was deleted.'],
  ['counting', false, 'It is not known whether the table was deleted.'],
] as const)('A recreation that ends in the stage %s (known to be there: %s) says: %s', (stage, isTableKept, text) => {
  const job = flushJob({ work: RECREATE });
  const progress = { stage, done: 0, total: 0, isApproximate: false, stageMs: 1 } as const;
  const fault = { reason: 'network', message: 'no route', fix: 'Look.' } as const;
  const reach = { job, progress, ...(isTableKept && { isTableKept }) };
  const stopped = brokenOffMessage({ kind: 'stopped', by: 'U0OPERATOR', ...reach });
  const failed = brokenOffMessage({ kind: 'failed', refusal: { reason: 'fault', fault }, ...reach });
  for (const message of [stopped, failed]) {
    expect(message.text).toContain(text);
    expect(message.text.match(/The table was not deleted|It is not known/g)).toHaveLength(1);
  }
});

test('The receipt of a recreation names the native backup, the description in S3 and what was not kept', () => {
  const remaining = { entry: 0, 'zero-hour': 0, rejected: 0, coverage: 0, failed: 0, total: 0 };
  const result = {
    kind: 'flush',
    deleted: 760,
    supplemented: 0,
    remaining,
    newRows: 0,
    recreated: { digest: 'abc', descriptionUri: 's3://b/description.json', nativeBackupArn: 'arn:backup' },
  } as const;
  const job = flushJob({ work: RECREATE, fingerprint: [{ name: 'not kept, 1', value: LOSS }] });
  const { text } = finishedMessage(job, result, 60_000);
  expect(text).toContain('the table was deleted with 760 records and created anew');
  for (const part of ['arn:backup', 's3://b/description.json', LOSS]) expect(text).toContain(part);
  expect(text).not.toContain('marked as used');
  const notMarked = { reason: 'network', message: 'no route', fix: 'Look.' } as const;
  const unmarked = { ...result, recreated: { ...result.recreated, notMarked } };
  expect(finishedMessage(job, unmarked, 60_000).text).toContain(
    'The backup of this flush could not be marked as used: AWS cannot be reached. Do not flush with it again. Make a new backup first: `/rescan backup`.',
  );
});
