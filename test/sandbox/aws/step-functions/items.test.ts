import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseCsv } from '../../../../sandbox/aws/step-functions/map/csv.ts';
import { isFailureThresholdExceeded } from '../../../../sandbox/aws/step-functions/map/map-run.ts';

const quoted = (cell: string) => `"${cell.replaceAll('"', '""')}"`;

test('a CSV file is read to the cells it was written from, whatever they contain', () => {
  const row = fc.array(fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', '\r', 'é') }), { minLength: 1 });
  fc.assert(
    fc.property(fc.array(row), (rows) => {
      expect(parseCsv(rows.map((cells) => `${cells.map(quoted).join(',')}\r\n`).join(''))).toEqual(rows);
    }),
  );
  expect(parseCsv('a|b\n1|2', '|')).toEqual([
    ['a', 'b'],
    ['1', '2'],
  ]);
});

test.for<[count: number | undefined, percentage: number | undefined, failed: number, isExceeded: boolean]>([
  [undefined, undefined, 0, false],
  [undefined, undefined, 1, true],
  [2, undefined, 2, false],
  [2, undefined, 3, true],
  [undefined, 10, 1, false],
  [undefined, 10, 2, true],
  [5, 10, 2, true],
  [1, 100, 2, true],
  [0, 100, 1, true],
  [undefined, 100, 10, false],
])(
  'of 10 items, with a count of %s and a percentage of %s, %i failures exceed the threshold: %s',
  ([toleratedFailureCount, toleratedFailurePercentage, failed, isExceeded]) => {
    const limits = { maxConcurrency: 0, toleratedFailureCount, toleratedFailurePercentage };
    expect(isFailureThresholdExceeded(limits, { failed, timedOut: 0, total: 10 })).toBe(isExceeded);
    expect(isFailureThresholdExceeded(limits, { failed: 0, timedOut: failed, total: 10 })).toBe(isExceeded);
  },
);
