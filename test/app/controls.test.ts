import { expect, test } from 'vitest';
import { backup, freshForEachTest, request, startSteps } from '../checklist/table-jobs/table-steps-rig.ts';

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
