import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createLookAlikes, likeSpelling, readSpelling, visibleSpelling } from '../../src/lib/look-alike.ts';

const ALIKE: readonly (readonly [string, string])[] = [
  ['Screenshot 2025-09-29 at 4.05.12\u202fPM.png', 'Screenshot 2025-09-29 at 4.05.12 PM.png'],
  ['week\u00a01.png', 'week 1.png'],
  ['O\u2019Neil.png', "O'Neil.png"],
  ['\u201cfinal\u201d.png', '"final".png'],
  ['a\u2013b\u2014c\u2011d.png', 'a-b-c-d.png'],
  ['Zoe\u0308.png', 'Zoë.png'],
  ['a\u200bb.png', 'ab.png'],
  ['a  b.png', 'a b.png'],
];

describe('names that look alike', () => {
  test.each(ALIKE)('%j is spelled like %j', (one, other) => {
    expect(likeSpelling(one)).toBe(likeSpelling(other));
  });
  test.each([
    ['a.png', 'A.png'],
    ['week 1.png', 'week 2.png'],
    ['a_b.png', 'a b.png'],
    ['a.png', 'á.png'],
  ])('%j is not spelled like %j', (one, other) => expect(likeSpelling(one)).not.toBe(likeSpelling(other)));
  test('of any kind keep their spelling when they are spelled again', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (name) => {
        const spelled = likeSpelling(name);
        expect(likeSpelling(spelled)).toBe(spelled);
        if (name.isWellFormed() && !name.includes('\\')) expect(readSpelling(visibleSpelling(name))).toBe(name);
        expect(visibleSpelling(name)).toMatch(/^[\x20-\x7e]*$/);
      }),
    );
  });
  test('are collected once each, sorted', () => {
    const found = createLookAlikes('week 1.png');
    for (const name of ['week\u202f1.png', 'week\u00a01.png', 'week 2.png', 'week\u202f1.png']) found.offer(name);
    expect(found.names()).toEqual(['week\u00a01.png', 'week\u202f1.png']);
  });
});
