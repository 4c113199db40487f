import { hash } from 'node:crypto';
import { letterId } from '../../lib/letter-id.ts';
import { canonicalItem, MalformedItemError } from '../../pipeline/table/canonical.ts';
import { attributeOf, type Item } from '../../pipeline/table/item.ts';
import { keyNamesOf, type TableKey } from '../../pipeline/table/table.ts';

/** Returns the primary key of an item, as `Key` of a request takes it. */
export type KeyOf = (item: Item) => Item;

/** @throws (from the returned function) MalformedItemError when an item does not have these keys. */
export function keyReader(keys: readonly TableKey[]): KeyOf {
  const { hash, range } = keyNamesOf({ keys });
  return (item) => {
    const hashValue = attributeOf(item, hash);
    const rangeValue = range === undefined ? undefined : attributeOf(item, range);
    if (hashValue === undefined || (range !== undefined && rangeValue === undefined))
      throw new MalformedItemError('An item without its key');
    return range === undefined || rangeValue === undefined
      ? { [hash]: hashValue }
      : { [hash]: hashValue, [range]: rangeValue };
  };
}

/** The text of a key, the same for every spelling of its numbers: equal texts, same record. */
export const keyText = (key: Item): string => canonicalItem(key);

/** The length of the id of a record. */
export const ENTRY_ID_LENGTH = 16;

/**
 * By which a person chooses a record: 16 hexadecimal digits of the SHA-256 of its key, as letters (see `letterId`). In one of
 * 350,000 tables of ten million records two have the same.
 */
export const entryId = (key: Item): string => letterId(hash('sha256', keyText(key), 'hex').slice(0, ENTRY_ID_LENGTH));
