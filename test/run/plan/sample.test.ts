import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { reservoir, seededRandom } from '../../../src/run/plan/sample.ts';

function draw(size: number, total: number, seed: number): number[] {
  const sample = reservoir<number>(size, seededRandom(seed));
  for (let item = 0; item < total; item++) sample.offer(item);
  return sample.result();
}

describe('a sample', () => {
  it('the sample has all items when fewer were offered', () => {
    expect(draw(10, 4, 1)).toEqual([0, 1, 2, 3]);
  });
  it('the sample has its size, different items, and their order', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 50 }),
        fc.integer({ min: 0, max: 500 }),
        fc.integer(),
        (size, total, seed) => {
          const drawn = draw(size, total, seed);
          expect(drawn).toHaveLength(Math.min(size, total));
          expect(drawn).toEqual([...new Set(drawn)].sort((a, b) => a - b));
          expect(drawn.every((item) => item >= 0 && item < total)).toBe(true);
        },
      ),
    );
  });
  it('the same seed gives the same sample, and another seed another one', () => {
    expect(draw(10, 1_000, 42)).toEqual(draw(10, 1_000, 42));
    expect(draw(10, 1_000, 42)).not.toEqual(draw(10, 1_000, 43));
  });
  it('each item is in the sample with the same probability', () => {
    const hits = new Array<number>(20).fill(0);
    for (let seed = 0; seed < 4_000; seed++) for (const item of draw(5, 20, seed)) hits[item] = (hits[item] ?? 0) + 1;
    for (const count of hits) expect(Math.abs(count - 1_000)).toBeLessThan(150);
  });
  it('the sample can be read while more items are offered', () => {
    const sample = reservoir<string>(2, () => 0.99);
    sample.offer('a');
    expect(sample.result()).toEqual(['a']);
    sample.offer('b');
    expect(sample.result()).toEqual(['a', 'b']);
  });
});

describe('seeded random numbers', () => {
  it('seeded random numbers are the same on every machine', () => {
    const random = seededRandom(1);
    expect([random(), random(), random()]).toMatchInlineSnapshot(`
      [
        0.6270739405881613,
        0.002735721180215478,
        0.5274470399599522,
      ]
    `);
  });
  it('seeded random numbers are evenly distributed in [0, 1)', () => {
    fc.assert(
      fc.property(fc.double(), (seed) => {
        const random = seededRandom(seed);
        const drawn = Array.from({ length: 1_000 }, () => random());
        expect(drawn.every((one) => one >= 0 && one < 1)).toBe(true);
        expect(Math.abs(drawn.reduce((a, b) => a + b, 0) / 1_000 - 0.5)).toBeLessThan(0.07);
      }),
      { numRuns: 30 },
    );
  });
});
