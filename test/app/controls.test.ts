import { expect, test } from 'vitest';
import { aws, backup, freshForEachTest, request, startSteps } from '../checklist/table-jobs/table-steps-rig.ts';

freshForEachTest();

test('closing a checklist withdraws its request for a flush, and the audit log contains both', async () => {
  const bot = await startSteps();
  const { steps, checklist, audit, events } = bot;
  await backup(bot);
  const approval = await request(bot);
  expect(await checklist.close('U9')).toEqual({ ok: true, value: { id: 'c-0001', withdrew: true } });
  expect((await steps.approval(approval.id))?.state).toMatchObject({ kind: 'withdrawn', by: 'U9' });
  expect(events).toContainEqual(expect.objectContaining({ kind: 'approval-changed' }));
  await audit.close(5_000);
  const entries: string[] = [];
  for await (const { who, what, outcome } of audit.entries()) entries.push(`${who}: ${what}: ${outcome}`);
  expect(entries).toContain('U9: checklist c-0001: asked: to close it without its run');
  expect(entries).toContain(`U9: approval ${approval.id} of a flush: withdrawn`);
});

test('a backup is recorded as a step of the checklist, and in the audit log when it starts and when it finishes', async () => {
  const bot = await startSteps();
  const { id } = await backup(bot);
  const view = await bot.checklist.view();
  expect(view.steps.find(({ step }) => step === 'backup')).toMatchObject({ state: 'done', found: { backupId: id } });
  await bot.audit.close(5_000);
  const outcomes: string[] = [];
  for await (const { what, outcome } of bot.audit.entries())
    if (what.startsWith('step backup') || what.startsWith('backup ')) outcomes.push(`${what}: ${outcome}`);
  expect(outcomes).toContain('step backup of checklist c-0001: begun');
  expect(outcomes.some((outcome) => /^step backup of checklist c-0001: finished: backup /.test(outcome))).toBe(true);
  expect(outcomes.some((outcome) => /^backup \S+: finished: \d+ records, verified, digest /.test(outcome))).toBe(true);
});

test('a sample whose rows do not come fails, though rows of an earlier rescan exist, and holds a flush until it succeeds', async () => {
  const bot = await startSteps({ SAMPLE_IMAGES: '5', ROWS_WAIT_SECONDS: '1' });
  await backup(bot);
  aws.turn({ writesNothing: true });
  const tried = await bot.functionSteps.sample('U1');
  if (!tried.ok) throw new Error(JSON.stringify(tried));
  const { images, failed } = tried.value;
  expect(new Set(images.map(({ outcome }) => outcome.kind)).difference(new Set(['rejected', 'no-rows'])).size).toBe(0);
  expect(failed).toBe(images.filter(({ outcome }) => outcome.kind === 'no-rows').length);
  expect(failed).toBeGreaterThan(2);
  const stepNow = async () => (await bot.checklist.view()).steps.find(({ step }) => step === 'sample');
  expect(await stepNow()).toMatchObject({ state: 'failed', found: { kind: 'sample', images: 5, failed } });
  const plan = await bot.steps.planFlush({ failedOnly: false });
  expect(JSON.stringify(plan)).toContain('sample-failed');
  aws.turn({ writesNothing: false });
  expect(await bot.functionSteps.sample('U1')).toMatchObject({ ok: true, value: { failed: 0, unproven: 0 } });
  expect(await stepNow()).toMatchObject({ state: 'done' });
  expect(JSON.stringify(await bot.steps.planFlush({ failedOnly: false }))).not.toContain('sample-failed');
});
