import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { Item } from './item.ts';
import { queryItems, type ReadOptions } from './read.ts';
import type { KeyNames } from './records.ts';
import { scanTable } from './scan.ts';

/** The hash key of a person: `Nik Coultas` is stored as `Nik_Coultas` (pipeline.md, "DynamoDB table"). */
export const hashOfResource = (resourceName: string): string => resourceName.trim().replaceAll(' ', '_');

/** One text for the spellings of a person in commands, replies and the table: case, spaces, underscores, Unicode forms. */
export const normalisePerson = (name: string): string =>
  name
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[\s_]+/g, '_')
    .replace(/^_|_$/g, '');

export interface RecordsRead extends ReadOptions {
  readonly keys: KeyNames;
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
  const hash = { name: keys.hash, value: { S: hashOfResource(resourceName) } };
  return queryItems(dynamodb, table, { hash, ...(projection && { projection }) }, options);
}

const SEGMENTS = 4;

/**
 * The records whose `SourceImage` is one of at most 100 names. Reads the whole table consistently.
 * @throws the SDK's error, or `signal.reason`.
 */
export async function recordsNaming(
  dynamodb: DynamoDBClient,
  table: string,
  images: readonly string[],
  { projection, signal }: Omit<RecordsRead, 'keys' | 'backoff'> = {},
): Promise<readonly Item[]> {
  const values = Object.fromEntries(images.map((image, at) => [`:i${at}`, { S: image }]));
  const filter = {
    expression: `#image IN (${Object.keys(values).join(', ')})`,
    names: { '#image': 'SourceImage' },
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
