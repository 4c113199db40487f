import { canonicalItem } from '../../../../src/pipeline/table/canonical.ts';
import type { AttributeValue, Item } from '../../../../src/pipeline/table/item.ts';

/** An expression with its names and values, as requests of DynamoDB carry them. */
export interface Expression {
  readonly text: string;
  readonly names: Readonly<Record<string, string>>;
  readonly values: Readonly<Record<string, AttributeValue>>;
}

const TOKEN = /\s*(\(|\)|,|=|<>|AND\b|OR\b|NOT\b|attribute_exists\b|attribute_not_exists\b|[#:]\w+)/y;

const sameValue = (a: AttributeValue, b: AttributeValue): boolean => canonicalItem({ a }) === canonicalItem({ a: b });

/** Whether an item (`{}` where there is none) fulfils a condition made of `=`, `<>`, the two functions, AND, OR, NOT. */
export function fulfils(item: Item, { text, names, values }: Expression): boolean {
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.trimEnd().length) {
    const found = TOKEN.exec(text);
    if (found?.[1] === undefined) throw new Error(`Not a condition that this stand-in knows: ${text}`);
    tokens.push(found[1]);
  }
  let at = 0;
  const take = (wanted?: string): string => {
    const token = tokens[at];
    if (token === undefined || (wanted !== undefined && token !== wanted))
      throw new Error(`Expected ${wanted} in ${text}`);
    at += 1;
    return token;
  };
  const nameOf = (token: string): string => {
    const name = names[token];
    if (name === undefined) throw new Error(`${token} has no name`);
    return name;
  };
  const operand = (): AttributeValue | undefined => {
    const token = take();
    if (token.startsWith('#')) return item[nameOf(token)];
    const value = values[token];
    if (value === undefined) throw new Error(`${token} has no value`);
    return value;
  };
  const primary = (): boolean => {
    if (tokens[at] === '(') {
      take('(');
      const inner = either();
      take(')');
      return inner;
    }
    if (tokens[at] === 'NOT') {
      take('NOT');
      return !primary();
    }
    if (tokens[at]?.startsWith('attribute_')) {
      const isAbsence = take() === 'attribute_not_exists';
      take('(');
      const name = nameOf(take());
      take(')');
      return (item[name] === undefined) === isAbsence;
    }
    const left = operand();
    const isEqual = take() === '=';
    const right = operand();
    if (left === undefined || right === undefined) return !isEqual && left !== right;
    return sameValue(left, right) === isEqual;
  };
  const both = (): boolean => {
    let result = primary();
    while (tokens[at] === 'AND') {
      take('AND');
      const next = primary();
      result &&= next;
    }
    return result;
  };
  const either = (): boolean => {
    let result = both();
    while (tokens[at] === 'OR') {
      take('OR');
      const next = both();
      result ||= next;
    }
    return result;
  };
  const result = either();
  if (at !== tokens.length) throw new Error(`Unread rest of ${text}`);
  return result;
}
