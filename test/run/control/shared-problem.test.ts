import { afterEach, beforeEach, expect, test } from 'vitest';
import { type RunsRig, startRunsRig, value } from '../../support/rigs/runs-rig.ts';

let rig: RunsRig;
beforeEach(async () => {
  rig = await startRunsRig({ images: 40 });
});
afterEach(() => rig.close());

test.each([
  ['import-module', 'function-broken', 'No module named'],
  ['handler-missing', 'function-broken', 'missing on module'],
  ['syntax-error', 'function-broken', 'Syntax error in module'],
  ['daily-quota', 'daily-quota', 'Too many tokens per day'],
  ['model-denied', 'function-denied', 'access to the model'],
  ['kms-disabled', 'encryption-key', 'is disabled'],
  ['textract-denied', 'function-denied', 'textract:AnalyzeDocument'],
] as const)('%s in mid-run pauses the run as %s, and a resume processes every image', async (kind, reason, text) => {
  const bot = await rig.copy();
  await rig.start(bot, { pace: { kind: 'fixed', perMinute: 600 } });
  await rig.untilDone(bot, 10);
  rig.aws.turn({ failures: [{ kind }] });
  const paused = await bot.listensTo('paused');
  expect(paused.snapshot.state).toMatchObject({
    kind: 'paused',
    because: { kind: 'fault', fault: { reason, message: expect.stringContaining(text) } },
  });
  expect(paused.snapshot.totals).toMatchObject({ failed: 0, failedByType: {} });
  rig.aws.turn({ failures: [] });
  value(await rig.during(bot.runs.resume('U1')));
  const { totals } = (await bot.listensTo('completed')).snapshot;
  expect(totals.failed).toBe(0);
  expect(totals.processed + totals.rejected).toBe(40);
});
