import { describe, expect, test } from 'vitest';
import { type BotInSlack, botInSlack, buttonsOf } from '../../support/rigs/bot-in-slack.ts';

const PEOPLE = ['U0OPERATOR', 'U0APPROVER', 'U0VIEWER'];
const seed = {
  channels: [
    { id: 'C0TIMESHEET', name: 'timesheet-ocr', members: PEOPLE, withBot: true },
    { id: 'C0SECOND', name: 'second', members: PEOPLE, withBot: true },
    { id: 'G0PRIVATE', name: 'private', isPrivate: true, members: PEOPLE, withBot: true },
  ],
};

async function withRun(SLACK_CHANNELS: string, channel = 'timesheet-ocr') {
  const bot = await botInSlack({ settings: { SLACK_CHANNELS }, seed });
  await bot.command('operator', '/rescan start', channel);
  await bot.click('operator', (await bot.message(/would invoke/)).ts, 'plan_start');
  await bot.message(/^Rescan r-0142 started/);
  return bot;
}
const trip = ({ runs }: BotInSlack) =>
  runs.becomes({ kind: 'tripped', trippedBy: { kind: 'consecutive-failures', failures: 10 } });
const alertOfTrip = (bot: BotInSlack) => bot.message(/stopped itself.*Nothing is running/s);

describe('the bot cannot post in the channel of a run any more', () => {
  test('when the channel is archived in mid-run, a trip is an alert in the other configured channel, and its buttons work there', async () => {
    const bot = await withRun('C0TIMESHEET,C0SECOND');
    await bot.channel('archive');
    await trip(bot);
    const alert = await alertOfTrip(bot);
    expect(alert.channelId).toBe('C0SECOND');
    expect(alert.text).toMatch(
      /^The bot cannot post this alert in <#C0TIMESHEET>: it is archived\.\nRescan r-0142 stopped/,
    );
    await bot.click('operator', alert.ts, 'run_resume');
    await bot.ephemeral(/Rescan r-0142 is running/);
  });

  test('when the bot is removed and has no other channel, the person who started the run gets a direct message', async () => {
    const bot = await withRun('C0TIMESHEET');
    await bot.channel('remove-bot');
    await trip(bot);
    const alert = await alertOfTrip(bot);
    expect(alert.channelId).toBe('D0OPERATOR');
    expect(alert.text).toMatch(/the bot was removed from it.*You get it because you started this/);
    expect(JSON.stringify(alert.blocks)).not.toContain('action_id');
  });
});

test.each([
  ['archive', 'unarchive'],
  ['remove-bot', 'invite-bot'],
])(
  'after %s and %s the live message of a run that ended meanwhile shows its end, without buttons of before',
  async (shut, open) => {
    const bot = await withRun('C0TIMESHEET');
    bot.runs.progress({ inFlight: 7 });
    const live = await bot.message(/7 in progress/);
    await bot.channel(shut);
    await trip(bot);
    expect((await alertOfTrip(bot)).channelId).toBe('D0OPERATOR');
    await bot.logged(/A live message was not edited|Slack refuses messages/);
    await bot.channel(open);
    const now = async () => (await bot.state()).messages.find(({ ts }) => ts === live.ts);
    await bot.until(async () => (/stopped itself/.test((await now())?.text ?? '') ? true : undefined), 'the end');
    expect(buttonsOf((await now()) ?? live)).not.toContain('run_pause');
  },
);

describe('the id of a private channel changes', () => {
  test('commands, clicks, alerts and the live message keep working, also after a restart, and the log names the setting', async () => {
    const bot = await withRun('G0PRIVATE', 'private');
    await bot.channel('change-id', { channel: 'private', id: 'C0SHARED' });
    expect(await bot.logged(/In SLACK_CHANNELS, replace G0PRIVATE by C0SHARED/)).toContain('"level":40');
    bot.runs.progress({ inFlight: 7 });
    const live = await bot.message(/7 in progress/);
    expect(live.channelId).toBe('C0SHARED');
    await bot.click('operator', live.ts, 'run_pause');
    await bot.message(/^Rescan r-0142 was paused by <@U0OPERATOR>/);

    await bot.stopBot();
    await bot.startBot();
    await bot.command('operator', '/rescan resume', 'private');
    await bot.ephemeral(/^Rescan r-0142 is running/);
    await trip(bot);
    expect(await alertOfTrip(bot)).toMatchObject({ channelId: 'C0SHARED', threadTs: live.ts, isBroadcast: true });
    expect(bot.logLines().filter((line) => line.includes('replace G0PRIVATE'))).toHaveLength(2);
  });

  test('a bot that runs in a channel with its new id finds the messages that have the old one', async () => {
    const bot = await withRun('G0PRIVATE', 'private');
    await bot.channel('change-id', { channel: 'private', id: 'C0SHARED' });
    await bot.logged(/replace G0PRIVATE by C0SHARED/);
    await bot.stopBot();
    await bot.startBot({ SLACK_CHANNELS: 'C0SHARED' });
    await trip(bot);
    expect(await alertOfTrip(bot)).toMatchObject({ channelId: 'C0SHARED', isBroadcast: true });
    expect(bot.logLines().filter((line) => line.includes('replace G0PRIVATE'))).toHaveLength(1);
  });
});
