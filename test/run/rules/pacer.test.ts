import { describe, expect, it } from 'vitest';
import {
  createPacer,
  inFlightLimit,
  nextStartAt,
  noteOutcome,
  noteStart,
  noteThrottled,
  pacePerMinute,
  setPaceSetting,
} from '../../../src/run/rules/pacer.ts';
import { auto, fixed, pacerOf, startAll, worstWindow } from './pacing.ts';

describe('a fixed pace', () => {
  it('a fixed pace starts the first image at once and the others at equal intervals', () => {
    expect(startAll(pacerOf(fixed(60)), 0, 5_000)).toEqual([0, 1_000, 2_000, 3_000, 4_000]);
  });

  it.each([1, 7, 40, 60, 600, 1_000])(
    'a fixed pace of %i a minute is kept within 2 %% over three minutes',
    (perMinute) => {
      const starts = startAll(pacerOf(fixed(perMinute)), 0, 180_000);
      expect(Math.abs(starts.length - 3 * perMinute)).toBeLessThanOrEqual(Math.max(1, 0.02 * 3 * perMinute));
      expect(worstWindow(starts)).toBeLessThanOrEqual(perMinute);
    },
  );

  it('a fixed pace of 600 a minute is kept within 2 % when every timer is up to 30 ms late', () => {
    let late = 0;
    const starts = startAll(pacerOf(fixed(600), 600), 0, 60_000, () => (late = (late + 7) % 31));
    expect(starts.length).toBeGreaterThanOrEqual(588);
    expect(starts.length).toBeLessThanOrEqual(600);
  });

  it('after a pause at most one second is caught up', () => {
    const pacer = pacerOf(fixed(600));
    startAll(pacer, 0, 1_000);
    const after = startAll(pacer, 31_000, 31_001);
    expect(after.length).toBeGreaterThanOrEqual(10);
    expect(after.length).toBeLessThanOrEqual(11);
  });

  it('before the first start there is nothing to catch up', () => {
    const pacer = pacerOf(fixed(600));
    expect(startAll(pacer, 30_000, 30_001)).toHaveLength(1);
  });

  it('a fixed pace does not exceed the ceiling', () => {
    expect(pacePerMinute(pacerOf(fixed(600), 100))).toBe(100);
  });

  it('a ceiling of 0 allows no start', () => {
    expect(nextStartAt(pacerOf(fixed(60), 0), 0)).toBe(Number.POSITIVE_INFINITY);
    expect(nextStartAt(pacerOf(auto, 0), 0)).toBe(Number.POSITIVE_INFINITY);
  });

  it('a pace of 0.5 a minute is one start in two minutes', () => {
    expect(startAll(pacerOf(fixed(0.5)), 0, 241_000)).toEqual([0, 120_000, 240_000]);
  });
});

describe('a change of pace', () => {
  it('a slower pace holds from the next start', () => {
    const pacer = pacerOf(fixed(600));
    startAll(pacer, 0, 10_000);
    setPaceSetting(pacer, fixed(60), 10_000);
    expect(startAll(pacer, 10_000, 13_000)).toEqual([10_900, 11_900, 12_900]);
  });

  it('a faster pace holds from the next start', () => {
    const pacer = pacerOf(fixed(1));
    startAll(pacer, 0, 10_000);
    setPaceSetting(pacer, fixed(600), 10_000);
    expect(nextStartAt(pacer, 10_000)).toBe(10_000);
  });

  it('a fixed pace holds at once, even after throttling', () => {
    const pacer = pacerOf(auto);
    noteThrottled(pacer, 0);
    setPaceSetting(pacer, fixed(300), 1);
    expect(pacePerMinute(pacer)).toBe(300);
  });

  it('a change to auto continues from the present pace', () => {
    const pacer = pacerOf(fixed(300));
    setPaceSetting(pacer, auto, 1_000);
    expect(pacePerMinute(pacer)).toBe(300);
  });

  it('auto after a fixed pace doubles every 10 s', () => {
    const pacer = pacerOf(fixed(300));
    setPaceSetting(pacer, auto, 1_000);
    noteOutcome(pacer, 10_999, 500);
    expect(pacePerMinute(pacer)).toBe(300);
    nextStartAt(pacer, 11_000);
    expect(pacePerMinute(pacer)).toBe(600);
  });

  it('auto after a fixed pace that throttling lowered adds 2 % of the ceiling, 5 s after the change', () => {
    const pacer = pacerOf(fixed(300));
    noteThrottled(pacer, 0);
    noteOutcome(pacer, 1_000, 500);
    setPaceSetting(pacer, auto, 4_000);
    nextStartAt(pacer, 5_000);
    expect(pacePerMinute(pacer)).toBe(210);
    noteOutcome(pacer, 9_000, 500);
    expect(pacePerMinute(pacer)).toBe(230);
    noteOutcome(pacer, 20_000, 500);
    expect(pacePerMinute(pacer)).toBe(250);
  });

  it('auto after a fixed pace that recovered from throttling doubles every 10 s', () => {
    const pacer = pacerOf(fixed(100));
    noteThrottled(pacer, 0);
    startAll(pacer, 0, 60_000);
    setPaceSetting(pacer, auto, 60_000);
    noteOutcome(pacer, 70_000, 500);
    expect(pacePerMinute(pacer)).toBe(200);
  });

  it('a new fixed pace does not count the starts before it was set', () => {
    const pacer = pacerOf(fixed(600));
    startAll(pacer, 0, 60_000);
    setPaceSetting(pacer, fixed(60), 60_000);
    expect(startAll(pacer, 60_000, 70_000).length).toBeGreaterThanOrEqual(9);
  });

  it('setting the same fixed pace again does not start a new window', () => {
    const pacer = pacerOf(fixed(10));
    const starts = startAll(pacer, 0, 60_000);
    for (let now = 60_000; now < 120_000; now += 500) {
      setPaceSetting(pacer, fixed(10), now);
      if (nextStartAt(pacer, now) <= now) {
        noteStart(pacer, now);
        starts.push(now);
      }
    }
    expect(worstWindow(starts)).toBeLessThanOrEqual(10);
  });
});

describe('auto', () => {
  it('auto starts slowly and doubles every 10 s up to the ceiling', () => {
    const pacer = pacerOf(auto, 160);
    const paces: number[] = [];
    for (let second = 0; second <= 40; second += 10) {
      startAll(pacer, second * 1_000, second * 1_000 + 10_000);
      paces.push(pacePerMinute(pacer));
    }
    expect(paces[0]).toBe(20);
    expect(paces.at(-1)).toBe(160);
    expect(paces).toEqual([...paces].sort((a, b) => a - b));
  });

  it('auto does not start faster than the ceiling', () => {
    expect(pacePerMinute(pacerOf(auto, 8))).toBe(8);
  });

  it('auto is not raised without outcomes', () => {
    const pacer = pacerOf(auto);
    startAll(pacer, 0, 60_000, () => 0, false);
    expect(pacePerMinute(pacer)).toBe(20);
    noteOutcome(pacer, 60_000, 50_000);
    expect(pacePerMinute(pacer)).toBe(40);
  });

  it('after the first throttle auto adds 2 % of the ceiling every 5 s and does not double again', () => {
    const pacer = pacerOf(auto, 200);
    noteThrottled(pacer, 0);
    expect(pacePerMinute(pacer)).toBe(14);
    noteOutcome(pacer, 4_999, 500);
    expect(pacePerMinute(pacer)).toBe(14);
    nextStartAt(pacer, 5_000);
    expect(pacePerMinute(pacer)).toBe(18);
    noteOutcome(pacer, 10_000, 500);
    expect(pacePerMinute(pacer)).toBe(22);
  });

  it('auto waits 5 s after each throttle before it adds', () => {
    const pacer = pacerOf(auto, 200);
    for (const now of [0, 4_000, 8_000]) {
      noteOutcome(pacer, now, 500);
      noteThrottled(pacer, now);
    }
    const low = pacePerMinute(pacer);
    noteOutcome(pacer, 12_999, 500);
    expect(pacePerMinute(pacer)).toBe(low);
  });
});

describe('throttling', () => {
  it('a burst of throttles lowers the pace once in half the duration of an image', () => {
    const pacer = pacerOf(fixed(100));
    noteOutcome(pacer, 0, 8_000);
    for (let now = 0; now < 4_000; now += 100) noteThrottled(pacer, now);
    expect(pacePerMinute(pacer)).toBeCloseTo(70);
    noteThrottled(pacer, 4_000);
    expect(pacePerMinute(pacer)).toBeCloseTo(49);
  });

  it('before a duration is known, throttles of 2.5 s are one burst', () => {
    const pacer = pacerOf(fixed(100));
    for (const now of [0, 1_000, 2_499]) noteThrottled(pacer, now);
    expect(pacePerMinute(pacer)).toBeCloseTo(70);
    noteThrottled(pacer, 2_500);
    expect(pacePerMinute(pacer)).toBeCloseTo(49);
  });

  it('throttling does not lower the pace below one a minute', () => {
    const pacer = pacerOf(auto);
    for (let now = 0; now < 1_000_000; now += 5_000) noteThrottled(pacer, now);
    expect(pacePerMinute(pacer)).toBe(1);
  });

  it('a fixed pace that was lowered returns to its number and not higher', () => {
    const pacer = pacerOf(fixed(60), 100);
    noteThrottled(pacer, 0);
    expect(pacePerMinute(pacer)).toBeCloseTo(42);
    startAll(pacer, 0, 120_000);
    expect(pacePerMinute(pacer)).toBe(60);
  });

  it('the pace settles near the capacity of the pipeline', () => {
    const pacer = pacerOf(auto, 400);
    const accepted: number[] = [];
    let now = 0;
    let throttles = 0;
    while (now < 1_200_000) {
      const at = nextStartAt(pacer, now);
      if (at > now) {
        now = Math.min(at, now + 250);
        continue;
      }
      noteStart(pacer, now);
      const lastTenSeconds = accepted.filter((start) => start > now - 10_000).length;
      if (lastTenSeconds >= 20) {
        noteThrottled(pacer, now);
        throttles++;
      } else {
        accepted.push(now);
        noteOutcome(pacer, now, 1_000);
      }
    }
    expect(accepted.length / 20).toBeGreaterThan(80);
    expect(throttles / (accepted.length + throttles)).toBeLessThan(0.15);
  });
});

describe('the limit of images in flight', () => {
  it.each([
    ['a guess of 5 s before any duration is known', 120, undefined, 17],
    ['half as much again as the pace needs, and two', 600, 2_000, 32],
    ['at least one', 1, 1, 3],
    ['no more than the limit', 1_000, 900_000, 50],
  ])('the limit is %s', (_, perMinute, durationMs, limit) => {
    const pacer = createPacer({ paceSetting: fixed(perMinute), ceilingPerMinute: 1_000, maxInFlight: 50 }, 0);
    if (durationMs !== undefined) noteOutcome(pacer, 0, durationMs);
    expect(inFlightLimit(pacer)).toBe(limit);
  });

  it('the limit is one where only one is allowed', () => {
    expect(inFlightLimit(pacerOf(fixed(600), 600, 1))).toBe(1);
    expect(inFlightLimit(pacerOf(fixed(600), 600, 0))).toBe(1);
  });

  it('the limit grows while the first invocation takes longer than assumed', () => {
    const pacer = pacerOf(fixed(60));
    noteStart(pacer, 0);
    const atFirst = inFlightLimit(pacer, 1_000);
    expect(inFlightLimit(pacer, 60_000)).toBeGreaterThan(atFirst);
  });

  it('the limit grows with a function that gets slower', () => {
    const pacer = pacerOf(fixed(60));
    for (let now = 0; now < 50; now++) noteOutcome(pacer, now, 1_000);
    const before = inFlightLimit(pacer);
    for (let now = 50; now < 100; now++) noteOutcome(pacer, now, 30_000);
    expect(inFlightLimit(pacer)).toBeGreaterThan(before * 5);
  });

  it.each([
    ['the mean of the first ones', [1_000, 3_000], 32],
    ['a tenth of a new one after ten', [...Array<number>(10).fill(1_000), 11_000], 32],
    ['images that took no time', [0], 2],
  ])('the limit follows the durations: %s', (_, durations, limit) => {
    const pacer = pacerOf(fixed(600));
    for (const durationMs of durations) noteOutcome(pacer, 0, durationMs);
    expect(inFlightLimit(pacer)).toBe(limit);
  });

  it('the time since the first start counts from that start', () => {
    const pacer = pacerOf(fixed(60), 1_000, 5_000, 100_000);
    noteStart(pacer, 100_000);
    expect(inFlightLimit(pacer, 101_000)).toBe(inFlightLimit(pacerOf(fixed(60))));
    expect(inFlightLimit(pacer, 120_000)).toBe(32);
  });

  it('the limit ignores invalid durations', () => {
    const pacer = pacerOf(fixed(60));
    for (const durationMs of [Number.NaN, -5, Number.POSITIVE_INFINITY]) noteOutcome(pacer, 0, durationMs);
    expect(inFlightLimit(pacer)).toBe(inFlightLimit(pacerOf(fixed(60))));
  });
});
