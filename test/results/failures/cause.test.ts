import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { redact } from '../../../src/lib/redact.ts';
import { causeOf } from '../../../src/results/failures/cause.ts';
import { cpuMs } from '../../support/cpu-time.ts';

describe('the cause of an error message', () => {
  test('is the same for messages that differ in a number, id, time, path or quoted text', () => {
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

  test('is different when the words differ', () => {
    const messages = [
      'Textract could not read the document 17',
      'Textract could not open the document 17',
      'Task timed out after 300.00 seconds',
      'Expecting value: line 1 column 1 (char 0)',
      '',
    ];
    expect(new Set(messages.map((message) => causeOf(message).id)).size).toBe(messages.length);
  });

  test('has an id of ten letters that is the same in every process', () => {
    expect(causeOf('Task timed out after 300.00 seconds')).toEqual({
      id: 'nhkwnyjrxx',
      text: 'Task timed out after … seconds',
    });
    fc.assert(
      fc.property(fc.string(), (message) => {
        expect(causeOf(message).id).toMatch(/^[g-z]{10}$/);
      }),
    );
  });

  test('is short and well-formed for any message', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 2_000 }), (message) => {
        const { text } = causeOf(message);
        expect(text.length).toBeLessThanOrEqual(200);
        expect(text.isWellFormed()).toBe(true);
        expect(text).not.toMatch(/\n/);
      }),
    );
  });

  const alike: readonly (readonly [string, readonly string[]])[] = [
    [
      'JSON in which only ids differ, escaped or not',
      [
        'Bedrock said {"message": "Rate exceeded", "requestId": "a1"}',
        'Bedrock said {\\"message\\": \\"Rate exceeded\\", \\"requestId\\": \\"b2\\"}',
        "Bedrock said {'message': 'Rate exceeded', 'requestId': 'c3'}",
      ],
    ],
    ['AWS’s request ids', ['Refused (request VV4KQNSO5AEMVJF66Q9ASUAAJG)', 'Refused (request 0KJH3N5V8Q2Z1R4T9X)']],
    [
      'dates with month names',
      ['No week of Nov 24, 2025 found', 'No week of March 3, 2025 found', 'No week of 3 Feb found'],
    ],
    ['quotes of other languages', ['Feld „Stunden“ fehlt', 'Feld “Woche 12” fehlt', 'Feld «Datum» fehlt']],
    ['digits of other scripts', ['頁 ١٢ が読めません', '頁 ４ が読めません', '頁 7 が読めません']],
    ['credentials', ['Denied for AKIAIOSFODNN7EXAMPLE', 'Denied for ASIAY34FZKBOKMUTVV7A']],
  ];
  test.each(alike)('is the same for different %s', (_, messages) => {
    expect(new Set(messages.map((message) => causeOf(message).text)).size).toBe(1);
  });

  const apart: readonly (readonly [string, string, string])[] = [
    ['the message in JSON', '{"message": "Rate exceeded"}', '{"message": "Model not ready"}'],
    ['the class of an error in JSON', '{"error_type": "KeyError"}', '{"error_type": "ValueError"}'],
    [
      'words between two apostrophes',
      "The week couldn't be read, it isn't there",
      "The week couldn't be stored, it isn't new",
    ],
    ['words of other scripts', '頁が読めません', '頁がありません'],
  ];
  test.each(apart)('is different when this differs: %s', (_, one, other) => {
    expect(causeOf(one).id).not.toBe(causeOf(other).id);
  });

  test.each([
    ['a key with spaces', '2025/week 12/Nik Coultas 3.png', (key: string) => `Cannot open ${key} at all`],
    ['a file', 'a/Ørsted_§_7.png', (key: string) => `Cannot open ${key.slice(2)} at all`],
    ['an encoded key', 'b c/Ä 9.png', (key: string) => `Cannot open ${encodeURIComponent(key)} at all`],
    ['the person of its name', 'x/Mary_Jane_Holland_12.jpg', () => 'Cannot open Mary Jane Holland at all'],
  ])('does not depend on the image when the message names it by %s', (_, key, say) => {
    expect(causeOf(say(key), key).text).toBe('Cannot open … at all');
  });

  test('keeps a word that is also the name of an image', () => {
    const message = 'Textract could not read the document';
    expect(causeOf(message, 'scans/document.png')).toEqual(causeOf(message, 'scans/other.png'));
  });

  test('is the same for a record of the table and for the 500 characters of it that a run stores', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 400, maxLength: 700 }), (message) => {
        expect(causeOf(redact(message))).toEqual(causeOf(message));
      }),
    );
  });

  test('is found quickly for messages that are made to be slow, of 5,000 characters each', () => {
    const hostile = [
      'a',
      'a.',
      'a/',
      '1a',
      '"',
      "'a ",
      'a-b(c)@',
      '+',
      '2020-01-01T',
      '1',
      ' ',
      '“',
      '\\"',
      '{"message":"',
    ];
    const began = cpuMs();
    for (const piece of hostile) for (let n = 0; n < 10; n++) causeOf(piece.repeat(5_000 / piece.length) + n);
    // A few milliseconds altogether. One quadratic pattern would take more than ten seconds.
    expect(cpuMs() - began).toBeLessThan(5_000);
  });
});
