import type { DifferenceKind } from '../../backup/compare/compare.ts';
import { type Decimal, parseDecimal } from '../../lib/decimal.ts';
import { canonicalItem } from '../../pipeline/table/canonical.ts';
import { type AttributeValue, type Item, textOf } from '../../pipeline/table/item.ts';
import type { RecordKind } from '../../pipeline/table/records.ts';

/** One attribute that is not equal on both sides; without a value where the item does not have it. */
export interface FieldChange {
  readonly name: string;
  /** In the backup. */
  readonly before?: AttributeValue;
  /** In the table. */
  readonly after?: AttributeValue;
}

/** One record that is not the same in the table as in the backup. Values are DynamoDB's own, numbers as text. */
export type DiffEntry = {
  /** Of the key, the same in every diff: what a person chooses an entry by. */
  readonly id: string;
  readonly key: Item;
  readonly record: RecordKind;
} & (
  | { readonly kind: 'removed' | 'added'; readonly item: Item }
  | { readonly kind: 'changed'; readonly fields: readonly FieldChange[] }
);

/** Removed first: those are what a flush can cost. */
export const DIFFERENCE_ORDER: readonly DifferenceKind[] = ['removed', 'changed', 'added'];

/** Fields that are different after every run over the same images; `OCR*` stands for every name that begins with `OCR`. */
export const FIELDS_CHANGED_BY_EVERY_RUN: readonly string[] = [
  'ProcessingTimestamp',
  'ProcessingTimeSeconds',
  'CostEstimateUSD',
  'InputTokens',
  'OutputTokens',
  'OCR*',
  'LastUpdated',
];

/** Whether a field is left out, by names that may end in `*`. */
export function fieldFilter(ignoredFields: readonly string[]): (name: string) => boolean {
  const names = new Set(ignoredFields.filter((pattern) => !pattern.endsWith('*')));
  const beginnings = ignoredFields.filter((pattern) => pattern.endsWith('*')).map((pattern) => pattern.slice(0, -1));
  return (name) => names.has(name) || beginnings.some((beginning) => name.startsWith(beginning));
}

/** Sets without order and numbers by value, as DynamoDB holds them equal. */
const sameValue = (a: AttributeValue, b: AttributeValue): boolean =>
  canonicalItem({ value: a }) === canonicalItem({ value: b });

/** An attribute may be called `constructor`, which every object seems to have. */
const own = (item: Item, name: string): AttributeValue | undefined =>
  Object.hasOwn(item, name) ? item[name] : undefined;

/** The fields, by name, in which two items differ. @throws MalformedItemError */
export function changedFields(before: Item, after: Item): readonly FieldChange[] {
  const changes: FieldChange[] = [];
  for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const [was, is] = [own(before, name), own(after, name)];
    if (was !== undefined && is !== undefined && sameValue(was, is)) continue;
    changes.push({ name, ...(was && { before: was }), ...(is && { after: is }) });
  }
  return changes.sort((a, b) => (a.name < b.name ? -1 : 1));
}

const WITH_HOURS: readonly RecordKind[] = ['entry', 'zero-hour'];

/**
 * The hours an item books: its `Hours`, a number or a text that is one (the runbook's restore made texts of numbers).
 * `none` where it is a record that has no hours, `unreadable` where they are no number.
 */
export function hoursOf(item: Item, record: RecordKind): Decimal | 'none' | 'unreadable' {
  const value = item.Hours;
  if (value === undefined || !WITH_HOURS.includes(record)) return 'none';
  return parseDecimal(textOf(value) ?? '') ?? 'unreadable';
}

/** The person a record is of: its hash key, of a coverage record what stands before `#` and the month; a failure has none. */
export function personOf(item: Item, record: RecordKind, hashKey: string): string | undefined {
  const value = item[hashKey];
  if (record === 'failed' || value === undefined) return undefined;
  const text = textOf(value) ?? JSON.stringify(value);
  return record === 'coverage' ? text.replace(/#\d{4}-\d{2}$/, '') : text;
}
