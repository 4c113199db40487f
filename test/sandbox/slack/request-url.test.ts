import { createServer, type IncomingMessage } from 'node:http';
import { expect, onTestFinished, test } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { createFakeClock } from '../../support/rigs/fake-clock.ts';
import { person, slackForTest } from './harness.ts';

interface Received {
  readonly body: string;
  readonly headers: IncomingMessage['headers'];
}

/** An app behind a request URL that answers what the test says. */
async function appOverHttp(answer: (received: Received) => { status?: number; body?: string; headers?: object }) {
  const received: Received[] = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const part of request) body += String(part);
    const one = { body, headers: request.headers };
    received.push(one);
    const { status = 200, body: text = '', headers = {} } = answer(one);
    response.writeHead(status, { ...headers });
    response.end(text);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  const clock = createFakeClock(Date.now());
  const requestUrl = { url: `http://127.0.0.1:${port}/slack/events`, signingSecret: 'secret' };
  return { slack: await slackForTest({ requestUrl, clock }), received, clock };
}

test('over a request URL a command is a signed form, and its answer is the acknowledgement', async () => {
  const { slack, received } = await appOverHttp(() => ({ body: JSON.stringify({ text: 'here' }) }));
  const sent = await person(slack, 'command', { user: 'operator', channel: 'random', text: '/demo now' });
  expect(sent).toMatchObject({ ok: true, response: { text: 'here' } });
  const [request] = received;
  expect(Object.fromEntries(new URLSearchParams(request?.body))).toMatchObject({
    command: '/demo',
    text: 'now',
    user_id: 'U0OPERATOR',
  });
  expect(request?.headers['content-type']).toBe('application/x-www-form-urlencoded');
  expect(request?.headers['x-slack-signature']).toMatch(/^v0=[0-9a-f]{64}$/);
});

test('a command whose answer is not 200 fails and is not repeated', async () => {
  const { slack, received } = await appOverHttp(() => ({ status: 500 }));
  const sent = await person(slack, 'command', { user: 'operator', channel: 'random', text: '/demo' });
  expect(sent).toMatchObject({ ok: false, error: 'dispatch_failed' });
  expect(received).toHaveLength(1);
});

test('an event that is not acknowledged is repeated three times with its number and reason', async () => {
  const { slack, received, clock } = await appOverHttp(() => ({ status: 500 }));
  await person(slack, 'home', { user: 'operator' });
  await eventually(
    async () => {
      await clock.advance(2_500);
      expect(received).toHaveLength(4);
    },
    { interval: 5 },
  );
  await clock.advance(3_600_000);
  expect(received.map(({ headers }) => headers['x-slack-retry-num'])).toEqual([undefined, '1', '2', '3']);
  expect(received[1]?.headers['x-slack-retry-reason']).toBe('http_error');
  expect(new Set(received.map(({ body }) => body)).size).toBe(1);
});

test('an app that answers X-Slack-No-Retry gets no repetition', async () => {
  const { slack, received, clock } = await appOverHttp(() => ({ status: 500, headers: { 'x-slack-no-retry': '1' } }));
  await person(slack, 'home', { user: 'operator' });
  await clock.advance(3_600_000);
  expect(received).toHaveLength(1);
});

test('a request URL is verified by its challenge, and one that does not return it is not', async () => {
  const echo = await appOverHttp(({ body }) => ({ body: JSON.stringify({ challenge: JSON.parse(body).challenge }) }));
  expect(await echo.slack.verifyUrl()).toBe(true);
  const mute = await appOverHttp(() => ({}));
  expect(await mute.slack.verifyUrl()).toBe(false);
});
