import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { eta, type ForecastFacts, forecast, paceCeiling } from '../../../src/run/rules/forecast.ts';

const factsOf = (over: Partial<ForecastFacts> = {}): ForecastFacts => ({
  total: 1_400,
  ceilingPerMinute: 160,
  paceSetting: { kind: 'fixed', perMinute: 40 },
  maxInFlight: 100,
  secondsPerImage: 5,
  ...over,
});

describe('a forecast', () => {
  it('of a fixed pace is images over pace, and the last image', () => {
    expect(forecast(factsOf({ total: 41 }))).toEqual({
      expectedPerMinute: 40,
      expectedMs: 60_000 + 5_000,
      restsOn: ['Pace: 40 images a minute (your setting).', '5 s per image.'],
    });
  });
  it('of auto reckons with the slow start', () => {
    const { expectedPerMinute, expectedMs } = forecast(factsOf({ paceSetting: { kind: 'auto' } }));
    expect(expectedPerMinute).toBe(160);
    expect(expectedMs).toBeGreaterThan((1_400 / 160) * 60_000);
    expect(expectedMs).toBeLessThan((1_400 / 160) * 60_000 + 60_000);
  });
  it('of a small run at auto takes the slow start’s pace', () => {
    expect(forecast(factsOf({ paceSetting: { kind: 'auto' }, total: 2 })).expectedMs).toBe(3_000 + 5_000);
  });
  it('goes no faster than the concurrency carries, and says so', () => {
    const { expectedPerMinute, restsOn } = forecast(
      factsOf({ paceSetting: { kind: 'auto' }, maxInFlight: 5, secondsPerImage: 10 }),
    );
    expect(expectedPerMinute).toBe(30);
    expect(restsOn).toContain('5 images in progress at 10 s each allow 30 images a minute.');
  });
  it('goes no faster than the ceiling', () => {
    expect(forecast(factsOf({ paceSetting: { kind: 'fixed', perMinute: 500 } })).expectedPerMinute).toBe(160);
  });
  it('tells the cost where one is known, and what it rests on', () => {
    const known = forecast(factsOf({ costPerImageUsd: 0.0012, costFrom: 'the last run', secondsFrom: 'the last run' }));
    expect(known.expectedCostUsd).toBeCloseTo(1.68);
    expect(known.restsOn.slice(1)).toEqual(['5 s per image (the last run).', '0.0012 USD per image (the last run).']);
    expect(forecast(factsOf())).not.toHaveProperty('expectedCostUsd');
  });
  it('of nothing takes no time', () => {
    expect(forecast(factsOf({ total: 0 })).expectedMs).toBe(0);
  });
  it('is a finite time, longer for more images and no shorter at auto than at its top', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1_000_000 }),
        fc.integer({ min: 1, max: 5_000 }),
        fc.double({ min: 0.01, max: 900, noNaN: true }),
        (total, ceilingPerMinute, secondsPerImage) => {
          const at = (over: Partial<ForecastFacts>) =>
            forecast(factsOf({ total, ceilingPerMinute, secondsPerImage, ...over })).expectedMs;
          const auto = at({ paceSetting: { kind: 'auto' } });
          expect(Number.isFinite(auto)).toBe(true);
          expect(at({ paceSetting: { kind: 'auto' }, total: total + 1 })).toBeGreaterThan(auto);
          expect(auto).toBeGreaterThanOrEqual(at({ paceSetting: { kind: 'fixed', perMinute: ceilingPerMinute } }) - 1);
        },
      ),
    );
  });
});

describe('the time left', () => {
  it.each([
    ['the observed rate', { total: 100, done: 40, imagesPerMinute: 30, pacePerMinute: 60 }, 120_000],
    ['the pace when it is lower', { total: 100, done: 40, imagesPerMinute: 60, pacePerMinute: 30 }, 120_000],
    ['the pace before anything was observed', { total: 100, done: 40, pacePerMinute: 60 }, 60_000],
    ['none when all is done', { total: 100, done: 100, pacePerMinute: 0 }, 0],
    ['unknown when nothing moves', { total: 100, done: 1, imagesPerMinute: 0, pacePerMinute: 60 }, undefined],
    ['unknown at no pace', { total: 100, done: 1, pacePerMinute: 0 }, undefined],
  ])('rests on %s', (_, facts, ms) => {
    expect(eta(facts)).toBe(ms);
  });
});

describe('the ceiling of the pace', () => {
  const facts = {
    modelRequestsPerMinute: 200,
    quotaPercent: 80,
    freeConcurrency: 900,
    concurrencyPercent: 50,
    secondsPerImage: 5,
    maxInFlight: 200,
  };
  it('is 80 % of the model’s requests, with the arithmetic in words', () => {
    expect(paceCeiling({ ...facts, modelName: 'Nova Lite' })).toEqual({
      ceilingPerMinute: 160,
      maxInFlight: 200,
      because: [
        'Nova Lite: 200 requests a minute × 80 % = 160',
        'Lambda: 900 free × 50 % = 450 images at once',
        'At most 200 images at once (setting)',
      ],
    });
  });
  it('says what half of the free concurrency carries when that is less, and bounds what is in flight by it', () => {
    const { ceilingPerMinute, maxInFlight, because } = paceCeiling({ ...facts, freeConcurrency: 10 });
    expect([ceilingPerMinute, maxInFlight]).toEqual([160, 5]);
    expect(because.at(-1)).toBe('5 images at once × 60 ÷ 5 s per image = 60 a minute');
  });
  it('says when the free concurrency is not known', () => {
    const { freeConcurrency: _, ...unknown } = facts;
    expect(paceCeiling(unknown)).toMatchObject({ ceilingPerMinute: 160, maxInFlight: 200 });
    expect(paceCeiling(unknown).because).toContain('Free Lambda concurrency: unknown');
  });
  it.each([
    { freeConcurrency: 0 },
    { freeConcurrency: 1 },
    { modelRequestsPerMinute: 0 },
    { secondsPerImage: 900, freeConcurrency: 2 },
  ])('is at least one a minute and one in flight: %j', (over) => {
    const { ceilingPerMinute, maxInFlight } = paceCeiling({ ...facts, ...over });
    expect(ceilingPerMinute).toBeGreaterThanOrEqual(1);
    expect(maxInFlight).toBeGreaterThanOrEqual(1);
  });
  it('is never above any of its bounds', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 5_000 }),
        fc.integer({ min: 1, max: 100 }),
        fc.integer({ min: 2, max: 3_000 }),
        fc.integer({ min: 1, max: 60 }),
        (quota, percent, free, seconds) => {
          const { ceilingPerMinute, maxInFlight } = paceCeiling({
            ...facts,
            modelRequestsPerMinute: quota,
            quotaPercent: percent,
            freeConcurrency: free,
            secondsPerImage: seconds,
          });
          expect(maxInFlight).toBeLessThanOrEqual(Math.min(200, free / 2));
          expect(ceilingPerMinute).toBeLessThanOrEqual(Math.max(1, (quota * percent) / 100));
        },
      ),
    );
  });
});
