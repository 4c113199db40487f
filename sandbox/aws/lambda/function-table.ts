import {
  BatchWriteItemCommand,
  type DynamoDBClient,
  PutItemCommand,
  QueryCommand,
  type QueryCommandInput,
  type WriteRequest,
} from '@aws-sdk/client-dynamodb';
import type { MetricStore } from '../logs/metric-store.ts';
import { type Item, type TableKeys, withKeys } from '../ocr/timesheet.ts';
import type { World } from '../world.ts';
import { ACCOUNT } from './function-state.ts';

/** Access to the table with the function's own role, which may lack permissions. */
export interface FunctionTable {
  put(table: string, item: Item, unlessThere?: string): Promise<void>;
  /** Writes all of them. */
  store(table: string, items: readonly Item[]): Promise<void>;
  /** The number of items that a Query finds, over all its pages. */
  count(query: QueryCommandInput & { TableName: string }): Promise<number>;
}

export function createFunctionTable(ports: {
  readonly client: DynamoDBClient;
  readonly functionName: string;
  readonly world: () => World;
  readonly metrics: MetricStore;
  readonly keys?: TableKeys | undefined;
}): FunctionTable {
  const { client, functionName, world, metrics } = ports;
  function permitted(action: string, table: string): void {
    if (!world().functionDenied.includes(`dynamodb:${action}`)) return;
    const role = `arn:aws:sts::${ACCOUNT}:assumed-role/${functionName}-role/${functionName}`;
    const refusal = new Error(
      `User: ${role} is not authorized to perform: dynamodb:${action} on resource: arn:aws:dynamodb:us-east-1:${ACCOUNT}:table/${table} because no identity-based policy allows the dynamodb:${action} action`,
    );
    refusal.name = 'AccessDeniedException';
    throw refusal;
  }
  const wrote = (table: string, items: number) =>
    metrics.record('AWS/DynamoDB', 'ConsumedWriteCapacityUnits', { TableName: table }, items);
  return {
    async put(table, item, unlessThere) {
      permitted('PutItem', table);
      const condition =
        unlessThere === undefined
          ? {}
          : { ConditionExpression: 'attribute_not_exists(#key)', ExpressionAttributeNames: { '#key': unlessThere } };
      await client.send(new PutItemCommand({ TableName: table, Item: withKeys(item, ports.keys), ...condition }));
      wrote(table, 1);
    },
    async store(table, items) {
      permitted('BatchWriteItem', table);
      let waiting: WriteRequest[] = items.map((item) => ({
        PutRequest: { Item: withKeys(item, ports.keys) },
      }));
      while (waiting.length > 0) {
        const done = await client.send(new BatchWriteItemCommand({ RequestItems: { [table]: waiting.slice(0, 25) } }));
        waiting = [...(done.UnprocessedItems?.[table] ?? []), ...waiting.slice(25)];
      }
      if (items.length > 0) wrote(table, items.length);
    },
    async count(query) {
      permitted('Query', query.TableName);
      let count = 0;
      let from: Item | undefined;
      do {
        const page = await client.send(
          new QueryCommand({ ...query, Select: 'COUNT', ...(from ? { ExclusiveStartKey: from } : {}) }),
        );
        count += page.Count ?? 0;
        from = page.LastEvaluatedKey;
      } while (from);
      return count;
    },
  };
}
