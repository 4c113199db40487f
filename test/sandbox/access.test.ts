import { get, request } from 'node:http';
import { describe, expect, onTestFinished, test } from 'vitest';
import { startLocalAws } from '../../sandbox/aws/server.ts';
import { startPageServer } from '../../sandbox/web/server.ts';
import { slackForTest } from './slack/harness.ts';

/** The status of a POST with exactly these headers. fetch would replace the Host header. */
const post = (url: string, path: string, headers: Record<string, string>): Promise<number> =>
  new Promise((resolve, reject) => {
    const { port } = new URL(url);
    const sent = request(
      { host: '127.0.0.1', port, path, method: 'POST', headers: { 'content-type': 'application/json', ...headers } },
      (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      },
    ).on('error', reject);
    sent.end('{}');
  });

const SERVERS: readonly (readonly [name: string, path: string, start: () => Promise<string>])[] = [
  ['local Slack', '/sandbox/slack-world', async () => (await slackForTest()).url],
  [
    'local AWS',
    '/sandbox/world',
    async () => {
      const aws = await startLocalAws({ port: 0, images: 1 });
      onTestFinished(() => aws.close());
      return aws.url;
    },
  ],
  [
    'page server',
    '/sandbox/slack-world',
    async () => {
      const page = await startPageServer({ port: 0, slackUrl: (await slackForTest()).url });
      onTestFinished(() => page.close());
      return page.url;
    },
  ],
];

describe.each(SERVERS)('access to the control routes of the %s', (_name, path, start) => {
  test('a request with a foreign Origin is refused with 403', async () => {
    const url = await start();
    const { port } = new URL(url);
    for (const origin of [
      'https://evil.example',
      'null',
      'http://127.0.0.1',
      `https://127.0.0.1:${port}`,
      `http://localhost:${port}`,
      `http://127.0.0.1:${Number(port) + 1}`,
      `${url}.evil.example`,
    ])
      expect(await post(url, path, { origin }), origin).toBe(403);
  });

  test('a request with the Host of another machine or port is refused with 403, even with a matching Origin', async () => {
    const url = await start();
    const { port } = new URL(url);
    for (const host of [
      'evil.example',
      `evil.example:${port}`,
      `127.0.0.1.evil.example:${port}`,
      `localhost.evil.example:${port}`,
      '127.0.0.1',
      `127.0.0.1:${Number(port) + 1}`,
    ]) {
      expect(await post(url, path, { host }), host).toBe(403);
      expect(await post(url, path, { host, origin: `http://${host}` }), host).toBe(403);
    }
  });

  test('a program without an Origin, and a page of the same origin, are accepted', async () => {
    const url = await start();
    const { port } = new URL(url);
    for (const host of [`127.0.0.1:${port}`, `localhost:${port}`, `LOCALHOST:${port}`]) {
      expect(await post(url, path, { host }), host).toBe(200);
      expect(await post(url, path, { host, origin: `http://${host}` }), host).toBe(200);
    }
  });
});

test('a page of another origin cannot call the Web API or an AWS service with the known credentials', async () => {
  const slack = await slackForTest();
  const aws = await startLocalAws({ port: 0, images: 1 });
  onTestFinished(() => aws.close());
  const origin = 'https://evil.example';
  const authorization = `Bearer ${slack.tokens.bot}`;
  expect(await post(slack.url, '/api/auth.test', { authorization })).toBe(200);
  expect(await post(slack.url, '/api/auth.test', { authorization, origin })).toBe(403);
  const target = { 'x-amz-target': 'DynamoDB_20120810.ListTables', authorization: 'AWS4-HMAC-SHA256 Credential=x' };
  expect(await post(aws.url, '/', target)).not.toBe(403);
  expect(await post(aws.url, '/', { ...target, origin })).toBe(403);
});

test('a request with an unreadable Host header is refused by the control routes', async () => {
  const slack = await slackForTest();
  const { port } = new URL(slack.url);
  const status = await new Promise<number>((resolve, reject) => {
    get({ host: '127.0.0.1', port, path: '/sandbox/state', headers: { host: 'a b:c' } }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    }).on('error', reject);
  });
  expect(status).toBe(403);
});
