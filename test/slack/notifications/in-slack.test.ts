import { expect, test } from 'vitest';
import { botInSlack } from '../../support/rigs/bot-in-slack.ts';

test('in Slack a trip mentions whom NOTIFY_TRIP names, and a completion in quiet hours names the starter without a mention', async () => {
  const settings = { NOTIFY_TRIP: 'here,S0OPERATORS', QUIET_HOURS: '00:00-23:59' };
  const bot = await botInSlack({ settings });
  await bot.command('operator', '/rescan start keep');
  await bot.click('operator', (await bot.message(/would invoke/)).ts, 'plan_start');
  await bot.message(/^Rescan r-0142 started/);
  await bot.runs.becomes({ kind: 'tripped', trippedBy: { kind: 'consecutive-failures', failures: 10 } });
  const trip = await bot.message(/stopped itself.*Nothing is running/s);
  expect(trip.text).toMatch(/\n<!here> <!subteam\^S0OPERATORS>$/);
  expect(JSON.stringify(trip.blocks)).toContain('<!here> <!subteam^S0OPERATORS>');
  expect(trip.text).not.toContain('<@U0OPERATOR>');
  await bot.runs.resume('U0OPERATOR');
  await bot.runs.becomes({ kind: 'completed' });
  const complete = await bot.message(/is complete.*The report follows/s);
  expect(complete.text).not.toContain('<@');
  expect(complete.text).toMatch(/Started by \*.+\*\./);
});
