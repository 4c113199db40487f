import { writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { lastStartedAt } from '../../../src/backup/jobs/job-marker.ts';
import {
  aws,
  backup,
  clients,
  folder,
  freshForEachTest,
  inTable,
  put,
  request,
  skipPast,
  startSteps,
  value,
  yes,
} from './table-steps-rig.ts';

freshForEachTest();

describe('jobs on a real table', () => {
  test('A job stops between writes when another process asks for it, and what it deleted is in the backup', async () => {
    const patient = { LEASE_SECONDS: '10' };
    const [bot, other] = [await startSteps(patient), await startSteps(patient)];
    const record = await backup(bot);
    const approval = await request(bot);
    aws.turn({ addedLatencyMs: 150 });
    await bot.steps.click(approval.id, yes);
    await bot.listensTo('progress');
    value(await other.steps.stop('U9'));
    expect(await bot.listensTo('stopped')).toMatchObject({ by: 'U9' });
    aws.turn({ addedLatencyMs: 0 });
    const change = value(await bot.steps.planRestore({ backupId: record.id, mode: 'replace' })).change;
    expect(change.added + change.same).toBe(record.counts.total);
    expect(await bot.steps.current()).toBeUndefined();
  });

  test('A stop of the job of another process is stored in the bucket where the control table cannot be written', async () => {
    const patient = { LEASE_SECONDS: '10' };
    const [bot, other] = [await startSteps(patient), await startSteps(patient)];
    await backup(bot);
    const approval = await request(bot);
    aws.turn({ addedLatencyMs: 150 });
    const { job } = value(await bot.steps.click(approval.id, yes));
    await bot.listensTo('progress');
    other.table.update = async () => {
      throw new Error('no permission to write');
    };
    expect(value(await other.steps.stop('U9'))).toMatchObject({ id: job?.id });
    aws.turn({ addedLatencyMs: 0 });
    // It looks there every five seconds, and may be done before that.
    await expect.poll(() => bot.events.some(({ kind }) => kind === 'stopped' || kind === 'finished')).toBe(true);
  });

  test('A job does not start while the stop file exists or another job runs', async () => {
    const patient = { LEASE_SECONDS: '10' };
    const [bot, other] = [await startSteps(patient), await startSteps(patient)];
    await backup(bot);
    const [first, second] = [await request(bot), await request(other)];
    writeFileSync(join(folder, 'STOP'), '');
    expect(value(await bot.steps.click(first.id, yes)).refused).toMatchObject({ reason: 'stop-file' });
    await rm(join(folder, 'STOP'));
    const third = await request(other);
    aws.turn({ addedLatencyMs: 40 });
    value(await bot.steps.click(second.id, yes));
    expect(value(await other.steps.click(third.id, yes)).refused).toMatchObject({
      reason: expect.stringMatching(/job-active|busy/),
    });
    aws.turn({ addedLatencyMs: 0 });
    await bot.listensTo('finished');
  });

  test.each([
    ['with every precondition', '0'],
    ['with an override', '3'],
  ])(
    'A flush %s whose process shuts down after it deleted some records is resumed by another process',
    async (_, images) => {
      const settings = { SAMPLE_IMAGES: images, FLUSH_MAX_DIFFERENCE: '1' };
      const [bot, other] = [await startSteps(settings), await startSteps(settings)];
      await backup(bot);
      if (images !== '0') await bot.checklist.override('sample', 'U2', 'no image came today');
      const approval = await request(bot);
      const before = await inTable();
      aws.turn({ addedLatencyMs: 40 });
      await bot.steps.click(approval.id, yes);
      await expect.poll(inTable).toBeLessThan(before - 1);
      await bot.steps.shutDown();
      aws.turn({ addedLatencyMs: 0 });
      other.steps.standBy();
      await other.listensTo('resumed');
      await other.listensTo('finished');
      expect(await inTable()).toBe(0);
    },
  );

  test('A flush that is taken up after the time of its approval asks again, and then continues under the same maximum difference', async () => {
    const settings = { FLUSH_MAX_DIFFERENCE: '1' };
    const [bot, other] = [await startSteps(settings), await startSteps(settings)];
    const { counts } = await backup(bot);
    const approval = await request(bot);
    await bot.steps.click(approval.id, yes);
    aws.turn({ addedLatencyMs: 100 });
    while (!bot.events.some((event) => event.kind === 'progress' && event.progress.stage === 'leftovers'))
      await new Promise((resolve) => setTimeout(resolve, 5));
    await bot.steps.shutDown();
    aws.turn({ addedLatencyMs: 0 });
    skipPast(approval.expiresAt);
    // Far more is missing than the maximum difference, but the flush itself deleted it.
    expect(await inTable()).toBe(0);
    await put('Zed');
    other.steps.standBy();
    const { because, next } = await other.listensTo('interrupted');
    expect(because).toMatchObject({ reason: 'expired' });
    expect(await inTable()).toBe(1);
    const { id } = value(next);
    await other.steps.setMessage(id, '1.1');
    expect(value(await other.steps.click(id, yes))).toMatchObject({ job: { id } });
    expect((await other.listensTo('finished')).result).toMatchObject({
      kind: 'flush',
      deleted: counts.total + 1,
      supplemented: 1,
    });
    expect(await inTable()).toBe(0);
  });

  test('No backup is made while a flush is in progress, and the step of the checklist keeps the backup before', async () => {
    const bot = await startSteps({ LEASE_SECONDS: '10' });
    const record = await backup(bot);
    const approval = await request(bot);
    aws.turn({ addedLatencyMs: 100 });
    await bot.steps.click(approval.id, yes);
    await bot.listensTo('progress');
    expect(await bot.steps.backup({ by: 'U1', location: { channel: 'C01' } })).toMatchObject({
      ok: false,
      refusal: { reason: 'job-active', job: { id: approval.id } },
    });
    aws.turn({ addedLatencyMs: 0 });
    await bot.listensTo('finished');
    const { steps } = await bot.checklist.view();
    expect(steps.find(({ step }) => step === 'backup')).toMatchObject({
      state: 'done',
      found: { kind: 'backup', backupId: record.id },
    });
  });

  test('A flush that continues another one may use the backup that the other one has marked as used', async () => {
    const bot = await startSteps();
    const record = await backup(bot);
    const first = await request(bot);
    await bot.steps.click(first.id, yes);
    await bot.listensTo('finished');
    const action = { kind: 'flush', backupId: record.id, failedOnly: false } as const;
    const ask = (continues: string) =>
      bot.steps.request({ action: { ...action, continues }, by: 'U1', channel: 'C01' });
    expect(await ask('a-other')).toMatchObject({ ok: false, refusal: { reason: 'backup-used' } });
    expect(await ask(first.id)).toMatchObject({ ok: true });
  });

  test('A control table that is restored within the time of the approval does not run the flush again: its end is reported', async () => {
    const bot = await startSteps();
    const record = await backup(bot);
    const approval = await request(bot);
    await bot.steps.click(approval.id, yes);
    await bot.listensTo('started');
    const job = await bot.table.read({ pk: 'pipeline#TimesheetOCR-ocr-dev', sk: 'table-job' });
    await bot.listensTo('finished');
    expect(job).toBeDefined();
    expect(
      await lastStartedAt({ s3: clients.s3, bucket: 'rescan-bot-control', prefix: 'backups/' }, record.id),
    ).toEqual(expect.any(Number));
    await put('Ana');
    bot.events.length = 0;
    await bot.table.create({ pk: 'pipeline#TimesheetOCR-ocr-dev', sk: 'table-job' }, job ?? {});
    bot.steps.standBy();
    expect(await bot.listensTo('finished')).toMatchObject({ result: { deleted: record.counts.total, newRows: 0 } });
    expect(bot.events.map(({ kind }) => kind)).not.toContain('resumed');
    expect(await inTable()).toBe(1);
    const plan = value(await bot.steps.planPrune(1));
    expect(plan.remove).toEqual([]);
  });

  test('A second flush with the same backup is refused until that backup was restored', async () => {
    const bot = await startSteps();
    const record = await backup(bot);
    const first = await request(bot);
    await bot.steps.click(first.id, yes);
    await bot.listensTo('finished');
    // What a rescan writes would be saved beside the backup, and a restore would take it instead of the backup's own records.
    await put('Ana');
    for (const failedOnly of [false, true]) {
      const planned = await bot.steps.planFlush({ failedOnly, backupId: record.id });
      if (failedOnly) expect(planned.ok).toBe(true);
      else expect(planned).toMatchObject({ ok: false, refusal: { reason: 'backup-used', backupId: record.id } });
    }
  });
});
