import { likeSpelling } from '../../lib/look-alike.ts';
import type { Profile } from '../../pipeline/profile/profile.ts';
import type { RecordKind } from '../../pipeline/profile/record-kinds.ts';
import { normalisePerson } from '../../pipeline/table/image-rows.ts';
import { attributeOf, type Item, textOf } from '../../pipeline/table/item.ts';
import { imageNamedBy, kindOfRecord, type RecordShape } from '../../pipeline/table/records.ts';

/** What decides to which image, person and days a record belongs (pipeline.md, "DynamoDB table"). */
export interface RecordFacts {
  readonly kind: RecordKind;
  /** The key of the image that the record names. */
  readonly image?: string;
  /** As in the key, without a suffix: coverage is stored under `Nik_Coultas#2025-10`. */
  readonly person?: string;
  readonly displayName?: string;
  /** The first and last day, `YYYY-MM-DD`. */
  readonly firstDay?: string;
  readonly lastDay?: string;
}

/** The attributes that name the person of a record, besides the key. */
export const personAttributes = ({ person }: Profile): readonly string[] =>
  [person?.attribute, person?.displayName].filter((name) => name !== undefined);

/** The attributes that name the days of a record, besides the key. */
export const dayAttributes = ({ date }: Profile): readonly string[] =>
  [date?.day, date?.firstDay, date?.lastDay].filter((name) => name !== undefined);

const DAY = /\d{4}-\d{2}-\d{2}/;

/** Reads these facts from a record. `bucket`: a record may name its image as `s3://bucket/key`. */
export function factsOfRecord(item: Item, shape: RecordShape, bucket: string): RecordFacts {
  const { profile } = shape;
  const kind = kindOfRecord(item, shape);
  const image = imageNamedBy(item, kind, profile);
  const person = personIn(item, shape);
  const { day, firstDay, lastDay } = daysIn(item, shape);
  const facts: { -readonly [Name in keyof RecordFacts]: RecordFacts[Name] } = { kind };
  if (image !== undefined && image !== '') facts.image = withoutBucket(image, bucket);
  if (person !== undefined && person !== '' && kind !== 'failed') facts.person = person;
  const displayName = textIn(item, profile.person?.displayName);
  if (displayName !== undefined) facts.displayName = displayName;
  const first = day ?? dayInSortKey(item, shape) ?? firstDay;
  if (first !== undefined) {
    facts.firstDay = first;
    facts.lastDay = day ?? lastDay ?? first;
  }
  return facts;
}

const textIn = (item: Item, name: string | undefined): string | undefined =>
  name === undefined ? undefined : textOf(attributeOf(item, name));

/** The person of a record; undefined where the profile knows none, or the record names none. */
function personIn(item: Item, { hash, profile: { person } }: RecordShape): string | undefined {
  if (!person) return;
  const text = textIn(item, person.attribute ?? hash);
  return person.until === undefined ? text : text?.split(person.until)[0];
}

const daysIn = (item: Item, { profile: { date } }: RecordShape) => ({
  day: textIn(item, date?.day),
  firstDay: textIn(item, date?.firstDay),
  lastDay: textIn(item, date?.lastDay),
});

const dayInSortKey = (item: Item, { range, profile: { date } }: RecordShape): string | undefined =>
  date?.inSortKey ? DAY.exec(textIn(item, range) ?? '')?.[0] : undefined;

/** A person's name as it was typed and as the table has it: also quotes and dashes of a phone are the same. */
export const spellingOf = (name: string): string => normalisePerson(likeSpelling(name));

/** A name `bucket/key` stays as it is: the bucket may have a folder of its own name, with other images. */
function withoutBucket(name: string, bucket: string): string {
  const uri = `s3://${bucket}/`;
  return name.startsWith(uri) ? name.slice(uri.length) : name;
}
