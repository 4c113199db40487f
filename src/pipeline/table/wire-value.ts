/**
 * Items as DynamoDB's JSON has them on the wire and in AWS's table export: binary is base64 text, numbers are text. The SDK
 * turns each value into an object of its own on the way in and back on the way out, at ten times the cost of JSON.parse;
 * a backup only passes items on, so it takes them as they came.
 */
export type WireValue =
  | { readonly S: string }
  | { readonly N: string }
  | { readonly B: string }
  | { readonly BOOL: boolean }
  | { readonly NULL: boolean }
  | { readonly SS: readonly string[] }
  | { readonly NS: readonly string[] }
  | { readonly BS: readonly string[] }
  | { readonly L: readonly WireValue[] }
  | { readonly M: WireItem };
export interface WireItem {
  readonly [name: string]: WireValue;
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isTextList = (value: unknown): boolean =>
  Array.isArray(value) && value.every((member) => typeof member === 'string');

function isWireValue(value: unknown): value is WireValue {
  if (!isRecord(value)) return false;
  let tag: string | undefined;
  for (const name in value) {
    if (tag !== undefined) return false;
    tag = name;
  }
  if (tag === undefined) return false;
  const inner = value[tag];
  switch (tag) {
    case 'S':
    case 'N':
    case 'B':
      return typeof inner === 'string';
    case 'BOOL':
    case 'NULL':
      return typeof inner === 'boolean';
    case 'SS':
    case 'NS':
    case 'BS':
      return isTextList(inner);
    case 'L':
      return Array.isArray(inner) && inner.every(isWireValue);
    case 'M':
      return isWireItem(inner);
    default:
      return false;
  }
}

/** Whether parsed JSON is an item: attribute names to values of one known type each. */
export function isWireItem(value: unknown): value is WireItem {
  if (!isRecord(value)) return false;
  for (const name in value) if (!isWireValue(value[name])) return false;
  return true;
}

/** The text of a string or number attribute; undefined where it is none. */
export const textOf = (value: WireValue | undefined): string | undefined =>
  value === undefined ? undefined : 'S' in value ? value.S : 'N' in value ? value.N : undefined;
