import { createServer } from 'node:net';
import pino from 'pino';
import { expect, test } from 'vitest';
import { startHttpSide } from '../../src/app/http.ts';
import { readSettings } from '../../src/settings.ts';
import { createFakeClock } from '../support/rigs/fake-clock.ts';

const needed = { SLACK_BOT_TOKEN: 'xoxb-1', SLACK_APP_TOKEN: 'xapp-1', SLACK_CHANNELS: 'C01' };
const listening = () => process.getActiveResourcesInfo().filter((one) => one === 'TCPServerWrap').length;
const start = (more: Record<string, string> = {}) =>
  startHttpSide(readSettings({ ...needed, ...more }), { clock: createFakeClock(), logger: pino({ level: 'silent' }) });

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const address = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return typeof address === 'object' && address ? address.port : 0;
}

test('without HTTP_PORT no port is opened, and Slack is not expected over HTTP', async () => {
  const before = listening();
  const side = await start();
  expect(listening()).toBe(before);
  expect(side.forSlack.addSlackRoute).toBeUndefined();
  await side.close();
});

test('with Socket Mode HTTP_PORT serves health and metrics, and the path for Slack does not exist', async () => {
  const HTTP_PORT = String(await freePort());
  const side = await start({ HTTP_PORT });
  expect(side.forSlack.addSlackRoute).toBeUndefined();
  const status = async (path: string) =>
    (await fetch(`http://127.0.0.1:${HTTP_PORT}${path}`, { method: 'POST' })).status;
  expect(await status('/slack/events')).toBe(404);
  expect(await status('/healthz')).toBe(405);
  await side.close();
});
