import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { causeOf } from '../../src/rescan/cause.ts';

describe('the cause of an error message', () => {
  test('is the same whatever number, id, time, path or quoted text stands in it', () => {
    const varying = fc.oneof(
      fc.integer().map(String),
      fc.double({ noNaN: true, noDefaultInfinity: true, min: 0, max: 1e6 }).map((n) => n.toFixed(3)),
      fc.uuid(),
      fc
        .date({ noInvalidDate: true, min: new Date('2000-01-01'), max: new Date('2099-01-01') })
        .map((d) => d.toISOString()),
      fc.integer({ min: 1 }).map((n) => `"week ${n}"`),
      fc.integer({ min: 1 }).map((n) => `2025/week ${n}/sheet_${n}.png`.replace(' ', '_')),
      fc.integer({ min: 0x10000000 }).map((n) => `0x${n.toString(16)}`),
    );
    fc.assert(
      fc.property(varying, varying, (one, other) => {
        expect(causeOf(`Could not read ${one} of the sheet`)).toEqual(causeOf(`Could not read ${other} of the sheet`));
      }),
    );
  });

  test('is another one where the words differ', () => {
    const messages = [
      'Textract could not read the document 17',
      'Textract could not open the document 17',
      'Task timed out after 300.00 seconds',
      'Expecting value: line 1 column 1 (char 0)',
      '',
    ];
    expect(new Set(messages.map((message) => causeOf(message).id)).size).toBe(messages.length);
  });

  test('has an id of ten hexadecimal digits that stays the same from one process to the next', () => {
    expect(causeOf('Task timed out after 300.00 seconds')).toEqual({
      id: '513c5e28dd',
      text: 'Task timed out after … seconds',
    });
    fc.assert(
      fc.property(fc.string(), (message) => {
        expect(causeOf(message).id).toMatch(/^[0-9a-f]{10}$/);
      }),
    );
  });

  test('is short and well-formed whatever comes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 2_000 }), (message) => {
        const { text } = causeOf(message);
        expect(text.length).toBeLessThanOrEqual(200);
        expect(text.isWellFormed()).toBe(true);
        expect(text).not.toMatch(/\n/);
      }),
    );
  });
});
