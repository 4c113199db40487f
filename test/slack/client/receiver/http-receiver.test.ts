import { createHmac } from 'node:crypto';
import { expect, test } from 'vitest';
import { COMMANDS } from '../../../../src/slack/commands/commands.ts';
import { type BotInSlack, botInSlack } from '../../../support/rigs/bot-in-slack.ts';

interface Signed {
  readonly body: string;
  readonly headers: Record<string, string>;
}

/** A request as Slack signs it. `at`: epoch ms. */
function signed({ requestUrl }: BotInSlack, body: string, at = Date.now(), secret = requestUrl.signingSecret): Signed {
  const timestamp = String(Math.floor(at / 1_000));
  const hash = createHmac('sha256', secret).update(`v0:${timestamp}:${body}`).digest('hex');
  return {
    body,
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      'x-slack-request-timestamp': timestamp,
      'x-slack-signature': `v0=${hash}`,
    },
  };
}

const send = async ({ requestUrl }: BotInSlack, { body, headers }: Signed, more: Record<string, string> = {}) => {
  const response = await fetch(requestUrl.url, { method: 'POST', body, headers: { ...headers, ...more } });
  return { status: response.status, text: await response.text() };
};

let triggers = 0;
const command = (text: string, change: Record<string, string> = {}) =>
  new URLSearchParams({
    command: '/rescan',
    text,
    user_id: 'U0OPERATOR',
    team_id: 'T0SANDBOX',
    channel_id: 'C0TIMESHEET',
    trigger_id: `test.${++triggers}`,
    ...change,
  }).toString();

const MINUTE = 60_000;

test('over HTTP commands and buttons work as over Socket Mode, with the same permissions, and each is acknowledged', async () => {
  const bot = await botInSlack({ over: 'http' });
  expect(await bot.verifyUrl()).toBe(true);
  expect(bot.isConnected()).toBe(true);
  expect(await bot.command('viewer', '/rescan start keep')).toMatchObject({ ok: true });
  expect((await bot.ephemeral(/read-only/)).text).toContain('Nothing was done');
  expect(bot.runs.calls).toEqual([]);
  expect(await bot.command('operator', '/rescan start keep')).toMatchObject({ ok: true });
  const plan = await bot.message(/r-0142/);
  await bot.click('operator', plan.ts, 'plan_start');
  await bot.message(/started/);
  expect(bot.runs.calls).toContain('start r-0142 by U0OPERATOR');
  expect(bot.acknowledgements.map(({ request }) => request)).toEqual(['command', 'command', 'click']);
});

test('over HTTP each command that needs an operator or approver is refused to everyone else, and nothing is done', async () => {
  const bot = await botInSlack({ over: 'http' });
  const needing = COMMANDS.filter(({ role }) => role === 'operator' || role === 'approver');
  expect(needing.length).toBeGreaterThan(10);
  for (const { example } of needing)
    for (const user_id of ['U0VIEWER', 'U0GUEST', 'U0EXTERNAL', 'U0NOBODY'])
      expect((await send(bot, signed(bot, command(example, { user_id })))).status).toBe(200);
  // It waits for what is in progress.
  await bot.stopBot();
  expect(bot.runs.calls).toEqual([]);
  const { messages, views } = await bot.state();
  expect([messages, Object.values(views).flat()]).toEqual([[], []]);
});

test('a request without a valid signature, or with one of another secret, is refused and does nothing', async () => {
  const bot = await botInSlack({ over: 'http' });
  const { body, headers } = signed(bot, command('stop'));
  expect((await send(bot, { body, headers: {} })).status).toBe(401);
  expect((await send(bot, { body: body.replace('stop', 'stop+now'), headers })).status).toBe(401);
  expect((await send(bot, signed(bot, command('stop'), Date.now(), 'another-secret'))).status).toBe(401);
  expect((await send(bot, { body, headers: { ...headers, 'x-slack-signature': 'v1=00' } })).status).toBe(401);
  expect(bot.runs.calls).toEqual([]);
  expect(bot.logLines().join()).toContain('its signature or timestamp is not valid');
});

test('a request older than 5 minutes, or dated more than 5 minutes ahead, is refused although its signature is valid', async () => {
  const bot = await botInSlack({ over: 'http' });
  const sentAt = async (at: number) => (await send(bot, signed(bot, command('status'), at))).status;
  expect(await sentAt(Date.now() - 6 * MINUTE)).toBe(401);
  expect(await sentAt(Date.now() + 6 * MINUTE)).toBe(401);
  expect(await sentAt(Date.now() - 4 * MINUTE)).toBe(200);
  expect(await sentAt(Date.now() + 4 * MINUTE)).toBe(200);
  expect(bot.logLines().join()).toContain('its timestamp is in the future');
});

test('a request that was received before is refused, and Slack’s own repetition of it is acknowledged and not executed again', async () => {
  const bot = await botInSlack({ over: 'http' });
  const request = signed(bot, command('start keep'));
  expect((await send(bot, request)).status).toBe(200);
  await bot.message(/r-0142/);
  expect((await send(bot, request)).status).toBe(401);
  const repeated = { 'x-slack-retry-num': '1', 'x-slack-retry-reason': 'http_timeout' };
  expect((await send(bot, request, repeated)).status).toBe(200);
  // Slack signs a repetition anew.
  expect((await send(bot, signed(bot, request.body, Date.now() + 2_000), repeated)).status).toBe(200);
  expect(bot.runs.calls).toEqual(['plan by U0OPERATOR']);
  expect(bot.logLines().join()).toContain('it was received before');
});

test('a request that was received before is refused also with a text after its signature', async () => {
  const bot = await botInSlack({ over: 'http' });
  const request = signed(bot, command('start keep'));
  expect((await send(bot, request)).status).toBe(200);
  await bot.message(/r-0142/);
  const changed = { 'x-slack-signature': `${request.headers['x-slack-signature']}=again` };
  expect((await send(bot, request, changed)).status).toBe(401);
  expect(bot.runs.calls).toEqual(['plan by U0OPERATOR']);
});

test('an SSL check is answered without a signature, and the signature that it has is not remembered', async () => {
  const bot = await botInSlack({ over: 'http' });
  const request = signed(bot, command('start keep'));
  const unsigned = { ...request, body: 'ssl_check=1&text=stop' };
  expect((await send(bot, unsigned)).status).toBe(200);
  expect(
    (await send(bot, { ...unsigned, headers: { 'content-type': 'application/x-www-form-urlencoded' } })).status,
  ).toBe(200);
  expect((await send(bot, request)).status).toBe(200);
  await bot.message(/r-0142/);
  expect(bot.runs.calls).toEqual(['plan by U0OPERATOR']);
});

test('a body of more than 1 MB is refused with 413, before its signature is looked at', async () => {
  const bot = await botInSlack({ over: 'http' });
  const request = signed(bot, command('status', { padding: 'x'.repeat(1024 * 1024) }));
  expect((await send(bot, request)).status).toBe(413);
  expect((await send(bot, signed(bot, command('status')))).status).toBe(200);
});

test('before the start and after the stop requests get 503, and no request of Slack is taken for another path', async () => {
  const bot = await botInSlack({ over: 'http' });
  const other = await fetch(bot.requestUrl.url.replace('/slack/events', '/slack/install'), { method: 'POST' });
  expect(other.status).toBe(404);
  expect((await fetch(bot.requestUrl.url)).status).toBe(405);
  await bot.stopBot();
  expect(bot.isConnected()).toBe(false);
  expect(await send(bot, signed(bot, command('status')))).toEqual({ status: 503, text: '' });
  expect(await bot.command('operator', '/rescan status')).toMatchObject({ ok: false, error: 'dispatch_failed' });
  await bot.startBot();
  expect(await bot.command('operator', '/rescan status')).toMatchObject({ ok: true });
});

test('a payload that is signed and malformed is refused and does not end the process', async () => {
  const bot = await botInSlack({ over: 'http' });
  const json = { 'content-type': 'application/json' };
  expect((await send(bot, signed(bot, '{"type":'), json)).status).toBe(400);
  expect((await send(bot, signed(bot, 'payload={broken'))).status).toBe(400);
  expect((await send(bot, signed(bot, 'ssl_check=1&command=%2Frescan&text=stop'))).status).toBe(200);
  expect(bot.runs.calls).toEqual([]);
  expect((await send(bot, signed(bot, command('status')))).status).toBe(200);
});
