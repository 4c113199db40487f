import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { type Backoff, waitBefore, withBackoff } from '../../lib/async/backoff.ts';
import { defined } from '../../lib/defined.ts';
import { type AttributeValue, type Item, isObject, MalformedAnswerError } from './item.ts';
import { callWithJson, itemsIn, readPage } from './json-call.ts';
import { type Filter, patientBackoff } from './scan.ts';

export interface ReadOptions {
  readonly signal?: AbortSignal;
  readonly backoff?: Backoff;
}

/** BatchGetItem takes 100 keys. */
export const KEYS_PER_READ = 100;

/** DynamoDB answered again and again without reading one of the keys: how BatchGetItem reports throttling of single keys. */
export class KeysNotReadError extends Error {
  /** The name that DynamoDB gives to throttling, so that `isThrottle` knows it. */
  override readonly name = 'ProvisionedThroughputExceededException';
}

/**
 * The records of at most 100 keys, read consistently, in no order; a key without a record returns nothing. Answers that leave out
 * keys are followed up for as long as each has read some.
 * @throws RangeError for more than 100 keys, the last error when all attempts are used up, KeysNotReadError, `signal.reason`,
 * DynamoDB's error, MalformedAnswerError.
 */
export async function readItems(
  dynamodb: DynamoDBClient,
  table: string,
  keys: readonly Item[],
  options: ReadOptions = {},
): Promise<readonly Item[]> {
  if (keys.length > KEYS_PER_READ) throw new RangeError(`readItems takes ${KEYS_PER_READ} keys, not ${keys.length}`);
  const backoff = options.backoff ?? patientBackoff;
  const found: Item[] = [];
  let left: readonly unknown[] = keys;
  for (let attempt = 1; left.length > 0; attempt += 1) {
    if (attempt > backoff.attempts)
      throw new KeysNotReadError(`DynamoDB did not return ${left.length} keys of table ${table}`);
    if (attempt > 1) await waitBefore(backoff, attempt - 1, options.signal);
    const body = JSON.stringify({ RequestItems: { [table]: { Keys: left, ConsistentRead: true } } });
    const call = () => callWithJson(dynamodb, 'BatchGetItem', body, options);
    const answer = await withBackoff(backoff, call, options.signal);
    if (!isObject(answer) || !isObject(answer.Responses))
      throw new MalformedAnswerError('The answer of BatchGetItem is not an object');
    found.push(...itemsIn(answer.Responses[table], 'BatchGetItem'));
    const unprocessed = isObject(answer.UnprocessedKeys) ? answer.UnprocessedKeys[table] : undefined;
    const before = left.length;
    left = isObject(unprocessed) && Array.isArray(unprocessed.Keys) ? unprocessed.Keys : [];
    if (left.length < before) attempt = 1;
  }
  return found;
}

export interface Query {
  readonly hash: { readonly name: string; readonly value: AttributeValue };
  /** A condition on the sort key; its names and values are in `names` and `values`. */
  readonly range?: Filter;
  readonly filter?: Filter;
  /** Return only these attributes. */
  readonly projection?: readonly string[];
}

/**
 * The records of one hash key, read consistently, page by page (up to 1 MB each).
 * @throws the last error when all attempts are used up, `signal.reason`, DynamoDB's error, MalformedAnswerError.
 */
export async function* queryItems(
  dynamodb: DynamoDBClient,
  table: string,
  { hash, range, filter, projection }: Query,
  options: ReadOptions = {},
): AsyncGenerator<readonly Item[]> {
  const projected = projection && Object.fromEntries(projection.map((name, index) => [`#p${index}`, name]));
  const request = {
    TableName: table,
    ConsistentRead: true,
    ProjectionExpression: projected && Object.keys(projected).join(', '),
    KeyConditionExpression: range ? `#hash = :hash AND ${range.expression}` : '#hash = :hash',
    FilterExpression: filter?.expression,
    ExpressionAttributeNames: { '#hash': hash.name, ...range?.names, ...filter?.names, ...projected },
    ExpressionAttributeValues: { ':hash': hash.value, ...range?.values, ...filter?.values },
  };
  let from: Item | undefined;
  do {
    const body = JSON.stringify(defined({ ...request, ExclusiveStartKey: from }));
    const call = () => callWithJson(dynamodb, 'Query', body, options);
    const page = readPage(await withBackoff(options.backoff ?? patientBackoff, call, options.signal), 'Query');
    yield page.items;
    from = page.nextKey;
  } while (from !== undefined);
}
