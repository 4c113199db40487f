import { PutObjectCommand } from '@aws-sdk/client-s3';
import { describe, expect, test } from 'vitest';
import { runSnapshot } from '../../support/scripted-run-control.ts';
import { backup, clients, freshForEachTest, put, runBecomes, startSteps } from './table-steps-rig.ts';

freshForEachTest();

describe('what a flush is refused for, before anybody is asked', () => {
  test('no backup', async () => {
    const { steps } = await startSteps();
    expect(await steps.planFlush({ failedOnly: false })).toEqual({
      ok: false,
      refusal: { reason: 'no-backup' },
    });
  });

  test('a backup that is too old', async () => {
    const bot = await startSteps({ BACKUP_MAX_AGE_HOURS: '0.01' });
    const record = await backup(bot);
    const old = { ...record, startedAt: record.startedAt - 60_000 };
    const Key = `backups/AWSDynamoDB/${record.id}/rescan-backup.json`;
    await clients.s3.send(new PutObjectCommand({ Bucket: 'rescan-bot-control', Key, Body: JSON.stringify(old) }));
    expect(await bot.steps.planFlush({ failedOnly: false })).toMatchObject({
      refusal: { reason: 'backup-too-old', backupId: record.id, mostMs: 36_000 },
    });
  });

  test('a backup of another table', async () => {
    const bot = await startSteps();
    const record = await backup(bot);
    const other = { ...record, id: 'other', table: { ...record.table, arn: `${record.table.arn}-prod` } };
    const Key = 'backups/AWSDynamoDB/other/rescan-backup.json';
    await clients.s3.send(new PutObjectCommand({ Bucket: 'rescan-bot-control', Key, Body: JSON.stringify(other) }));
    expect(await bot.steps.planFlush({ failedOnly: false, backupId: 'other' })).toMatchObject({
      refusal: { reason: 'backup-of-another-table' },
    });
  });

  test('a table that differs by more than the setting allows', async () => {
    const bot = await startSteps({ FLUSH_MAX_DIFFERENCE: '1' });
    await backup(bot);
    await put('A');
    await put('B');
    expect(await bot.steps.planFlush({ failedOnly: false })).toMatchObject({
      refusal: { reason: 'differs', difference: { added: 2, changed: 0, removed: 0 }, most: 1 },
    });
  });

  test('a run that is active', async () => {
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

  test('a bucket that is not there', async () => {
    const bot = await startSteps({ CONTROL_BUCKET: 'no-such-bucket' });
    await bot.steps.backup({ by: 'U1', location: { channel: 'C01' } });
    expect((await bot.listensTo('failed')).refusal).toEqual({
      reason: 'location',
      bucket: 'no-such-bucket',
      why: 'missing',
    });
  });
});
