import { createServer, get } from 'node:http';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type PageServer, startPageServer } from '../../../sandbox/web/server.ts';
import { slackForTest } from '../slack/harness.ts';

async function pageForTest(slackUrl = 'http://127.0.0.1:9', awsUrl?: string): Promise<PageServer> {
  const server = await startPageServer({ port: 0, slackUrl, ...(awsUrl === undefined ? {} : { awsUrl }) });
  onTestFinished(() => server.close());
  return server;
}

/** Requests the path unchanged. fetch would normalise it. */
const status = (url: string, path: string, headers: Record<string, string> = {}): Promise<number> =>
  new Promise((resolve, reject) => {
    const { port } = new URL(url);
    get({ host: '127.0.0.1', port, path, headers }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    }).on('error', reject);
  });

describe('the server of the page', () => {
  test('the page server serves every file of the page without a build, and the page loads nothing from other sites', async () => {
    const { url } = await pageForTest();
    const asked = new Set<string>(['/']);
    for (const path of asked) {
      const reply = await fetch(`${url}${path}`);
      expect(reply.status, path).toBe(200);
      const text = await reply.text();
      expect(reply.headers.get('content-security-policy')).toContain("default-src 'none'");
      for (const [, found = ''] of text.matchAll(/(?:from\s+|import\s+|src=|href=)["']([^"']+)["']/g)) {
        if (found === 'data:,') continue;
        expect(found, `${path} asks for ${found}`).toMatch(/^[./]/);
        asked.add(new URL(found, `${url}${path}`).pathname);
      }
    }
    expect(asked.size).toBeGreaterThan(30);
    expect([...asked]).toEqual(
      expect.arrayContaining(['/library/preact.mjs', '/page/style/base.css', '/page/world/world.ts']),
    );
  });

  test('the page server serves no other file for any spelling of its path', async () => {
    const { url } = await pageForTest();
    for (const path of [
      '/page/../server.ts',
      '/page/..%2fserver.ts',
      '/page/chat/../../server.ts',
      '/page/tsconfig.json',
      '/page//etc/passwd',
      '/page/chat/deeper/x.ts',
      '/server.ts',
      '/library/__proto__',
      '/aws/sandbox/world',
    ])
      expect(await status(url, path), path).toBe(404);
  });

  test('the page server refuses requests from pages of other origins', async () => {
    const slack = await slackForTest();
    const { url } = await pageForTest(slack.url);
    const said = (origin: string) =>
      fetch(`${url}/sandbox/message`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', origin },
        body: JSON.stringify({ user: 'operator', channel: 'random', text: 'hello' }),
      });
    expect((await said('https://evil.example')).status).toBe(403);
    expect((await said('null')).status).toBe(403);
    expect((await said(url)).status).toBe(200);
  });

  test('the page server forwards an event stream while it arrives, and reports a server that does not answer', async () => {
    const slack = await slackForTest();
    const { url } = await pageForTest(slack.url);
    const gone = new AbortController();
    onTestFinished(() => gone.abort());
    const stream = await fetch(`${url}/sandbox/events`, { signal: gone.signal });
    expect(stream.headers.get('content-type')).toContain('text/event-stream');
    const reader = stream.body?.getReader();
    await reader?.read();
    await fetch(`${url}/sandbox/message`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ user: 'operator', channel: 'random', text: 'live' }),
    });
    expect(new TextDecoder().decode((await reader?.read())?.value)).toContain('event: message');
    const nowhere = await pageForTest();
    expect((await fetch(`${nowhere.url}/sandbox/state`)).status).toBe(502);
  });

  test('the page server forwards to AWS only the sandbox routes, with their query and body', async () => {
    const asked: string[] = [];
    const aws = createServer((request, response) => {
      asked.push(`${request.method} ${request.url}`);
      response.end('{}');
    });
    await new Promise<void>((resolve) => aws.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void aws.close());
    const address = aws.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    const { url } = await pageForTest('http://127.0.0.1:9', `http://127.0.0.1:${port}`);
    await fetch(`${url}/aws/sandbox/object?key=a%2Fb%26c.png`, { method: 'PUT', body: 'x' });
    expect(await status(url, '/aws/other')).toBe(404);
    expect(await status(url, '/aws/sandbox/../../bucket/key')).toBe(404);
    expect(asked).toEqual(['PUT /sandbox/object?key=a%2Fb%26c.png']);
  });
});
