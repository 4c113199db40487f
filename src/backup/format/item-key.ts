import { hash } from 'node:crypto';
import { canonicalItem, MalformedItemError } from '../../pipeline/table/canonical.ts';
import type { Item } from '../../pipeline/table/item.ts';
import { keyNamesOf, type TableKey } from '../../pipeline/table/table.ts';

/** The primary key of an item, as `Key` of a request takes it. */
export type KeyOf = (item: Item) => Item;

/** @throws (from the function) MalformedItemError where an item has no such key. */
export function keyReader(keys: readonly TableKey[]): KeyOf {
  const { hash, range } = keyNamesOf({ keys });
  return (item) => {
    const hashValue = item[hash];
    const rangeValue = range === undefined ? undefined : item[range];
    if (hashValue === undefined || (range !== undefined && rangeValue === undefined))
      throw new MalformedItemError('An item without its key');
    return range === undefined || rangeValue === undefined
      ? { [hash]: hashValue }
      : { [hash]: hashValue, [range]: rangeValue };
  };
}

/** One text for a key however its numbers are spelled: equal texts, same record. */
export const keyText = (key: Item): string => canonicalItem(key);

/** What a person chooses a record by: 16 hexadecimal digits of its key's SHA-256. Of ten million keys, two have the same in one case of 350,000. */
export const entryId = (key: Item): string => hash('sha256', keyText(key), 'hex').slice(0, 16);
