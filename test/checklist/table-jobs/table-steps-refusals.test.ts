import { PutObjectCommand } from '@aws-sdk/client-s3';
import { describe, expect, test } from 'vitest';
import { tableRefusalMessage } from '../../../src/slack/messages/table/table-refusals.ts';
import { runSnapshot } from '../../support/memory/scripted-run-control.ts';
import { backup, clients, freshForEachTest, put, runBecomes, startSteps } from './table-steps-rig.ts';

freshForEachTest();

describe('what a flush is refused for before it is requested', () => {
  test('A flush without a backup is refused', async () => {
    const { steps } = await startSteps();
    expect(await steps.planFlush({ failedOnly: false })).toEqual({
      ok: false,
      refusal: { reason: 'no-backup' },
    });
  });

  test('A flush with a backup that is too old is refused', async () => {
    const bot = await startSteps({ BACKUP_MAX_AGE_HOURS: '0.01' });
    const record = await backup(bot);
    const old = { ...record, startedAt: record.startedAt - 60_000 };
    const Key = `backups/AWSDynamoDB/${record.id}/rescan-backup.json`;
    await clients.s3.send(new PutObjectCommand({ Bucket: 'rescan-bot-control', Key, Body: JSON.stringify(old) }));
    expect(await bot.steps.planFlush({ failedOnly: false })).toMatchObject({
      refusal: { reason: 'backup-too-old', backupId: record.id, mostMs: 36_000 },
    });
  });

  test('A flush with a backup that is dated in the future is refused, and a backup with a malformed record blocks nothing', async () => {
    const bot = await startSteps();
    const record = await backup(bot);
    const store = (id: string, Body: string) =>
      clients.s3.send(
        new PutObjectCommand({
          Bucket: 'rescan-bot-control',
          Key: `backups/AWSDynamoDB/${id}/rescan-backup.json`,
          Body,
        }),
      );
    await store('broken', '{"id":"broken"}');
    await store('torn', '{"id":');
    expect(await bot.steps.backups()).toMatchObject({ ok: true, value: [{ id: record.id }] });
    expect(await bot.steps.planFlush({ failedOnly: false })).toMatchObject({ ok: true });
    await store(record.id, JSON.stringify({ ...record, startedAt: record.startedAt + 3_600_000 }));
    const refused = await bot.steps.planFlush({ failedOnly: false });
    expect(refused).toMatchObject({ refusal: { reason: 'backup-too-old', backupId: record.id } });
    if (refused.ok) throw new Error('not refused');
    expect(tableRefusalMessage(refused.refusal).text).toMatch(/is dated .* in the future, so its age is unknown/);
  });

  test('A flush with a backup of another table is refused', async () => {
    const bot = await startSteps();
    const record = await backup(bot);
    const other = { ...record, id: 'other', table: { ...record.table, arn: `${record.table.arn}-prod` } };
    const Key = 'backups/AWSDynamoDB/other/rescan-backup.json';
    await clients.s3.send(new PutObjectCommand({ Bucket: 'rescan-bot-control', Key, Body: JSON.stringify(other) }));
    expect(await bot.steps.planFlush({ failedOnly: false, backupId: 'other' })).toMatchObject({
      refusal: { reason: 'backup-of-another-table' },
    });
  });

  test('A flush of a table that differs from its backup by more than the setting allows is refused', async () => {
    const bot = await startSteps({ FLUSH_MAX_DIFFERENCE: '1' });
    await backup(bot);
    await put('A');
    await put('B');
    expect(await bot.steps.planFlush({ failedOnly: false })).toMatchObject({
      refusal: { reason: 'differs', difference: { added: 2, changed: 0, removed: 0 }, most: 1 },
    });
  });

  test('A flush and a restore are refused while a run is active', async () => {
    const bot = await startSteps();
    await backup(bot);
    runBecomes(runSnapshot());
    expect(await bot.steps.planFlush({ failedOnly: false })).toMatchObject({
      refusal: { reason: 'run-active' },
    });
    expect(await bot.steps.planRestore({ backupId: 'x', mode: 'merge' })).toMatchObject({
      refusal: { reason: 'run-active' },
    });
  });

  test('A backup to a bucket that does not exist fails and names the bucket', async () => {
    const bot = await startSteps({ CONTROL_BUCKET: 'no-such-bucket' });
    await bot.steps.backup({ by: 'U1', location: { channel: 'C01' } });
    expect((await bot.listensTo('failed')).refusal).toEqual({
      reason: 'location',
      bucket: 'no-such-bucket',
      why: 'missing',
    });
  });

  test('A backup is found by its short id, and the request has its whole id', async () => {
    const bot = await startSteps();
    const record = await backup(bot);
    const short = record.id.replace(/^\d+-/, 'b-');
    expect(short).toMatch(/^b-[0-9a-f]{8}$/);
    expect(await bot.steps.planFlush({ failedOnly: false, backupId: short })).toMatchObject({
      ok: true,
      value: { action: { backupId: record.id } },
    });
    expect(await bot.steps.planRestore({ backupId: short, mode: 'merge' })).toMatchObject({
      ok: true,
      value: { action: { backupId: record.id } },
    });
    expect(await bot.steps.verify('b-00000000')).toMatchObject({ refusal: { reason: 'backup-not-found' } });
  });

  test('The plan of a flush tells what its transactions cost', async () => {
    const bot = await startSteps();
    await backup(bot);
    expect(await bot.steps.planFlush({ failedOnly: false })).toMatchObject({
      ok: true,
      value: { now: { writeCost: { unitsPerRecord: 2 }, pointInTimeRecovery: expect.any(String) } },
    });
  });
});
