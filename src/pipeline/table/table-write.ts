import {
  type AttributeValue,
  BatchWriteItemCommand,
  type DynamoDBClient,
  type WriteRequest,
} from '@aws-sdk/client-dynamodb';
import { type Backoff, isTransient, waitBefore } from '../../lib/backoff.ts';
import type { Item } from './table.ts';
import { patientBackoff } from './table-scan.ts';

/** One unconditional write of a batch. */
export type Write = { readonly kind: 'put'; readonly item: Item } | { readonly kind: 'delete'; readonly key: Item };

/** BatchWriteItem takes 25 requests. */
export const BATCH_SIZE = 25;
/**
 * BatchWriteItem takes 16 MB on the wire. Characters are counted here, and JSON may write one as six bytes, so that
 * batches of long items close early and never late.
 */
const BATCH_CHARACTERS = 2_500_000;

/** Writes that DynamoDB kept handing back (`UnprocessedItems`) until the attempts were used up. */
export class UnprocessedWritesError extends Error {
  override readonly name = 'UnprocessedWritesError';
  readonly table: string;
  /** What was not written; what is not in here was. */
  readonly unprocessed: readonly (Write | { readonly kind: 'json'; readonly json: string })[];
  readonly attempts: number;
  constructor(table: string, unprocessed: UnprocessedWritesError['unprocessed'], attempts: number, cause?: unknown) {
    super(`${unprocessed.length} writes to ${table} were not processed after ${attempts} attempts`, { cause });
    this.table = table;
    this.unprocessed = unprocessed;
    this.attempts = attempts;
  }
}

export interface WriteOptions {
  /** Looked at before each attempt: a batch under way is awaited, as its outcome must be known. */
  readonly signal?: AbortSignal;
  readonly backoff?: Backoff;
  /** Told how many requests DynamoDB handed back. */
  readonly onUnprocessed?: (count: number) => void;
}

/**
 * Every write done, in batches of 25, one after the other; what comes back unprocessed is tried again with full jitter.
 * Writes of one call must have different keys (DynamoDB refuses a batch that names one twice).
 * @throws UnprocessedWritesError when the attempts are used up; `signal.reason` between attempts; DynamoDB's error at once.
 */
export async function writeUntilProcessed(
  dynamodb: DynamoDBClient,
  table: string,
  writes: readonly Write[],
  options: WriteOptions = {},
): Promise<void> {
  const batches = batchesOf(writes);
  for (const [location, batch] of batches.entries()) {
    const left = await writeBatch(dynamodb, table, batch, options);
    if (left.writes.length === 0) continue;
    const unprocessed = [...left.writes, ...batches.slice(location + 1).flat()];
    throw new UnprocessedWritesError(table, unprocessed, left.attempts, left.cause);
  }
}

async function writeBatch(
  dynamodb: DynamoDBClient,
  table: string,
  batch: readonly Write[],
  options: WriteOptions,
): Promise<{ writes: readonly Write[]; attempts: number; cause?: unknown }> {
  const backoff = options.backoff ?? patientBackoff;
  let requests: WriteRequest[] = batch.map(requestOf);
  let cause: unknown;
  for (let attempt = 1; attempt <= backoff.attempts; attempt += 1) {
    if (attempt > 1) await waitBefore(backoff, attempt - 1, options.signal);
    options.signal?.throwIfAborted();
    try {
      const answer = await dynamodb.send(new BatchWriteItemCommand({ RequestItems: { [table]: requests } }));
      requests = answer.UnprocessedItems?.[table] ?? [];
    } catch (error) {
      if (!isTransient(error)) throw error;
      cause = error;
    }
    if (requests.length === 0) return { writes: [], attempts: attempt };
    options.onUnprocessed?.(requests.length);
  }
  return { writes: requests.map(writeOf), attempts: backoff.attempts, cause };
}

const requestOf = (write: Write): WriteRequest =>
  write.kind === 'put' ? { PutRequest: { Item: write.item } } : { DeleteRequest: { Key: write.key } };

const writeOf = (request: WriteRequest): Write =>
  request.PutRequest
    ? { kind: 'put', item: request.PutRequest.Item ?? {} }
    : { kind: 'delete', key: request.DeleteRequest?.Key ?? {} };

/** The writes in their order, cut where 25 or the size of a request is reached. */
export function batchesOf(writes: readonly Write[]): readonly (readonly Write[])[] {
  const batches: Write[][] = [];
  let batch: Write[] = [];
  let characters = 0;
  for (const write of writes) {
    const length = write.kind === 'put' ? charactersOf(write.item) : 0;
    if (batch.length === BATCH_SIZE || (batch.length > 0 && characters + length > BATCH_CHARACTERS)) {
      batches.push(batch);
      batch = [];
      characters = 0;
    }
    batch.push(write);
    characters += length;
  }
  if (batch.length > 0) batches.push(batch);
  return batches;
}

const sum = (lengths: readonly number[]) => lengths.reduce((total, length) => total + length, 0);

/** About how many characters an item takes in a request. */
function charactersOf(item: Item): number {
  let characters = 0;
  for (const name in item) characters += name.length + charactersOfValue(item[name]);
  return characters;
}

function charactersOfValue(value: AttributeValue | undefined): number {
  if (value === undefined) return 0;
  if (value.S !== undefined) return value.S.length + 12;
  if (value.N !== undefined) return value.N.length + 12;
  if (value.B !== undefined) return value.B.length + 12;
  if (value.M !== undefined) return charactersOf(value.M) + 12;
  if (value.L !== undefined) return sum(value.L.map(charactersOfValue)) + 12;
  const members = value.SS ?? value.NS ?? value.BS ?? [];
  return sum(members.map((member) => member.length + 4)) + 12;
}
