import { expect, test } from 'vitest';
import { botInSlack } from '../../support/rigs/bot-in-slack.ts';

test('the bot knows whether requests of Slack arrive: not while its Socket Mode connection is cut, and again once it is back', async () => {
  const bot = await botInSlack();
  expect(bot.isConnected()).toBe(true);
  await bot.world({ linksDown: true });
  await bot.until(async () => (bot.isConnected() ? undefined : true), 'a bot that knows that it is cut off');
  await bot.world({ linksDown: false });
  await bot.until(async () => (bot.isConnected() ? true : undefined), 'a bot that is connected again');
  expect(await bot.command('operator', '/rescan status')).toMatchObject({ ok: true });
  await bot.stopBot();
  expect(bot.isConnected()).toBe(false);
});
