import { describe, expect, test } from 'vitest';
import type { PersonComparison } from '../../src/rescan/people.ts';
import { createPeopleSample } from '../../src/rescan/people.ts';
import { createReconcileSum, type ReconcileTotals } from '../../src/rescan/reconcile-totals.ts';
import { judgeValidation } from '../../src/rescan/validation.ts';

const now = { entry: 5, 'zero-hour': 0, rejected: 0, coverage: 0, failed: 0, total: 5 };
const clean = createReconcileSum({ startedAt: 0, clockSkewMs: 0 }).totals();
const withCounts = (
  counts: Partial<ReconcileTotals['counts']>,
  more: Partial<ReconcileTotals> = {},
): ReconcileTotals => ({
  ...clean,
  counts: { ...clean.counts, ...counts },
  ...more,
});
const without = (kind: keyof ReconcileTotals['processedWithoutRows']): ReconcileTotals =>
  withCounts({}, { processedWithoutRows: { ...clean.processedWithoutRows, [kind]: 1 } });
const person = (changes: Partial<PersonComparison> = {}): PersonComparison => ({
  person: 'Nik_Coultas',
  before: { entries: 3, hours: '7.5' },
  after: { entries: 3, hours: '7.5' },
  same: 3,
  removed: 0,
  added: 0,
  changed: 0,
  changes: [],
  ...changes,
});

describe('the verdict of a validation', () => {
  test.each([
    ['every image processed and there', withCounts({ 'processed-with-rows': 9 }), 'good', []],
    ['nothing to store is no loss', without('nothing-stored'), 'good', []],
    ['uploads meanwhile are no loss', withCounts({ 'not-in-manifest': 2 }), 'good', []],
    ['no outcome and no row', withCounts({ neither: 1 }), 'bad', ['without-outcome']],
    ['rows, but no outcome', withCounts({ 'rows-without-outcome': 1 }), 'bad', ['without-outcome']],
    ['a person without any row', without('person-has-no-rows'), 'bad', ['rows-missing']],
    ['an outcome of no image', withCounts({ 'outcome-not-in-manifest': 1 }), 'bad', ['outcome-of-no-image']],
    ['rows that another image may have overwritten', without('unclear'), 'look', ['rows-unclear']],
    ['failed images', withCounts({ 'failed-with-record': 1 }), 'look', ['failed']],
    [
      'a rejected sheet without a record',
      withCounts({ 'rejected-without-record': 1 }),
      'look',
      ['rejected-unrecorded'],
    ],
    ['only rows from before', withCounts({}, { withOlderRowsOnly: 1 }), 'look', ['older-rows-only']],
  ] as const)('%s', (_, reconciled, verdict, kinds) => {
    const judged = judgeValidation({ reconciled, now, people: [] });
    expect(judged.verdict).toBe(verdict);
    expect(judged.problems.map(({ kind }) => kind)).toEqual(kinds);
  });

  test('people who lost entries against the backup are worth a look; who only gained some are not', () => {
    const people = [person({ removed: 2 }), person({ removed: 1 }), person({ added: 4 })];
    expect(judgeValidation({ reconciled: clean, now, people })).toEqual({
      verdict: 'look',
      problems: [{ kind: 'people-lost-entries', people: 2, entries: 3, weight: 'doubt' }],
    });
    expect(judgeValidation({ reconciled: clean, now, people: [person({ added: 4 })] }).verdict).toBe('good');
  });
});

describe('the sample of people', () => {
  const names = Array.from({ length: 200 }, (_, at) => `Person_${at}`);
  const draw = (size: number, seed: number, order = names) => {
    const sample = createPeopleSample(size, seed);
    for (const name of order) sample.offer(name);
    return sample.people();
  };
  test('is the same for the same seed, whatever the order and however often somebody comes', () => {
    expect(draw(5, 7)).toEqual(draw(5, 7, [...names].reverse()));
    expect(draw(5, 7)).toEqual(
      draw(
        5,
        7,
        names.flatMap((name) => [name, name]),
      ),
    );
    expect(draw(5, 7)).toHaveLength(5);
    expect(draw(5, 7)).not.toEqual(draw(5, 8));
    expect(draw(500, 7)).toHaveLength(200);
  });
  test('never takes somebody whose first rows it let pass', () => {
    const sample = createPeopleSample(3, 1);
    const passed = new Set<string>();
    for (const name of [...names, ...names]) {
      const { isIn, dropped } = sample.offer(name);
      if (!isIn) passed.add(name);
      if (isIn) expect(passed.has(name)).toBe(false);
      if (dropped !== undefined) passed.add(dropped);
    }
  });
  test('takes each with about the same chance', () => {
    const times = new Map<string, number>();
    for (let seed = 0; seed < 400; seed++)
      for (const name of draw(5, seed, names.slice(0, 20))) times.set(name, (times.get(name) ?? 0) + 1);
    expect(times.size).toBe(20);
    // 100 expected, standard deviation 8.7: five of them.
    for (const count of times.values()) expect(Math.abs(count - 100)).toBeLessThan(44);
  });
});
