import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { letterId, readLetterId } from '../../src/lib/letter-id.ts';

const hexArbitrary = fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 10, maxLength: 10 });

describe('an id of letters', () => {
  test('cannot be a number, a date or a formula in a spreadsheet, and two ids stay different', () => {
    fc.assert(
      fc.property(hexArbitrary, hexArbitrary, (a, b) => {
        expect(letterId(a)).toMatch(/^[g-z]{10}$/);
        expect(letterId(a)).not.toMatch(/[aeiou]/);
        expect(letterId(a) === letterId(b)).toBe(a === b);
      }),
    );
  });

  test('is read as it is written, also in capital letters, and in the digits of an older version', () => {
    fc.assert(
      fc.property(hexArbitrary, (hex) => {
        const id = letterId(hex);
        expect(readLetterId(id, 10)).toBe(id);
        expect(readLetterId(` ${id.toUpperCase()} `, 10)).toBe(id);
        expect(readLetterId(hex, 10)).toBe(id);
      }),
    );
  });

  test('of an older version is read without the zeros that a spreadsheet removed', () =>
    expect(readLetterId('618657363', 10)).toBe(letterId('0618657363')));

  test.each(['', 'ghjk', '1.0E+05', '1e52345', 'timeouts!!', 'ghjkmnpqrsg', '01234567890'])(
    'is not read from %j',
    (text) => expect(readLetterId(text, 10)).toBeUndefined(),
  );
});
