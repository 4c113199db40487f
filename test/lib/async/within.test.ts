import { expect, test } from 'vitest';
import { within } from '../../../src/lib/async/within.ts';
import { createFakeClock } from '../../support/rigs/fake-clock.ts';

test('the value of work that ends in time, and its error', async () => {
  const clock = createFakeClock();
  expect(await within(clock, 1_000, Promise.resolve('done'))).toBe('done');
  await expect(within(clock, 1_000, Promise.reject(new Error('refused')))).rejects.toThrow('refused');
  expect(clock.sleeping()).toBe(0);
});

test('undefined at the limit, also where the work fails after it', async () => {
  const clock = createFakeClock();
  const work = Promise.withResolvers<string>();
  const result = within(clock, 1_000, work.promise);
  await clock.advance(999);
  let isOver = false;
  void result.then(() => {
    isOver = true;
  });
  await clock.advance(0);
  expect(isOver).toBe(false);
  await clock.advance(1);
  expect(await result).toBeUndefined();
  // An unhandled rejection would fail the test.
  work.reject(new Error('too late'));
});
