import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type LocalAws, startLocalAws } from '../../sandbox/aws/server.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
let aws: LocalAws;
beforeAll(async () => {
  aws = await startLocalAws({ port: 0, images: 1 });
});
afterAll(() => aws.close());

const environmentWith = (settings: Record<string, string>) => ({
  PATH: process.env.PATH,
  AWS_ENDPOINT_URL: aws.url,
  AWS_REGION: 'us-east-1',
  AWS_ACCESS_KEY_ID: 'x',
  AWS_SECRET_ACCESS_KEY: 'x',
  ...settings,
});

/** Starts the bot and waits until it exits. */
function start(settings: Record<string, string>): Promise<{ code: number | null; said: string }> {
  const bot = spawn(process.execPath, [MAIN], {
    env: environmentWith(settings),
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  bot.stderr.on('data', (part) => {
    said += String(part);
  });
  return new Promise((resolve) => bot.once('exit', (code) => resolve({ code, said })));
}

const tokens = {
  SLACK_BOT_TOKEN: 'xoxb-1',
  SLACK_APP_TOKEN: 'xapp-1',
  SLACK_CHANNELS: 'C01',
  SLACK_API_URL: 'http://127.0.0.1:9/api/',
};

describe('a start that fails', () => {
  test('the bot lists every missing and malformed setting and exits with 1', async () => {
    const { code, said } = await start({ SLACK_APP_TOKEN: 'xapp-1', PACE: '0', BREAKER_WINDOW: 'x' });
    expect(code).toBe(1);
    expect(said).toMatch(/SLACK_BOT_TOKEN is not set/);
    expect(said).toMatch(/SLACK_CHANNELS is not set/);
    expect(said).toMatch(/PACE is "0"/);
    expect(said).toMatch(/BREAKER_WINDOW is "x"/);
  });

  test('the bot names the missing permission for the control table', async () => {
    aws.turn({ accessDenied: ['dynamodb:CreateTable', 'dynamodb:DescribeTable'] });
    const { code, said } = await start(tokens);
    aws.turn({ accessDenied: [] });
    expect(code).toBe(1);
    expect(said).toMatch(/dynamodb:(Describe|Create)Table/);
    expect(said).not.toMatch(/ at .*\.ts:/);
  });

  test('the bot names a missing control bucket and a control bucket that it may not read', async () => {
    const missing = await start({ ...tokens, CONTROL_BUCKET: 'no-such-bucket' });
    expect(missing.code).toBe(1);
    expect(missing.said).toMatch(/no-such-bucket/);
    expect(missing.said).toMatch(/CONTROL_BUCKET/);
    aws.turn({ accessDenied: ['s3:ListBucket'] });
    const denied = await start(tokens);
    aws.turn({ accessDenied: [] });
    expect(denied.code).toBe(1);
    expect(denied.said).toMatch(/s3:ListBucket/);
  });
});

describe('an exception that nothing catches', () => {
  const TOKEN = 'xoxb-210987654321-109876543210-Zk3vQ8mT1nRw';
  /** Runs before src/main.ts, and throws once main has its handlers: outside of each call of the bot. */
  const throwing = (event: string, act: string) =>
    `data:text/javascript,${encodeURIComponent(`
      process.on('newListener', (name) => {
        if (name !== '${event}') return;
        const error = Object.assign(new Error('a socket broke'), { request: { headers: { Authorization: 'Bearer ${TOKEN}' } } });
        setTimeout(() => { ${act} }, 0);
      });`)}`;

  async function logOf(
    preload: string,
    isEnough: (log: string) => boolean,
  ): Promise<{ code: number | null; log: string }> {
    const bot = spawn(process.execPath, ['--import', preload, MAIN], {
      env: environmentWith(tokens),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let log = '';
    const ended = new Promise<number | null>((resolve) => bot.once('close', resolve));
    for (const stream of [bot.stdout, bot.stderr])
      stream.on('data', (part) => {
        log += String(part);
        if (isEnough(log)) bot.kill('SIGKILL');
      });
    return { code: await ended, log };
  }

  test('ends the bot with its message and without the credentials in it', async () => {
    const { code, log } = await logOf(throwing('uncaughtException', 'throw error;'), () => false);
    expect(code).toBe(1);
    expect(log).toMatch(/uncaught exception: exiting now/);
    expect(log).toMatch(/a socket broke/);
    expect(log).not.toContain(TOKEN);
  });

  test('of a promise is logged without the credentials in it, and the bot goes on', async () => {
    const { code, log } = await logOf(throwing('unhandledRejection', 'Promise.reject(error);'), (text) =>
      text.includes('unhandled rejection'),
    );
    expect(code).toBeNull();
    expect(log).toMatch(/a socket broke/);
    expect(log).not.toContain(TOKEN);
  });
});

test('a bot whose clock is 10 minutes behind AWS says so in its log when it starts', async () => {
  aws.turn({ clockAheadMs: 600_000, checksSignatureTime: true });
  const bot = spawn(process.execPath, [MAIN], {
    env: environmentWith(tokens),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const said = await new Promise<string>((resolve) => {
      let text = '';
      bot.stdout.on('data', (part) => {
        text += String(part);
        if (text.includes('The clock of the bot')) resolve(text);
      });
      bot.once('exit', () => resolve(text));
    });
    expect(said).toMatch(
      /The clock of the bot is (10 min|9 min 59 s|10 min 1 s) behind AWS\. The bot uses the time of AWS/,
    );
  } finally {
    bot.kill('SIGKILL');
    aws.turn({ clockAheadMs: 0, checksSignatureTime: false });
  }
});
