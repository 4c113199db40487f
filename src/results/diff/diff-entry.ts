import type { DifferenceKind } from '../../backup/compare/compare.ts';
import { type Decimal, parseDecimal } from '../../lib/decimal.ts';
import type { Profile } from '../../pipeline/profile/profile.ts';
import type { RecordKind } from '../../pipeline/profile/record-kinds.ts';
import { canonicalItem, canonicalNumber } from '../../pipeline/table/canonical.ts';
import { type AttributeValue, attributeOf, type Item, textOf } from '../../pipeline/table/item.ts';
import type { KeyNames, RecordShape } from '../../pipeline/table/records.ts';

/** One attribute that differs. A side that does not have the attribute has no value. */
export interface FieldChange {
  readonly name: string;
  /** In the backup. */
  readonly before?: AttributeValue;
  /** In the table. */
  readonly after?: AttributeValue;
}

/** One record that differs between the table and the backup. Values are DynamoDB JSON, with numbers as text. */
export type DiffEntry = {
  /** Derived from the key, so the same in every diff. People select an entry by it. */
  readonly id: string;
  readonly key: Item;
  readonly record: RecordKind;
  /** Where the profile names the person by an attribute that is not in the key. */
  readonly person?: string;
} & (
  | { readonly kind: 'removed' | 'added'; readonly item: Item }
  | {
      readonly kind: 'changed';
      readonly fields: readonly FieldChange[];
      /** The `versionId` of the record in the table. */
      readonly seen: string;
      /** Both sides have the same time of writing, so the function has not written the record in between. */
      readonly isByHand: boolean;
    }
  /** The same entry under another key: another person or project code. `id` is of the key in the backup, `key` of the table. */
  | { readonly kind: 'moved'; readonly from: Item; readonly field: FieldChange; readonly hours?: string }
);
export type DiffKind = DifferenceKind | 'moved';

/** Removed records first, because they are what a flush can lose. */
export const DIFFERENCE_ORDER: readonly DiffKind[] = ['removed', 'changed', 'moved', 'added'];

export const keyOfItem = (item: Item, keys: KeyNames): Item =>
  Object.fromEntries(Object.entries(item).filter(([name]) => name === keys.hash || name === keys.range));

/** The text by which lines are sorted: the same for the same record, and the records of a person are adjacent. */
export function sortKey(key: Item, names: KeyNames): string {
  const text = (value: AttributeValue | undefined) =>
    value === undefined ? '' : 'S' in value ? value.S : 'N' in value ? canonicalNumber(value.N) : JSON.stringify(value);
  return JSON.stringify([text(key[names.hash]), ...(names.range === undefined ? [] : [text(key[names.range])])]);
}

/** Equality as in DynamoDB: sets without order, numbers by value. */
const sameValue = (a: AttributeValue, b: AttributeValue): boolean =>
  canonicalItem({ value: a }) === canonicalItem({ value: b });

/** Reads an own property, because an attribute may be called `constructor`. */
const own = (item: Item, name: string): AttributeValue | undefined =>
  Object.hasOwn(item, name) ? item[name] : undefined;

/** The fields in which two items differ, sorted by name. @throws MalformedItemError */
export function changedFields(before: Item, after: Item): readonly FieldChange[] {
  const changes: FieldChange[] = [];
  for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const [old, current] = [own(before, name), own(after, name)];
    if (old !== undefined && current !== undefined && sameValue(old, current)) continue;
    changes.push({ name, ...(old && { before: old }), ...(current && { after: current }) });
  }
  return changes.sort((a, b) => (a.name < b.name ? -1 : 1));
}

const WITH_HOURS: readonly RecordKind[] = ['entry', 'zero-hour'];

/**
 * The amount of an item, such as its hours: a number or a text with a number (the runbook's restore turned numbers into texts).
 * `none`: this kind of record has none. `unreadable`: it is not a number.
 */
export function hoursOf(item: Item, record: RecordKind, profile: Profile): Decimal | 'none' | 'unreadable' {
  const { amount } = profile.record;
  const value = amount && attributeOf(item, amount.attribute);
  if (value === undefined || !WITH_HOURS.includes(record)) return 'none';
  return parseDecimal(textOf(value) ?? '') ?? 'unreadable';
}

/**
 * The person of a record: by default its partition key, for a coverage record without `#` and the month. A failed image has no person,
 * and no record has one where the profile knows none.
 */
export function personOf(
  item: Item,
  record: RecordKind,
  { hash, profile: { person } }: RecordShape,
): string | undefined {
  const value = person && attributeOf(item, person.attribute ?? hash);
  if (record === 'failed' || value === undefined) return undefined;
  const text = textOf(value) ?? JSON.stringify(value);
  const end = record === 'coverage' && person?.until !== undefined ? text.lastIndexOf(person.until) : -1;
  return end < 0 ? text : text.slice(0, end);
}

/** The person of an entry of a diff. */
export const personOfEntry = (entry: DiffEntry, shape: RecordShape): string | undefined =>
  'item' in entry
    ? personOf(entry.item, entry.record, shape)
    : (entry.person ?? personOf(entry.key, entry.record, shape));

/** The person of an item where its key does not tell: to be kept beside the key. */
export function personBesideKey(item: Item, record: RecordKind, shape: RecordShape): { readonly person?: string } {
  const person = shape.profile.person?.attribute === undefined ? undefined : personOf(item, record, shape);
  return person === undefined ? {} : { person };
}
