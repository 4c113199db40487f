import { afterEach, beforeEach, expect, test } from 'vitest';
import { startTestSandbox, type TestSandbox } from './support/sandbox.ts';

let bot: TestSandbox;
beforeEach(async () => {
  bot = await startTestSandbox({ images: 12, settings: { SHUTDOWN_SECONDS: '5' } });
});
afterEach(() => bot.close());

test('SIGTERM ends the process within its time though DynamoDB answers nothing any more', async () => {
  await bot.world.set({ addedLatencyMs: 3_600_000 });
  // Every look of its own now hangs, as the shutdown’s calls will.
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  const from = performance.now();
  await bot.people.bot('stop');
  expect(performance.now() - from).toBeLessThan(15_000);
  await bot.world.set({ addedLatencyMs: 0 });
});
