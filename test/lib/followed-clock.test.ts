import { expect, test } from 'vitest';
import { createFollowedClock } from '../../src/lib/followed-clock.ts';

/** A machine whose clock is ahead of the other by `aheadMs`. A reply of the other shows whole seconds. */
function machine(aheadMs: number) {
  const shows = { other: 1_000_000_400, aheadMs };
  const clock = createFollowedClock({ now: () => shows.other + shows.aheadMs, sleep: async () => {} });
  return {
    clock,
    shows,
    asks(times = 3, { tookMs = 20, wrongBy = 0 } = {}) {
      for (let time = 0; time < times; time++) {
        const note = clock.ask();
        shows.other += tookMs;
        note(Math.floor((shows.other + wrongBy) / 1_000) * 1_000);
      }
    },
    /** How far the clock is ahead of the other now, ms. */
    error: () => clock.now() - shows.other,
  };
}

test.each([600_000, -600_000, 3_000, -7_200_000])('a machine %i ms ahead shows the time of the other clock', (by) => {
  const { clock, asks, error } = machine(by);
  expect(clock.machineAheadMs()).toBe(0);
  asks();
  clock.begin();
  expect(Math.abs(error())).toBeLessThanOrEqual(600);
  expect(Math.abs(clock.machineAheadMs() - by)).toBeLessThanOrEqual(600);
});

test('a difference that whole seconds do not show changes nothing', () => {
  const { clock, asks, error } = machine(900);
  asks(50);
  clock.begin();
  expect(error()).toBe(900);
  expect(clock.machineAheadMs()).toBe(0);
});

test('one wrong reply, and replies that came late, change nothing', () => {
  const { asks, error } = machine(0);
  asks(2);
  asks(1, { wrongBy: 3_600_000 });
  asks(2);
  asks(20, { tookMs: 30_000, wrongBy: 60_000 });
  expect(error()).toBe(0);
});

test('the time does not go back once it began: a clock that is ahead runs slower until it is right', () => {
  const { clock, shows, asks, error } = machine(0);
  asks();
  clock.begin();
  shows.aheadMs = 30_000;
  asks();
  let before = clock.now();
  for (let second = 0; second < 3_600; second++) {
    shows.other += 1_000;
    const now = clock.now();
    expect(now - before).toBeGreaterThanOrEqual(980);
    before = now;
  }
  expect(Math.abs(error())).toBeLessThanOrEqual(600);
});

test('a clock that falls behind, as in a machine that was suspended, is set forward at once', () => {
  const { clock, shows, asks, error } = machine(0);
  asks();
  clock.begin();
  shows.aheadMs = -600_000;
  asks();
  expect(Math.abs(error())).toBeLessThanOrEqual(600);
});
