import { afterEach, beforeEach, expect, test } from 'vitest';
import { startTestSandbox, type TestSandbox } from './support/rigs/sandbox.ts';

const SHUTDOWN_SECONDS = 5;

let bot: TestSandbox;
beforeEach(async () => {
  bot = await startTestSandbox({ images: 12, settings: { SHUTDOWN_SECONDS: String(SHUTDOWN_SECONDS) } });
});
afterEach(() => bot.close());

test('SIGTERM ends the process within SHUTDOWN_SECONDS although DynamoDB does not answer any more', async () => {
  await bot.world.set({ addedLatencyMs: 3_600_000 });
  // Longer than the interval at which the process reads the control table: one of its own calls hangs now, too.
  await new Promise((resolve) => setTimeout(resolve, 600));
  // A process that does not end by itself is killed, long after that.
  const ended = await bot.people.bot('stop');
  expect(ended).toMatchObject({ bot: { running: false, ended: expect.stringMatching(/^exit/) } });
  await bot.world.set({ addedLatencyMs: 0 });
});
