import { describe, expect, test } from 'vitest';
import { numbersOf } from '../../../src/run/rules/numbers.ts';
import { runSnapshot } from '../../support/memory/scripted-run-control.ts';

const { totals } = runSnapshot();

describe('the numbers of a run', () => {
  test('count each image once', () => {
    const numbers = numbersOf(runSnapshot({ total: 500, totals: { ...totals, noRows: 5 } }));
    expect(numbers).toMatchObject({ images: 500, done: 417, left: 83, failed: 24, withoutRows: 5, toRetry: 29 });
    const { processed, rejected, failed, withoutRows, done } = numbers;
    expect(processed + rejected + failed + withoutRows).toBe(done);
  });

  test('have growth only where the table was counted after the first outcome', () => {
    const growth = { kind: 'counted', entries: 40, entriesAtStart: 6 } as const;
    expect(numbersOf(runSnapshot({ growth })).grownBy).toBe(34);
    expect(numbersOf(runSnapshot({ growth: { ...growth, imagesSinceCount: 412 } })).grownBy).toBeUndefined();
    expect(numbersOf(runSnapshot({ growth: { ...growth, imagesSinceCount: 16 } })).grownBy).toBe(34);
    expect(numbersOf(runSnapshot({ growth: { kind: 'probed' } }))).not.toHaveProperty('grownBy');
  });

  test('have growth before the first outcome, too, where the table was counted', () => {
    const nothing = { ...totals, processed: 0, rejected: 0, failed: 0, noRows: 0 };
    const growth = { kind: 'counted', entries: 40, entriesAtStart: 40, imagesSinceCount: 0 } as const;
    expect(numbersOf(runSnapshot({ totals: nothing, growth }))).toMatchObject({ done: 0, grownBy: 0 });
  });

  test.each([
    [
      { kind: 'counted', entries: 40, entriesAtStart: 6 },
      { records: 40, recordsAtStart: 6, grownBy: 34 },
    ],
    [{ kind: 'counted', entries: 40 }, { records: 40 }],
    [{ kind: 'counted', entriesAtStart: 6 }, { recordsAtStart: 6 }],
    [{ kind: 'counted' }, {}],
  ] as const)('name only the counts that exist: %j', (growth, expected) => {
    const { records: _, recordsAtStart: __, grownBy: ___, ...others } = numbersOf(runSnapshot({ growth }));
    expect(numbersOf(runSnapshot({ growth }))).toStrictEqual({ ...others, ...expected });
  });

  test('have a cost only where the function reported one', () => {
    expect(numbersOf(runSnapshot())).toMatchObject({ costUsd: 1.236 });
    expect(numbersOf(runSnapshot({ totals: { ...totals, costUsd: 0 } }))).not.toHaveProperty('costUsd');
  });
});
