import { expect, test } from 'vitest';
import { createSingleFlight } from '../../../src/lib/async/single-flight.ts';
import { createFakeClock } from '../../support/rigs/fake-clock.ts';

test('work that is running is not started again, and can be started again when it has ended', async () => {
  const clock = createFakeClock();
  let starts = 0;
  const flight = createSingleFlight(async () => {
    starts += 1;
    await clock.sleep(1_000);
  });
  flight.start();
  flight.start();
  await clock.advance(999);
  flight.start();
  expect(starts).toBe(1);
  await clock.advance(1);
  flight.start();
  expect(starts).toBe(2);
});

test('idle resolves at once when nothing runs, and otherwise when the work ends', async () => {
  const clock = createFakeClock();
  const flight = createSingleFlight(() => clock.sleep(1_000));
  await flight.idle();
  flight.start();
  let isIdle = false;
  void flight.idle().then(() => {
    isIdle = true;
  });
  await clock.advance(999);
  expect(isIdle).toBe(false);
  await clock.advance(1);
  expect(isIdle).toBe(true);
});
