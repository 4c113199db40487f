import { WebAPIPlatformError, WebAPIRateLimitedError } from '@slack/web-api';
import { describe, expect, test } from 'vitest';
import { ThreadGoneError } from '../../../src/slack/client/slack-errors.ts';
import { createAlertDelivery } from '../../../src/slack/delivery/alert-delivery.ts';
import { ACTION, button } from '../../../src/slack/messages/kit/buttons.ts';
import { compose, say } from '../../../src/slack/messages/kit/message.ts';
import type { Outbox, OutboxMessage } from '../../../src/state/outbox.ts';
import { createFakeClock } from '../../support/rigs/fake-clock.ts';

/** An outbox in memory. The one in DynamoDB is tested in test/state; both keep the same promises. */
function newOutbox(): Outbox {
  const messages = new Map<string, OutboxMessage>();
  let count = 0;
  return {
    async put(message, at) {
      count += 1;
      const id = String(count);
      messages.set(id, { id, at, message });
      return id;
    },
    async *pending() {
      yield* [...messages.values()].sort((a, b) => a.at - b.at);
    },
    async done(id) {
      messages.delete(id);
    },
  };
}

function deliveryWith(
  post: (channel: string, text: string, thread?: { ts: string; broadcast: boolean }, onceId?: string) => Promise<void>,
  outbox: Outbox = newOutbox(),
  findStarter: (id: string) => Promise<string | undefined> = async () => undefined,
  { early = new Map<string, { channel: string; ts: string }>(), isTableAway = (): boolean => false } = {},
) {
  const clock = createFakeClock();
  const posted: string[] = [];
  const gone: string[] = [];
  const noted: string[] = [];
  const blocks: unknown[] = [];
  const delivery = createAlertDelivery({
    outbox,
    clock,
    random: () => 0.5,
    channels: ['C0HOME'],
    findStarter,
    takeOverAfterMs: 40_000,
    findLocation: async (runId) =>
      runId === 'r-0' ? undefined : { channel: runId === 'r-2' ? 'C0OTHER' : 'C0TIMESHEET', ts: '1.000001' },
    chat: {
      async postStored(channel, { text, blocks: shown }, thread, onceId) {
        await post(channel, text, thread, onceId);
        blocks.push(...shown);
        posted.push(`${channel} ${thread ? (thread.broadcast ? 'both' : 'thread') : 'channel'} ${text}`);
        return '2.000002';
      },
      async editStored({ channel, ts }, { text }) {
        await post(channel, text);
        posted.push(`${channel} edit ${ts} ${text}`);
      },
    },
    onThreadGone: (id) => gone.push(id),
    address: async (message, { event }) => ({ ...message, text: `${message.text} (${event})` }),
    early: {
      put: async (runId, place) => {
        if (isTableAway()) throw new Error('The control table is down');
        early.set(runId, place);
      },
      find: async (runId) => {
        if (isTableAway()) throw new Error('The control table is down');
        return early.get(runId);
      },
      remove: async (runId) => void early.delete(runId),
    },
    buttons: {
      note: async (place, { text }, { id, state }) => void noted.push(`${id} ${state} ${place.channel} ${text}`),
    },
    onError: () => {},
  });
  return { gone, noted, blocks, clock, posted, delivery, outbox };
}

/** An outbox whose control table cannot be written. */
const brokenOutbox = (): Outbox => ({
  ...newOutbox(),
  put: () => Promise.reject(new Error('The control table is down')),
});

test('an alert has one id in each channel, which is the same for every repetition and for every process that reports the same end', async () => {
  const ids = new Map<string, (string | undefined)[]>();
  const failing = new Set(['first', 'end']);
  const rig = deliveryWith(async (_channel, text, _thread, onceId) => {
    ids.set(text, [...(ids.get(text) ?? []), onceId]);
    if (failing.delete(text)) throw new Error('socket hang up');
  });
  rig.delivery.start();
  await rig.delivery.put('r-1', alert('first'));
  await rig.clock.advance(5_000);
  const end = { ...alert('end'), once: 'end' };
  await rig.delivery.put('r-1', end);
  await rig.delivery.put('r-1', end);
  await rig.delivery.put('r-1', alert('other'));
  await rig.clock.advance(5_000);
  await rig.delivery.idle();
  rig.delivery.close();
  const each = (text: string) => new Set(ids.get(text));
  expect(ids.get('first')).toHaveLength(2);
  expect(ids.get('end')).toHaveLength(3);
  for (const text of ['first', 'end', 'other']) expect(each(text).size).toBe(1);
  const all = new Set([...each('first'), ...each('end'), ...each('other')]);
  expect(all.size).toBe(3);
  expect([...all].every((id) => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id ?? ''))).toBe(true);
});

test('an edit in a closed channel waits until the channel is open, and does not hold up others', async () => {
  let isClosed = true;
  const rig = deliveryWith(async (channel) => {
    if (isClosed && channel === 'C0SHUT') throw new WebAPIPlatformError({ ok: false, error: 'is_inactive' });
  });
  rig.delivery.start();
  await rig.delivery.put('b-1', { to: 'edit', at: { channel: 'C0SHUT', ts: '1.0' }, message: say('done') });
  await rig.delivery.put('r-1', alert('next'));
  await rig.clock.advance(1_000);
  expect(rig.posted).toEqual(['C0TIMESHEET both next']);
  isClosed = false;
  await rig.clock.advance(20_000);
  expect(rig.posted).toEqual(['C0TIMESHEET both next', 'C0SHUT edit 1.0 done']);
  rig.delivery.close();
});

const alert = (text: string, to: 'thread' | 'channel' = 'channel') => ({ to, message: say(text) });

describe('an alert that is posted while images are in progress', () => {
  const first = { to: 'channel', isEarly: true, message: say('r-1 stopped itself; waiting for 6 images.') } as const;
  const end = { to: 'early', message: say('r-1 stopped itself: 412 done.') } as const;

  test('is edited to the end of its run, also by the next process, and an end without such an alert posts nothing', async () => {
    const early = new Map<string, { channel: string; ts: string }>();
    const one = deliveryWith(async () => {}, newOutbox(), undefined, { early });
    one.delivery.start();
    await one.delivery.put('r-1', first);
    await one.delivery.idle();
    const next = deliveryWith(async () => {}, newOutbox(), undefined, { early });
    next.delivery.start();
    for (const runId of ['r-1', 'r-1', 'r-2']) await next.delivery.put(runId, end);
    await next.delivery.idle();
    expect(one.posted).toEqual(['C0TIMESHEET both r-1 stopped itself; waiting for 6 images.']);
    expect(next.posted).toEqual(['C0TIMESHEET edit 2.000002 r-1 stopped itself: 412 done.']);
    next.delivery.close();
    one.delivery.close();
  });

  test('is posted once and edited while the control table is down, and the end of a run without one does not wait', async () => {
    const down = deliveryWith(async () => {}, brokenOutbox(), undefined, { isTableAway: () => true });
    down.delivery.start();
    await down.delivery.put('r-2', end);
    await down.delivery.put('r-1', first);
    await down.delivery.put('r-1', end);
    expect(down.posted).toEqual([
      'C0TIMESHEET both r-1 stopped itself; waiting for 6 images.',
      'C0TIMESHEET edit 2.000002 r-1 stopped itself: 412 done.',
    ]);
    down.delivery.close();
  });
});

test('a direct message goes to its person, and one that Slack refuses is dropped and holds up nothing', async () => {
  const refused = new WebAPIPlatformError({ ok: false, error: 'user_not_found' });
  const { delivery, posted, outbox } = deliveryWith(async (channel) => {
    if (channel === 'U0GONE') throw refused;
  });
  delivery.start();
  for (const person of ['U0GONE', 'U0ANA'])
    await delivery.put('a-1', { to: 'direct', person, message: say('Open it') });
  await delivery.put('r-1', { ...alert('it tripped'), notify: { event: 'trip', starters: [] } });
  await delivery.idle();
  expect(posted).toEqual(['U0ANA channel Open it', 'C0TIMESHEET both it tripped (trip)']);
  for await (const left of outbox.pending()) throw new Error(`${left.id} is left`);
  delivery.close();
});

describe('the delivery of alerts', () => {
  test('the last edit of a message is made by the next process, is retried while Slack is away, and dropped where Slack refuses it', async () => {
    let failures: unknown[] = [new Error('Slack is away')];
    const failing = async () => {
      const [failure] = failures.splice(0, 1);
      if (failure) throw failure;
    };
    const first = deliveryWith(failing);
    const at = { channel: 'C0TIMESHEET', ts: '1.5' };
    await first.delivery.put('a-1', { to: 'edit', at, message: say('The flush is done.') });
    const next = deliveryWith(failing, first.outbox);
    next.delivery.start();
    await next.clock.advance(60_000);
    expect(next.posted).toEqual(['C0TIMESHEET edit 1.5 The flush is done.']);
    failures = [new WebAPIPlatformError({ ok: false, error: 'message_not_found' })];
    await next.delivery.put('a-1', { to: 'edit', at, message: say('The flush is done.') });
    await next.clock.advance(60_000);
    expect(await Array.fromAsync(first.outbox.pending())).toEqual([]);
    expect(next.posted).toHaveLength(1);
  });

  test('alerts arrive in order after Slack was rate-limited, and leave the outbox', async () => {
    let refusals = 2;
    const { clock, posted, delivery, outbox } = deliveryWith(async () => {
      if (refusals-- > 0) throw new WebAPIRateLimitedError(5);
    });
    await delivery.put('r-1', alert('first', 'thread'));
    await delivery.put('r-1', alert('second'));
    delivery.start();
    await clock.advance(60_000);
    expect(posted).toEqual(['C0TIMESHEET thread first', 'C0TIMESHEET both second']);
    await clock.advance(3_000);
    for await (const left of outbox.pending()) throw new Error(`not removed: ${JSON.stringify(left)}`);
    delivery.close();
  });

  test.each([
    ['stored', newOutbox],
    ['not stored', brokenOutbox],
  ])(
    'an alert that was %s and is posted after an outage of ten minutes says when it was written',
    async (_, outbox) => {
      let isDown = true;
      const { clock, posted, delivery, blocks } = deliveryWith(async () => {
        if (isDown) throw new Error('Slack is down');
      }, outbox());
      const writtenAt = clock.now();
      delivery.start();
      const put = delivery.put('r-1', alert('paused'));
      await clock.advance(600_000);
      isDown = false;
      await clock.advance(60_000);
      await put;
      await delivery.put('r-1', alert('resumed'));
      await clock.advance(1_000);
      delivery.close();
      expect(posted).toHaveLength(2);
      expect(posted[0]).toMatch(/^C0TIMESHEET both This is from <!date\^\d+\^\{time\}\|\d\d:\d\d UTC>, 1\d min ago\./);
      expect(posted[0]).toContain(`<!date^${Math.floor(writtenAt / 1_000)}^`);
      expect(posted[0]).toMatch(/\npaused$/);
      expect(blocks[0]).toMatchObject({ type: 'context' });
      expect(posted[1]).toBe('C0TIMESHEET both resumed');
    },
  );

  test.each([
    ['in its channel', 'C0TIMESHEET'],
    ['in another channel', 'C0HOME'],
  ])('an alert whose answer was lost for ten minutes is kept %s as it was posted first', async (_, place) => {
    let isLost = true;
    const { clock, noted, delivery } = deliveryWith(async (channel) => {
      if (place !== channel) throw new WebAPIPlatformError({ ok: false, error: 'is_archived' });
      if (isLost) throw new Error('socket hang up');
    });
    delivery.start();
    const message = compose({ fact: 'paused', buttons: [button(ACTION.resume, 'Resume', 'r-1')] });
    await delivery.put('r-1', { to: 'channel', message, during: 'paused' });
    await clock.advance(600_000);
    isLost = false;
    await clock.advance(60_000);
    delivery.close();
    // The ts that Slack answers is older than the alert.
    expect(noted).toHaveLength(1);
    expect(noted[0]).not.toContain('This is from');
  });

  test('an alert of a channel that refuses the bot goes to another configured channel, with the reason', async () => {
    let isArchived = true;
    const { clock, posted, delivery } = deliveryWith(async (channel) => {
      if (isArchived && channel === 'C0TIMESHEET') throw new WebAPIPlatformError({ ok: false, error: 'is_archived' });
    });
    await delivery.put('r-1', alert('of the thread', 'thread'));
    await delivery.put('r-1', alert('of the channel'));
    delivery.start();
    await clock.advance(1_000);
    expect(posted).toEqual([
      'C0HOME channel The bot cannot post this alert in <#C0TIMESHEET>: it is archived.\nof the channel',
    ]);
    // A later alert does not wait because an earlier one was refused.
    await delivery.put('r-2', alert('other'));
    await clock.advance(1_000);
    expect(posted.slice(1)).toEqual(['C0OTHER both other']);
    isArchived = false;
    await clock.advance(60_000);
    expect(posted.slice(2)).toEqual(['C0TIMESHEET thread of the thread']);
    delivery.close();
  });

  test('without another channel an alert goes to who started the run, without its buttons; without anybody it is kept', async () => {
    let isRemoved = true;
    let starter: string | undefined;
    const { clock, posted, blocks, delivery } = deliveryWith(
      async (channel) => {
        if (isRemoved && channel.startsWith('C')) throw new WebAPIPlatformError({ ok: false, error: 'not_in_channel' });
      },
      newOutbox(),
      async () => starter,
    );
    const message = compose({ fact: 'stopped', buttons: [button(ACTION.resume, 'Resume', 'r-1')] });
    await delivery.put('r-1', { to: 'channel', message });
    delivery.start();
    await clock.advance(30_000);
    expect(posted).toEqual([]);
    starter = 'U0OPERATOR';
    await clock.advance(30_000);
    expect(posted).toHaveLength(1);
    expect(posted[0]).toMatch(
      /^U0OPERATOR channel The bot cannot post this alert in <#C0TIMESHEET>: the bot was removed from it\..*You get it because you started this.*\nstopped$/s,
    );
    expect(JSON.stringify(blocks)).not.toContain(ACTION.resume);
    isRemoved = false;
    await clock.advance(60_000);
    expect(posted).toHaveLength(1);
    delivery.close();
  });

  test('an alert goes to the channel when the message of its run was deleted, and to the first channel when the run has no message', async () => {
    const { clock, posted, delivery } = deliveryWith(async (_channel, _text, thread) => {
      if (thread) throw new WebAPIPlatformError({ ok: false, error: 'thread_not_found' });
    });
    await delivery.put('r-1', alert('gone'));
    await delivery.put('r-0', alert('without a message'));
    delivery.start();
    await clock.advance(30_000);
    expect(posted).toEqual(['C0TIMESHEET channel gone', 'C0HOME channel without a message']);
    delivery.close();
  });

  test('after one alert that Slack put in the channel, the others are in the thread of that one', async () => {
    const threads: (string | undefined)[] = [];
    const { clock, gone, delivery } = deliveryWith(async (channel, _text, thread) => {
      threads.push(thread?.ts);
      if (thread?.ts === '1.000001') throw new ThreadGoneError(channel, thread.ts, '7.000007');
    });
    for (const text of ['first', 'second', 'third']) await delivery.put('job-1', alert(text, 'thread'));
    delivery.start();
    await clock.advance(10_000);
    expect(threads).toEqual(['1.000001', '7.000007', '7.000007']);
    expect(gone).toEqual(['job-1']);
    delivery.close();
  });

  test('an alert that another process stored is left to that process until it is old', async () => {
    const box = newOutbox();
    const mine = deliveryWith(async () => {}, box);
    mine.delivery.start();
    await mine.clock.advance(2_000);
    const other = deliveryWith(async () => {}, box);
    await other.delivery.put('r-1', alert('of another process'));
    await mine.clock.advance(35_000);
    expect(mine.posted).toEqual([]);
    await mine.clock.advance(60_000);
    expect(mine.posted).toEqual(['C0TIMESHEET both of another process']);
    mine.delivery.close();
    other.delivery.close();
  });

  test('an alert that cannot be stored is posted directly', async () => {
    const { posted, delivery } = deliveryWith(async () => {}, brokenOutbox());
    await delivery.put('r-1', alert('the control table is down'));
    expect(posted).toEqual(['C0TIMESHEET both the control table is down']);
    delivery.close();
  });

  test('an alert that can be neither stored nor posted is retried until it is posted, before the next alert', async () => {
    let isDown = true;
    const { clock, posted, delivery } = deliveryWith(async () => {
      if (isDown) throw new Error('Slack is down');
    }, brokenOutbox());
    const puts = Promise.all([delivery.put('r-1', alert('first')), delivery.put('r-1', alert('second'))]);
    await clock.advance(40_000);
    expect(posted).toEqual([]);
    isDown = false;
    await clock.advance(10_000);
    await puts;
    expect(posted).toEqual(['C0TIMESHEET both first', 'C0TIMESHEET both second']);
    delivery.close();
  });

  test('an alert that was neither stored nor posted before the shutdown is an error', async () => {
    const { clock, delivery } = deliveryWith(() => Promise.reject(new Error('Slack is down')), brokenOutbox());
    const put = expect(delivery.put('r-1', alert('lost'))).rejects.toThrow('The control table is down');
    await clock.advance(1_000);
    delivery.close();
    await clock.advance(0);
    await put;
  });

  test.each([
    ['stored, but the reply is lost', 'store'],
    ['posted, but not stored, and the reply to the post is lost', 'post'],
  ])('an alert that was %s has one id in all its posts', async (_, lost) => {
    const ids: (string | undefined)[] = [];
    const outbox = newOutbox();
    let isFirst = true;
    const { clock, delivery } = deliveryWith(
      async (_channel, _text, _thread, onceId) => {
        ids.push(onceId);
        if (lost === 'post' && ids.length === 1) throw new Error('socket hang up');
      },
      {
        ...outbox,
        async put(message, at) {
          if (!isFirst) return outbox.put(message, at);
          isFirst = false;
          if (lost === 'store') await outbox.put(message, at);
          throw new Error('socket hang up');
        },
      },
    );
    delivery.start();
    await Promise.all([delivery.put('r-1', alert('paused')), clock.advance(60_000)]);
    await delivery.idle();
    delivery.close();
    expect(ids).toHaveLength(2);
    expect(new Set(ids).size).toBe(1);
    expect(ids[0]).toBeDefined();
  });
});
