import {
  BatchWriteItemCommand,
  type DynamoDBClient,
  type AttributeValue as SdkValue,
  type WriteRequest,
} from '@aws-sdk/client-dynamodb';
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
    items.map((item) => ({ PutRequest: { Item: toSdkItem(item) } })),
  );

/** Deletes the keys from the table, whatever is there. */
export const deleteKeys = (dynamodb: DynamoDBClient, table: string, keys: readonly Item[]): Promise<void> =>
  writeAll(
    dynamodb,
    table,
    keys.map((key) => ({ DeleteRequest: { Key: toSdkItem(key) } })),
  );

async function writeAll(dynamodb: DynamoDBClient, table: string, requests: WriteRequest[]): Promise<void> {
  const left = [...requests];
  while (left.length > 0) {
    const command = new BatchWriteItemCommand({ RequestItems: { [table]: left.splice(0, 25) } });
    left.push(...((await dynamodb.send(command)).UnprocessedItems?.[table] ?? []));
  }
}
