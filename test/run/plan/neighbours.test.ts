import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TIMESHEETS } from '../../../src/pipeline/profile/timesheets.ts';
import type { OutcomeRecord } from '../../../src/run/model/types.ts';
import { type PlannedImage, separateNeighbours } from '../../../src/run/plan/neighbours.ts';

type Known = Pick<OutcomeRecord, 'key' | 'outcome'>;

const processed = (key: string, resourceName: string, week: string): Known => ({
  key,
  outcome: { kind: 'processed', entriesStored: 5, resourceName, dateRange: `${week} to 2025-12-31` },
});
async function* streamOf<T>(values: readonly T[]): AsyncGenerator<T> {
  yield* values;
}
const plan = (keys: readonly string[], outcomes: readonly Known[]): Promise<PlannedImage[]> =>
  Array.fromAsync(
    separateNeighbours(
      streamOf(keys.map((key) => ({ key, size: 7 }))),
      streamOf([{ records: outcomes }]),
      TIMESHEETS.together,
    ),
  );

test('of two images of one person and week the second comes after all other images, and both have the same number', async () => {
  const planned = await plan(
    ['a.png', 'b.png', 'c.png', 'd.png'],
    [
      processed('a.png', 'Ana Bel', '2025-09-29'),
      processed('b.png', 'ANA_BEL', '2025-09-29'),
      processed('c.png', 'Ana Bel', '2025-10-06'),
    ],
  );
  expect(planned.map(({ key }) => key)).toEqual(['a.png', 'c.png', 'd.png', 'b.png']);
  const [first, , , last] = planned;
  expect(first?.group).toBeDefined();
  expect(last?.group).toBe(first?.group);
  expect(planned.slice(1, 3)).toEqual([
    { key: 'c.png', size: 7 },
    { key: 'd.png', size: 7 },
  ]);
});

test('the newest outcome of an image tells its person and week', async () => {
  const ofAna = processed('a.png', 'Ana Bel', '2025-09-29');
  const [asAna, asAnabel] = ['Ana Bel', 'Anabel Lee'].map((person) => processed('b.png', person, '2025-09-29'));
  if (!asAna || !asAnabel) throw new Error('Two outcomes are needed.');
  expect(await plan(['a.png', 'b.png'], [ofAna, asAna, asAnabel])).toEqual([
    { key: 'a.png', size: 7 },
    { key: 'b.png', size: 7 },
  ]);
  const [first, last] = await plan(['a.png', 'b.png'], [ofAna, asAnabel, asAna]);
  expect(first?.group).toBeDefined();
  expect(last?.group).toBe(first?.group);
});

test('an image without a known person and week keeps its place', async () => {
  const failed: Known = { key: 'a.png', outcome: { kind: 'failed', failureType: 'OCR_ERROR', message: '' } };
  expect(await plan(['b.png', 'a.png', '__proto__.png'], [failed])).toEqual([
    { key: 'b.png', size: 7 },
    { key: 'a.png', size: 7 },
    { key: '__proto__.png', size: 7 },
  ]);
});

test('every image is planned once, and images of a group are as far apart as their ranks', async () => {
  const people = fc.constantFrom('Ana', 'Bob', 'Cy');
  const weeks = fc.constantFrom('2025-09-29', '2025-10-06');
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(fc.string({ minLength: 1 }), { maxLength: 12 }),
      fc.array(fc.tuple(fc.nat(14), people, weeks), { maxLength: 20 }),
      async (keys, known) => {
        const outcomes = known.map(([at, person, week]) => processed(keys[at] ?? 'gone.png', person, week));
        const planned = await plan(keys, outcomes);
        expect(planned.map(({ key }) => key).sort()).toEqual([...keys].sort());
        const seen = new Map<number, number>();
        let rank = 0;
        for (const { group } of planned) {
          if (group === undefined) continue;
          const own = seen.get(group) ?? 0;
          seen.set(group, own + 1);
          expect(own).toBeGreaterThanOrEqual(rank);
          rank = own;
        }
        for (const members of seen.values()) expect(members).toBeGreaterThan(1);
      },
    ),
    { numRuns: 100 },
  );
});
