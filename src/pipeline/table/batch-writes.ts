import { ConditionalCheckFailedException, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { type Backoff, isTransient, waitBefore, withBackoff } from '../../lib/backoff.ts';
import { type Item, isItem, isObject } from './item.ts';
import { callWithJson, MalformedAnswerError } from './json-call.ts';
import type { ReadOptions } from './read.ts';
import { patientBackoff } from './scan.ts';

/** BatchWriteItem takes 25 requests. */
export const BATCH_SIZE = 25;

/** Writes that DynamoDB kept handing back (`UnprocessedItems`) until the attempts were used up. */
export class UnprocessedWritesError extends Error {
  override readonly name = 'UnprocessedWritesError';
  readonly table: string;
  /** What was not written; what is not in here was. */
  readonly unprocessed: readonly WriteJson[];
  readonly attempts: number;
  constructor(table: string, unprocessed: UnprocessedWritesError['unprocessed'], attempts: number, cause?: unknown) {
    super(`${unprocessed.length} writes to ${table} were not processed after ${attempts} attempts`, { cause });
    this.table = table;
    this.unprocessed = unprocessed;
    this.attempts = attempts;
  }
}

export interface WriteOptions {
  readonly signal?: AbortSignal;
  readonly backoff?: Backoff;
  /** Told how many requests DynamoDB handed back. */
  readonly onUnprocessed?: (count: number) => void;
}

/** One request of BatchWriteItem as JSON text: `putJson(itemJson)` or `deleteJson(key)`. */
export type WriteJson = string;
export const putJson = (itemJson: string): WriteJson => `{"PutRequest":{"Item":${itemJson}}}`;
export const deleteJson = (key: Item): WriteJson => `{"DeleteRequest":{"Key":${JSON.stringify(key)}}}`;

/**
 * At most 25 unconditional writes done; what comes back unprocessed is tried again with full jitter.
 * @throws UnprocessedWritesError when the attempts are used up; `signal.reason` between attempts; DynamoDB's error at once.
 */
export async function writeBatch(
  dynamodb: DynamoDBClient,
  table: string,
  writes: readonly WriteJson[],
  options: WriteOptions = {},
): Promise<void> {
  if (writes.length === 0) return;
  if (writes.length > BATCH_SIZE) throw new RangeError(`A batch of ${writes.length} writes`);
  const backoff = options.backoff ?? patientBackoff;
  let left = writes;
  let cause: unknown;
  for (let attempt = 1; attempt <= backoff.attempts; attempt += 1) {
    if (attempt > 1) await waitBefore(backoff, attempt - 1, options.signal);
    options.signal?.throwIfAborted();
    const tried = await tryBatch(dynamodb, table, left);
    left = tried.left;
    cause = tried.cause ?? cause;
    if (left.length === 0) return;
    options.onUnprocessed?.(left.length);
  }
  throw new UnprocessedWritesError(table, left, backoff.attempts, cause);
}

/**
 * One attempt at no more than 25 unconditional writes. `left`: what DynamoDB did not take; all of them where the call ended in a
 * passing error (`cause`), and then some may have been done all the same. @throws DynamoDB's error that is no passing one.
 */
export async function tryBatch(
  dynamodb: DynamoDBClient,
  table: string,
  writes: readonly WriteJson[],
): Promise<{ readonly left: readonly WriteJson[]; readonly cause?: unknown }> {
  try {
    // No signal: a batch under way is awaited, as its outcome must be known.
    const body = `{"RequestItems":{${JSON.stringify(table)}:[${writes.join(',')}]}}`;
    return { left: unprocessedIn(await callWithJson(dynamodb, 'BatchWriteItem', body), table) };
  } catch (error) {
    if (!isTransient(error)) throw error;
    return { left: writes, cause: error };
  }
}

function unprocessedIn(answer: unknown, table: string): readonly WriteJson[] {
  const unprocessed =
    isObject(answer) && isObject(answer.UnprocessedItems) ? answer.UnprocessedItems[table] : undefined;
  if (unprocessed === undefined) return [];
  if (!Array.isArray(unprocessed))
    throw new MalformedAnswerError('BatchWriteItem gave UnprocessedItems of unknown form');
  return unprocessed.map((request: unknown) => JSON.stringify(request));
}

/**
 * Puts one item where none stands at its key yet; whether it did. @throws DynamoDB's other errors; `signal.reason`.
 */
export async function putIfAbsent(
  dynamodb: DynamoDBClient,
  table: string,
  item: { readonly json: string; readonly hashName: string },
  options: ReadOptions = {},
): Promise<boolean> {
  const rest = JSON.stringify({
    TableName: table,
    ConditionExpression: 'attribute_not_exists(#hash)',
    ExpressionAttributeNames: { '#hash': item.hashName },
  });
  // The item goes as it was stored: no number of it passes through a JavaScript number.
  const body = `{"Item":${item.json},${rest.slice(1)}`;
  try {
    await withBackoff(options.backoff ?? patientBackoff, () => callWithJson(dynamodb, 'PutItem', body), options.signal);
    return true;
  } catch (error) {
    if (error instanceof Error && error.name === 'ConditionalCheckFailedException') return false;
    throw error;
  }
}

/** The condition's expression may be 4 KB long; a clause takes up to 14 characters. */
const MOST_CLAUSES = 200;

/**
 * Deletes the record with the item's key if its attributes still are the item's: every one that is no list and no map (stand-ins
 * for DynamoDB cannot compare those), up to 200. What else may differ (a list, a map, an attribute that the item has not) is seen
 * in what DynamoDB says it deleted.
 * @returns what was deleted; undefined where the record is gone or is not the item any more, and nothing was deleted.
 * @throws DynamoDB's error, once attempts are used up; `signal.reason` before an attempt.
 */
export async function deleteIfUnchanged(
  dynamodb: DynamoDBClient,
  table: string,
  record: { readonly item: Item; readonly key: Item },
  options: { readonly signal?: AbortSignal; readonly backoff?: Backoff } = {},
): Promise<Item | undefined> {
  const clauses: string[] = [];
  const names: Record<string, string> = {};
  const values: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(record.item)) {
    if (name in record.key || 'L' in value || 'M' in value || clauses.length === MOST_CLAUSES) continue;
    const at = clauses.length;
    names[`#${at}`] = name;
    values[`:${at}`] = value;
    clauses.push(`#${at} = :${at}`);
  }
  const [hashName = ''] = Object.keys(record.key);
  if (clauses.length === 0) {
    names['#k'] = hashName;
    clauses.push('attribute_exists(#k)');
  }
  const body = JSON.stringify({
    TableName: table,
    Key: record.key,
    ConditionExpression: clauses.join(' AND '),
    ExpressionAttributeNames: names,
    ...(Object.keys(values).length > 0 && { ExpressionAttributeValues: values }),
    ReturnValues: 'ALL_OLD',
  });
  try {
    // No signal within the call: a deletion under way is awaited, as what it deleted must be known.
    const call = () => callWithJson(dynamodb, 'DeleteItem', body);
    const answer = await withBackoff(options.backoff ?? patientBackoff, call, options.signal);
    const deleted =
      typeof answer === 'object' && answer !== null && 'Attributes' in answer ? answer.Attributes : undefined;
    if (!isItem(deleted)) throw new MalformedAnswerError('DeleteItem did not say what it deleted');
    return deleted;
  } catch (error) {
    if (error instanceof ConditionalCheckFailedException) return undefined;
    throw error;
  }
}
