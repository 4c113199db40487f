import { WebAPIPlatformError } from '@slack/web-api';
import { describe, expect, test } from 'vitest';
import { createMembershipCheck, describeUnusableChannels } from '../../../src/slack/intake/channel-membership.ts';
import { botInSlack } from '../../support/bot-in-slack.ts';
import { createFakeClock } from '../../support/fake-clock.ts';

describe('whether the bot can speak in a channel', () => {
  test.each([
    [{ is_member: true }, 'member'],
    [{ is_member: true, is_archived: true }, 'archived'],
    [{ is_member: false }, 'not-member'],
    [{}, 'not-member'],
    [undefined, 'unknown'],
    [new WebAPIPlatformError({ ok: false, error: 'channel_not_found' }), 'not-found'],
    [new WebAPIPlatformError({ ok: false, error: 'missing_scope' }), 'unknown'],
    [new Error('no network'), 'unknown'],
  ])('of %j is %s', async (answer, presence) => {
    const check = createMembershipCheck({
      readChannel: async () => {
        if (answer instanceof Error) throw answer;
        return answer;
      },
      clock: createFakeClock(),
      onError: () => {},
    });
    expect(await check.in('C1')).toBe(presence);
  });

  test('is asked again each time it cannot, and once a minute where it can', async () => {
    const clock = createFakeClock();
    let isMember = false;
    let asked = 0;
    const check = createMembershipCheck({
      async readChannel() {
        asked++;
        return { is_member: isMember };
      },
      clock,
      onError: () => {},
    });
    expect([await check.in('C1'), await check.in('C1')]).toEqual(['not-member', 'not-member']);
    isMember = true;
    expect([await check.in('C1'), await check.in('C1')]).toEqual(['member', 'member']);
    expect(asked).toBe(3);
    isMember = false;
    await clock.advance(60_001);
    expect(await check.in('C1')).toBe('not-member');
  });

  test('is told for each channel in which it cannot, and for no other', async () => {
    const found = { C1: 'member', C2: 'not-member', C3: 'unknown', C4: 'not-found', C5: 'archived' } as const;
    const lines = await describeUnusableChannels(Object.keys(found), {
      in: async (channel) => new Map(Object.entries(found)).get(channel) ?? 'unknown',
    });
    expect(lines.map((line) => line.slice(0, 2))).toEqual(['C2', 'C4', 'C5']);
  });
});

describe('a channel to which the bot was not invited', () => {
  const settings = { SLACK_CHANNELS: 'C0TIMESHEET,C0RANDOM' };

  test('is named in the log at the start, and nothing is begun from it', async () => {
    const bot = await botInSlack({ settings });
    await bot.logged(/C0RANDOM of SLACK_CHANNELS: the bot is not in it/);
    await bot.command('operator', '/rescan start', 'random');
    await bot.ephemeral(/The bot is not in <#C0RANDOM>.*nothing was done\.\nInvite it with `\/invite @rescan-bot`/s);
    expect(bot.runs.calls).toEqual([]);
    await bot.command('viewer', '/rescan status', 'random');
    await bot.ephemeral(/No run was ever started here/);
  });

  test('stops a run all the same', async () => {
    const bot = await botInSlack({ settings });
    await bot.command('operator', '/rescan start');
    await bot.click('operator', (await bot.message(/would invoke/)).ts, 'plan_start');
    await bot.message(/^Rescan r-0142 is running/);
    await bot.command('operator', '/rescan stop', 'random');
    await bot.message(/^Rescan r-0142 was stopped/);
  });

  test.each([
    ['not_in_channel', 'Invite it with'],
    ['restricted_action_read_only_channel', 'whoever runs the workspace can allow it'],
  ])('that is lost in mid-command is said to be what it is, and not a defect: %s', async (error, fix) => {
    const bot = await botInSlack();
    await bot.world({ errors: { 'chat.postMessage': error } });
    await bot.command('operator', '/rescan start');
    const said = await bot.ephemeral(/Slack did not let the bot speak there/);
    expect(said.text).toContain(`(\`${error}\`). It is not certain that it was done`);
    expect(JSON.stringify(said)).toContain(fix);
  });
});

test('a mistyped stop stops, and says that `now` was not understood', async () => {
  const bot = await botInSlack();
  await bot.command('operator', '/rescan start');
  await bot.click('operator', (await bot.message(/would invoke/)).ts, 'plan_start');
  await bot.message(/^Rescan r-0142 is running/);
  await bot.command('operator', '/rescan stop noww');
  await bot.ephemeral(/`noww` is not understood\. Stopping all the same; `\/rescan stop now` does not wait/);
  await bot.message(/^Rescan r-0142 was stopped/);
});
