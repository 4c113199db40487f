import { WebAPIPlatformError } from '@slack/web-api';
import { describe, expect, test } from 'vitest';
import { createMembershipCheck, logUnusableChannels } from '../../../src/slack/intake/channel-membership.ts';
import { botInSlack } from '../../support/rigs/bot-in-slack.ts';
import { createFakeClock } from '../../support/rigs/fake-clock.ts';

describe('the membership check of a channel', () => {
  test.each([
    [{ is_member: true }, 'member'],
    [{ is_member: true, is_archived: true }, 'archived'],
    [{ is_member: false }, 'not-member'],
    [{}, 'not-member'],
    [undefined, 'unknown'],
    [new WebAPIPlatformError({ ok: false, error: 'channel_not_found' }), 'not-found'],
    [new WebAPIPlatformError({ ok: false, error: 'missing_scope' }), 'unknown'],
    [new Error('no network'), 'unknown'],
  ])('when Slack answers %j the membership is %s', async (answer, membership) => {
    const check = createMembershipCheck({
      readChannel: async () => {
        if (answer instanceof Error) throw answer;
        return answer;
      },
      clock: createFakeClock(),
      onError: () => {},
    });
    expect(await check.of('C1')).toBe(membership);
  });

  test('Slack is asked once a minute while the bot is a member, and every time while it is not', async () => {
    const clock = createFakeClock();
    let isMember = false;
    let calls = 0;
    const check = createMembershipCheck({
      async readChannel() {
        calls++;
        return { is_member: isMember };
      },
      clock,
      onError: () => {},
    });
    expect([await check.of('C1'), await check.of('C1')]).toEqual(['not-member', 'not-member']);
    isMember = true;
    expect([await check.of('C1'), await check.of('C1')]).toEqual(['member', 'member']);
    expect(calls).toBe(3);
    isMember = false;
    await clock.advance(60_001);
    expect(await check.of('C1')).toBe('not-member');
  });

  test('the log names each channel in which the bot cannot post, and no other', async () => {
    const found = { C1: 'member', C2: 'not-member', C3: 'unknown', C4: 'not-found', C5: 'archived' } as const;
    const logged: object[] = [];
    const check = { of: async (channel: string) => new Map(Object.entries(found)).get(channel) ?? 'unknown' };
    await logUnusableChannels(Object.keys(found), check, { error: (fields: object) => void logged.push(fields) });
    expect(logged).toEqual([
      { channel: 'C2', membership: 'not-member' },
      { channel: 'C4', membership: 'not-found' },
      { channel: 'C5', membership: 'archived' },
    ]);
  });
});

describe('a channel to which the bot was not invited', () => {
  const settings = { SLACK_CHANNELS: 'C0TIMESHEET,C0RANDOM' };

  test('a channel without the bot is named in the log at the start, and commands in it start nothing', async () => {
    const bot = await botInSlack({ settings });
    await bot.logged(/SLACK_CHANNELS contains C0RANDOM, but the bot is not a member/);
    await bot.command('operator', '/rescan start', 'random');
    await bot.ephemeral(/Nothing was done: the bot is not in <#C0RANDOM>.*\nInvite it with `\/invite @rescan-bot`/s);
    expect(bot.runs.calls).toEqual([]);
    await bot.command('viewer', '/rescan status', 'random');
    await bot.ephemeral(/No rescan is running, and none was ever started/);
  });

  test('a stop works in a channel without the bot', async () => {
    const bot = await botInSlack({ settings });
    await bot.command('operator', '/rescan start');
    await bot.click('operator', (await bot.message(/would invoke/)).ts, 'plan_start');
    await bot.message(/^Rescan r-0142 is running/);
    await bot.command('operator', '/rescan stop', 'random');
    await bot.message(/^Rescan r-0142 was stopped/);
  });

  test.each([
    ['not_in_channel', 'Invite the bot with'],
    ['restricted_action_read_only_channel', 'an administrator of the workspace can allow it'],
  ])(
    'a channel that refuses messages in the middle of a command is reported as such, and not as an unexpected error: %s',
    async (error, fix) => {
      const bot = await botInSlack();
      await bot.world({ errors: { 'chat.postMessage': error } });
      await bot.command('operator', '/rescan start');
      const said = await bot.ephemeral(/Slack did not let the bot post in this channel/);
      expect(said.text).toContain(`(\`${error}\`).`);
      expect(JSON.stringify(said)).toContain(fix);
    },
  );
});

test('a mistyped stop stops, and says that `now` was not understood', async () => {
  const bot = await botInSlack();
  await bot.command('operator', '/rescan start');
  await bot.click('operator', (await bot.message(/would invoke/)).ts, 'plan_start');
  await bot.message(/^Rescan r-0142 is running/);
  await bot.command('operator', '/rescan stop noww');
  await bot.ephemeral(/Stopping\. \(Ignored: `noww`\. `\/rescan stop now` does not wait/);
  await bot.message(/^Rescan r-0142 was stopped/);
});
