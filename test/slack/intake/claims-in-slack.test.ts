import { expect, test } from 'vitest';
import { botInSlack } from '../../support/rigs/bot-in-slack.ts';

test('a start and a stop are executed while the control table cannot be reached', async () => {
  const bot = await botInSlack();
  await bot.command('operator', '/rescan start');
  const preview = await bot.message(/would invoke/);
  await bot.click('operator', preview.ts, 'plan_start');
  await bot.message(/^Rescan r-0142 is running/);
  await bot.stopTable();
  await bot.command('operator', '/rescan start');
  await bot.logged(/could not be claimed|did not answer within a second/);
  await bot.until(
    async () => (bot.runs.calls.filter((call) => call.startsWith('plan')).length === 2 ? true : undefined),
    'a second plan',
  );
  await bot.command('operator', '/rescan stop');
  await bot.until(async () => bot.runs.calls.find((call) => call.startsWith('stop')), 'a stop');
  expect(bot.runs.calls.filter((call) => call.startsWith('stop'))).toHaveLength(1);
});
