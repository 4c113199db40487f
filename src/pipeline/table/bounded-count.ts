import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { countEntries, countRecords } from './count.ts';
import { describeTable } from './table.ts';

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
export function createBoundedCount(dynamodb: DynamoDBClient, table: string, maxBytes: number): BoundedCount {
  const isCountable = async () => (await describeTable(dynamodb, table)).approximateBytes <= maxBytes;
  return {
    isCountable,
    entries: async () => ((await isCountable()) ? countEntries(dynamodb, table) : undefined),
    records: async () => ((await isCountable()) ? countRecords(dynamodb, table) : undefined),
    async size() {
      const { approximateBytes, approximateItems } = await describeTable(dynamodb, table);
      return approximateBytes <= maxBytes
        ? { entries: await countEntries(dynamodb, table) }
        : { entriesApproximate: approximateItems };
    },
  };
}
