import pino from 'pino';
import { expect, test } from 'vitest';
import { healthOf, readinessOf, watchEventLoop } from '../../src/http/health.ts';
import { HttpPortError, startHttpServer } from '../../src/http/server.ts';
import { ControlTableError } from '../../src/state/table/control-table.ts';
import { observedBot } from './rig.ts';

const silent = pino({ level: 'silent' });
const unreachable = new ControlTableError({ reason: 'control-table', message: 'gone', fix: 'wait' }, undefined);

test('a process is healthy while its event loop turns, and not just after it was blocked for more than 5 s', () => {
  expect(healthOf(0)).toEqual({ status: 200, body: { healthy: true, eventLoopDelayMs: 0 } });
  expect(healthOf(5_000).status).toBe(200);
  expect(healthOf(5_001)).toMatchObject({ status: 503, body: { healthy: false } });
});

test('the watch of the event loop reports how long a synchronous call blocked it', async () => {
  const loop = watchEventLoop(() => performance.now(), 5);
  const until = performance.now() + 60;
  while (performance.now() < until);
  expect(loop.delayMs()).toBeGreaterThanOrEqual(40);
  loop.close();
});

test('readiness names each part that is not ready, and a process that waits for the lease of another one is ready', () => {
  const waiting = { pipeline: 'ocr', readMsAgo: 900, lease: 'another process' } as const;
  expect(readinessOf({ slackConnected: true, pipelines: [waiting] })).toMatchObject({
    status: 200,
    body: { notReady: [] },
  });
  const stale = { pipeline: 'invoices', readMsAgo: 30_001, lease: 'nobody' } as const;
  expect(readinessOf({ slackConnected: false, pipelines: [waiting, stale, { pipeline: 'new' }] })).toMatchObject({
    status: 503,
    body: {
      ready: false,
      notReady: [
        'slack: not connected',
        'control table of invoices: not reachable',
        'control table of new: not reachable',
      ],
    },
  });
});

test('the server answers only its own paths, and these only with their methods', async () => {
  const bot = await observedBot();
  bot.server.add('POST', '/slack/events', (_request, response) => void response.end('taken'));
  expect((await bot.get('/healthz')).status).toBe(200);
  expect((await bot.get('/healthz?verbose=1')).status).toBe(200);
  for (const path of ['/', '/healthz/', '/metrics/x', '/HEALTHZ', '//healthz'])
    expect((await bot.get(path)).status, path).toBe(404);
  const wrong = await bot.get('/metrics', 'POST');
  expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'GET']);
  const unposted = await bot.get('/slack/events');
  expect([unposted.status, unposted.headers.get('allow')]).toEqual([405, 'POST']);
  expect((await bot.get('/healthz', 'DELETE')).status).toBe(405);
});

test('a handler that fails answers 500 without the error, which the log has', async () => {
  const bot = await observedBot();
  bot.server.add('GET', '/fails', () => {
    throw new Error('secret-detail');
  });
  const { status, text } = await bot.get('/fails');
  expect([status, text.includes('secret-detail')]).toEqual([500, false]);
  expect(bot.logged.join()).toContain('secret-detail');
});

test('a port in use stops the start with a line that names the setting', async () => {
  const { server } = await observedBot();
  const second = startHttpServer({ host: '127.0.0.1', port: server.port }, silent);
  await expect(second).rejects.toThrow(HttpPortError);
  await expect(second).rejects.toThrow(
    `HTTP_PORT is ${server.port}, and another process listens on 127.0.0.1:${server.port}. Stop that process, or set another HTTP_PORT.`,
  );
});

test('an address that the machine does not have stops the start with a line that names HTTP_HOST', async () => {
  await expect(startHttpServer({ host: '192.0.2.1', port: 0 }, silent)).rejects.toThrow('HTTP_HOST is 192.0.2.1');
});

test('/readyz follows Slack, the control table and the lease, and says what is not ready', async () => {
  let failing = false;
  const bot = await observedBot();
  const lease = { look: async () => (failing ? Promise.reject(unreachable) : bot.lease('me').look()) };
  const failable = await observedBot({ lease });
  const ready = async () => {
    failable.clock.jump(10_000);
    const { status, text } = await failable.get('/readyz');
    return { status, ...JSON.parse(text) };
  };
  expect(await ready()).toMatchObject({ status: 503, notReady: ['slack: not connected'] });
  failable.observation.slack(() => true);
  expect(await ready()).toMatchObject({ status: 200, pipelines: [{ pipeline: 'ocr', lease: 'nobody' }] });
  await bot.lease('other/table').acquire();
  expect(await ready()).toMatchObject({ status: 200, pipelines: [{ lease: 'another process' }] });
  failing = true;
  expect((await ready()).status).toBe(200);
  failable.clock.jump(25_000);
  expect(await ready()).toMatchObject({ status: 503, notReady: ['control table of ocr: not reachable'] });
  failing = false;
  expect((await ready()).status).toBe(200);
});

test('a pipeline that has not started is not ready, by name, and metrics say so until it starts', async () => {
  const bot = await observedBot();
  bot.observation.slack(() => true);
  bot.observation.expect('invoices');
  const { status, text } = await bot.get('/readyz');
  expect([status, JSON.parse(text)]).toMatchObject([
    503,
    {
      ready: false,
      notReady: ['pipeline invoices: not started'],
      pipelines: [{ pipeline: 'ocr' }, { notStarted: true }],
    },
  ]);
  expect(await bot.series('rescan_pipeline_started{pipeline="invoices"}')).toBe(0);
  expect(await bot.series('rescan_pipeline_started{pipeline="ocr"}')).toBe(1);
  let closed = 0;
  const observer = {
    refresh: async () => {},
    readiness: () => ({ pipeline: 'invoices', readMsAgo: 1 }),
    close() {
      closed++;
    },
  };
  bot.observation.add('invoices', observer);
  expect((await bot.get('/readyz')).status).toBe(200);
  expect(await bot.series('rescan_pipeline_started{pipeline="invoices"}')).toBe(1);
  // One that is started a second time replaces the first.
  bot.observation.add('invoices', observer);
  expect(closed).toBe(1);
});

test('however often health is asked for, the control table is read once in 10 s, and a read that hangs is not repeated', async () => {
  let reads = 0;
  let answer = () => {};
  const lease = {
    look: () => {
      reads += 1;
      return reads === 1 ? Promise.resolve({}) : new Promise<object>((resolve) => (answer = () => resolve({})));
    },
  };
  const bot = await observedBot({ lease });
  await Promise.all(Array.from({ length: 20 }, () => bot.get('/readyz')));
  await bot.get('/metrics');
  expect(reads).toBe(1);
  bot.clock.jump(10_000);
  const hanging = bot.get('/readyz');
  await expect.poll(() => bot.clock.sleeping()).toBe(1);
  await bot.clock.advance(3_000);
  await hanging;
  bot.clock.jump(60_000);
  const second = bot.get('/readyz');
  await expect.poll(() => bot.clock.sleeping()).toBe(1);
  await bot.clock.advance(3_000);
  expect((await second).text).toContain('not reachable');
  expect(reads).toBe(2);
  answer();
});
