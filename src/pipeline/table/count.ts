import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { Backoff } from '../../lib/async/backoff.ts';
import type { Profile } from '../profile/profile.ts';
import type { Item } from './item.ts';
import { growthFilter } from './kind-filter.ts';
import {
  countsOf,
  emptyTally,
  imageAttributes,
  type KindCounts,
  keyAndKindAttributes,
  kindOfRecord,
  type RecordShape,
} from './records.ts';
import { type ScanOptions, type ScanPage, scanTable } from './scan.ts';
import { describeTable, shapeOf, type TableFacts } from './table.ts';

export interface CountOptions {
  readonly segments?: number;
  readonly signal?: AbortSignal;
  readonly backoff?: Backoff;
}

const COUNT_SEGMENTS = 8;

async function forEachPage(pages: readonly AsyncIterable<ScanPage>[], take: (page: ScanPage) => void): Promise<void> {
  await Promise.all(
    pages.map(async (segment) => {
      for await (const page of segment) take(page);
    }),
  );
}

/**
 * The number of records of each kind, from one consistent, parallel scan that reads only the key and the attributes that tell
 * the kind. @throws the SDK's error, or `signal.reason`.
 */
export async function countByKind(
  dynamodb: DynamoDBClient,
  table: string,
  options: CountOptions & {
    readonly keys: RecordShape;
    /** Counts only these records. `covers` gets the key, the attributes that tell the kind, and those that name the image. */
    readonly only?: { readonly covers: (item: Item) => boolean };
  },
): Promise<KindCounts> {
  const { segments = COUNT_SEGMENTS, keys, only, ...rest } = options;
  const projection = [...keyAndKindAttributes(keys), ...(only ? imageAttributes(keys.profile) : [])];
  const tally = emptyTally();
  const pages = scanTable(dynamodb, table, { ...rest, segments, projection: [...new Set(projection)] });
  await forEachPage(pages, ({ items }) => {
    for (const item of items) if (only === undefined || only.covers(item)) tally[kindOfRecord(item, keys)] += 1;
  });
  return countsOf(tally);
}

/**
 * The number of records that count as growth of the table (pipeline.md: "Records of failures do not count").
 * Consistent and parallel; transfers no items. @throws the SDK's error, or `signal.reason`.
 */
export async function countEntries(
  dynamodb: DynamoDBClient,
  table: string,
  { keys, ...options }: CountOptions & { readonly keys: RecordShape },
): Promise<number> {
  return count(dynamodb, table, { ...options, filter: growthFilter(keys) });
}

/** The number of records of any kind: consistent and parallel. @throws the SDK's error, or `signal.reason`. */
export const countRecords = (dynamodb: DynamoDBClient, table: string, options: CountOptions = {}): Promise<number> =>
  count(dynamodb, table, options);

async function count(
  dynamodb: DynamoDBClient,
  table: string,
  { segments = COUNT_SEGMENTS, ...rest }: CountOptions & Pick<ScanOptions, 'filter'>,
): Promise<number> {
  let total = 0;
  await forEachPage(scanTable(dynamodb, table, { ...rest, segments, countOnly: true }), (page) => {
    total += page.count;
  });
  return total;
}

/** Counts a table only while it is small, since a count scans it. */
export interface BoundedCount {
  /** Whether the table is small enough to be counted, by its approximate size. */
  isCountable(): Promise<boolean>;
  /** The entries, without failure records, counted with consistent reads; undefined when the table is too large. */
  entries(): Promise<number | undefined>;
  /** All records, counted with consistent reads; undefined when the table is too large. */
  records(): Promise<number | undefined>;
  /** The number of entries, or the approximate number of all records when the table is too large. */
  size(): Promise<{ readonly entries: number } | { readonly entriesApproximate: number }>;
}

/** @param maxBytes The largest table that is counted, by its approximate size in bytes. */
export function createBoundedCount(
  dynamodb: DynamoDBClient,
  table: string,
  { maxBytes, profile }: { readonly maxBytes: number; readonly profile: Profile },
): BoundedCount {
  const isCountable = async () => (await describeTable(dynamodb, table)).approximateBytes <= maxBytes;
  const countThese = (facts: TableFacts) => countEntries(dynamodb, table, { keys: shapeOf(facts, profile) });
  return {
    isCountable,
    async entries() {
      const facts = await describeTable(dynamodb, table);
      return facts.approximateBytes <= maxBytes ? countThese(facts) : undefined;
    },
    records: async () => ((await isCountable()) ? countRecords(dynamodb, table) : undefined),
    async size() {
      const facts = await describeTable(dynamodb, table);
      return facts.approximateBytes <= maxBytes
        ? { entries: await countThese(facts) }
        : { entriesApproximate: facts.approximateItems };
    },
  };
}
