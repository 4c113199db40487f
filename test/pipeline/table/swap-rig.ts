import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { Clock } from '../../../src/lib/clock.ts';
import type { Item } from '../../../src/pipeline/table/item.ts';
import { scanTable } from '../../../src/pipeline/table/scan.ts';
import { createSwapper, type SwapOptions } from '../../../src/pipeline/table/swap.ts';
import { testCredentials } from '../../support/aws/dynalite.ts';
import { type Faults, startFaultProxy } from '../../support/aws/fault-proxy.ts';
import { putItems } from '../../support/aws/items.ts';
import { createPipelineTable } from '../../support/aws/pipeline-table.ts';
import { keyOf } from './changes.ts';

/** Waits end at once; `now` is the real time. */
export const impatientClock: Clock = { now: Date.now, sleep: async () => {} };

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
