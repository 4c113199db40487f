import { type DynamoDBClient, ScanCommand, type ScanCommandInput } from '@aws-sdk/client-dynamodb';
import { type Backoff, withBackoff } from '../../lib/backoff.ts';
import { systemClock } from '../../lib/clock.ts';
import type { Item } from './table.ts';

/** One answer of a segment's scan: up to 1 MB. `nextKey` is where the segment goes on; without it the segment is through. */
export interface ScanPage {
  readonly segment: number;
  readonly items: readonly Item[];
  readonly scanned: number;
  readonly nextKey?: Item;
}

export interface ScanOptions {
  /** How many parts of the table are read side by side, 1 to 1,000,000. */
  readonly segments: number;
  readonly signal?: AbortSignal;
  /** Only these attributes. */
  readonly projection?: readonly string[];
  readonly filter?: Pick<
    ScanCommandInput,
    'FilterExpression' | 'ExpressionAttributeNames' | 'ExpressionAttributeValues'
  >;
  /** Answers hold counts and no items. */
  readonly countOnly?: boolean;
  /** Where a segment goes on, by its number. */
  readonly from?: ReadonlyMap<number, Item>;
  /** The most items that an answer looks at. */
  readonly pageLimit?: number;
  readonly backoff?: Backoff;
}

/** Minutes of patience: throttling of a table in use passes, and a scan has read much by the time it is throttled. */
export const patientBackoff: Backoff = {
  clock: systemClock,
  random: Math.random,
  attempts: 12,
  baseMs: 50,
  maxMs: 10_000,
};

/**
 * The table in strongly consistent pages, one iterable a segment; together they hold every item once. The next page of a
 * segment is asked for only when the one before is taken, plus one ahead, so that the reader's pace bounds the memory.
 * Throttling, 5xx and broken connections are tried again with full jitter.
 * @throws (from the iterables) the last error of a page, or `signal.reason`.
 */
export function scanTable(
  dynamodb: DynamoDBClient,
  table: string,
  options: ScanOptions,
): readonly AsyncIterable<ScanPage>[] {
  return Array.from({ length: options.segments }, (_, segment) => scanSegment(dynamodb, table, options, segment));
}

async function* scanSegment(
  dynamodb: DynamoDBClient,
  table: string,
  options: ScanOptions,
  segment: number,
): AsyncGenerator<ScanPage> {
  const read = (from: Item | undefined) => readPage(dynamodb, table, options, segment, from);
  let pending: Promise<ScanPage> | undefined = read(options.from?.get(segment));
  try {
    while (pending !== undefined) {
      const page: ScanPage = await pending;
      pending = page.nextKey === undefined ? undefined : read(page.nextKey);
      // The page ahead may fail while the reader is at work: its error is for the next turn, not for the process.
      pending?.catch(() => {});
      yield page;
    }
  } finally {
    pending?.catch(() => {});
  }
}

async function readPage(
  dynamodb: DynamoDBClient,
  table: string,
  options: ScanOptions,
  segment: number,
  from: Item | undefined,
): Promise<ScanPage> {
  const { projection, signal } = options;
  const names = projection && Object.fromEntries(projection.map((name, index) => [`#p${index}`, name]));
  const input: ScanCommandInput = {
    TableName: table,
    ConsistentRead: true,
    ...(options.segments > 1 && { Segment: segment, TotalSegments: options.segments }),
    ...options.filter,
    ...(names && {
      ProjectionExpression: Object.keys(names).join(', '),
      ExpressionAttributeNames: { ...options.filter?.ExpressionAttributeNames, ...names },
    }),
    ...(options.countOnly && { Select: 'COUNT' }),
    ...(options.pageLimit !== undefined && { Limit: options.pageLimit }),
    ...(from && { ExclusiveStartKey: from }),
  };
  const answer = await withBackoff(
    options.backoff ?? patientBackoff,
    () => dynamodb.send(new ScanCommand(input), signal ? { abortSignal: signal } : {}),
    signal,
  );
  return {
    segment,
    items: answer.Items ?? [],
    scanned: options.countOnly ? (answer.Count ?? 0) : (answer.ScannedCount ?? 0),
    ...(answer.LastEvaluatedKey && { nextKey: answer.LastEvaluatedKey }),
  };
}
