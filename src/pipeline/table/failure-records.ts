import { createHash } from 'node:crypto';
import { ConditionalCheckFailedException, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { defined } from '../../lib/defined.ts';
import { type AttributeValue, type Item, textOf } from './item.ts';
import { callWithJson } from './json-call.ts';
import { queryItems } from './read.ts';
import { FAILED_IMAGE } from './records.ts';
import { type Filter, scanTable } from './scan.ts';
import type { TableKey } from './table.ts';

/** Longer image keys stand in the sort key as their hash: it holds 1,024 bytes, the time among them. */
const LONGEST_KEY_BYTES = 900;
/** A table without a sort key has a record of its own key for each attempt. */
const MOST_ATTEMPTS_LOOKED_AT = 20;
const SCAN_SEGMENTS = 4;

/** Where the sort key is a number: the image's hash, then so many digits of time (`_TIME_SPACE` there). */
const TIME_SPACE = 10n ** 17n;

const sha256 = (text: string): string => createHash('sha256').update(text, 'utf8').digest('hex');

/** How the failure-logging module names an image within a key (`_image_part` there). */
export const imagePart = (imageKey: string): string => {
  const sound = imageKey.toWellFormed();
  return Buffer.byteLength(sound) <= LONGEST_KEY_BYTES ? sound : `sha256:${sha256(sound)}`;
};

/** A text as the value of a key attribute, as the failure-logging module writes it (`_typed` there). */
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

/** The condition on the sort key that holds for the records of one image. */
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
 * The records that the failure-logging module left of an image, newest first, read consistently by key. Records that another
 * logger wrote under keys of its own are not found: `listFailures` finds those.
 * @throws the SDK's error.
 */
export async function findFailuresOfImage(
  dynamodb: DynamoDBClient,
  { table, keys }: { readonly table: string; readonly keys: readonly TableKey[] },
  imageKey: string,
): Promise<readonly Item[]> {
  const hash = keys.find(({ role }) => role === 'HASH');
  const range = keys.find(({ role }) => role === 'RANGE');
  if (!hash) return [];
  const found: Item[] = [];
  const partitions = range
    ? [FAILED_IMAGE]
    : Array.from(
        { length: MOST_ATTEMPTS_LOOKED_AT },
        (_, index) => `${FAILED_IMAGE}#${imagePart(imageKey)}#${index + 1}`,
      );
  const filter = {
    expression: '#image = :image',
    names: { '#image': 'ImageKey' },
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
    // The module numbers attempts without a gap.
    if (!range && found.length === before) break;
  }
  const writtenAt = (item: Item) => textOf(item.FailureTimestamp) ?? '';
  return found.sort((a, b) => (writtenAt(a) < writtenAt(b) ? 1 : -1));
}

/**
 * Every record of a failed image in the table, whoever wrote it, each once, as it is on the wire, in some streams to be read
 * side by side: the whole table is read, page by page, and the filter is DynamoDB's.
 * @throws (from the streams) the last error of a page, or `signal.reason`.
 */
export function listFailures(
  dynamodb: DynamoDBClient,
  table: string,
  signal?: AbortSignal,
): readonly AsyncIterable<Item>[] {
  const segments = scanTable(dynamodb, table, {
    segments: SCAN_SEGMENTS,
    filter: { expression: '#type = :type', names: { '#type': 'RecordType' }, values: { ':type': { S: FAILED_IMAGE } } },
    ...(signal ? { signal } : {}),
  });
  return segments.map(async function* (segment) {
    for await (const { items } of segment) yield* items;
  });
}

/**
 * Takes one record of a failed image out of the table; whether it was there. What stands at the key by now and is no such
 * record stays. @throws the SDK's error.
 */
export async function removeFailure(
  dynamodb: DynamoDBClient,
  { table, keys }: { readonly table: string; readonly keys: readonly TableKey[] },
  record: Item,
): Promise<boolean> {
  const Key = Object.fromEntries(keys.flatMap(({ name }) => (record[name] ? [[name, record[name]]] : [])));
  const body = JSON.stringify({
    TableName: table,
    Key,
    ConditionExpression: '#type = :failed AND #image = :image',
    ExpressionAttributeNames: { '#type': 'RecordType', '#image': 'ImageKey' },
    ExpressionAttributeValues: { ':failed': { S: FAILED_IMAGE }, ':image': record.ImageKey ?? { S: '' } },
  });
  try {
    await callWithJson(dynamodb, 'DeleteItem', body);
    return true;
  } catch (error) {
    if (error instanceof ConditionalCheckFailedException) return false;
    throw error;
  }
}
