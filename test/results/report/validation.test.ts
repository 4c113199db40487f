import { describe, expect, test } from 'vitest';
import { createReconcileSum, type ReconcileTotals } from '../../../src/results/reconcile/reconcile-totals.ts';
import type { PersonComparison } from '../../../src/results/report/people.ts';
import { createPeopleSample } from '../../../src/results/report/people.ts';
import { judgeValidation } from '../../../src/results/report/validation.ts';

const now = { entry: 5, 'zero-hour': 0, rejected: 0, coverage: 0, failed: 0, total: 5 };
const backup = { id: '01-a', startedAt: 1, counts: now };
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
    const judged = judgeValidation({ reconciled, now, backup, people: [], runState: 'completed' });
    expect(judged.verdict).toBe(verdict);
    expect(judged.problems.map(({ kind }) => kind)).toEqual(kinds);
  });

  test('people who lost entries against the backup are worth a look; who only gained some are not', () => {
    const people = [person({ removed: 2 }), person({ removed: 1 }), person({ added: 4 })];
    expect(judgeValidation({ reconciled: clean, now, backup, people })).toEqual({
      verdict: 'look',
      problems: [{ kind: 'people-lost-entries', people: 2, entries: 3, weight: 'doubt' }],
    });
    expect(judgeValidation({ reconciled: clean, now, backup, people: [person({ added: 4 })] }).verdict).toBe('good');
  });
});

describe('the verdict where the run or the backup does not let it be simple', () => {
  const judged = (facts: Partial<Parameters<typeof judgeValidation>[0]>) => {
    const { verdict, problems } = judgeValidation({ reconciled: clean, now, backup, people: [], ...facts });
    return { verdict, problems: problems.map(({ kind, weight }) => `${kind} ${weight}`) };
  };
  const unreached = withCounts({ neither: 4 });
  test('an image that a stopped run did not reach is not missing; one that a closed run left is', () => {
    for (const runState of ['paused', 'stopped', 'tripped', 'interrupted'] as const)
      expect(judged({ reconciled: unreached, runState })).toEqual({
        verdict: 'unfinished',
        problems: ['without-outcome open'],
      });
    for (const runState of ['completed', 'abandoned'] as const)
      expect(judged({ reconciled: unreached, runState })).toEqual({
        verdict: 'bad',
        problems: ['without-outcome proof'],
      });
  });
  test('while images are invoked nothing is proven, however good it looks', () => {
    expect(judged({ runState: 'running' })).toEqual({ verdict: 'unfinished', problems: ['still-running open'] });
    expect(judged({ reconciled: without('person-has-no-rows'), runState: 'running' })).toEqual({
      verdict: 'unfinished',
      problems: ['still-running open', 'rows-missing open'],
    });
  });
  test('a loss is a loss though the run is not over', () => {
    expect(judged({ reconciled: without('person-has-no-rows'), runState: 'tripped' }).verdict).toBe('bad');
  });
  test('fewer entries than in the backup are never a clean bill; fewer failures or coverage records are no loss', () => {
    const counts = { ...now, entry: 6, 'zero-hour': 1, failed: 9, coverage: 2, total: 18 };
    expect(judged({ backup: { ...backup, counts } })).toEqual({ verdict: 'look', problems: ['fewer-entries doubt'] });
    expect(judgeValidation({ now, backup: { ...backup, counts }, people: [] }).problems).toEqual([
      { kind: 'fewer-entries', entries: 2, weight: 'doubt' },
    ]);
    expect(judged({ backup: { ...backup, counts: { ...now, failed: 9, coverage: 2, total: 16 } } }).verdict).toBe(
      'good',
    );
  });
  test('without a backup there is no clean bill either', () => {
    expect(judgeValidation({ reconciled: clean, now, people: [] })).toEqual({
      verdict: 'look',
      problems: [{ kind: 'not-compared', weight: 'doubt' }],
    });
  });
  test('a flush after the run began is told, behind what is worse', () => {
    expect(judged({ reconciled: without('person-has-no-rows'), flushedAt: 9, runState: 'completed' })).toEqual({
      verdict: 'bad',
      problems: ['rows-missing proof', 'flushed-since doubt'],
    });
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
