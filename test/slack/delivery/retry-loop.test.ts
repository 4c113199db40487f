import { WebAPIRateLimitedError } from '@slack/web-api';
import { expect, onTestFinished, test } from 'vitest';
import { createRetryLoop } from '../../../src/slack/delivery/retry-loop.ts';
import { createFakeClock } from '../../support/rigs/fake-clock.ts';

/** A loop on a fake clock whose passes come to these results, then to "nothing is left"; when its passes began, in ms. */
function startLoop(results: readonly (number | Error)[]) {
  const clock = createFakeClock(0);
  const left = [...results];
  const passes: number[] = [];
  const errors: unknown[] = [];
  const loop = createRetryLoop({
    async pass() {
      passes.push(clock.now());
      const result = left.shift();
      if (result instanceof Error) throw result;
      return result;
    },
    onError: (error) => errors.push(error),
    clock,
    random: () => 0.5,
    pollMs: 15_000,
  });
  onTestFinished(() => loop.close());
  loop.start();
  return { clock, loop, passes, errors };
}

test('without work the loop looks every 15 s, and at once when it is woken', async () => {
  const { clock, loop, passes } = startLoop([]);
  await clock.advance(16_000);
  loop.wake();
  await clock.advance(100);
  expect(passes).toEqual([0, 15_000, 16_000]);
});

test('failures are reported and retried with a delay that doubles, and a success resets the delay', async () => {
  const down = new Error('Slack is down');
  const { clock, passes, errors } = startLoop([down, down, down]);
  await clock.advance(4_000);
  expect(passes).toEqual([0, 500, 1_500, 3_500]);
  expect(errors).toEqual([down, down, down]);
});

test('after a 429 the next pass waits as long as Slack says, also when there is new work', async () => {
  const { clock, loop, passes } = startLoop([new WebAPIRateLimitedError(20)]);
  await clock.advance(1_000);
  loop.wake();
  await clock.advance(20_000);
  expect(passes).toEqual([0, 20_000]);
});

test('a pass that leaves work sets the time of the next one', async () => {
  const { clock, passes } = startLoop([60_000]);
  await clock.advance(60_000);
  expect(passes).toEqual([0, 60_000]);
});

test('idle resolves when a pass leaves nothing, and when the loop is closed', async () => {
  const { clock, loop } = startLoop([new Error('Slack is down'), 60_000]);
  const idleAt: number[] = [];
  await clock.advance(0);
  void loop.idle().then(() => idleAt.push(clock.now()));
  await clock.advance(60_500);
  expect(idleAt).toEqual([60_500]);
  loop.wake();
  void loop.idle().then(() => idleAt.push(clock.now()));
  loop.close();
  await clock.advance(0);
  expect(idleAt).toHaveLength(2);
});
