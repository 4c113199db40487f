import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestSandbox, type TestSandbox } from '../support/rigs/sandbox.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
let bot: TestSandbox;
let url: string;
beforeAll(async () => {
  bot = await startTestSandbox({ images: 12, slackOver: 'http' });
  url = `http://127.0.0.1:${bot.environment.HTTP_PORT}`;
});
afterAll(() => bot.close());

const get = async (path: string) => {
  const response = await fetch(`${url}${path}`);
  return { status: response.status, text: await response.text() };
};

test('the bot as a process receives commands over HTTP without a Socket Mode connection, and is ready and measured', async () => {
  expect(await bot.people.command('operator', '/rescan status')).toMatchObject({ ok: true });
  expect((await get('/healthz')).status).toBe(200);
  const ready = await get('/readyz');
  expect(ready.status, ready.text).toBe(200);
  expect(JSON.parse(ready.text)).toMatchObject({
    slackConnected: true,
    pipelines: [{ pipeline: 'TimesheetOCR-ocr-dev' }],
  });
  const { text } = await get('/metrics');
  expect(text).toContain('rescan_slack_connected 1');
  expect(text).toContain('rescan_slack_acknowledgement_seconds_count{request="command"} 1');
  expect(text).toContain('rescan_alerts_waiting{pipeline="TimesheetOCR-ocr-dev"}');
});

test('a second process on the same port does not start, writes nothing and names HTTP_PORT', async () => {
  const second = spawn(process.execPath, [MAIN], { env: bot.environment, stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  second.stderr.on('data', (part) => {
    said += String(part);
  });
  const code = await new Promise((resolve) => second.once('close', resolve));
  expect(code).toBe(1);
  expect(said).toContain(`HTTP_PORT is ${bot.environment.HTTP_PORT}, and another process listens on`);
  expect(said).not.toContain(' at ');
});

test('a stop frees the port', async () => {
  await bot.people.bot('stop');
  await expect(get('/healthz')).rejects.toThrow();
});
