import type { CsvColumn } from '../../lib/csv/column.ts';
import { formatDecimal } from '../../lib/decimal.ts';
import { jsonWithoutSecrets } from '../../lib/redact.ts';
import type { Profile } from '../../pipeline/profile/profile.ts';
import { type AttributeValue, type Item, shownValue, textOf } from '../../pipeline/table/item.ts';
import type { RecordShape } from '../../pipeline/table/records.ts';
import { type DiffEntry, type FieldChange, hoursOf } from './diff-entry.ts';

/**
 * One line of the CSV of a diff: a removed, added or moved record, or one field of a changed record. The hours of a record
 * are on one line only, so that the columns can be summed.
 */
export interface DiffRow {
  readonly entry: DiffEntry;
  readonly field?: FieldChange;
}

/** The lines of the entries, in their order. @throws the error of `entries` */
export async function* diffRows(entries: AsyncIterable<DiffEntry>): AsyncGenerator<DiffRow> {
  for await (const entry of entries) {
    if (entry.kind === 'changed') for (const field of entry.fields) yield { entry, field };
    else yield entry.kind === 'moved' ? { entry, field: entry.field } : { entry };
  }
}

/**
 * The columns of the CSV of a diff, for a table with these keys. A value that is not a text or number is DynamoDB JSON. The
 * values are shown without credentials, so nothing can be restored from the file.
 */
export function diffCsvColumns(keys: RecordShape): readonly CsvColumn<DiffRow>[] {
  const { profile } = keys;
  const { amount } = profile.record;
  const keyNames = [keys.hash, ...(keys.range === undefined ? [] : [keys.range])];
  return [
    { name: 'Change', kind: 'text', read: ({ entry }) => entry.kind },
    { name: 'Id', kind: 'text', read: ({ entry }) => entry.id },
    { name: 'Record', kind: 'text', read: ({ entry }) => entry.record },
    ...keyNames.map(
      (name): CsvColumn<DiffRow> => ({
        name,
        isNameFromData: true,
        kind: 'text',
        read: ({ entry }) => formatPlain(entry.key[name]),
      }),
    ),
    ...(amount ? amountColumns(amount.attribute, profile) : []),
    { name: 'Field', kind: 'text', read: ({ field }) => field?.name },
    { name: 'Before', kind: 'text', read: ({ field }) => field && formatValue(field.before, field.after) },
    { name: 'After', kind: 'text', read: ({ field }) => field && formatValue(field.after, field.before) },
    { name: 'Item', kind: 'text', read: ({ entry }) => ('item' in entry ? formatItem(entry.item) : undefined) },
  ];
}

const amountColumns = (attribute: string, profile: Profile): readonly CsvColumn<DiffRow>[] =>
  (['before', 'after'] as const).map((side) => ({
    name: `${attribute}${side === 'before' ? 'Before' : 'After'}`,
    isNameFromData: true,
    kind: 'number',
    read: (row) => formatHours(row, side, attribute, profile),
  }));

const formatPlain = (value: AttributeValue | undefined): string | undefined =>
  value === undefined ? undefined : (textOf(value) ?? JSON.stringify(value));

const formatItem = (item: Item): string => jsonWithoutSecrets(JSON.stringify(item));

/** The value, with its type when the other side has a different type: `{"S":"7.5"}` and `{"N":"7.5"}`. */
function formatValue(value: AttributeValue | undefined, other: AttributeValue | undefined): string | undefined {
  if (value === undefined) return undefined;
  const typeChanged = other !== undefined && Object.keys(value)[0] !== Object.keys(other)[0];
  return typeChanged ? jsonWithoutSecrets(JSON.stringify(value)) : shownValue(value);
}

function formatHours(
  { entry, field }: DiffRow,
  side: 'before' | 'after',
  attribute: string,
  profile: Profile,
): string | undefined {
  if (entry.kind === 'moved') return entry.hours;
  const item = itemWithHours(entry, field, side, attribute);
  const hours = item && hoursOf(item, entry.record, profile);
  return typeof hours === 'object' ? formatDecimal(hours) : undefined;
}

function itemWithHours(
  entry: DiffEntry,
  field: FieldChange | undefined,
  side: 'before' | 'after',
  attribute: string,
): Item | undefined {
  if ('item' in entry) return (entry.kind === 'removed') === (side === 'before') ? entry.item : undefined;
  const value = field?.name === attribute ? field[side] : undefined;
  return value && { [attribute]: value };
}
