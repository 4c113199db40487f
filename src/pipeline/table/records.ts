import { attributeOf, type Item, textOf } from './item.ts';

/** pipeline.md, "Several kinds of record share it". */
export const RECORD_KINDS = ['entry', 'zero-hour', 'rejected', 'coverage', 'failed'] as const;
export type RecordKind = (typeof RECORD_KINDS)[number];

/** How many records of each kind; `total` is their sum. */
export type KindCounts = Readonly<Record<RecordKind, number>> & { readonly total: number };

export const FAILED_IMAGE = 'FAILED_IMAGE';

/** The attributes that `kindOfRecord` reads, besides the key. */
export const KIND_ATTRIBUTES = [
  'RecordType',
  'Rejected',
  'WeeksSubmitted',
  'TotalWeeks',
  'IsZeroHourTimesheet',
  'ZeroHourReason',
  'ProjectCode',
] as const;

/** The attributes that name the image of a record: `ImageKey` of a failed image, `SourceImage` of any other record. */
export const IMAGE_ATTRIBUTES = ['SourceImage', 'ImageKey'] as const;

/** The image that a record names, as it spells it; undefined where it names none. */
export const imageNamedBy = (item: Item, kind: RecordKind): string | undefined =>
  (kind === 'failed' ? textOf(item.ImageKey) : undefined) ?? textOf(item.SourceImage);

/** The names of the table's key attributes; `range` is absent when the table has no sort key. */
export interface KeyNames {
  readonly hash: string;
  readonly range?: string;
}

/**
 * The kind of a record (pipeline.md, "DynamoDB table"). Only its RecordType tells a failed image, because its key depends on the
 * logger that wrote it. A record that no rule describes is an entry: it is counted, and never taken for a failure.
 */
export function kindOfRecord(item: Item, keys: KeyNames): RecordKind {
  const text = (name: string) => {
    const value = attributeOf(item, name);
    return value !== undefined && 'S' in value ? value.S : undefined;
  };
  const isTrue = (name: string) => {
    const value = attributeOf(item, name);
    return value !== undefined && 'BOOL' in value && value.BOOL;
  };
  const has = (name: string) => Object.hasOwn(item, name);
  if (text('RecordType') === FAILED_IMAGE) return 'failed';
  const range = keys.range === undefined ? undefined : text(keys.range);
  if (range?.startsWith('REJECTED#') || isTrue('Rejected')) return 'rejected';
  if (has('WeeksSubmitted') || has('TotalWeeks')) return 'coverage';
  if (range?.startsWith('WEEK#')) return 'zero-hour';
  if (isTrue('IsZeroHourTimesheet') && (has('ZeroHourReason') || !has('ProjectCode'))) return 'zero-hour';
  return 'entry';
}

/** A tally of records by kind, all zero; `countsOf` adds the total. */
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

/** Records that are no failed images: what the growth of a table is measured by, and what "failures not counted" means. */
export const withoutFailures = (counts: KindCounts): number => counts.total - counts.failed;

/** Timesheet entries and zero-hour weeks: what the function writes for the work in an image. */
export const timesheetRecords = (counts: KindCounts): number => counts.entry + counts['zero-hour'];
