import { expect, test } from 'vitest';
import { defined } from '../../src/lib/defined.ts';

test('a copy without undefined properties keeps every other value', () => {
  const object = { zero: 0, empty: '', nothing: null, no: false, missing: undefined };
  expect(Object.entries(defined(object))).toEqual([
    ['zero', 0],
    ['empty', ''],
    ['nothing', null],
    ['no', false],
  ]);
  expect(object).toHaveProperty('missing');
});
