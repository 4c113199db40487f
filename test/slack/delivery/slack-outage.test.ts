import { describe, expect, test } from 'vitest';
import { botInSlack } from '../../support/rigs/bot-in-slack.ts';

async function withRun(settings: Record<string, string> = {}) {
  const bot = await botInSlack({ settings });
  await bot.command('operator', '/rescan start');
  await bot.click('operator', (await bot.message(/would invoke/)).ts, 'plan_start');
  const started = await bot.message(/^Rescan r-0142 started/);
  return { ...bot, runTs: started.threadTs };
}

describe('an outage of Slack', () => {
  test('the live message of a run shows the newest state', async () => {
    const bot = await withRun();
    for (let inFlight = 1; inFlight <= 40; inFlight++) {
      bot.runs.progress({ inFlight });
      await new Promise((resolve) => setImmediate(resolve));
    }
    const seen = await bot.message(/40 in progress/);
    expect(seen.ts).toBe(bot.runTs);
  });

  test('alerts of an outage are delivered when Slack is back, once and in order', async () => {
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

  test('an alert whose post Slack accepts without an answer is in Slack once, and not again after somebody deleted it', async () => {
    const bot = await withRun();
    const alerts = async () => (await bot.state()).messages.filter(({ text }) => text.includes('Nothing is running'));
    const isDelivered = () =>
      bot.until(async () => {
        for await (const _ of bot.outbox.pending()) return undefined;
        return true;
      }, 'an empty outbox');
    await bot.world({ lostReplies: { 'chat.postMessage': 1 } });
    await bot.runs.becomes({ kind: 'tripped', trippedBy: { kind: 'consecutive-failures', failures: 10 } });
    await bot.until(async () => ((await alerts()).length > 0 ? true : undefined), 'the alert');
    await bot.logged(/Alerts are not delivered yet/);
    await bot.world({ lostReplies: {} });
    await isDelivered();
    expect(await alerts()).toHaveLength(1);

    await bot.world({ lostReplies: { 'chat.postMessage': 1 } });
    await bot.runs.becomes({ kind: 'paused', because: { kind: 'person', by: 'U0OPERATOR' } });
    const pauses = async () =>
      (await bot.state()).messages.filter(({ ts, text }) => ts !== bot.runTs && /was paused by/.test(text));
    const paused = await bot.until(async () => (await pauses())[0], 'the alert of the pause');
    await bot.remove(paused.ts);
    await bot.world({ lostReplies: {} });
    await isDelivered();
    expect(await pauses()).toEqual([]);
  });

  test('an alert that the bot could not deliver before its shutdown is delivered by the next process', async () => {
    const bot = await withRun();
    // A stop that waited for the retry would not end within the time of a test.
    await bot.world({ rateLimited: true, retryAfterSeconds: 3_600 });
    await bot.runs.becomes({ kind: 'completed' });
    await bot.stopBot();
    await bot.world({ rateLimited: false });
    await bot.startBot();
    const end = await bot.message(/^Rescan r-0142 is complete.*Started by <@U0OPERATOR>\./s);
    expect(end.isBroadcast).toBe(true);
    const left: string[] = [];
    await bot.until(async () => {
      left.length = 0;
      for await (const { id } of bot.outbox.pending()) left.push(id);
      return left.length === 0 ? true : undefined;
    }, 'an empty outbox');
  });

  test('a run does not wait for Slack: its alert is stored at once although Slack does not answer', async () => {
    const bot = await withRun();
    const slowMs = 5_000;
    await bot.world({ slowMs });
    const before = performance.now();
    bot.runs.progress({ inFlight: 3 });
    await bot.runs.becomes({ kind: 'tripped', trippedBy: { kind: 'no-growth', minutes: 10 } });
    expect(performance.now() - before).toBeLessThan(slowMs);
    await bot.world({ slowMs: 0 });
  });

  test('a message whose blocks Slack refuses is posted as plain text', async () => {
    const bot = await botInSlack();
    await bot.world({ rejectBlocks: ['actions'] });
    await bot.command('operator', '/rescan start');
    const preview = await bot.message(/would invoke the function for 1,398 images/);
    expect(preview.blocks).toEqual([]);
  });

  test('after its connections were cut and refused for a while the bot answers again', async () => {
    const bot = await botInSlack();
    await bot.world({ linksDown: true, down: true });
    await bot.until(async () => ((await bot.state()).connections.length === 0 ? true : undefined), 'no connection');
    await bot.world({ linksDown: false });
    // The SDK would give up here for good.
    await bot.logged(/Cannot connect to Slack/);
    await bot.world({ down: false });
    await bot.until(async () => ((await bot.state()).connections.length > 0 ? true : undefined), 'a connection');
    await bot.command('operator', '/rescan help');
    await bot.ephemeral(/^rescan-bot runs the OCR function/);
  });

  test('a bot that starts while Slack is down does not wait for it, and answers once Slack is up', async () => {
    const bot = await botInSlack();
    await bot.stopBot();
    await bot.world({ down: true });
    await bot.startBot();
    await bot.world({ down: false });
    await bot.until(async () => ((await bot.state()).connections.length > 0 ? true : undefined), 'a connection');
    await bot.command('operator', '/rescan help');
    await bot.ephemeral(/^rescan-bot runs the OCR function/);
  });

  test.each([
    ['SLACK_BOT_TOKEN', 'xoxb-of-another'],
    ['SLACK_APP_TOKEN', 'xapp-of-another'],
  ])('a bot whose %s Slack does not accept does not start', async (name, token) => {
    const bot = await botInSlack();
    await bot.stopBot();
    await expect(bot.startBot({ [name]: token })).rejects.toThrow('invalid_auth');
  });

  test('at the times of PROGRESS_CRON a progress post appears in the thread of the run', async () => {
    const bot = await withRun({ PROGRESS_CRON: '* * * * * *' });
    const post = await bot.message(/^0 of 1,398 done \(0 %\), 31 images a minute\.\nProcessed 0/);
    expect(post).toMatchObject({ threadTs: bot.runTs, isBroadcast: false });
  });
});
