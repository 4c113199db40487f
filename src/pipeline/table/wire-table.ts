import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { type Backoff, isTransient, waitBefore, withBackoff } from '../../lib/backoff.ts';
import { patientBackoff } from './table-scan.ts';
import { BATCH_SIZE, UnprocessedWritesError } from './table-write.ts';
import { callWithJson, MalformedAnswerError } from './wire-call.ts';
import { isWireItem, type WireItem, type WireValue } from './wire-value.ts';

export interface WirePage {
  readonly segment: number;
  readonly items: readonly WireItem[];
}

export interface WireScanOptions {
  readonly segments: number;
  readonly signal?: AbortSignal;
  readonly backoff?: Backoff;
  /** `RecordType` must be this. */
  readonly recordType?: string;
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function itemsIn(value: unknown, of: string): readonly WireItem[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw new MalformedAnswerError(`${of} gave items that are no list`);
  return value.map((item: unknown) => {
    if (!isWireItem(item)) throw new MalformedAnswerError(`${of} gave an item of unknown form`);
    return item;
  });
}

/**
 * The table in strongly consistent pages of up to 1 MB, one iterable a segment, items as they are on the wire; one page
 * is read ahead of the reader. Throttling, 5xx and broken connections are tried again with full jitter.
 * @throws (from the iterables) the last error of a page, MalformedAnswerError, or `signal.reason`.
 */
export function scanWire(
  dynamodb: DynamoDBClient,
  table: string,
  options: WireScanOptions,
): readonly AsyncIterable<WirePage>[] {
  return Array.from({ length: options.segments }, (_, segment) => scanSegment(dynamodb, table, options, segment));
}

async function* scanSegment(
  dynamodb: DynamoDBClient,
  table: string,
  options: WireScanOptions,
  segment: number,
): AsyncGenerator<WirePage> {
  const read = async (from: WireItem | undefined) => {
    const body = JSON.stringify({
      TableName: table,
      ConsistentRead: true,
      ...(options.segments > 1 && { Segment: segment, TotalSegments: options.segments }),
      ...(options.recordType !== undefined && {
        FilterExpression: '#type = :type',
        ExpressionAttributeNames: { '#type': 'RecordType' },
        ExpressionAttributeValues: { ':type': { S: options.recordType } },
      }),
      ...(from && { ExclusiveStartKey: from }),
    });
    const call = () => callWithJson(dynamodb, 'Scan', body, options.signal);
    const answer = await withBackoff(options.backoff ?? patientBackoff, call, options.signal);
    if (!isRecord(answer)) throw new MalformedAnswerError('Scan gave no object');
    const next = answer.LastEvaluatedKey;
    if (next !== undefined && !isWireItem(next)) throw new MalformedAnswerError('Scan gave a key of unknown form');
    return { items: itemsIn(answer.Items, 'Scan'), next };
  };
  let pending: ReturnType<typeof read> | undefined = read(undefined);
  while (pending !== undefined) {
    const { items, next }: Awaited<ReturnType<typeof read>> = await pending;
    pending = next === undefined ? undefined : read(next);
    // The page ahead may fail while the reader is at work, or has left: its error is for the next turn alone.
    pending?.catch(() => {});
    yield { segment, items };
  }
}

export interface WireWriteOptions {
  readonly signal?: AbortSignal;
  readonly backoff?: Backoff;
  /** Told how many requests DynamoDB handed back. */
  readonly onUnprocessed?: (count: number) => void;
}

/** One request of BatchWriteItem as JSON text: `putJson(itemJson)` or `deleteJson(key)`. */
export type WriteJson = string;
export const putJson = (itemJson: string): WriteJson => `{"PutRequest":{"Item":${itemJson}}}`;
export const deleteJson = (key: WireItem): WriteJson => `{"DeleteRequest":{"Key":${JSON.stringify(key)}}}`;

/**
 * At most 25 unconditional writes done; what comes back unprocessed is tried again with full jitter.
 * @throws UnprocessedWritesError when the attempts are used up; `signal.reason` between attempts; DynamoDB's error at once.
 */
export async function writeWireBatch(
  dynamodb: DynamoDBClient,
  table: string,
  writes: readonly WriteJson[],
  options: WireWriteOptions = {},
): Promise<void> {
  if (writes.length === 0) return;
  if (writes.length > BATCH_SIZE) throw new RangeError(`A batch of ${writes.length} writes`);
  const backoff = options.backoff ?? patientBackoff;
  let left = writes;
  let cause: unknown;
  for (let attempt = 1; attempt <= backoff.attempts; attempt += 1) {
    if (attempt > 1) await waitBefore(backoff, attempt - 1, options.signal);
    options.signal?.throwIfAborted();
    const tried = await tryWireBatch(dynamodb, table, left);
    left = tried.left;
    cause = tried.cause ?? cause;
    if (left.length === 0) return;
    options.onUnprocessed?.(left.length);
  }
  throw new UnprocessedWritesError(table, left.map(writeOf), backoff.attempts, cause);
}

/**
 * One attempt at no more than 25 unconditional writes. `left`: what DynamoDB did not take; all of them where the call ended in a
 * passing error (`cause`), and then some may have been done all the same. @throws DynamoDB's error that is no passing one.
 */
export async function tryWireBatch(
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
    isRecord(answer) && isRecord(answer.UnprocessedItems) ? answer.UnprocessedItems[table] : undefined;
  if (unprocessed === undefined) return [];
  if (!Array.isArray(unprocessed))
    throw new MalformedAnswerError('BatchWriteItem gave UnprocessedItems of unknown form');
  return unprocessed.map((request: unknown) => JSON.stringify(request));
}

const writeOf = (write: WriteJson) => ({ kind: 'json' as const, json: write });

/**
 * Every item of one hash key as it is now, read consistently, page by page.
 * @throws the last error when the attempts are used up; `signal.reason`; DynamoDB's error; MalformedAnswerError.
 */
export async function* queryWire(
  dynamodb: DynamoDBClient,
  table: string,
  hash: { readonly name: string; readonly value: WireValue },
  options: Pick<WireWriteOptions, 'signal' | 'backoff'> = {},
): AsyncGenerator<readonly WireItem[]> {
  let from: WireItem | undefined;
  do {
    const body = JSON.stringify({
      TableName: table,
      ConsistentRead: true,
      KeyConditionExpression: '#hash = :hash',
      ExpressionAttributeNames: { '#hash': hash.name },
      ExpressionAttributeValues: { ':hash': hash.value },
      ...(from && { ExclusiveStartKey: from }),
    });
    const call = () => callWithJson(dynamodb, 'Query', body, options.signal);
    const answer = await withBackoff(options.backoff ?? patientBackoff, call, options.signal);
    if (!isRecord(answer)) throw new MalformedAnswerError('Query gave no object');
    const next = answer.LastEvaluatedKey;
    if (next !== undefined && !isWireItem(next)) throw new MalformedAnswerError('Query gave a key of unknown form');
    yield itemsIn(answer.Items, 'Query');
    from = next;
  } while (from !== undefined);
}

/**
 * Puts one item where none stands at its key yet; whether it did. @throws DynamoDB's other errors; `signal.reason`.
 */
export async function putWireIfFree(
  dynamodb: DynamoDBClient,
  table: string,
  item: { readonly json: string; readonly hashName: string },
  options: Pick<WireWriteOptions, 'signal' | 'backoff'> = {},
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

/**
 * The items of at most 100 keys as they are now, read consistently, in no order; keys that do not exist give nothing.
 * @throws the last error when the attempts are used up; `signal.reason`; DynamoDB's error.
 */
export async function getWireBatch(
  dynamodb: DynamoDBClient,
  table: string,
  keys: readonly WireItem[],
  options: Pick<WireWriteOptions, 'signal' | 'backoff'> = {},
): Promise<readonly WireItem[]> {
  const backoff = options.backoff ?? patientBackoff;
  const found: WireItem[] = [];
  let left: unknown = keys;
  for (let attempt = 1; Array.isArray(left) && left.length > 0; attempt += 1) {
    if (attempt > backoff.attempts) throw new Error(`${left.length} keys of ${table} could not be read`);
    if (attempt > 1) await waitBefore(backoff, attempt - 1, options.signal);
    const body = JSON.stringify({ RequestItems: { [table]: { Keys: left, ConsistentRead: true } } });
    const call = () => callWithJson(dynamodb, 'BatchGetItem', body, options.signal);
    const answer = await withBackoff(backoff, call, options.signal);
    if (!isRecord(answer) || !isRecord(answer.Responses)) throw new MalformedAnswerError('BatchGetItem gave no object');
    found.push(...itemsIn(answer.Responses[table], 'BatchGetItem'));
    const unprocessed = isRecord(answer.UnprocessedKeys) ? answer.UnprocessedKeys[table] : undefined;
    left = isRecord(unprocessed) ? unprocessed.Keys : [];
  }
  return found;
}
