import { beforeEach, describe, expect, test } from 'vitest';
import type { LogLine, LogWindow } from '../../../src/pipeline/logs/logs.ts';
import { withinLimits } from '../../../src/slack/messages/kit/limits.ts';
import { type Message, say } from '../../../src/slack/messages/kit/message.ts';
import { createLogFollower, type LogFollower } from '../../../src/slack/threads/log-follower.ts';
import type { Stops } from '../../../src/state/stops/stops.ts';
import { createFakeClock, type FakeClock } from '../../support/rigs/fake-clock.ts';

const CHANNEL = 'C1';
const MINUTE = 60_000;
const ASKED = { forMs: 10 * MINUTE, errorsOnly: false };

let clock: FakeClock;
let posts: { text: string; ts?: string }[];
let edits: string[];
let fresh: LogLine[][];
let broken: unknown;
let slackIsAway: boolean;
let stops: Stops & { readonly asked: Set<string> };
let copy: LogFollower;
/** The thread of a run, where there is one. */
let runThread: { threadTs?: string };
let id = 0;
/** What the button of the last head holds. */
let button: string;

const line = (message: string): LogLine => {
  id += 1;
  return { at: clock.now(), stream: 's', message, id: String(id) };
};
const textOf = (message: Message) => `${withinLimits(message).text}`;

function createCopy(): LogFollower {
  return createLogFollower({
    async *followLines({ signal }: LogWindow & { readonly signal: AbortSignal }) {
      while (!signal.aborted) {
        if (broken !== undefined) throw broken;
        yield fresh.shift() ?? [];
        await clock.sleep(2_000, signal);
      }
    },
    stops,
    chat: {
      async post(_channel, message, thread) {
        if (slackIsAway) throw new Error('Slack is away');
        button = /"value":"([^"]+)"/.exec(JSON.stringify(message.blocks))?.[1] ?? button;
        posts.push({ text: textOf(message), ...(thread ? { ts: thread.ts } : {}) });
        return `${posts.length}.0`;
      },
      async edit(_place, message) {
        edits.push(textOf(message));
      },
    },
    places: { find: async ({ channel }) => ({ channel, where: 'your direct messages', ...runThread }) },
    clock,
    refusalOf: () => say('The log cannot be read.'),
    onError: () => {},
  });
}

beforeEach(() => {
  clock = createFakeClock();
  posts = [];
  edits = [];
  fresh = [];
  broken = undefined;
  slackIsAway = false;
  runThread = {};
  const asked = new Set<string>();
  stops = {
    asked,
    request: async (what) => void asked.add(what),
    isRequested: async (what) => asked.has(what),
    clear: async (what) => void asked.delete(what),
  };
  copy = createCopy();
});
const inThread = () => posts.filter(({ ts }) => ts !== undefined).map(({ text }) => text);
const begin = async (asked: Parameters<LogFollower['follow']>[0] = ASKED) => {
  expect((await copy.follow(asked, { person: 'U1', channel: CHANNEL })).text).toBe(
    'New lines of the function’s log are posted in your direct messages.',
  );
};

describe('following the log', () => {
  test('every line is posted in the thread, at most one message in 3 s, until the time is over', async () => {
    await begin();
    fresh = Array.from({ length: 30 }, (_, n) => [line(`line ${n}`)]);
    const before = posts.length;
    await clock.advance(MINUTE);
    expect(posts.length - before).toBeLessThanOrEqual(20);
    await clock.advance(9 * MINUTE);
    for (let n = 0; n < 30; n++)
      expect(inThread().filter((text) => new RegExp(`line ${n}\\n`).test(text))).toHaveLength(1);
    expect(edits).toEqual(['Stopped following the function’s log after 10 min (30 new lines).']);
  });

  test('with a run, everything is in the thread of the run', async () => {
    runThread = { threadTs: '9.9' };
    await begin();
    fresh = [[line('one')]];
    await clock.advance(10_000);
    expect(posts.map(({ ts }) => ts)).toEqual(['9.9', '9.9']);
    expect(posts[0]?.text).toMatch(/^Following the function’s log/);
    await clock.advance(10 * MINUTE);
    expect(edits).toHaveLength(1);
  });

  test('lines are posted soon, also when no more lines follow', async () => {
    await begin();
    fresh = [[line('one')], [line('two')]];
    await clock.advance(10_000);
    expect(inThread().join()).toMatch(/one[\s\S]*two/);
  });

  test('lines that Slack does not accept are posted with the next message', async () => {
    await begin();
    slackIsAway = true;
    fresh = [[line('one')], [line('two')]];
    await clock.advance(20_000);
    slackIsAway = false;
    await clock.advance(10_000);
    expect(inThread()).toHaveLength(1);
    expect(inThread()[0]).toMatch(/one[\s\S]*two/);
  });

  test('when more lines arrive than Slack accepts, the oldest are skipped and counted', async () => {
    await begin();
    fresh = [Array.from({ length: 5_000 }, (_, n) => line(`line ${n} of many`))];
    await clock.advance(9 * MINUTE);
    const all = inThread().join('\n');
    expect(all).toMatch(/4,600 lines skipped/);
    expect(all).toMatch(/line 4600 of many/);
    expect(all).toMatch(/line 4999 of many/);
    expect(all).not.toMatch(/line 4599 of many/);
  });

  test('only error lines are posted when only errors were asked for', async () => {
    await begin({ ...ASKED, errorsOnly: true });
    fresh = [[line('[INFO] stored'), line('[ERROR] ValueError: no')]];
    await clock.advance(10_000);
    expect(inThread().join()).toMatch(/ValueError/);
    expect(inThread().join()).not.toMatch(/stored/);
  });

  test('the button stops the follow for anyone who clicks it, after the waiting lines were posted', async () => {
    await begin();
    fresh = [[line('one')], [line('last')]];
    await clock.advance(4_100);
    expect(await copy.stop(button, { channel: CHANNEL, ts: '1.0' }, 'U1VIEWER')).toBeUndefined();
    await clock.advance(0);
    expect(inThread().join()).toMatch(/last/);
    expect(edits.at(-1)).toMatch(/<@U1VIEWER> stopped following the function’s log \(2 new lines\)\./);
    await clock.advance(10 * MINUTE);
    expect(edits).toHaveLength(1);
  });

  test('`logs stop` stops the follow, also when another process of the bot runs it', async () => {
    await begin();
    const other = createCopy();
    expect((await other.stopIn(CHANNEL, 'U1')).text).toMatch(/If another one does, it stops within 10 s/);
    await clock.advance(10_000);
    expect(edits.at(-1)).toMatch(/Somebody stopped following the function’s log/);
    // The stop does not end the next follow.
    await begin();
    await clock.advance(20_000);
    expect(edits).toHaveLength(1);
    expect((await copy.stopIn(CHANNEL, 'U1')).text).toBe('Following the log was stopped.');
  });

  test('a click on the button of a follow whose process died marks its message as ended', async () => {
    expect(await copy.stop('C1/dead', { channel: CHANNEL, ts: '1.0' }, 'U1')).toBeUndefined();
    expect(edits.at(-1)).toMatch(/stopped following the function’s log because it restarted/);
    expect(stops.asked.has('C1/dead')).toBe(true);
  });

  test('a shutdown ends the follow, and its message says so before the process ends', async () => {
    await begin();
    const closed = copy.close();
    await clock.advance(0);
    await closed;
    expect(edits.at(-1)).toMatch(/The bot shut down and stopped following/);
  });

  test('when the log cannot be read any more, the thread says why', async () => {
    await begin();
    broken = new Error('gone');
    await clock.advance(5_000);
    expect(inThread()).toEqual(['The log cannot be read.']);
    expect(edits.at(-1)).toMatch(/it cannot be read any more/);
  });

  test('a channel has one follow at a time, and a failed start does not block the next one', async () => {
    slackIsAway = true;
    await expect(copy.follow(ASKED, { person: 'U1', channel: CHANNEL })).rejects.toThrow('Slack is away');
    slackIsAway = false;
    await begin();
    expect((await copy.follow(ASKED, { person: 'U1', channel: CHANNEL })).text).toMatch(
      /already being followed in this channel/,
    );
    expect((await copy.follow(ASKED, { person: 'U1', channel: 'C2' })).text).toMatch(/^New lines/);
  });
});
