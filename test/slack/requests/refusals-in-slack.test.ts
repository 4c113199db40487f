import { describe, expect, test } from 'vitest';
import { botInSlack, buttonsOf } from '../../support/rigs/bot-in-slack.ts';

describe('refusals', () => {
  test('another channel, an unknown word, a bad number and a missing permission are each refused with the reason', async () => {
    const bot = await botInSlack();
    await bot.command('operator', '/rescan status', 'random');
    await bot.ephemeral(/does not work in this channel\. Use <#C0TIMESHEET>/);
    await bot.command('operator', '/rescan sttaus');
    await bot.ephemeral(/Nothing was done: there is no command `\/rescan sttaus`\.\nDid you mean `\/rescan status`/);
    await bot.command('operator', '/rescan start limit=0');
    await bot.ephemeral(/`limit=0` is not from 1 to/);
    await bot.command('operator', '/rescan pace 0');
    await bot.ephemeral(/The lowest pace is 1 image a minute/);
    await bot.command('viewer', '/rescan start');
    await bot.ephemeral(/Nothing was done: you have read-only access\. Ask <@U0OPERATOR> or <@U0APPROVER>\./);
    await bot.command('operator', '/rescan start <!channel> `x`');
    const strange = await bot.ephemeral(/Unknown argument/);
    expect(JSON.stringify(strange)).not.toContain('<!channel>');
    expect(bot.runs.calls).toEqual([]);
  });

  test('a viewer can read status and help, and gets only the buttons that halt something', async () => {
    const bot = await botInSlack();
    await bot.command('viewer', '/rescan status');
    await bot.ephemeral(/No rescan is running, and none was ever started/);
    await bot.command('viewer', '/rescan help');
    await bot.ephemeral(/^rescan-bot runs the OCR function.*`\/rescan status`/s);
    await bot.command('operator', '/rescan start');
    const preview = await bot.message(/would invoke/);
    await bot.click('viewer', preview.ts, 'plan_start');
    await bot.ephemeral(/you have read-only access/);
    await bot.click('operator', preview.ts, 'plan_start');
    await bot.message(/^Rescan r-0142 is running/);
    await bot.click('viewer', preview.ts, 'run_faster');
    await bot.until(
      async () =>
        (await bot.state()).ephemerals.filter(({ text }) => text.includes('read-only access')).length === 2
          ? true
          : undefined,
      'refused twice',
    );
    await bot.command('viewer', '/rescan status');
    const status = await bot.ephemeral(/^Rescan r-0142 is running: 0 of 1,398 done/);
    expect(status.text).toMatch(/<http[^|]+\|Its message and thread>/);
    expect(buttonsOf(status)).toEqual(['run_pause', 'run_stop']);
    expect(bot.runs.calls).toEqual(['plan by U0OPERATOR', 'start r-0142 by U0OPERATOR']);
  });

  test('a viewer can pause and stop a run, and cannot resume it', async () => {
    const bot = await botInSlack();
    await bot.command('operator', '/rescan start');
    const preview = await bot.message(/would invoke/);
    await bot.click('operator', preview.ts, 'plan_start');
    await bot.message(/^Rescan r-0142 is running/);
    await bot.click('viewer', preview.ts, 'run_stop');
    await bot.message(/^Rescan r-0142 was stopped/);
    await bot.command('viewer', '/rescan resume');
    await bot.ephemeral(/you have read-only access/);
    expect(bot.runs.calls).not.toContain('resume by U0VIEWER');
  });

  test('with STOP_FOR=operators a viewer cannot stop, and guests who are listed as operators cannot start', async () => {
    const bot = await botInSlack({ settings: { STOP_FOR: 'operators', OPERATORS: 'U0OPERATOR,U0GUEST' } });
    await bot.command('viewer', '/rescan stop');
    await bot.ephemeral(/you have read-only access/);
    await bot.command('guest', '/rescan start');
    await bot.ephemeral(/guests of the workspace may only read/);
    expect(bot.runs.calls).toEqual([]);
  });

  test('members of a user group are operators, and nobody is while the group cannot be looked up', async () => {
    const bot = await botInSlack({ settings: { OPERATORS: 'S0OPERATORS', APPROVERS: '' } });
    await bot.world({ errors: { 'usergroups.users.list': 'missing_scope' } });
    await bot.command('operator', '/rescan resume');
    await bot.ephemeral(/Nothing was done: Slack did not say who is in <!subteam\^S0OPERATORS>/);
    await bot.world({ errors: {} });
    await bot.command('operator', '/rescan resume');
    await bot.ephemeral(/There is no run to resume: none was ever started/);
    expect(bot.runs.calls).toEqual(['resume by U0OPERATOR']);
  });

  test('a plan over an empty bucket is refused with the setting to check', async () => {
    const bot = await botInSlack();
    bot.runs.refuseNextPlan({ reason: 'empty-bucket', bucket: 'images' });
    await bot.command('operator', '/rescan start');
    await bot.ephemeral(/Nothing was planned: the bucket `images` is empty\.\n.*`IMAGE_BUCKET`/);
    expect(await bot.inChannel()).toEqual([]);
  });

  test('an unexpected error is reported with a reference, and its text stays in the log', async () => {
    const bot = await botInSlack();
    bot.runs.failNext('pause', new Error('secret inner <!here> detail'));
    await bot.command('operator', '/rescan pause');
    const reply = await bot.ephemeral(/\(reference `[0-9a-f]{8}`\)/);
    expect(reply.text).not.toContain('detail');
  });

  test('a button of an abandoned run does not act on a later run', async () => {
    const bot = await botInSlack();
    await bot.command('operator', '/rescan start');
    const first = await bot.message(/would invoke/);
    await bot.click('operator', first.ts, 'plan_start');
    await bot.message(/^Rescan r-0142 started/);
    await bot.runs.becomes({ kind: 'tripped', trippedBy: { kind: 'failure-rate', failed: 11, window: 20 } });
    const trip = await bot.message(/11 of the last 20 images failed\.\n.*Nothing is running/s);
    // Slack does not let the bot remove the buttons.
    await bot.world({ errors: { 'chat.update': 'cant_update_message' } });
    await bot.runs.becomes({ kind: 'abandoned', by: 'U0OPERATOR' });
    await bot.command('operator', '/rescan start');
    await bot.click('operator', (await bot.message(/^Rescan r-0143 would/)).ts, 'plan_start');
    await bot.message(/^Rescan r-0143 started/);
    await bot.click('operator', trip.ts, 'run_resume');
    await bot.ephemeral(/this button belongs to `r-0142`\. The current run is Rescan r-0143/);
    expect(bot.runs.calls).not.toContain('resume by U0OPERATOR');
  });
});
