import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { type Backoff, withBackoff } from '../../lib/async/backoff.ts';
import { systemClock } from '../../lib/clock.ts';
import { defined } from '../../lib/defined.ts';
import type { Item } from './item.ts';
import { callForBody, parseAnswer, readPage } from './json-call.ts';

/** One answer of a segment's scan: up to 1 MB of the table. */
export interface ScanPage {
  readonly segment: number;
  readonly items: readonly Item[];
  /** The number of records that passed the filter. */
  readonly count: number;
}

export interface Filter {
  readonly expression: string;
  readonly names?: Readonly<Record<string, string>>;
  readonly values?: Item;
}

export interface ScanOptions {
  /** How many parts of the table are read in parallel, 1 to 1,000,000. */
  readonly segments: number;
  readonly signal?: AbortSignal;
  /** Return only these attributes. */
  readonly projection?: readonly string[];
  readonly filter?: Filter;
  /** Pages hold counts and no items. */
  readonly countOnly?: boolean;
  /** The maximum number of records that one page reads. */
  readonly pageLimit?: number;
  readonly backoff?: Backoff;
}

/** Retries for minutes: throttling of a table in use is temporary, and by then a scan has already read much. */
export const patientBackoff: Backoff = {
  clock: systemClock,
  random: Math.random,
  attempts: 12,
  baseMs: 50,
  maxMs: 10_000,
};

/**
 * The table in strongly consistent pages, one iterable per segment; together they return every record once. A segment reads one
 * page ahead and no more, so that a slow reader bounds the memory. Throttling, 5xx and broken connections are retried with
 * full jitter.
 * @throws (from the iterables) the last error of a page, MalformedAnswerError, or `signal.reason`.
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
  const request = scanRequest(table, options, segment);
  const read = (from: Item | undefined): Promise<Buffer> => {
    const body = JSON.stringify(defined({ ...request, ExclusiveStartKey: from }));
    const call = () => callForBody(dynamodb, 'Scan', body, options);
    return withBackoff(options.backoff ?? patientBackoff, call, options.signal);
  };
  let pending: Promise<Buffer> | undefined = read(undefined);
  while (pending !== undefined) {
    // The page ahead waits as bytes: parsed, it takes several times the memory.
    const { items, count, nextKey } = readPage(parseAnswer(await pending, 'Scan'), 'Scan');
    pending = nextKey === undefined ? undefined : read(nextKey);
    // The page ahead may fail while the reader works, or after it left. The next turn reports the error.
    pending?.catch(() => {});
    yield { segment, items, count };
  }
}

function scanRequest(table: string, options: ScanOptions, segment: number): object {
  const { filter, projection } = options;
  const projected = projection && Object.fromEntries(projection.map((name, index) => [`#p${index}`, name]));
  const names = { ...filter?.names, ...projected };
  return defined({
    TableName: table,
    ConsistentRead: true,
    ...(options.segments > 1 && { Segment: segment, TotalSegments: options.segments }),
    FilterExpression: filter?.expression,
    ProjectionExpression: projected && Object.keys(projected).join(', '),
    ExpressionAttributeNames: Object.keys(names).length > 0 ? names : undefined,
    ExpressionAttributeValues: filter?.values,
    Select: options.countOnly ? 'COUNT' : undefined,
    Limit: options.pageLimit,
  });
}
