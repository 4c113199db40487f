import { UpdateContinuousBackupsCommand } from '@aws-sdk/client-dynamodb';
import { expect, test } from 'vitest';
import { isUnread } from '../../../src/backup/format/export-record.ts';
import {
  aws,
  clients,
  freshForEachTest,
  inTable,
  put,
  request,
  type Steps,
  startSteps,
  value,
  yes,
} from './table-steps-rig.ts';

freshForEachTest();

const turnRecoveryOn = () =>
  clients.dynamodb.send(
    new UpdateContinuousBackupsCommand({
      TableName: 'TimesheetOCR-dev',
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
    }),
  );

async function exported({ steps, events, listensTo }: Steps) {
  value(await steps.backup({ by: 'U1', export: true, location: { channel: 'C01' } }));
  const { result } = await listensTo('finished');
  events.length = 0;
  if (result.kind !== 'backup' || !isUnread(result.record)) throw new Error(JSON.stringify(result));
  return result.record;
}

test('An export counts as the backup of the checklist: a flush reads it in full first, deletes only what it has read, and a restore gives the same table', async () => {
  await turnRecoveryOn();
  const bot = await startSteps();
  const before = await inTable();
  const record = await exported(bot);
  expect(record).toMatchObject({ counts: { total: before }, verification: { kind: 'sampled' } });
  await expect
    .poll(async () => (await bot.checklist.view()).steps.find(({ step }) => step === 'backup'))
    .toMatchObject({ state: 'done', found: { kind: 'backup', backupId: record.id, records: before, sampled: before } });

  await put('Zed');
  const approval = await request(bot);
  // Read in full for the request: it is bound to the digest of what was read.
  const [read] = value(await bot.steps.backups());
  if (!read || isUnread(read)) throw new Error('The export was not read in full');
  expect(read).toMatchObject({ id: record.id, exportArn: record.exportArn, verification: { kind: 'verified' } });
  expect(approval.fingerprint).toContainEqual({ name: 'digest of the backup', value: read.digest.sum });
  value(await bot.steps.click(approval.id, yes));
  expect(await bot.listensTo('finished')).toMatchObject({
    result: { kind: 'flush', deleted: before + 1, supplemented: 1 },
  });
  expect(await inTable()).toBe(0);
  bot.events.length = 0;

  const plan = value(await bot.steps.planRestore({ backupId: record.id, mode: 'replace' }));
  expect(plan.change).toMatchObject({ added: before + 1, overwritten: 0, removed: 0 });
  const restore = value(await bot.steps.request({ action: plan.action, by: 'U1', channel: 'C01' }));
  await bot.steps.setMessage(restore.id, '1.1');
  value(await bot.steps.click(restore.id, yes));
  expect(await bot.listensTo('finished')).toMatchObject({ result: { kind: 'restore', items: before + 1 } });
  expect(await inTable()).toBe(before + 1);
});

test('A flush is refused where a file of the export changed after its check, and nothing is deleted', async () => {
  await turnRecoveryOn();
  const bot = await startSteps();
  const before = await inTable();
  const record = await exported(bot);
  const url = `${aws.url}/rescan-bot-control/${record.files[0]?.key}`;
  expect((await fetch(url, { method: 'PUT', body: 'x' })).status).toBe(200);
  expect(await bot.steps.planFlush({ failedOnly: false })).toMatchObject({
    ok: false,
    refusal: { reason: 'backup-unverified', backupId: record.id },
  });
  // From now on it is no backup for anything.
  expect(await bot.steps.planFlush({ failedOnly: false })).toMatchObject({ ok: false });
  expect(value(await bot.steps.verify(record.id)).verification.kind).toBe('unverified');
  expect(await inTable()).toBe(before);
});

test('Without point-in-time recovery an export is refused with the ARN of the table', async () => {
  const bot = await startSteps();
  expect(await bot.steps.backup({ by: 'U1', export: true, location: { channel: 'C01' } })).toMatchObject({
    ok: false,
    refusal: { reason: 'recovery-off', arn: expect.stringMatching(/table\/TimesheetOCR-dev$/) },
  });
  expect(await bot.steps.backups()).toMatchObject({ ok: true, value: [] });
});
