import { describe, expect, test } from 'vitest';
import { createReconcileTotals, type ReconcileTotals } from '../../../src/results/reconcile/reconcile-totals.ts';
import type { PersonComparison } from '../../../src/results/report/people.ts';
import { createPeopleSample } from '../../../src/results/report/people.ts';
import { judgeValidation } from '../../../src/results/report/validation.ts';

const now = { entry: 5, 'zero-hour': 0, rejected: 0, coverage: 0, failed: 0, total: 5 };
const backup = { id: '01-a', startedAt: 1, counts: now };
const clean = createReconcileTotals().totals();
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
  before: { entries: 3, withHours: 3, hours: '7.5' },
  after: { entries: 3, withHours: 3, hours: '7.5' },
  same: 3,
  removed: 0,
  added: 0,
  changed: 0,
  changes: [],
  ...changes,
});

describe('the verdict of a validation', () => {
  test.each([
    ['every image was processed and has rows', withCounts({ 'processed-with-rows': 9 }), 'good', []],
    ['an image stored nothing', without('nothing-stored'), 'good', []],
    ['images were uploaded during the run', withCounts({ 'not-in-manifest': 2 }), 'good', []],
    ['an image has no outcome and no row', withCounts({ neither: 1 }), 'bad', ['without-outcome']],
    ['an image has rows but no outcome', withCounts({ 'rows-without-outcome': 1 }), 'bad', ['without-outcome']],
    ['nothing can have overwritten the rows', without('missing'), 'bad', ['rows-missing']],
    ['an outcome belongs to no image', withCounts({ 'outcome-not-in-manifest': 1 }), 'bad', ['outcome-of-no-image']],
    ['another image may have overwritten the rows', without('unclear'), 'look', ['rows-unclear']],
    ['images failed', withCounts({ 'failed-with-record': 1 }), 'look', ['failed']],
    [
      'a rejected sheet without a record',
      withCounts({ 'rejected-without-record': 1 }),
      'look',
      ['rejected-unrecorded'],
    ],
    ['an image has only older rows', withCounts({ 'processed-with-older-rows': 1 }), 'look', ['older-rows-only']],
  ] as const)('when %s', (_, reconciled, verdict, kinds) => {
    const judged = judgeValidation({ reconciled, now, backup, people: [], runState: 'completed' });
    expect(judged.verdict).toBe(verdict);
    expect(judged.problems.map(({ kind }) => kind)).toEqual(kinds);
  });

  test('says look when a person has fewer entries than in the backup, and good when a person only gained entries', () => {
    const [fewerHours, fewerEntries] = [
      { entries: 3, withHours: 3, hours: '5' },
      { entries: 2, withHours: 2, hours: '7.5' },
    ];
    const people = [
      person({ removed: 2, after: fewerHours }),
      person({ removed: 1, after: fewerEntries }),
      person({ added: 4 }),
    ];
    expect(judgeValidation({ reconciled: clean, now, backup, people })).toEqual({
      verdict: 'look',
      problems: [{ kind: 'people-lost-entries', people: 2, entries: 3, weight: 'doubt' }],
    });
    expect(judgeValidation({ reconciled: clean, now, backup, people: [person({ added: 4 })] }).verdict).toBe('good');
  });

  test('stays good when a person has fewer entries with the same hours, because those that are gone have none', () => {
    const before = { entries: 21, withHours: 3, hours: '7.5' };
    const people = [person({ removed: 18, before, after: { ...before, entries: 3 } })];
    expect(judgeValidation({ reconciled: clean, now, backup, people }).verdict).toBe('good');
  });
});

describe('the verdict of a validation without a finished run or without a backup', () => {
  const judged = (facts: Partial<Parameters<typeof judgeValidation>[0]>) => {
    const { verdict, problems } = judgeValidation({ reconciled: clean, now, backup, people: [], ...facts });
    return { verdict, problems: problems.map(({ kind, weight }) => `${kind} ${weight}`) };
  };
  const unreached = withCounts({ neither: 4 });
  test('is unfinished when a stopped run did not reach an image, and bad when a closed run left one', () => {
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
  test('is unfinished while images are being processed, even when everything looks good', () => {
    expect(judged({ runState: 'running' })).toEqual({ verdict: 'unfinished', problems: ['still-running open'] });
    expect(judged({ reconciled: without('missing'), runState: 'running' })).toEqual({
      verdict: 'unfinished',
      problems: ['still-running open', 'rows-missing open'],
    });
  });
  test('is bad when something is certainly lost, even when the run is not finished', () => {
    expect(judged({ reconciled: without('missing'), runState: 'tripped' }).verdict).toBe('bad');
  });
  test('is not good when there are fewer entries than in the backup, but can be when there are fewer failures or coverage records', () => {
    const counts = { ...now, entry: 6, 'zero-hour': 1, failed: 9, coverage: 2, total: 18 };
    expect(judged({ backup: { ...backup, counts } })).toEqual({ verdict: 'look', problems: ['fewer-entries doubt'] });
    expect(judgeValidation({ now, backup: { ...backup, counts }, people: [] }).problems).toEqual([
      { kind: 'fewer-entries', entries: 2, before: 7, now: 5, weight: 'doubt' },
    ]);
    expect(judged({ backup: { ...backup, counts: { ...now, failed: 9, coverage: 2, total: 16 } } }).verdict).toBe(
      'good',
    );
  });
  test('is bad when images have no rows and at least as many entries are missing, once the run is complete', () => {
    const counts = { ...now, entry: now.entry + 5 };
    const facts = { reconciled: without('unclear'), backup: { ...backup, counts } };
    expect(judged({ ...facts, runState: 'completed' })).toEqual({
      verdict: 'bad',
      problems: ['rows-unclear proof', 'fewer-entries proof'],
    });
    expect(judged({ ...facts, runState: 'paused' }).problems).toEqual(['rows-unclear doubt', 'fewer-entries doubt']);
  });
  test('is not good without a backup', () => {
    expect(judgeValidation({ reconciled: clean, now, people: [] })).toEqual({
      verdict: 'look',
      problems: [{ kind: 'not-compared', weight: 'doubt' }],
    });
  });
  test('mentions a flush after the start of the run, after more serious problems', () => {
    expect(judged({ reconciled: without('missing'), flushed: { at: 9 }, runState: 'completed' })).toEqual({
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
  test('is the same for the same seed, whatever the order and the repetitions', () => {
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
  test('never takes a person whose first rows it skipped', () => {
    const sample = createPeopleSample(3, 1);
    const passed = new Set<string>();
    for (const name of [...names, ...names]) {
      const { isIn, dropped } = sample.offer(name);
      if (!isIn) passed.add(name);
      if (isIn) expect(passed.has(name)).toBe(false);
      if (dropped !== undefined) passed.add(dropped);
    }
  });
  test('takes every person with about the same probability', () => {
    const times = new Map<string, number>();
    for (let seed = 0; seed < 400; seed++)
      for (const name of draw(5, seed, names.slice(0, 20))) times.set(name, (times.get(name) ?? 0) + 1);
    expect(times.size).toBe(20);
    // 100 are expected; the bound is five standard deviations of 8.7.
    for (const count of times.values()) expect(Math.abs(count - 100)).toBeLessThan(44);
  });
});
