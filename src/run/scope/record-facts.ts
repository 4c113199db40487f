import { likeSpelling } from '../../lib/look-alike.ts';
import { normalisePerson } from '../../pipeline/table/image-rows.ts';
import { type Item, textOf } from '../../pipeline/table/item.ts';
import { imageNamedBy, type KeyNames, kindOfRecord, type RecordKind } from '../../pipeline/table/records.ts';

/** What decides to which image, person and days a record belongs (pipeline.md, "DynamoDB table"). */
export interface RecordFacts {
  readonly kind: RecordKind;
  /** The key of the image that the record names. */
  readonly image?: string;
  /** As in the key, without a suffix behind `#`: coverage is stored under `Nik_Coultas#2025-10`. */
  readonly person?: string;
  readonly displayName?: string;
  /** The first and last day, `YYYY-MM-DD`. */
  readonly firstDay?: string;
  readonly lastDay?: string;
}

/** The attributes that `factsOfRecord` reads, besides the key, the kind and the image. */
export const DAY_AND_PERSON_ATTRIBUTES = ['ResourceNameDisplay', 'Date', 'WeekStartDate', 'WeekEndDate'] as const;

const DAY = /\d{4}-\d{2}-\d{2}/;

/** Reads these facts from a record. `bucket`: a record may name its image as `s3://bucket/key`. */
export function factsOfRecord(item: Item, keys: KeyNames, bucket: string): RecordFacts {
  const kind = kindOfRecord(item, keys);
  const image = imageNamedBy(item, kind);
  const [person] = (textOf(item[keys.hash]) ?? '').split('#');
  const range = keys.range === undefined ? undefined : textOf(item[keys.range]);
  const day = textOf(item.Date) ?? DAY.exec(range ?? '')?.[0];
  const facts: { -readonly [Name in keyof RecordFacts]: RecordFacts[Name] } = { kind };
  if (image !== undefined && image !== '') facts.image = withoutBucket(image, bucket);
  if (person !== undefined && person !== '' && kind !== 'failed') facts.person = person;
  const displayName = textOf(item.ResourceNameDisplay);
  if (displayName !== undefined) facts.displayName = displayName;
  const firstDay = day ?? textOf(item.WeekStartDate);
  if (firstDay !== undefined) {
    facts.firstDay = firstDay;
    facts.lastDay = textOf(item.Date) ?? textOf(item.WeekEndDate) ?? firstDay;
  }
  return facts;
}

/** A person's name as it was typed and as the table has it: also quotes and dashes of a phone are the same. */
export const spellingOf = (name: string): string => normalisePerson(likeSpelling(name));

/** A name `bucket/key` stays as it is: the bucket may have a folder of its own name, with other images. */
function withoutBucket(name: string, bucket: string): string {
  const uri = `s3://${bucket}/`;
  return name.startsWith(uri) ? name.slice(uri.length) : name;
}
