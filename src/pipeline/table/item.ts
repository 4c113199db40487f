import { jsonWithoutSecrets, withoutSecrets } from '../../lib/redact.ts';

/**
 * One value with its DynamoDB type, in the JSON form of DynamoDB's API and of AWS's table export: a number is text (it never
 * becomes a JavaScript number) and binary is base64 text.
 */
export type AttributeValue =
  | { readonly S: string }
  | { readonly N: string }
  | { readonly B: string }
  | { readonly BOOL: boolean }
  | { readonly NULL: boolean }
  | { readonly SS: readonly string[] }
  | { readonly NS: readonly string[] }
  | { readonly BS: readonly string[] }
  | { readonly L: readonly AttributeValue[] }
  | { readonly M: Item };

/** A record of the table, or its key: attribute names to values. The one item model from scan to backup to restore. */
export interface Item {
  readonly [name: string]: AttributeValue;
}

/** DynamoDB's answer does not have the form that its API defines. */
export class MalformedAnswerError extends Error {
  override readonly name = 'MalformedAnswerError';
}

export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isTextList = (value: unknown): boolean =>
  Array.isArray(value) && value.every((member) => typeof member === 'string');

function isAttributeValue(value: unknown): value is AttributeValue {
  if (!isObject(value)) return false;
  let type: string | undefined;
  for (const name in value) {
    if (type !== undefined) return false;
    type = name;
  }
  if (type === undefined) return false;
  const content = value[type];
  switch (type) {
    case 'S':
    case 'N':
    case 'B':
      return typeof content === 'string';
    case 'BOOL':
    case 'NULL':
      return typeof content === 'boolean';
    case 'SS':
    case 'NS':
    case 'BS':
      return isTextList(content);
    case 'L':
      return Array.isArray(content) && content.every(isAttributeValue);
    case 'M':
      return isItem(content);
    default:
      return false;
  }
}

/** Whether parsed JSON is an item: attribute names to values of exactly one known type each. */
export function isItem(value: unknown): value is Item {
  if (!isObject(value)) return false;
  for (const name in value) if (!isAttributeValue(value[name])) return false;
  return true;
}

/** The value of an attribute; undefined where the item has none: `item.toString` exists on every object. */
export const attributeOf = (item: Item, name: string): AttributeValue | undefined =>
  Object.hasOwn(item, name) ? item[name] : undefined;

/** A value for a reader, without credentials: its text, or DynamoDB JSON where it is neither text nor number. */
export function shownValue(value: AttributeValue): string {
  const text = textOf(value);
  return text === undefined ? jsonWithoutSecrets(JSON.stringify(value)) : withoutSecrets(text);
}

/** The text of a string or number attribute; undefined for other types and for an absent attribute. */
export const textOf = (value: AttributeValue | undefined): string | undefined =>
  value === undefined ? undefined : 'S' in value ? value.S : 'N' in value ? value.N : undefined;
