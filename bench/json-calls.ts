import {
  type DynamoDBClient,
  ScanCommand,
  type AttributeValue as SdkValue,
  TransactWriteItemsCommand,
} from '@aws-sdk/client-dynamodb';
import { systemClock } from '../src/lib/clock.ts';
import type { AttributeValue, Item } from '../src/pipeline/table/item.ts';
import { scanTable } from '../src/pipeline/table/scan.ts';
import { createSwapper } from '../src/pipeline/table/swap.ts';
import { putItems, toSdkItem } from '../test/support/aws/items.ts';
import { createPipelineTable, timesheetEntry } from '../test/support/aws/pipeline-table.ts';
import { type Report, rounded } from './report.ts';
import { startStandIn } from './stand-in-process.ts';

const ITEMS = 20_000;
const ROUNDS = 4;
const TRANSACTION = 100;

const base64Of = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

function fromSdkValue(value: SdkValue): AttributeValue {
  if (value.S !== undefined) return { S: value.S };
  if (value.N !== undefined) return { N: value.N };
  if (value.B !== undefined) return { B: base64Of(value.B) };
  if (value.BOOL !== undefined) return { BOOL: value.BOOL };
  if (value.NULL !== undefined) return { NULL: value.NULL };
  if (value.SS !== undefined) return { SS: value.SS };
  if (value.NS !== undefined) return { NS: value.NS };
  if (value.BS !== undefined) return { BS: value.BS.map(base64Of) };
  if (value.L !== undefined) return { L: value.L.map(fromSdkValue) };
  if (value.M !== undefined) return { M: fromSdkItem(value.M) };
  throw new TypeError('An attribute has an unknown type');
}
const fromSdkItem = (item: Readonly<Record<string, SdkValue>>): Item =>
  Object.fromEntries(Object.entries(item).map(([name, value]) => [name, fromSdkValue(value)]));

const keyOf = ({ ResourceName = { S: '' }, DateProjectCode = { S: '' } }: Item): Item => ({
  ResourceName,
  DateProjectCode,
});

/** CPU of this process per record, µs: our own JSON against the SDK's conversion (docs/decisions/0007). */
export async function runJsonCallBenchmark(report: Report): Promise<void> {
  const standIn = await startStandIn();
  const { dynamodb } = standIn;
  const items = Array.from({ length: ITEMS }, (_, index) => timesheetEntry(index));
  const table = 'Json-calls';
  await createPipelineTable(dynamodb, table);
  const fill = () => putItems(dynamodb, table, items);
  await fill();
  const figure = async (name: string, before: () => Promise<void>, work: () => Promise<void>) => {
    const rounds: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      await before();
      const start = process.cpuUsage();
      await work();
      const { user, system } = process.cpuUsage(start);
      rounds.push((user + system) / ITEMS);
    }
    // The first round warms up.
    report({ name, value: rounded(Math.min(...rounds.slice(1)), 1), unit: 'µs/record' });
  };
  try {
    await figure(
      'scan.json_cpu_us',
      async () => {},
      () => scanWithJson(dynamodb, table),
    );
    await figure(
      'scan.sdk_cpu_us',
      async () => {},
      () => scanWithSdk(dynamodb, table),
    );
    await figure('transaction.json_cpu_us', fill, () => deleteWithJson(dynamodb, table, items));
    await figure('transaction.sdk_cpu_us', fill, () => deleteWithSdk(dynamodb, table, items));
  } finally {
    standIn.close();
  }
}

async function scanWithJson(dynamodb: DynamoDBClient, table: string): Promise<void> {
  let count = 0;
  for (const segment of scanTable(dynamodb, table, { segments: 1 }))
    for await (const { items } of segment) count += items.length;
  if (count !== ITEMS) throw new Error(`${count} records instead of ${ITEMS}`);
}

async function scanWithSdk(dynamodb: DynamoDBClient, table: string): Promise<void> {
  let count = 0;
  let from: ScanCommand['input']['ExclusiveStartKey'];
  do {
    const page = await dynamodb.send(
      new ScanCommand({ TableName: table, ConsistentRead: true, ...(from && { ExclusiveStartKey: from }) }),
    );
    count += (page.Items ?? []).map(fromSdkItem).length;
    from = page.LastEvaluatedKey;
  } while (from !== undefined);
  if (count !== ITEMS) throw new Error(`${count} records instead of ${ITEMS}`);
}

async function deleteWithJson(dynamodb: DynamoDBClient, table: string, items: readonly Item[]): Promise<void> {
  const { swap } = createSwapper(
    { dynamodb, clock: systemClock, random: Math.random },
    { table, attributeNames: new Set(Object.keys(items[0] ?? {})), mayWrite: () => {} },
  );
  for (let first = 0; first < items.length; first += TRANSACTION) {
    const batch = items.slice(first, first + TRANSACTION);
    const results = await swap(batch.map((expected) => ({ key: keyOf(expected), expected, next: undefined })));
    if (results.some(({ kind }) => kind !== 'done')) throw new Error('Not all records were deleted');
  }
}

async function deleteWithSdk(dynamodb: DynamoDBClient, table: string, items: readonly Item[]): Promise<void> {
  for (let first = 0; first < items.length; first += TRANSACTION) {
    const actions = items.slice(first, first + TRANSACTION).map((expected) => {
      const names = Object.keys(expected).filter((name) => name !== 'ResourceName' && name !== 'DateProjectCode');
      return {
        Delete: {
          TableName: table,
          Key: toSdkItem(keyOf(expected)),
          ConditionExpression: names.map((_, index) => `#${index}=:${index}`).join(' AND '),
          ExpressionAttributeNames: Object.fromEntries(names.map((name, index) => [`#${index}`, name])),
          ExpressionAttributeValues: toSdkItem(
            Object.fromEntries(names.map((name, index) => [`:${index}`, expected[name] ?? { NULL: true }])),
          ),
          ReturnValuesOnConditionCheckFailure: 'ALL_OLD' as const,
        },
      };
    });
    await dynamodb.send(new TransactWriteItemsCommand({ TransactItems: actions }));
  }
}
