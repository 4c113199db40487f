import { WebAPIPlatformError, WebAPIRateLimitedError } from '@slack/web-api';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/lib/clock.ts';
import { createAlertDelivery } from '../../../src/slack/delivery/alert-delivery.ts';
import { say } from '../../../src/slack/messages/kit/message.ts';
import { openControlTable } from '../../../src/state/control-table.ts';
import { createOutbox } from '../../../src/state/outbox.ts';
import { type LocalDynamo, startDynalite } from '../../support/dynalite.ts';
import { createFakeClock, type FakeClock } from '../../support/fake-clock.ts';

let dynamo: LocalDynamo;
beforeAll(async () => {
  dynamo = await startDynalite();
});
afterAll(() => dynamo.stop());

let count = 0;
async function newOutbox() {
  const table = await openControlTable({ dynamodb: dynamo.client, tableName: 'control', clock: systemClock });
  return createOutbox({ table, name: `pipeline-${count++}` });
}

/** Advances the clock in steps until `holds`; in between the control table answers. */
async function advanceUntil(clock: FakeClock, holds: () => boolean, mostMs: number): Promise<void> {
  for (let passed = 0; !holds() && passed < mostMs; passed += 1_000) {
    for (let turn = 0; turn < 20 && !holds(); turn++) await new Promise((resolve) => setTimeout(resolve, 2));
    await clock.advance(1_000);
  }
}

async function deliveryWith(
  post: (channel: string, text: string, thread?: { ts: string; broadcast: boolean }) => Promise<void>,
  outbox?: Awaited<ReturnType<typeof newOutbox>>,
) {
  const clock = createFakeClock();
  const posted: string[] = [];
  const box = outbox ?? (await newOutbox());
  const delivery = createAlertDelivery({
    outbox: box,
    clock,
    random: () => 0.5,
    homeChannel: 'C0HOME',
    takeOverAfterMs: 40_000,
    findLocation: async (runId) =>
      runId === 'r-0' ? undefined : { channel: runId === 'r-2' ? 'C0OTHER' : 'C0TIMESHEET', ts: '1.000001' },
    chat: {
      async postStored(channel, { text }, thread) {
        await post(channel, text, thread);
        posted.push(`${channel} ${thread ? (thread.broadcast ? 'both' : 'thread') : 'channel'} ${text}`);
        return '2.000002';
      },
    },
    onError: () => {},
  });
  return { clock, posted, delivery, box };
}

const alert = (text: string, to: 'thread' | 'channel' = 'channel') => ({ to, message: say(text) });

describe('the delivery of alerts', () => {
  test('alerts arrive in order after Slack was rate-limited, and leave the outbox', async () => {
    let refusals = 2;
    const { clock, posted, delivery, box } = await deliveryWith(async () => {
      if (refusals-- > 0) throw new WebAPIRateLimitedError(5);
    });
    await delivery.put('r-1', alert('first', 'thread'));
    await delivery.put('r-1', alert('second'));
    delivery.start();
    await advanceUntil(clock, () => posted.length === 2, 60_000);
    expect(posted).toEqual(['C0TIMESHEET thread first', 'C0TIMESHEET both second']);
    await advanceUntil(clock, () => false, 3_000);
    for await (const left of box.pending()) throw new Error(`not removed: ${JSON.stringify(left)}`);
    delivery.close();
  });

  test('the alerts of a channel that refuses them are kept and do not hold up another channel', async () => {
    let isRemoved = true;
    const { clock, posted, delivery } = await deliveryWith(async (channel) => {
      if (isRemoved && channel === 'C0TIMESHEET') throw new WebAPIPlatformError({ ok: false, error: 'not_in_channel' });
    });
    await delivery.put('r-1', alert('kept'));
    await delivery.put('r-2', alert('other'));
    delivery.start();
    await advanceUntil(clock, () => posted.length === 1, 30_000);
    expect(posted).toEqual(['C0OTHER both other']);
    isRemoved = false;
    await advanceUntil(clock, () => posted.length === 2, 120_000);
    expect(posted).toEqual(['C0OTHER both other', 'C0TIMESHEET both kept']);
    delivery.close();
  });

  test('an alert goes to the channel when the message of its run was deleted, and to the first channel when the run has no message', async () => {
    const { clock, posted, delivery } = await deliveryWith(async (_channel, _text, thread) => {
      if (thread) throw new WebAPIPlatformError({ ok: false, error: 'thread_not_found' });
    });
    await delivery.put('r-1', alert('gone'));
    await delivery.put('r-0', alert('without a message'));
    delivery.start();
    await advanceUntil(clock, () => posted.length === 2, 30_000);
    expect(posted).toEqual(['C0TIMESHEET channel gone', 'C0HOME channel without a message']);
    delivery.close();
  });

  test('an alert that another process stored is left to that process until it is old', async () => {
    const box = await newOutbox();
    const mine = await deliveryWith(async () => {}, box);
    mine.delivery.start();
    await advanceUntil(mine.clock, () => false, 2_000);
    const other = await deliveryWith(async () => {}, box);
    await other.delivery.put('r-1', alert('of another process'));
    await advanceUntil(mine.clock, () => mine.posted.length > 0, 35_000);
    expect(mine.posted).toEqual([]);
    await advanceUntil(mine.clock, () => mine.posted.length > 0, 60_000);
    expect(mine.posted).toEqual(['C0TIMESHEET both of another process']);
    mine.delivery.close();
    other.delivery.close();
  });
});
