import { readFile, writeFile } from 'node:fs/promises';
import {
  type AttributeValue,
  BatchWriteItemCommand,
  type DynamoDBClient,
  ScanCommand,
  type WriteRequest,
} from '@aws-sdk/client-dynamodb';
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';
import { z } from 'zod';

/** The runbook's steps 1 and 6 and its "Restore from Backup" (runbook_way.py), for machines without Python and boto3. */

type Item = Record<string, AttributeValue>;
const KEYS = ['ResourceName', 'DateProjectCode'];

/** One scan, page after page, all items in memory, then one JSON file with `default=str`. */
export async function backUpAsRunbook(dynamodb: DynamoDBClient, table: string, file: string): Promise<number> {
  const items: unknown[] = [];
  let from: Item | undefined;
  do {
    const page = await dynamodb.send(new ScanCommand({ TableName: table, ...(from && { ExclusiveStartKey: from }) }));
    // wrapNumbers: boto3 makes a Decimal of each number, which default=str prints.
    for (const item of page.Items ?? []) items.push(unmarshall(item, { wrapNumbers: true }));
    from = page.LastEvaluatedKey;
  } while (from !== undefined);
  await writeFile(file, JSON.stringify(items, undefined, 2));
  return items.length;
}

/** A scan for the keys, then deletion 25 at a time, one batch after the other; at most `most` records. */
export async function flushAsRunbook(dynamodb: DynamoDBClient, table: string, most: number): Promise<number> {
  let deleted = 0;
  let from: Item | undefined;
  do {
    const page = await dynamodb.send(
      new ScanCommand({
        TableName: table,
        ProjectionExpression: KEYS.join(', '),
        ...(from && { ExclusiveStartKey: from }),
      }),
    );
    const keys = (page.Items ?? []).slice(0, most - deleted);
    await inBatches(
      dynamodb,
      table,
      keys.map((Key) => ({ DeleteRequest: { Key } })),
    );
    deleted += keys.length;
    from = page.LastEvaluatedKey;
  } while (from !== undefined && deleted < most);
  return deleted;
}

const fileSchema = z.array(z.record(z.string(), z.unknown()));

/** The file read as a whole, then put 25 at a time, one batch after the other; at most `most` items. */
export async function restoreAsRunbook(dynamodb: DynamoDBClient, table: string, file: string, most: number) {
  const items = fileSchema.parse(JSON.parse(await readFile(file, 'utf8'))).slice(0, most);
  for (let at = 0; at < items.length; at += 25)
    await inBatches(
      dynamodb,
      table,
      items.slice(at, at + 25).map((item) => ({ PutRequest: { Item: marshall(item) } })),
    );
  return items.length;
}

async function inBatches(dynamodb: DynamoDBClient, table: string, requests: WriteRequest[]): Promise<void> {
  for (let at = 0; at < requests.length; at += 25)
    await dynamodb.send(new BatchWriteItemCommand({ RequestItems: { [table]: requests.slice(at, at + 25) } }));
}
