import type { FailureAttribute } from '../profile/failure-names.ts';
import type { Condition, Profile } from '../profile/profile.ts';
import { RECORD_KINDS, type RecordKind } from '../profile/record-kinds.ts';
import { type AttributeValue, attributeOf, type Item, textOf } from './item.ts';

/** How many records of each kind; `total` is their sum. */
export type KindCounts = Readonly<Record<RecordKind, number>> & { readonly total: number };

/** What an attribute of the records of failed images is called in the table of this pipeline. */
export const failedName = ({ failed }: Pick<Profile, 'failed'>, attribute: FailureAttribute): string =>
  failed.names[attribute] ?? attribute;

/** The names of the table's key attributes; `range` is absent when the table has no sort key. */
export interface KeyNames {
  readonly hash: string;
  readonly range?: string;
}

/** How the records of a table are read: its key, and the profile of its pipeline. */
export interface RecordShape extends KeyNames {
  readonly profile: Profile;
}

/** The attributes that `kindOfRecord` reads, besides the key. */
export const kindAttributes = (profile: Profile): readonly string[] => [
  ...new Set([
    failedName(profile, 'RecordType'),
    ...profile.kinds.flatMap(({ when }) =>
      when.flatMap((condition) => ('attribute' in condition ? condition.attribute : [])),
    ),
  ]),
];

/** The attributes that name the image of a record. */
export const imageAttributes = (profile: Profile): readonly string[] => [
  ...new Set([profile.record.image, failedName(profile, 'ImageKey')]),
];

/** The attributes of the key, and those that tell the kind of a record. */
export const keyAndKindAttributes = ({ hash, range, profile }: RecordShape): readonly string[] => [
  ...new Set([hash, ...(range === undefined ? [] : [range]), ...kindAttributes(profile)]),
];

/** The image that a record names, as it spells it: `ImageKey` of a failed image; undefined where it names none. */
export const imageNamedBy = (item: Item, kind: RecordKind, profile: Profile): string | undefined =>
  (kind === 'failed' ? textOf(attributeOf(item, failedName(profile, 'ImageKey'))) : undefined) ??
  textOf(attributeOf(item, profile.record.image));

/**
 * The kind of a record, by the first rule of the profile that it meets. A record of the bot's own failure logging is a failed image in
 * every profile. A record that no rule describes is an entry: it is counted, and never taken for a failure.
 */
export function kindOfRecord(item: Item, shape: RecordShape): RecordKind {
  const { profile } = shape;
  if (isText(attributeOf(item, failedName(profile, 'RecordType')), profile.failed.mark)) return 'failed';
  for (const { kind, when } of profile.kinds) {
    let holdsAll = true;
    for (const condition of when) holdsAll &&= holds(condition, item, shape);
    if (holdsAll) return kind;
  }
  return 'entry';
}

const isText = (value: AttributeValue | undefined, text: string): boolean =>
  value !== undefined && 'S' in value && value.S === text;

function holds(condition: Condition, item: Item, { hash, range }: KeyNames): boolean {
  if ('key' in condition) {
    const name = condition.key === 'partition' ? hash : range;
    return name !== undefined && beginsWith(attributeOf(item, name), condition.startsWith);
  }
  const value = attributeOf(item, condition.attribute);
  if ('exists' in condition) return (value !== undefined) === condition.exists;
  if ('startsWith' in condition) return beginsWith(value, condition.startsWith);
  return typeof condition.is === 'boolean'
    ? value !== undefined && 'BOOL' in value && value.BOOL === condition.is
    : isText(value, condition.is);
}

const beginsWith = (value: AttributeValue | undefined, start: string): boolean =>
  value !== undefined && 'S' in value && value.S.startsWith(start);

/** Whether the pipeline has records of this kind. */
export const hasKind = ({ kinds }: Pick<Profile, 'kinds'>, kind: RecordKind): boolean =>
  kind === 'entry' || kind === 'failed' || kinds.some((rule) => rule.kind === kind);

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

/** Records that are no failed images: what "failures not counted" means. */
export const withoutFailures = (counts: KindCounts): number => counts.total - counts.failed;

/** Entries, and entries without an amount: what the function writes for the work in an image. */
export const timesheetRecords = (counts: KindCounts): number => counts.entry + counts['zero-hour'];
