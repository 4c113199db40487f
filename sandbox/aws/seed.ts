import {
  BatchWriteItemCommand,
  CreateTableCommand,
  DeleteTableCommand,
  type DynamoDBClient,
  ResourceNotFoundException,
  UpdateTableCommand,
  type WriteRequest,
  waitUntilTableExists,
  waitUntilTableNotExists,
} from '@aws-sdk/client-dynamodb';
import type { Team } from './ocr/team.ts';
import { EARLIER_OCR_VERSION, type Item, seedKey, seedTimesheet, type TableKeys, withKeys } from './ocr/timesheet.ts';
import { drawTimesheet } from './png.ts';
import type { LocalS3 } from './s3.ts';

export interface SeedNames {
  readonly bucket: string;
  readonly table: string;
  readonly keys?: TableKeys | undefined;
  readonly team: Team;
}

/** What tells two records of the pipeline apart. */
const keyText = ({ ResourceName, DateProjectCode, InvoiceNumber }: Item): string =>
  JSON.stringify([ResourceName, DateProjectCode, InvoiceNumber]);

const EARLIER = Date.parse('2025-09-08T06:30:00Z');
const AT_ONCE = 32;

async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  let next = 0;
  const worker = async () => {
    for (let item = items[next++]; item !== undefined; item = items[next++]) await work(item);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

/** The images, and some objects that are not images to process. The same count always gives the same objects. */
export async function seedBucket(s3: LocalS3, { bucket }: SeedNames, images: number): Promise<void> {
  const put = (key: string, body: Buffer | string, type: string) => s3.put(bucket, key, body, type);
  await put('quicksight-data/export.csv', 'ResourceName,Hours\n', 'text/csv');
  await put('quicksight-data/chart.png', drawTimesheet('{}'), 'image/png');
  await put('dictionaries/projects.json', '{}', 'application/json');
  await put('dictionaries/legend.png', drawTimesheet('{}'), 'image/png');
  await put('readme.txt', 'Timesheets, one image a person and week.\n', 'text/plain');
  await inParallel([...Array(images).keys()], (index) => {
    const sheet = seedTimesheet(index);
    return put(seedKey(sheet, index), drawTimesheet(JSON.stringify(sheet)), 'image/png');
  });
}

export async function createPipelineTable(dynamodb: DynamoDBClient, { table, keys }: SeedNames): Promise<void> {
  await dynamodb.send(keys ? tableWithKeys(table, keys) : pipelineTable(table));
  // A Scan does not find a table that is still CREATING.
  await waitUntilTableExists(
    { client: dynamodb, maxWaitTime: 10, minDelay: 0.02, maxDelay: 0.1 },
    { TableName: table },
  );
}

/** A table of another team: with other keys, and without indexes. */
const tableWithKeys = (table: string, { hash, range, rangeType }: TableKeys) =>
  new CreateTableCommand({
    TableName: table,
    BillingMode: 'PAY_PER_REQUEST',
    KeySchema: [
      { AttributeName: hash, KeyType: 'HASH' },
      ...(range === undefined ? [] : [{ AttributeName: range, KeyType: 'RANGE' as const }]),
    ],
    AttributeDefinitions: [
      { AttributeName: hash, AttributeType: 'S' as const },
      ...(range === undefined ? [] : [{ AttributeName: range, AttributeType: rangeType ?? ('S' as const) }]),
    ],
  });

const pipelineTable = (table: string) =>
  new CreateTableCommand({
    TableName: table,
    BillingMode: 'PAY_PER_REQUEST',
    KeySchema: [
      { AttributeName: 'ResourceName', KeyType: 'HASH' },
      { AttributeName: 'DateProjectCode', KeyType: 'RANGE' },
    ],
    AttributeDefinitions: ['ResourceName', 'DateProjectCode', 'ProjectCodeGSI', 'YearMonth'].map((AttributeName) => ({
      AttributeName,
      AttributeType: 'S' as const,
    })),
    GlobalSecondaryIndexes: [
      {
        IndexName: 'ProjectCodeIndex',
        KeySchema: [
          { AttributeName: 'ProjectCodeGSI', KeyType: 'HASH' },
          { AttributeName: 'DateProjectCode', KeyType: 'RANGE' },
        ],
        Projection: { ProjectionType: 'ALL' },
      },
      {
        IndexName: 'YearMonthIndex',
        KeySchema: [
          { AttributeName: 'YearMonth', KeyType: 'HASH' },
          { AttributeName: 'ResourceName', KeyType: 'RANGE' },
        ],
        Projection: { ProjectionType: 'ALL' },
      },
    ],
  });

/** Deletes the table, protected or not, and resolves when it is gone. */
export async function deletePipelineTable(dynamodb: DynamoDBClient, { table }: SeedNames): Promise<void> {
  const gone = () =>
    waitUntilTableNotExists({ client: dynamodb, maxWaitTime: 10, minDelay: 0.02, maxDelay: 0.1 }, { TableName: table });
  try {
    await dynamodb.send(new UpdateTableCommand({ TableName: table, DeletionProtectionEnabled: false }));
    await dynamodb.send(new DeleteTableCommand({ TableName: table }));
  } catch (error) {
    // A job of the bot may be deleting it.
    if (!(error instanceof ResourceNotFoundException)) throw error;
  }
  await gone();
}

/**
 * The records of an earlier rescan: the entries of every image by an older OCR version, and three that were corrected
 * by hand (no image).
 */
export async function seedTable(
  dynamodb: DynamoDBClient,
  { table, keys, team }: SeedNames,
  images: number,
): Promise<void> {
  const items = new Map<string, Item>();
  const keep = (item: Item) => items.set(keyText(item), item);
  for (let index = 0; index < images; index++) {
    const sheet = seedTimesheet(index);
    for (const item of team.recordsOf(sheet, seedKey(sheet, index), EARLIER + index * 1_000, EARLIER_OCR_VERSION))
      keep(item);
  }
  for (const item of team.byHand) keep(item);
  const all = [...items.values()].map((item) => withKeys(item, keys));
  const batches = Array.from({ length: Math.ceil(all.length / 25) }, (_, place) =>
    all.slice(place * 25, place * 25 + 25),
  );
  await inParallel(batches, async (batch) => {
    let waiting: WriteRequest[] = batch.map((Item) => ({ PutRequest: { Item } }));
    while (waiting.length > 0) {
      const done = await dynamodb.send(new BatchWriteItemCommand({ RequestItems: { [table]: waiting } }));
      waiting = done.UnprocessedItems?.[table] ?? [];
    }
  });
}
