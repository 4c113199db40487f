import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TIMESHEETS } from '../../../src/pipeline/profile/timesheets.ts';
import { createFailureGroups, probabilityOfAtLeast } from '../../../src/results/failures/failure-groups.ts';

/** The exact probability, by counting. */
function exact({ found, drawn, marked, all }: { found: number; drawn: number; marked: number; all: number }): number {
  const choose = (n: number, k: number): bigint => {
    if (k < 0 || k > n) return 0n;
    let ways = 1n;
    for (let at = 0; at < k; at++) ways = (ways * BigInt(n - at)) / BigInt(at + 1);
    return ways;
  };
  let ways = 0n;
  for (let at = found; at <= drawn; at++) ways += choose(marked, at) * choose(all - marked, drawn - at);
  return Number((ways * 10n ** 15n) / choose(all, drawn)) / 1e15;
}

describe('the probability of at least so many marked items', () => {
  test('equals the result of counting', () => {
    const sizes = fc.integer({ min: 1, max: 150 }).chain((all) =>
      fc.record({
        all: fc.constant(all),
        drawn: fc.integer({ min: 0, max: all }),
        marked: fc.integer({ min: 0, max: all }),
        found: fc.integer({ min: 0, max: all }),
      }),
    );
    fc.assert(
      fc.property(sizes, (given) => {
        expect(probabilityOfAtLeast(given)).toBeCloseTo(exact(given), 9);
      }),
    );
  });
  test('is between 0 and 1 for a million images', () => {
    const chance = probabilityOfAtLeast({ found: 10_200, drawn: 100_000, marked: 100_000, all: 1_000_000 });
    expect(chance).toBeGreaterThan(0.005);
    expect(chance).toBeLessThan(0.05);
    expect(probabilityOfAtLeast({ found: 90_000, drawn: 100_000, marked: 100_000, all: 1_000_000 })).toBe(0);
  });
});

describe('clusters of failures', () => {
  const START = Date.parse('2025-11-24T10:00:00Z');
  const clustersOf = (images: readonly { key: string; failed?: boolean; minute?: number }[]) => {
    const groups = createFailureGroups(TIMESHEETS);
    for (const { key, failed = false, minute = 0 } of images)
      groups.add({
        key,
        startedAt: START + minute * 60_000,
        durationMs: 1_000,
        outcome: failed
          ? { kind: 'failed', failureType: 'OCR_ERROR', message: 'x' }
          : { kind: 'processed', entriesStored: 1 },
      });
    return groups.clusters().map(({ by, group, failed, images: n }) => ({ by, group, failed, images: n }));
  };
  const many = (n: number, of: (at: number) => { key: string; failed?: boolean; minute?: number }) =>
    Array.from({ length: n }, (_, at) => of(at));

  test('are found when one part of the bucket fails and the rest does not', () => {
    expect(
      clustersOf([
        ...many(20, (at) => ({ key: `2025-09/${at}.png`, failed: at < 12 })),
        ...many(200, (at) => ({ key: `2025-10/${at}.png`, failed: at < 2 })),
      ]),
    ).toEqual(
      expect.arrayContaining([
        { by: 'prefix', group: '2025-09/', failed: 12, images: 20 },
        { by: 'month', group: '2025-09', failed: 12, images: 20 },
      ]),
    );
  });

  test('are found by person, and by the five minutes in which they happened', () => {
    const images = many(300, (at) => ({
      key: `scans/${at % 10 === 0 ? 'Nik_Coultas' : 'Ann_Other'}_${at}.png`,
      failed: at % 10 === 0,
      minute: Math.floor(at / 10),
    }));
    expect(clustersOf(images)).toEqual([{ by: 'name', group: 'Nik_Coultas', failed: 30, images: 30 }]);
    const outage = many(300, (at) => ({
      key: `a/${at}.png`,
      failed: at >= 100 && at < 150,
      minute: Math.floor(at / 10),
    }));
    expect(clustersOf(outage)).toEqual([{ by: 'time', group: '2025-11-24T10:10:00.000Z', failed: 50, images: 50 }]);
  });

  test('are not reported for a few failures, nor for random ones', () => {
    expect(clustersOf(many(12, (at) => ({ key: `${at < 4 ? 'a' : 'b'}/${at}.png`, failed: at < 4 })))).toEqual([]);
    expect(
      clustersOf(many(30, (at) => ({ key: `${at < 15 ? 'a' : 'b'}/${at}.png`, failed: at < 5 || at === 20 }))),
    ).toEqual([]);
    // With a hundred folders of six images and a failure rate of 5 %, some folder has several failures by chance.
    let seed = 7;
    const random = () => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed / 2_147_483_647;
    };
    for (let round = 0; round < 20; round++)
      expect(clustersOf(many(600, (at) => ({ key: `${at % 100}/x.png`, failed: random() < 0.05 })))).toEqual([]);
  });
});
