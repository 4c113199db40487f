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
  it('of auto adds up the pace that doubles every 10 s from 20 a minute', () => {
    const at = (over: Partial<ForecastFacts>) => forecast(factsOf({ paceSetting: { kind: 'auto' }, ...over }));
    // 20, 40 and 80 a minute for 10 s each, then 160 a minute.
    expect(at({}).expectedMs).toBeCloseTo(30_000 + ((1_399 - 140 / 6) * 60_000) / 160 + 5_000, 6);
    // Two starts follow the first, at 20 a minute.
    expect(at({ total: 3 }).expectedMs).toBeCloseTo(6_000 + 5_000, 6);
    // 10 s at 20 a minute, the rest at 40.
    expect(at({ total: 8 }).expectedMs).toBeCloseTo(10_000 + ((7 - 20 / 6) * 60_000) / 40 + 5_000, 6);
    // Below 20 a minute nothing is doubled, and the last doubling ends at the top.
    expect(at({ total: 11, ceilingPerMinute: 10 }).expectedMs).toBeCloseTo(60_000 + 5_000, 6);
    expect(at({ total: 101, ceilingPerMinute: 30 }).expectedMs).toBeCloseTo(
      10_000 + ((100 - 20 / 6) * 60_000) / 30 + 5_000,
      6,
    );
    expect(at({}).restsOn).toEqual(['Pace: auto, up to 160 images a minute after a slow start.', '5 s per image.']);
  });
  it('holds where an image takes no time and nothing may be in flight, and rounds what it says', () => {
    expect(forecast(factsOf({ secondsPerImage: 0, maxInFlight: 0 })).expectedPerMinute).toBe(40);
    const slow = forecast(factsOf({ maxInFlight: 1, secondsPerImage: 7.123, costPerImageUsd: 0.00123456 }));
    expect(slow.expectedPerMinute).toBeCloseTo(60 / 7.123, 9);
    expect(slow.restsOn).toEqual([
      'Pace: 40 images a minute (your setting).',
      '1 image in progress at 7.12 s each allow 8.42 images a minute.',
      '7.12 s per image.',
      '0.00123 USD per image.',
    ]);
    expect(forecast(factsOf({ maxInFlight: 0, secondsPerImage: 6 })).expectedPerMinute).toBe(10);
  });
  it('says nothing of the concurrency where it is just enough', () => {
    const { expectedPerMinute, restsOn } = forecast(factsOf({ maxInFlight: 4, secondsPerImage: 6 }));
    expect([expectedPerMinute, restsOn]).toEqual([40, ['Pace: 40 images a minute (your setting).', '6 s per image.']]);
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
  it('is the tokens that the model allows over those of an image where they are fewer', () => {
    const tokens = { perMinute: 500_000, perImage: 4_000.4 };
    const { ceilingPerMinute, because } = paceCeiling({ ...facts, tokens });
    expect(ceilingPerMinute).toBe(99);
    expect(because.at(-1)).toBe('Tokens: 500,000 a minute × 80 % ÷ 4,000 per image = 99.99');
    // As many as the requests allow: no limit of their own.
    expect(paceCeiling({ ...facts, tokens: { perMinute: 200_000, perImage: 1_000 } })).toEqual(paceCeiling(facts));
    expect(paceCeiling({ ...facts, tokens: { perMinute: 0, perImage: 0 } })).toEqual(paceCeiling(facts));
  });
  it('is the write units of the table or of an index over those of an image where they are fewer', () => {
    const capacity = [
      { name: 'Table T', units: 20 },
      { name: 'Index wide', units: 100 },
      { name: 'Index narrow', units: 7 },
    ];
    const { ceilingPerMinute, because } = paceCeiling({ ...facts, writes: { capacity, unitsPerImage: 10.5 } });
    expect(ceilingPerMinute).toBe(40);
    expect(because.slice(3)).toEqual([
      'Table T: 20 write units a second × 60 ÷ 10.5 per image = 114.29',
      'Index narrow: 7 write units a second × 60 ÷ 10.5 per image = 40',
    ]);
  });
  it('is the lowest of tokens and write units, and names each one that lowers it', () => {
    const limits = (perMinute: number, units: number) =>
      paceCeiling({
        ...facts,
        tokens: { perMinute, perImage: 1_000 },
        writes: { capacity: [{ name: 'T', units }], unitsPerImage: 1 },
      });
    expect(limits(100_000, 1)).toMatchObject({ ceilingPerMinute: 60 });
    expect(limits(100_000, 1).because.slice(3)).toEqual([
      'Tokens: 100,000 a minute × 80 % ÷ 1,000 per image = 80',
      'T: 1 write units a second × 60 ÷ 1 per image = 60',
    ]);
    expect(limits(50_000, 1)).toMatchObject({ ceilingPerMinute: 40 });
    expect(limits(50_000, 1).because.slice(3)).toEqual(['Tokens: 50,000 a minute × 80 % ÷ 1,000 per image = 40']);
  });
  it('names no concurrency that is just enough, and no setting that is just as high', () => {
    const { because, maxInFlight } = paceCeiling({ ...facts, freeConcurrency: 401, secondsPerImage: 75 });
    expect(maxInFlight).toBe(200);
    expect(because).toEqual([
      'The model: 200 requests a minute × 80 % = 160',
      'Lambda: 401 free × 50 % = 200 images at once',
    ]);
  });
  it('rounds down, and holds where an image takes no time and no image may be in flight', () => {
    const odd = { ...facts, modelRequestsPerMinute: 33.335, quotaPercent: 66.5, maxInFlight: 2.9, secondsPerImage: 0 };
    expect(paceCeiling(odd)).toEqual({
      ceilingPerMinute: 22,
      maxInFlight: 2,
      because: [
        'The model: 33.34 requests a minute × 66.5 % = 22.17',
        'Lambda: 900 free × 50 % = 450 images at once',
        'At most 2 images at once (setting)',
      ],
    });
    expect(paceCeiling({ ...facts, freeConcurrency: 1, secondsPerImage: 900 })).toEqual({
      ceilingPerMinute: 160,
      maxInFlight: 1,
      because: [
        'The model: 200 requests a minute × 80 % = 160',
        'Lambda: 1 free × 50 % = 1 images at once',
        '1 images at once × 60 ÷ 900 s per image = 0 a minute',
      ],
    });
    expect(paceCeiling({ ...facts, modelRequestsPerMinute: 0, maxInFlight: 0 })).toMatchObject({
      ceilingPerMinute: 1,
      maxInFlight: 1,
    });
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
