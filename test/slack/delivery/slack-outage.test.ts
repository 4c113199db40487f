import { describe, expect, test } from 'vitest';
import { botInSlack } from '../../support/bot-in-slack.ts';

async function withRun(settings: Record<string, string> = {}) {
  const bot = await botInSlack({ settings });
  await bot.command('operator', '/rescan start');
  await bot.click('operator', (await bot.message(/would invoke/)).ts, 'plan_start');
  const started = await bot.message(/^Rescan r-0142 started/);
  return { ...bot, runTs: started.threadTs };
}

describe('Slack in trouble', () => {
  test('the run’s message comes to show the newest state', async () => {
    const bot = await withRun();
    for (let inFlight = 1; inFlight <= 40; inFlight++) {
      bot.runs.progress({ inFlight });
      await new Promise((resolve) => setImmediate(resolve));
    }
    const seen = await bot.message(/40 in flight/);
    expect(seen.ts).toBe(bot.runTs);
  });

  test('an alert that comes while Slack is down is delivered when it is up again, once and in order', async () => {
    const bot = await withRun();
    await bot.world({ down: true });
    const { runs } = bot;
    const run = await runs.current();
    if (!run) throw new Error('no run');
    const warning = { kind: 'failures', value: 15, limit: 10 } as const;
    await runs.emit({ kind: 'warning-began', snapshot: run, warning });
    await runs.becomes({ kind: 'tripped', trippedBy: { kind: 'consecutive-failures', failures: 10 } });
    expect((await bot.state()).messages.filter(({ text }) => /stopped itself|Failures: 15/.test(text))).toEqual([]);
    await bot.world({ down: false });
    const trip = await bot.message(/stopped itself.*Nothing is running/s);
    const warned = await bot.message(/Failures: 15 %/);
    expect(Number(warned.ts)).toBeLessThan(Number(trip.ts));
    await bot.message(/^Rescan r-0142 stopped itself.*\n`█|^Rescan r-0142 stopped itself.*\n`░/);
    const trips = (await bot.state()).messages.filter(({ text }) => text.includes('Nothing is running'));
    expect(trips).toHaveLength(1);
  });

  test('an alert that the bot could not deliver before it went down is delivered by the next one', async () => {
    const bot = await withRun();
    await bot.world({ rateLimited: true, retryAfterSeconds: 30 });
    await bot.runs.becomes({ kind: 'completed' });
    const before = Date.now();
    await bot.stopFace();
    expect(Date.now() - before).toBeLessThan(5_000);
    await bot.world({ rateLimited: false });
    await bot.startFace();
    const end = await bot.message(/^Rescan r-0142 is complete.*Started by <@U0OPERATOR>\./s);
    expect(end.isBroadcast).toBe(true);
    const left: string[] = [];
    await bot.until(async () => {
      left.length = 0;
      for await (const { id } of bot.outbox.pending()) left.push(id);
      return left.length === 0 ? true : undefined;
    }, 'the outbox is empty');
  });

  test('a run does not wait for Slack: what it tells is on record at once though Slack answers nothing', async () => {
    const bot = await withRun();
    await bot.world({ slowMs: 5_000 });
    const before = performance.now();
    bot.runs.progress({ inFlight: 3 });
    await bot.runs.becomes({ kind: 'tripped', trippedBy: { kind: 'no-growth', minutes: 10 } });
    expect(performance.now() - before).toBeLessThan(1_000);
    await bot.world({ slowMs: 0 });
  });

  test('blocks that Slack refuses are said as plain text', async () => {
    const bot = await botInSlack();
    await bot.world({ rejectBlocks: ['actions'] });
    await bot.command('operator', '/rescan start');
    const preview = await bot.message(/would invoke the function for 1,398 images/);
    expect(preview.blocks).toEqual([]);
  });

  test('after its links were cut and refused for a while the bot answers again', async () => {
    const bot = await botInSlack();
    await bot.world({ linksDown: true, down: true });
    await bot.until(async () => ((await bot.state()).connections.length === 0 ? true : undefined), 'no links');
    await bot.world({ linksDown: false });
    // The SDK would give up here for good.
    await bot.logged(/Cannot connect to Slack/);
    await bot.world({ down: false });
    await bot.until(async () => ((await bot.state()).connections.length > 0 ? true : undefined), 'a link', 8_000);
    await bot.command('operator', '/rescan help');
    await bot.ephemeral(/this list/);
  });

  test('a bot that starts while Slack is down does not wait for it, and answers once it is up', async () => {
    const bot = await botInSlack();
    await bot.stopFace();
    await bot.world({ down: true });
    await bot.startFace();
    await bot.world({ down: false });
    await bot.until(async () => ((await bot.state()).connections.length > 0 ? true : undefined), 'a link');
    await bot.command('operator', '/rescan help');
    await bot.ephemeral(/this list/);
  });

  test.each([
    ['SLACK_BOT_TOKEN', 'xoxb-of-another'],
    ['SLACK_APP_TOKEN', 'xapp-of-another'],
  ])('a bot with a %s that Slack does not accept does not start', async (name, token) => {
    const bot = await botInSlack();
    await bot.stopFace();
    await expect(bot.startFace({ [name]: token })).rejects.toThrow('invalid_auth');
  });

  test('a progress post goes into the thread when the time comes', async () => {
    const bot = await withRun({ PROGRESS_CRON: '* * * * * *' });
    const post = await bot.message(/^0 of 1,398 done \(0 %\), 31 images a minute\.\nProcessed 0/);
    expect(post).toMatchObject({ threadTs: bot.runTs, isBroadcast: false });
  });
});
