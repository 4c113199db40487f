import { BatchWriteItemCommand, type DynamoDBClient, type AttributeValue as SdkValue } from '@aws-sdk/client-dynamodb';
import { piecesOf } from '../../../src/lib/async/workers.ts';
import type { AttributeValue, Item } from '../../../src/pipeline/table/item.ts';

type SdkItem = Record<string, SdkValue>;

const bytesOf = (base64: string): Uint8Array => Buffer.from(base64, 'base64');

function toSdkValue(value: AttributeValue): SdkValue {
  if ('B' in value) return { B: bytesOf(value.B) };
  if ('BS' in value) return { BS: value.BS.map(bytesOf) };
  if ('L' in value) return { L: value.L.map(toSdkValue) };
  if ('M' in value) return { M: toSdkItem(value.M) };
  if ('SS' in value) return { SS: [...value.SS] };
  if ('NS' in value) return { NS: [...value.NS] };
  if ('NULL' in value) return { NULL: true };
  return value;
}

/** The item with binary values as bytes, as the SDK's commands take it. */
export const toSdkItem = (item: Item): SdkItem =>
  Object.fromEntries(Object.entries(item).map(([name, value]) => [name, toSdkValue(value)]));

/** Puts the items into the table, whatever is there. */
export const putItems = (dynamodb: DynamoDBClient, table: string, items: readonly Item[]): Promise<void> =>
  writeAll(
    dynamodb,
    table,
    items.map((item) => ({ PutRequest: { Item: item } })),
  );

/** Deletes the keys from the table, whatever is there. */
export const deleteKeys = (dynamodb: DynamoDBClient, table: string, keys: readonly Item[]): Promise<void> =>
  writeAll(
    dynamodb,
    table,
    keys.map((key) => ({ DeleteRequest: { Key: key } })),
  );

/** Sends our JSON: the SDK's own conversion loses an attribute named `__proto__`. */
async function writeAll(dynamodb: DynamoDBClient, table: string, requests: readonly object[]): Promise<void> {
  for (const batch of piecesOf(requests, 25)) {
    const command = new BatchWriteItemCommand({ RequestItems: {} });
    command.middlewareStack.add(
      (next) => (args) => {
        const { request } = args;
        if (typeof request === 'object' && request !== null && 'body' in request)
          request.body = JSON.stringify({ RequestItems: { [table]: batch } });
        return next(args);
      },
      { step: 'serialize', priority: 'low', name: 'ownJson' },
    );
    const { UnprocessedItems = {} } = await dynamodb.send(command);
    if (Object.keys(UnprocessedItems).length > 0) throw new Error('The local DynamoDB left items unprocessed');
  }
}
