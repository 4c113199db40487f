import { describe, expect, test } from 'vitest';
import { succeed } from '../../../src/lib/result.ts';
import type { LogLine, LogWindow } from '../../../src/pipeline/logs/logs.ts';
import { idleControls } from '../../support/memory/idle-checklist.ts';
import { createScriptedRunControl } from '../../support/memory/scripted-run-control.ts';
import { failuresFound } from '../../support/messages/result-builders.ts';
import { botInSlack } from '../../support/rigs/bot-in-slack.ts';

async function* nothing(): AsyncGenerator<never> {}
const noFailures = {
  ...failuresFound(),
  choose: async () => ({ images: 0, gone: 0, attempt: 2 }),
  images: nothing,
  all: nothing,
  dispose: async () => {},
  runIds: ['r-0142'],
};

async function withRun(settings: Record<string, string> = {}) {
  const bot = await botInSlack({ settings });
  await bot.command('operator', '/rescan start');
  await bot.click('operator', (await bot.message(/would invoke/)).ts, 'plan_start');
  const started = await bot.message(/^Rescan r-0142 started/);
  if (started.threadTs === undefined) throw new Error('The run has no thread.');
  return { ...bot, head: started.threadTs };
}
type Bot = Awaited<ReturnType<typeof withRun>>;
const newHead = ({ until, inChannel, head }: Bot, what: RegExp) =>
  until(
    async () => (await inChannel()).find(({ ts, text }) => ts > head && what.test(text) && text.includes('Processed:')),
    'a new live message',
  );

describe('a run starts without a live message, because Slack did not accept its plan', () => {
  test('it gets one with its buttons, and no alert refers to a message that does not exist', async () => {
    const bot = await botInSlack();
    const location = { channel: 'C0TIMESHEET' };
    const pace = { kind: 'fixed', perMinute: 60 } as const;
    await bot.runs.plan({ selection: {}, paceSetting: pace, by: 'U0OPERATOR', location });
    await bot.runs.start('r-0142', 'U0OPERATOR', { location, unattended: true });
    const started = await bot.message(/^Rescan r-0142 started/);
    expect(started.text).not.toContain('message above');
    bot.runs.progress({ inFlight: 3 });
    const head = await newHead({ ...bot, head: '' }, /^Rescan r-0142 is running/);
    expect(JSON.stringify(head.blocks)).toContain('run_stop');
    await bot.until(async () => (await bot.runs.location('r-0142'))?.ts, 'the stored place of the live message');
    expect(await bot.runs.location('r-0142')).toMatchObject({ ts: head.ts });
    expect((await bot.inChannel()).filter(({ text }) => text.includes('Processed:'))).toHaveLength(1);
  });
});

describe('the live message of a run is deleted', () => {
  test('the next edit posts a new live message, and the following alerts are in its thread', async () => {
    const bot = await withRun();
    await bot.remove(bot.head);
    bot.runs.progress({ inFlight: 3 });
    const head = await newHead(bot, /^Rescan r-0142 is running/);
    await bot.runs.becomes({ kind: 'tripped', trippedBy: { kind: 'consecutive-failures', failures: 10 } });
    const trip = await bot.message(/^Rescan r-0142 stopped itself.*Nothing is running/s);
    expect(trip).toMatchObject({ threadTs: head.ts, isBroadcast: true });
    expect(await bot.runs.location('r-0142')).toMatchObject({ ts: head.ts });
    expect((await bot.inChannel()).filter(({ text }) => text.includes('Processed:'))).toHaveLength(1);
  });

  test('at most one alert or progress post strays into the channel before there is a new live message', async () => {
    const bot = await withRun({ PROGRESS_CRON: '* * * * * *', MESSAGE_EDIT_SECONDS: '60' });
    await bot.remove(bot.head);
    const head = await newHead(bot, /^Rescan r-0142 is running/);
    await bot.until(
      async () =>
        (await bot.state()).messages.filter(({ threadTs }) => threadTs === head.ts).length >= 2 ? true : undefined,
      'progress posts in the new thread',
    );
    const strays = (await bot.inChannel()).filter(({ text }) => /images a minute\.\nProcessed/.test(text));
    expect(strays).toHaveLength(1);
  });
});

test('following the log ends when its first message is deleted, after at most one message in the channel', async () => {
  let lines = 0;
  let isFollowing = true;
  const { functionLog } = idleControls(createScriptedRunControl());
  async function* followLines({ signal }: LogWindow & { signal: AbortSignal }): AsyncGenerator<readonly LogLine[]> {
    try {
      while (!signal.aborted) {
        lines += 1;
        yield [{ at: 0, stream: 's', message: `line ${lines}`, id: String(lines) }];
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    } finally {
      isFollowing = false;
    }
  }
  const bot = await botInSlack({ controls: { functionLog: { ...functionLog, followLines } } });
  await bot.command('operator', '/rescan logs follow');
  const { ts, channelId } = await bot.message(/^Following the function’s log/);
  expect(channelId).toBe('D0OPERATOR');
  await bot.ephemeral(/are posted in your direct messages with the bot/);
  await bot.message(/line 1/);
  await bot.remove(ts, channelId);
  await bot.logged(/Following the log ends/);
  await bot.until(async () => (isFollowing ? undefined : true), 'the end of following the log');
  expect((await bot.inChannel()).filter(({ text }) => text.includes('line'))).toHaveLength(1);
  await bot.command('operator', '/rescan logs follow');
  const again = await bot.until(
    async () => (await bot.state()).messages.find((message) => message.text.startsWith('Following') && message.ts > ts),
    'a new follow',
  );
  // The button works in direct messages, too.
  await bot.click('operator', again.ts, 'logs_stop');
  await bot.message(/^<@U0OPERATOR> stopped following/);
});

test('the channel hears one message at the end of a run, and the report is in the thread', async () => {
  const { results } = idleControls(createScriptedRunControl());
  const report = async () =>
    succeed({
      runId: 'r-0142',
      expected: { ms: 60_000 },
      intervals: [],
      slowest: [],
      largest: [],
      failedByType: {},
      images: 3,
      failed: 0,
    });
  const bot = await botInSlack({
    controls: { results: { ...results, report, failures: async () => succeed(noFailures) } },
  });
  await bot.command('operator', '/rescan start');
  const { ts: head } = await bot.message(/would invoke/);
  await bot.click('operator', head, 'plan_start');
  await bot.message(/^Rescan r-0142 started/);
  const before = (await bot.inChannel()).map(({ ts }) => ts);
  await bot.runs.becomes({ kind: 'completed' });
  expect(await bot.message(/Report of Rescan r-0142/)).toMatchObject({ threadTs: head, isBroadcast: false });
  await bot.message(/^Rescan r-0142 is complete.*The report follows in the thread\./s);
  const added = (await bot.inChannel()).filter(({ ts }) => !before.includes(ts));
  expect(added.map(({ text }) => text.split('\n')[0])).toEqual([expect.stringMatching(/^Rescan r-0142 is complete/)]);
});
