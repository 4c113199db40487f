import { normalisePerson } from '../../pipeline/table/image-rows.ts';
import { attributeOf, type Item, textOf } from '../../pipeline/table/item.ts';
import { kindOfRecord, type RecordShape } from '../../pipeline/table/records.ts';
import type { RowProof } from '../rules/row-watch.ts';
import { normaliseKey } from './image-spelling.ts';
import { isBefore, mayReplace, peopleOf, type RowClaim, timeIn, writtenRowsOf } from './row-proof.ts';

export interface RowLookupPorts {
  readonly keys: RecordShape;
  /** The bucket of the images, because a record may name an image with its bucket. */
  readonly bucket: string;
  /** The records of one person by key, in pages, read consistently. */
  readonly recordsOf: (resourceName: string) => AsyncIterable<readonly Item[]>;
  /**
   * The records in which this attribute is one of the texts, read consistently from the whole table; undefined where the table is
   * too large to scan.
   */
  readonly recordsWith: (attribute: string, texts: readonly string[]) => Promise<readonly Item[] | undefined>;
}

/** A person with more records than fit into these pages (1 MB each) is not read to the end. */
const MAX_PAGES = 10;

/**
 * What the table says about the rows of each claim, in the order of the claims: `found` where rows of the image, or rows
 * of a newer image that replaced them, are in the table; `missing` where neither is; `unknown` where the key cannot
 * tell. A reply names the person and not the keys of the rows, so they are found by the person's hash key
 * (`Nik Coultas` is stored as `Nik_Coultas`). Where nothing is stored under that key, the table may use other keys: then
 * a small table is read by the name of the image, and a large one leaves the claim unknown. One read per person.
 * @throws the error of a port
 */
export async function lookUpRows(claims: readonly RowClaim[], ports: RowLookupPorts): Promise<readonly RowProof[]> {
  const byPerson = Map.groupBy(claims, ({ resourceName }) => resourceName);
  const proofs = new Map<RowClaim, RowProof>();
  const unplaced: RowClaim[] = [];
  for (const [person, ofPerson] of byPerson) {
    const read = person === undefined ? undefined : await readPerson(person, ports);
    if (read === undefined || read.items.length === 0) unplaced.push(...ofPerson);
    else for (const claim of ofPerson) proofs.set(claim, judge(claim, read, ports));
  }
  const spellings = unplaced.flatMap(({ key }) => spellingsOf(key, ports.bucket));
  const items = unplaced.length === 0 ? undefined : await readUnplaced(unplaced, spellings, ports);
  if (items !== undefined) {
    for (const claim of unplaced) {
      const proof = judge(claim, { items, isWhole: true }, ports);
      // Without the person's rows it is not known whether another image replaced them.
      proofs.set(claim, proof === 'missing' && claim.resourceName === undefined ? 'unknown' : proof);
    }
  }
  return claims.map((claim) => proofs.get(claim) ?? 'unknown');
}

/** The records that name the images; where an attribute names the person, also those of the people of the claims. */
async function readUnplaced(
  claims: readonly RowClaim[],
  spellings: readonly string[],
  { keys: { profile }, recordsWith }: RowLookupPorts,
): Promise<readonly Item[] | undefined> {
  const ofImages = await recordsWith(profile.record.image, spellings);
  const { attribute } = profile.person ?? {};
  const people = [...new Set(claims.flatMap(({ resourceName }) => resourceName ?? []))];
  if (ofImages === undefined || attribute === undefined || people.length === 0) return ofImages;
  return [...ofImages, ...((await recordsWith(attribute, people)) ?? [])];
}

interface ReadRecords {
  readonly items: readonly Item[];
  readonly isWhole: boolean;
}

async function readPerson(person: string, { recordsOf }: RowLookupPorts): Promise<ReadRecords> {
  const items: Item[] = [];
  let pages = 0;
  for await (const page of recordsOf(person)) {
    items.push(...page);
    pages += 1;
    if (pages >= MAX_PAGES) return { items, isWhole: false };
  }
  return { items, isWhole: true };
}

function judge(claim: RowClaim, { items, isWhole }: ReadRecords, { keys, bucket }: RowLookupPorts): RowProof {
  const key = normaliseKey(claim.key, bucket);
  for (const item of items) {
    const rows = writtenRowsOf(item, keys);
    if (rows === undefined) continue;
    const image = textOf(attributeOf(item, keys.profile.record.image));
    if (image !== undefined && normaliseKey(image, bucket) === key) {
      const isRow = kindOfRecord(item, keys) !== 'rejected';
      if (isRow && !isBefore(timeIn(item, keys.profile.record.writtenAt), claim.startedAt)) return 'found';
    } else if (isOfPerson(item, claim, keys) && mayReplace(rows, claim)) return 'found';
  }
  return isWhole ? 'missing' : 'unknown';
}

/**
 * Whether a record is of the person of a claim. Records that were read by the person's key are; where an attribute names the person,
 * those of several people were read together.
 */
function isOfPerson(item: Item, { resourceName }: RowClaim, keys: RecordShape): boolean {
  if (resourceName === undefined || keys.profile.person?.attribute === undefined) return true;
  return peopleOf(item, keys).includes(normalisePerson(resourceName));
}

/** The ways in which a record may name an image. */
const spellingsOf = (key: string, bucket: string): readonly string[] => [
  ...new Set([
    key,
    `s3://${bucket}/${key}`,
    `${bucket}/${key}`,
    encodeURIComponent(key.toWellFormed()).replaceAll('%2F', '/'),
    encodeURIComponent(key.toWellFormed()).replaceAll('%2F', '/').replaceAll('%20', '+'),
  ]),
];
