import { expect, it } from 'vitest';
import { keepNewest } from '../../../src/lib/memory/newest.ts';

it('a map and a set keep their newest entries, in their order', () => {
  const map = new Map([1, 2, 3, 4, 5].map((key) => [key, `of ${key}`]));
  keepNewest(map, 2);
  expect([...map]).toEqual([
    [4, 'of 4'],
    [5, 'of 5'],
  ]);
  const few = new Set(['a', 'b']);
  keepNewest(few, 2);
  expect([...few]).toEqual(['a', 'b']);
});
