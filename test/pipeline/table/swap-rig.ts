import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { Clock } from '../../../src/lib/clock.ts';
import type { Item } from '../../../src/pipeline/table/item.ts';
import { scanTable } from '../../../src/pipeline/table/scan.ts';
import { type Change, createSwapper, type SwapOptions } from '../../../src/pipeline/table/swap.ts';
import { testCredentials } from '../../support/aws/dynalite.ts';
import { type Faults, startFaultProxy } from '../../support/aws/fault-proxy.ts';
import { putItems } from '../../support/aws/items.ts';
import { createPipelineTable } from '../../support/aws/pipeline-table.ts';

/** Waits end at once; `now` is the real time. */
export const impatientClock: Clock = { now: Date.now, sleep: async () => {} };

export const keyOf = ({ ResourceName = { S: '' }, DateProjectCode = { S: '' } }: Item): Item => ({
  ResourceName,
  DateProjectCode,
});
export const putNew = (next: Item): Change => ({ key: keyOf(next), expected: undefined, next });
export const remove = (expected: Item): Change => ({ key: keyOf(expected), expected, next: undefined });
export const replace = (expected: Item, next: Item): Change => ({ key: keyOf(expected), expected, next });
export const done = { kind: 'done' } as const;
export const conflict = (found: Item | undefined) => ({ kind: 'conflict' as const, found });

/** A record with a value of every type. */
export const everyType = (index: number, more: Item = {}): Item => ({
  ResourceName: { S: `Person_${index}` },
  DateProjectCode: { S: '2025-09-29#PJ1' },
  Text: { S: 'é "quoted"\n' },
  Empty: { S: '' },
  Hours: { N: '7.5' },
  Seal: { B: 'AP8H' },
  IsDraft: { BOOL: false },
  Nothing: { NULL: true },
  Weeks: { SS: ['a', 'b'] },
  Days: { NS: ['1', '2.5'] },
  Stamps: { BS: ['AA==', 'AQ=='] },
  Lines: { L: [{ S: 'one' }, { L: [{ N: '2' }] }] },
  Details: { M: { depth: { M: { value: { N: '1' } } }, tags: { SS: ['x'] } } },
  ...more,
});

/** Clients and tables of one DynamoDB server. */
export function swapRig(url: string) {
  const stops: (() => Promise<void> | void)[] = [];
  let tables = 0;
  const clientOf = (endpoint: string): DynamoDBClient => {
    const client = new DynamoDBClient({ endpoint, region: 'us-east-1', credentials: testCredentials, maxAttempts: 1 });
    stops.push(() => client.destroy());
    return client;
  };
  const dynamodb = clientOf(url);
  return {
    dynamodb,
    async table(items: readonly Item[] = []): Promise<string> {
      tables += 1;
      const name = `Swapped-${tables}-${Date.now()}`;
      await createPipelineTable(dynamodb, name);
      await putItems(dynamodb, name, items);
      return name;
    },
    /** All records by the text of their key. */
    async contents(table: string): Promise<Map<string, Item>> {
      const found = new Map<string, Item>();
      for (const segment of scanTable(dynamodb, table, { segments: 1 }))
        for await (const { items } of segment) for (const item of items) found.set(JSON.stringify(keyOf(item)), item);
      return found;
    },
    /** A client through a proxy with faults, and the proxy's counts of calls. */
    async through(faults: Faults) {
      const proxy = await startFaultProxy(url, faults);
      stops.push(() => proxy.stop());
      return { dynamodb: clientOf(proxy.url), calls: proxy.calls };
    },
    swapper(table: string, options: Partial<SwapOptions> & { dynamodb?: DynamoDBClient; clock?: Clock } = {}) {
      const { dynamodb: client = dynamodb, clock = impatientClock, ...rest } = options;
      return createSwapper(
        { dynamodb: client, clock, random: Math.random },
        { table, attributeNames: new Set(), mayWrite: () => {}, ...rest },
      );
    },
    async stop() {
      for (const stop of stops.reverse()) await stop();
    },
  };
}
export type SwapRig = ReturnType<typeof swapRig>;
