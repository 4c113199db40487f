import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { Profile } from '../profile/profile.ts';
import type { Item } from './item.ts';
import { queryItems, type ReadOptions } from './read.ts';
import type { RecordShape } from './records.ts';
import { scanTable } from './scan.ts';

/** A person as the partition key has it: `Nik Coultas` is stored as `Nik_Coultas` (pipeline.md, "DynamoDB table"). */
export const hashOfResource = (resourceName: string, { person }: Profile): string =>
  resourceName.trim().replaceAll(' ', person?.spaces ?? ' ');

/** One text for the spellings of a person in commands, replies and the table: case, spaces, underscores, Unicode forms. */
export const normalisePerson = (name: string): string =>
  name
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[\s_]+/g, '_')
    .replace(/^_|_$/g, '');

export interface RecordsRead extends ReadOptions {
  readonly keys: RecordShape;
  /** Return only these attributes. */
  readonly projection?: readonly string[];
}

/**
 * The records of one person, named as in the function's reply (`Nik Coultas`), read consistently, page by page.
 * @throws the SDK's error, or `signal.reason`.
 */
export function recordsOfPerson(
  dynamodb: DynamoDBClient,
  table: string,
  resourceName: string,
  { keys, projection, ...options }: RecordsRead,
): AsyncIterable<readonly Item[]> {
  const hash = { name: keys.hash, value: { S: hashOfResource(resourceName, keys.profile) } };
  return queryItems(dynamodb, table, { hash, ...(projection && { projection }) }, options);
}

const SEGMENTS = 4;

/** Values in one `IN` (Amazon DynamoDB developer guide, "Comparison operator and function reference"). */
const MAX_VALUES = 100;

/**
 * The records in which this attribute is one of the texts. Reads the whole table consistently.
 * @throws the SDK's error, or `signal.reason`.
 */
export async function recordsWith(
  dynamodb: DynamoDBClient,
  table: string,
  attribute: string,
  texts: readonly string[],
  { projection, signal }: Omit<RecordsRead, 'keys' | 'backoff'> = {},
): Promise<readonly Item[]> {
  const values = Object.fromEntries(texts.map((text, at) => [`:i${at}`, { S: text }]));
  const names = Object.keys(values);
  const lists = Array.from({ length: Math.ceil(names.length / MAX_VALUES) }, (_, at) =>
    names.slice(at * MAX_VALUES, (at + 1) * MAX_VALUES),
  );
  const filter = {
    expression: lists.map((list) => `#image IN (${list.join(', ')})`).join(' OR '),
    names: { '#image': attribute },
    values,
  };
  const options = { segments: SEGMENTS, filter, ...(projection && { projection }), ...(signal && { signal }) };
  const found: Item[] = [];
  await Promise.all(
    scanTable(dynamodb, table, options).map(async (pages) => {
      for await (const { items } of pages) found.push(...items);
    }),
  );
  return found;
}
