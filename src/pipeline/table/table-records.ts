import type { Item } from './table.ts';
import type { WireItem } from './wire-value.ts';

/** pipeline.md, "Several kinds of record share it". */
export const RECORD_KINDS = ['entry', 'zero-hour', 'rejected', 'coverage', 'failed'] as const;
export type RecordKind = (typeof RECORD_KINDS)[number];

/** How many records of each kind; `total` is their sum. */
export type KindCounts = Readonly<Record<RecordKind, number>> & { readonly total: number };

export const FAILED_IMAGE = 'FAILED_IMAGE';

/** The attributes that `kindOfRecord` looks at, besides the key. */
export const KIND_ATTRIBUTES = [
  'RecordType',
  'Rejected',
  'WeeksSubmitted',
  'TotalWeeks',
  'IsZeroHourTimesheet',
  'ZeroHourReason',
  'ProjectCode',
] as const;

/** The names of the table's key attributes; `range` is missing where the table has none. */
export interface KeyNames {
  readonly hash: string;
  readonly range?: string;
}
export const PIPELINE_KEYS: KeyNames = { hash: 'ResourceName', range: 'DateProjectCode' };

/**
 * Which kind of record an item is (pipeline.md, "DynamoDB table"). A failed image is known by its RecordType alone, as its
 * key depends on who logged it; what no rule knows is an entry, so that it counts and is never taken for a failure.
 */
export const kindOfRecord = (item: Item, keys: KeyNames = PIPELINE_KEYS): RecordKind =>
  kindBy(
    (name) => item[name]?.S,
    (name) => item[name]?.BOOL === true,
    (name) => item[name] !== undefined,
    keys,
  );

/** The same for an item in its form on the wire. */
export const kindOfWire = (item: WireItem, keys: KeyNames = PIPELINE_KEYS): RecordKind => {
  const text = (name: string) => {
    const value = item[name];
    return value !== undefined && 'S' in value ? value.S : undefined;
  };
  const isTrue = (name: string) => {
    const value = item[name];
    return value !== undefined && 'BOOL' in value && value.BOOL;
  };
  return kindBy(text, isTrue, (name) => item[name] !== undefined, keys);
};

function kindBy(
  text: (name: string) => string | undefined,
  isTrue: (name: string) => boolean,
  has: (name: string) => boolean,
  keys: KeyNames,
): RecordKind {
  if (text('RecordType') === FAILED_IMAGE) return 'failed';
  const range = keys.range === undefined ? undefined : text(keys.range);
  if (range?.startsWith('REJECTED#') || isTrue('Rejected')) return 'rejected';
  if (has('WeeksSubmitted') || has('TotalWeeks')) return 'coverage';
  if (range?.startsWith('WEEK#')) return 'zero-hour';
  if (isTrue('IsZeroHourTimesheet') && (has('ZeroHourReason') || !has('ProjectCode'))) return 'zero-hour';
  return 'entry';
}

/** A tally to count records in; `countsOf` reads it. */
export const emptyTally = (): Record<RecordKind, number> => ({
  entry: 0,
  'zero-hour': 0,
  rejected: 0,
  coverage: 0,
  failed: 0,
});

export const countsOf = (tally: Readonly<Record<RecordKind, number>>): KindCounts => ({
  ...tally,
  total: RECORD_KINDS.reduce((sum, kind) => sum + tally[kind], 0),
});
