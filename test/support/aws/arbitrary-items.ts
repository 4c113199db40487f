import * as fc from 'fast-check';
import { type AttributeValue, type Item, textOf } from '../../../src/pipeline/table/item.ts';

/** Items of any shape that DynamoDB takes, all types, nested. */

const digits = (most: number) =>
  fc
    .tuple(fc.constantFrom('1', '2', '9'), fc.stringMatching(new RegExp(`^[0-9]{0,${most - 1}}$`)))
    .map((parts) => parts.join(''));
const number = fc.oneof(
  fc.constantFrom('0', '-1', '7.5', '0.00123', '100', '1000000', '12345678901234567890123456789012345678', '-0.001'),
  fc.tuple(fc.constantFrom('', '-'), digits(38)).map((parts) => parts.join('')),
  fc.tuple(digits(18), digits(18)).map(([whole, fraction]) => `${whole}.${fraction}`),
);
const text = fc.oneof(
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }),
  fc.constantFrom('é', '日本', '\n"\\', '😀', ' '),
);
const bytes = fc.uint8Array({ minLength: 1, maxLength: 12 }).map((content) => Buffer.from(content).toString('base64'));
const setOf = <T>(member: fc.Arbitrary<T>, key: (value: T) => string) =>
  fc.uniqueArray(member, { minLength: 1, maxLength: 4, selector: key });

/** Names that every JavaScript object has. */
const inherited = fc.constantFrom('__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf');

const value = fc.letrec<{ value: AttributeValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    text.map((S) => ({ S })),
    number.map((N) => ({ N })),
    bytes.map((B) => ({ B })),
    fc.boolean().map((BOOL) => ({ BOOL })),
    fc.constant({ NULL: true } as const),
    setOf(text, (member) => member).map((SS) => ({ SS })),
    setOf(fc.integer().map(String), (member) => member).map((NS) => ({ NS })),
    setOf(bytes, (member) => member).map((BS) => ({ BS })),
    fc.array(tie('value'), { maxLength: 4 }).map((L) => ({ L })),
    fc.dictionary(fc.oneof(text, inherited), tie('value'), { maxKeys: 4 }).map((M) => ({ M })),
  ),
})).value;

const name = fc.oneof(
  fc.stringMatching(/^[A-Za-z][A-Za-z0-9 _.-]{0,12}$/),
  fc.constantFrom('size', 'naïve', '#x', ':y'),
  inherited,
);

export const arbitraryItems = (most: number): fc.Arbitrary<Item[]> =>
  fc.uniqueArray(
    fc
      .tuple(fc.dictionary(name, value, { maxKeys: 8 }), text, text)
      .map(([item, hash, range]): Item => ({ ...item, ResourceName: { S: hash }, DateProjectCode: { S: range } })),
    { maxLength: most, selector: (item) => `${textOf(item.ResourceName)} ${textOf(item.DateProjectCode)}` },
  );
