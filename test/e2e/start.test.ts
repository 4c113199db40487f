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

/** Starts the bot and waits until it exits. */
function start(settings: Record<string, string>): Promise<{ code: number | null; said: string }> {
  const bot = spawn(process.execPath, [MAIN], {
    env: {
      PATH: process.env.PATH,
      AWS_ENDPOINT_URL: aws.url,
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'x',
      AWS_SECRET_ACCESS_KEY: 'x',
      ...settings,
    },
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
