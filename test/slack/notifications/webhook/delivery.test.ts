import { createHmac } from 'node:crypto';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { expect, onTestFinished, test } from 'vitest';
import { createWebhookDelivery, GIVE_UP_MS } from '../../../../src/slack/notifications/webhook/delivery.ts';
import type { WebhookEvent } from '../../../../src/slack/notifications/webhook/events.ts';
import { createPagerDutyTarget, createWebhookTarget } from '../../../../src/slack/notifications/webhook/send.ts';
import { createFollowUps, type FollowUps } from '../../../../src/state/follow-ups.ts';
import type { Lease } from '../../../../src/state/lease.ts';
import { createLease } from '../../../../src/state/lease.ts';
import { eventually } from '../../../support/eventually.ts';
import { failOnWarning } from '../../../support/fail-on-warning.ts';
import { createMemoryControlTable } from '../../../support/memory/memory-control-table.ts';
import { createFakeClock } from '../../../support/rigs/fake-clock.ts';

interface Received {
  readonly body: string;
  readonly headers: IncomingHttpHeaders;
  readonly id: string;
}

/** A receiver on 127.0.0.1 that answers with these statuses in turn, then 200; 0: it cuts the connection, -1: it never answers. */
async function receiver(...statuses: number[]) {
  const received: Received[] = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const part of request) body += String(part);
    const status = statuses.shift() ?? 200;
    received.push({ body, headers: request.headers, id: String(JSON.parse(body).id ?? JSON.parse(body).event_action) });
    if (status === 0) return void request.socket.destroy();
    if (status > 0) response.writeHead(status, status === 302 ? { location: 'http://127.0.0.1:9/' } : {}).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  return { url: `http://127.0.0.1:${port}/hooks/very-secret-path`, host: `127.0.0.1:${port}`, received, statuses };
}

const SECRET = 'a-secret-of-24-characters';
const event = (id: string, change: Partial<WebhookEvent> = {}): WebhookEvent => ({
  id,
  event: 'run.tripped',
  at: Date.UTC(2025, 0, 6, 9),
  summary: 'Rescan r-1 stopped itself.',
  subject: 'r-1',
  incident: 'begins',
  ...change,
});

function world() {
  const clock = createFakeClock();
  const { table } = createMemoryControlTable();
  const followUps = createFollowUps({ table, name: 'ocr#webhook', warn: failOnWarning });
  const lease = (holder: string) => createLease({ table, name: 'webhook', holder, durationMs: 15_000, clock });
  return { clock, followUps, lease };
}

function sender(
  { clock, followUps, lease }: ReturnType<typeof world>,
  urls: { webhook?: string; pagerDuty?: string },
  change: { followUps?: FollowUps; lease?: Lease; holder?: string } = {},
) {
  const said: string[] = [];
  const logged: string[] = [];
  const sending = { pipeline: 'ocr', clock };
  const delivery = createWebhookDelivery({
    targets: [
      ...(urls.webhook === undefined ? [] : [createWebhookTarget({ url: urls.webhook, secret: SECRET }, sending)]),
      ...(urls.pagerDuty === undefined
        ? []
        : [createPagerDutyTarget({ url: urls.pagerDuty, routingKey: 'R'.repeat(32) }, sending)]),
    ],
    followUps: change.followUps ?? followUps,
    lease: change.lease ?? lease(change.holder ?? 'me'),
    alerts: { put: async (_id, { message }) => void said.push(message.text) },
    clock,
    random: () => 1,
    onError: (_error, message) => logged.push(message),
  });
  onTestFinished(() => delivery.close());
  return { delivery, said, logged };
}

/** Advances the clock in steps until the check passes: requests need real time. */
const until = (clock: ReturnType<typeof createFakeClock>, check: () => void) =>
  eventually(
    async () => {
      await clock.advance(1_000);
      check();
    },
    { interval: 5 },
  );
const openIds = async (followUps: FollowUps) => {
  const ids: string[] = [];
  for await (const { id } of followUps.open()) ids.push(id);
  return ids;
};

test('an event is sent once as JSON, signed over its time and body, with its idempotency key', async () => {
  const at = world();
  const { url, received } = await receiver();
  const { delivery } = sender(at, { webhook: url });
  await delivery.put(event('e-1'));
  await delivery.put(event('e-1'));
  delivery.start();
  await until(at.clock, () => expect(received).toHaveLength(1));
  await delivery.idle();
  const { body = '', headers = {} }: Partial<Received> = received[0] ?? {};
  const timestamp = String(headers['x-rescan-timestamp']);
  const hash = createHmac('sha256', SECRET).update(`v1:${timestamp}:${body}`).digest('hex');
  expect(headers['x-rescan-signature']).toBe(`v1=${hash}`);
  expect(headers['x-rescan-event-id']).toBe('ocr/e-1');
  expect(JSON.parse(body)).toMatchObject({ version: 1, id: 'ocr/e-1', event: 'run.tripped', pipeline: 'ocr' });
  expect(Math.abs(Number(timestamp) * 1_000 - at.clock.now())).toBeLessThan(10_000);
  expect(await openIds(at.followUps)).toEqual([]);
});

test('an event that is not taken is repeated until it is, which the channel hears once and without the secret path', async () => {
  const at = world();
  const { url, host, received } = await receiver(503, 0, 429);
  const { delivery, said, logged } = sender(at, { webhook: url });
  delivery.start();
  await delivery.put(event('e-1'));
  await until(at.clock, () => expect(received).toHaveLength(4));
  await delivery.idle();
  expect(said).toHaveLength(1);
  expect(said[0]).toContain(`The webhook at \`${host}\` did not take \`run.tripped\`: \`HTTP 503\`.`);
  expect(`${said}${logged}`).not.toContain('very-secret-path');
  expect(new Set(received.map(({ id }) => id))).toEqual(new Set(['ocr/e-1']));
  // After a delivery the next failure is new.
  expect(logged.filter((line) => line.includes('did not take'))).toHaveLength(1);
});

test('a receiver that never answers is given up after 10 s and asked again', async () => {
  const at = world();
  const { url, received } = await receiver(-1);
  const { delivery, said } = sender(at, { webhook: url });
  delivery.start();
  await delivery.put(event('e-1'));
  await until(at.clock, () => expect(received).toHaveLength(2));
  expect(said[0]).toContain('no answer within 10 s');
});

test.each([[401], [404], [302]])(
  'an event that is refused with %d is not repeated, which the channel and the log say',
  async (status) => {
    const at = world();
    const { url, received } = await receiver(status);
    const { delivery, said, logged } = sender(at, { webhook: url });
    delivery.start();
    await delivery.put(event('e-1'));
    await delivery.put(event('e-2', { at: event('e-1').at + 1 }));
    await until(at.clock, () => expect(received).toHaveLength(2));
    await delivery.idle();
    expect(received.map(({ id }) => id)).toEqual(['ocr/e-1', 'ocr/e-2']);
    expect(said).toHaveLength(1);
    expect(said[0]).toContain(`\`HTTP ${status}\`. It is not repeated.`);
    expect(logged.join()).toContain('e-1: HTTP');
    expect(await openIds(at.followUps)).toEqual([]);
  },
);

test('later events wait for an earlier one, so that no problem is over before it is reported', async () => {
  const at = world();
  const { url, received } = await receiver(500, 500);
  const { delivery } = sender(at, { pagerDuty: url });
  delivery.start();
  await delivery.put(event('trip'));
  await delivery.put(event('resume', { incident: 'ends', event: 'run.resumed', at: event('trip').at + 1 }));
  await until(at.clock, () => expect(received).toHaveLength(4));
  expect(received.map(({ id }) => id)).toEqual(['trigger', 'trigger', 'trigger', 'resolve']);
});

test('one target that is down does not hold up the other one', async () => {
  const at = world();
  const down = await receiver(...Array.from({ length: 50 }, () => 503));
  const pagerDuty = await receiver();
  const { delivery } = sender(at, { webhook: down.url, pagerDuty: pagerDuty.url });
  delivery.start();
  for (const n of [1, 2, 3]) await delivery.put(event(`e-${n}`, { at: event('').at + n }));
  await until(at.clock, () => expect(pagerDuty.received).toHaveLength(3));
  expect([...new Set(down.received.map(({ id }) => id))]).toEqual(['ocr/e-1']);
});

test('an event that could not be delivered for 24 h is dropped, and the events after it are sent', async () => {
  const at = world();
  const { url, received, statuses } = await receiver(...Array.from({ length: 100 }, () => 503));
  const { delivery, logged } = sender(at, { webhook: url });
  delivery.start();
  await delivery.put(event('old'));
  await until(at.clock, () => expect(received.length).toBeGreaterThan(0));
  expect(logged.join()).not.toContain('dropped');
  at.clock.jump(GIVE_UP_MS);
  await until(at.clock, () => expect(logged.join()).toContain('old: HTTP 503. It is dropped.'));
  statuses.length = 0;
  await delivery.put(event('new', { at: at.clock.now() }));
  await until(at.clock, () => expect(received.at(-1)?.id).toBe('ocr/new'));
});

test('after a crash between the sending and its record the event is sent again with the same key, and no other twice', async () => {
  const at = world();
  const { url, received } = await receiver();
  const dying: FollowUps = { ...at.followUps, noteStep: () => new Promise<void>(() => {}) };
  const first = sender(at, { webhook: url }, { followUps: dying, lease: { ...at.lease('dies'), start: () => {} } });
  first.delivery.start();
  await first.delivery.put(event('e-1'));
  await until(at.clock, () => expect(received).toHaveLength(1));
  first.delivery.close();
  const second = sender(at, { webhook: url }, { holder: 'next' });
  second.delivery.start();
  await second.delivery.put(event('e-1'));
  await until(at.clock, () => expect(received).toHaveLength(2));
  await second.delivery.idle();
  await second.delivery.put(event('e-1'));
  await second.delivery.idle();
  expect(received.map(({ id }) => id)).toEqual(['ocr/e-1', 'ocr/e-1']);
});

test('of two processes with the same events one sends', async () => {
  const at = world();
  const { url, received } = await receiver();
  const both = ['one', 'two'].map((holder) => sender(at, { webhook: url }, { holder }));
  for (const { delivery } of both) delivery.start();
  for (const { delivery } of both) for (const id of ['e-1', 'e-2']) await delivery.put(event(id));
  await until(at.clock, () => expect(received.length).toBeGreaterThanOrEqual(2));
  await at.clock.advance(60_000);
  expect(received.map(({ id }) => id).sort()).toEqual(['ocr/e-1', 'ocr/e-2']);
});

test('while the control table cannot be written, an event holds up nothing and is sent when it can', async () => {
  const at = world();
  const { url, received } = await receiver();
  let isAway = true;
  const followUps: FollowUps = {
    ...at.followUps,
    put: (one) => (isAway ? Promise.reject(new Error('away')) : at.followUps.put(one)),
  };
  const { delivery, logged } = sender(at, { webhook: url }, { followUps });
  delivery.start();
  await delivery.put(event('e-1'));
  expect(logged).toEqual(['The event e-1 of a webhook cannot be stored. It will be retried.']);
  isAway = false;
  await until(at.clock, () => expect(received).toHaveLength(1));
});
