import type { AttributeValue, Item } from './item.ts';

/** An item has a value that DynamoDB cannot have returned. */
export class MalformedItemError extends Error {
  override readonly name = 'MalformedItemError';
}

/**
 * The same text for items that DynamoDB holds equal, whatever the order of attributes and of the members of sets, and for `1`,
 * `1.0` and `1E0`. Different items give different texts, because every part carries its length.
 * @throws MalformedItemError
 */
export function canonicalItem(item: Item): string {
  const names = sortedNames(Object.keys(item));
  let text = `M${names.length}{`;
  for (const name of names) text += `${name.length}:${name}${canonicalValue(item[name])}`;
  return `${text}}`;
}

let lastNames: readonly string[] = [];
let lastSorted: readonly string[] = [];

/** Most records have the names of the one before: comparing costs less than sorting. */
function sortedNames(names: readonly string[]): readonly string[] {
  if (names.length === lastNames.length && names.every((name, index) => name === lastNames[index])) return lastSorted;
  lastNames = names;
  lastSorted = names.toSorted();
  return lastSorted;
}

function canonicalValue(value: AttributeValue | undefined): string {
  if (value === undefined) throw new MalformedItemError('An attribute has no value');
  if ('S' in value) return `S${value.S.length}:${value.S}`;
  if ('N' in value) return `N${canonicalNumber(value.N)};`;
  if ('BOOL' in value) return value.BOOL ? 'T' : 'F';
  if ('NULL' in value) return '0';
  if ('B' in value) return `B${canonicalBinary(value.B)};`;
  if ('M' in value) return canonicalItem(value.M);
  if ('L' in value) return `L${value.L.length}[${value.L.map(canonicalValue).join('')}]`;
  if ('SS' in value) return `X${canonicalSet(value.SS.map((text) => `${text.length}:${text}`))}`;
  if ('NS' in value) return `Y${canonicalSet(value.NS.map((text) => `${canonicalNumber(text)};`))}`;
  if ('BS' in value) return `Z${canonicalSet(value.BS.map((text) => `${canonicalBinary(text)};`))}`;
  throw new MalformedItemError('An attribute has an unknown type');
}

const canonicalSet = (members: readonly string[]): string => `${members.length}<${members.toSorted().join('')}>`;

const PLAIN_WHOLE = /^-?[1-9](?:\d*[1-9])?$/;
const NUMBER = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/;

/** `-?digits`, or `-?digitsEexponent` with no zero at either end of the digits; `0` for every zero. */
export function canonicalNumber(text: string): string {
  if (PLAIN_WHOLE.test(text)) return text;
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = NUMBER.exec(text) ?? [];
  if (whole === '' && fraction === '') throw new MalformedItemError(`Not a number: ${text.slice(0, 60)}`);
  const digits = (whole + fraction).replace(/^0+/, '');
  const significant = digits.replace(/0+$/, '');
  if (significant === '') return '0';
  const power = Number(exponent) - fraction.length + (digits.length - significant.length);
  return `${sign === '-' ? '-' : ''}${significant}${power === 0 ? '' : `E${power}`}`;
}

const PLAIN_BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

function canonicalBinary(text: string): string {
  if (!PLAIN_BASE64.test(text)) throw new MalformedItemError('A binary value is not base64');
  // Two base64 texts of the same bytes may differ in the bits after the last byte.
  return text.endsWith('=') ? Buffer.from(text, 'base64').toString('base64') : text;
}

/** Whether DynamoDB holds the two equal; `undefined` is a record that does not exist. @throws MalformedItemError */
export const sameItem = (a: Item | undefined, b: Item | undefined): boolean =>
  a === undefined || b === undefined ? a === b : canonicalItem(a) === canonicalItem(b);
