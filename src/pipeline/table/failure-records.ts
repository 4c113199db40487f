import { createHash } from 'node:crypto';
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { systemClock } from '../../lib/clock.ts';
import { defined } from '../../lib/defined.ts';
import { FAILURE_ATTRIBUTES } from '../profile/failure-names.ts';
import type { Profile } from '../profile/profile.ts';
import { type AttributeValue, attributeOf, type Item, textOf } from './item.ts';
import { failedFilter } from './kind-filter.ts';
import { queryItems } from './read.ts';
import { failedName, imageNamedBy, type RecordShape } from './records.ts';
import { type Filter, scanTable } from './scan.ts';
import { createSwapper } from './swap.ts';
import type { TableKey } from './table.ts';

/** A sort key holds 1,024 bytes, including the time: longer image keys are replaced by their hash. */
const MAX_KEY_BYTES = 900;
/** In a table without a sort key each attempt has a record with its own key. */
const MAX_ATTEMPTS = 20;
const SCAN_SEGMENTS = 4;

/** A numeric sort key is the hash of the image, followed by 17 digits of time (`_TIME_SPACE` in the failure-logging module). */
const TIME_SPACE = 10n ** 17n;

const sha256 = (text: string): string => createHash('sha256').update(text, 'utf8').digest('hex');

/** The part of a key that names the image, as the failure-logging module writes it (`_image_part`). */
export const imagePart = (imageKey: string): string => {
  const sound = imageKey.toWellFormed();
  return Buffer.byteLength(sound) <= MAX_KEY_BYTES ? sound : `sha256:${sha256(sound)}`;
};

/** A text as the value of a key attribute, as the failure-logging module writes it (`_typed`). */
function keyValue(type: TableKey['type'], text: string): AttributeValue {
  switch (type) {
    case 'S':
      return { S: text };
    case 'B':
      return { B: Buffer.from(text, 'utf8').toString('base64') };
    case 'N':
      return { N: String(-numberOf(text)) };
  }
}

const numberOf = (text: string): bigint => BigInt(`0x${sha256(text).slice(0, 12)}`);

/** The condition on the sort key for the records of one image. */
function rangeOf({ name, type }: TableKey, imageKey: string): Filter {
  const image = imagePart(imageKey);
  const names = { '#r': name };
  if (type !== 'N') return { expression: 'begins_with(#r, :r)', names, values: { ':r': keyValue(type, `${image}#`) } };
  const first = numberOf(image) * TIME_SPACE;
  return {
    expression: '#r BETWEEN :from AND :to',
    names,
    values: { ':from': { N: String(first) }, ':to': { N: String(first + TIME_SPACE - 1n) } },
  };
}

/**
 * The records that the failure-logging module wrote for an image, newest first, read consistently by key. It does not find records
 * that another logger wrote with other keys: use `listFailures` for those.
 * @throws the SDK's error.
 */
export async function findFailuresOfImage(
  dynamodb: DynamoDBClient,
  {
    table,
    keys,
    profile,
  }: { readonly table: string; readonly keys: readonly TableKey[]; readonly profile: Pick<Profile, 'failed'> },
  imageKey: string,
): Promise<readonly Item[]> {
  const hash = keys.find(({ role }) => role === 'HASH');
  const range = keys.find(({ role }) => role === 'RANGE');
  if (!hash) return [];
  const { mark } = profile.failed;
  const found: Item[] = [];
  const partitions = range
    ? [mark]
    : Array.from({ length: MAX_ATTEMPTS }, (_, index) => `${mark}#${imagePart(imageKey)}#${index + 1}`);
  const filter = {
    expression: '#image = :image',
    names: { '#image': failedName(profile, 'ImageKey') },
    values: { ':image': { S: imageKey.toWellFormed() } },
  };
  for (const partition of partitions) {
    const before = found.length;
    const pages = queryItems(
      dynamodb,
      table,
      defined({
        hash: { name: hash.name, value: keyValue(hash.type, partition) },
        range: range && rangeOf(range, imageKey),
        filter,
      }),
    );
    for await (const items of pages) found.push(...items);
    // The module numbers the attempts without gaps.
    if (!range && found.length === before) break;
  }
  const writtenAt = (item: Item) => textOf(item[failedName(profile, 'FailureTimestamp')]) ?? '';
  return found.sort((a, b) => (writtenAt(a) < writtenAt(b) ? 1 : -1));
}

/**
 * A record of a failed image with the names that the bot's failure logging gives to its attributes. `ImageKey` is the image that the
 * record names, also where a rule of the profile describes it and it names its image as every other record does.
 */
export function withDefaultNames(item: Item, profile: Profile): Item {
  const named = FAILURE_ATTRIBUTES.flatMap((name) => {
    const value = attributeOf(item, failedName(profile, name));
    return value === undefined ? [] : [[name, value] as const];
  });
  const renamed = new Set(Object.values(profile.failed.names));
  const others = Object.entries(item).filter(([name]) => !renamed.has(name));
  const image = imageNamedBy(item, 'failed', profile);
  return { ...Object.fromEntries([...others, ...named]), ...(image === undefined ? {} : { ImageKey: { S: image } }) };
}

/**
 * Every record of a failed image in the table, each once and with default names, in several streams that can be read in parallel. It
 * scans the whole table; DynamoDB filters.
 * @throws (from the streams) the last error of a page, or `signal.reason`.
 */
export function listFailures(
  dynamodb: DynamoDBClient,
  table: string,
  shape: RecordShape,
  signal?: AbortSignal,
): readonly AsyncIterable<Item>[] {
  const segments = scanTable(dynamodb, table, {
    segments: SCAN_SEGMENTS,
    filter: failedFilter(shape),
    ...(signal ? { signal } : {}),
  });
  return segments.map(async function* (segment) {
    for await (const { items } of segment) for (const item of items) yield withDefaultNames(item, shape.profile);
  });
}

/**
 * Deletes one record of a failed image if it still is this version; whether it did.
 * @throws the SDK's error.
 */
export async function removeFailure(
  dynamodb: DynamoDBClient,
  { table, keys }: { readonly table: string; readonly keys: readonly TableKey[] },
  record: Item,
): Promise<boolean> {
  const key = Object.fromEntries(
    keys.flatMap(({ name }) => {
      const value = attributeOf(record, name);
      return value === undefined ? [] : [[name, value] as const];
    }),
  );
  const { swap } = createSwapper(
    { dynamodb, clock: systemClock, random: Math.random },
    // A single record of the bot's own test: no lease to check.
    { table, attributeNames: new Set(Object.keys(record)), mayWrite: () => {} },
  );
  const [result] = await swap([{ key, expected: record, next: undefined }]);
  return result?.kind === 'done';
}
