import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { emptyRate, noteDone, perMinute, type Rate } from '../../../src/run/rules/rate.ts';

const noted = (times: readonly number[]) => times.reduce<Rate>(noteDone, emptyRate());
const every = (ms: number, fromMs: number, toMs: number) =>
  Array.from({ length: Math.floor((toMs - fromMs) / ms) + 1 }, (_, index) => fromMs + index * ms);

describe('the rate', () => {
  it('the rate is undefined before the first outcome, in the first ten seconds, and for a single outcome', () => {
    expect(perMinute(emptyRate(), 1_000_000)).toBeUndefined();
    expect(perMinute(noted(every(100, 0, 9_000)), 9_999)).toBeUndefined();
    expect(perMinute(noted([0]), 30_000)).toBeUndefined();
    expect(perMinute(noted([0]), 60_000)).toBe(0);
  });
  it.each([20, 40, 60, 600, 3_000])('the rate is %i a minute when that many images are done a minute', (rate) => {
    for (const untilMs of [15_000, 60_000, 119_000, 121_000, 600_000]) {
      const measured = perMinute(noted(every(60_000 / rate, 1_234, 1_234 + untilMs)), 1_234 + untilMs);
      expect(Math.abs((measured ?? 0) - rate)).toBeLessThanOrEqual(Math.max(1, rate * 0.05));
    }
  });
  it('the rate follows a change within two minutes', () => {
    const times = [...every(1_000, 0, 300_000), ...every(6_000, 306_000, 426_000)];
    expect(perMinute(noted(times), 426_000)).toBeCloseTo(10, 0);
  });
  it('the rate is 0 after two minutes without an outcome', () => {
    const rate = noted(every(1_000, 0, 60_000));
    expect(perMinute(rate, 120_000)).toBeLessThan(60);
    expect(perMinute(rate, 185_001)).toBe(0);
  });
  it('the rate begins ten seconds after the first outcome, whenever that was', () => {
    const rate = noted(every(100, 1_000_000, 1_020_000));
    expect(perMinute(rate, 1_009_999)).toBeUndefined();
    expect(perMinute(rate, 1_010_000)).toBeGreaterThan(0);
  });
  it('a second outcome gives a rate, a first one alone gives none for a minute', () => {
    expect(perMinute(noted([1_000_000, 1_020_000]), 1_030_000)).toBe(2);
    expect(perMinute(noted([1_000_000]), 1_059_999)).toBeUndefined();
    expect(perMinute(noted([1_000_000]), 1_060_000)).toBe(0);
  });
  it('the first outcome is no part of the rate while it is where the measured time begins', () => {
    expect(perMinute(noted([1_000_000, 1_060_000]), 1_115_000)).toBeCloseTo(60 / 115);
  });
  it('the rate keeps exactly the buckets of its two minutes', () => {
    expect(emptyRate()).toEqual({ buckets: [] });
    const { buckets } = noted(every(5_000, 0, 600_000));
    expect(buckets.map(([startsAt]) => startsAt)).toEqual(every(5_000, 480_000, 600_000));
  });
  it('the rate is never negative, and its at most 25 buckets survive JSON', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 30_000 }), { maxLength: 100 }),
        fc.nat({ max: 200_000 }),
        (gaps, wait) => {
          let now = 1_700_000_000_000;
          let rate = emptyRate();
          for (const gap of gaps) {
            now += gap;
            rate = noteDone(rate, now);
            expect(rate.buckets.length).toBeLessThanOrEqual(25);
          }
          const measured = perMinute(rate, now + wait);
          expect(measured ?? 0).toBeGreaterThanOrEqual(0);
          expect(perMinute(JSON.parse(JSON.stringify(rate)), now + wait)).toBe(measured);
        },
      ),
    );
  });
});
