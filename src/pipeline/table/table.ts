import {
  type AttributeValue,
  DescribeTableCommand,
  type DynamoDBClient,
  type KeySchemaElement,
  type OnDemandThroughput,
  type ProvisionedThroughputDescription,
  QueryCommand,
  ResourceNotFoundException,
  type TableDescription,
} from '@aws-sdk/client-dynamodb';
import { type Backoff, withBackoff } from '../../lib/backoff.ts';
import {
  countsOf,
  emptyTally,
  FAILED_IMAGE,
  type KeyNames,
  KIND_ATTRIBUTES,
  type KindCounts,
  kindOfRecord,
  PIPELINE_KEYS,
} from './table-records.ts';
import { patientBackoff, type ScanPage, scanTable } from './table-scan.ts';

/** One record of the table with its DynamoDB types, as Scan gives it and BatchWriteItem takes it. */
export type Item = Record<string, AttributeValue>;

export interface TableKey {
  readonly name: string;
  readonly type: 'S' | 'N' | 'B';
  readonly role: 'HASH' | 'RANGE';
}

/** What DescribeTable says. `approximateItems` and `approximateBytes` are about six hours old: for show, never a gate. */
export interface TableFacts {
  readonly arn: string;
  readonly id?: string;
  readonly account: string;
  readonly region: string;
  readonly name: string;
  /** `ACTIVE`, or what it is becoming. */
  readonly status: string;
  /** The hash key first. */
  readonly keys: readonly TableKey[];
  readonly indexes: readonly {
    readonly name: string;
    readonly keys: readonly string[];
    /** Write units a second that this index is bound to: provisioned, or the maximum that is set on demand. */
    readonly writeCapacity?: number;
  }[];
  readonly billing: 'on-demand' | 'provisioned';
  /** Write units a second that the table is bound to: provisioned, or the maximum that is set on demand. */
  readonly writeCapacity?: number;
  readonly approximateItems: number;
  readonly approximateBytes: number;
  readonly deletionProtection: boolean;
  readonly streamArn?: string;
}

/** There is no such table in this account and region. */
export class TableNotFoundError extends Error {
  override readonly name = 'TableNotFoundError';
  readonly table: string;
  constructor(table: string, cause: unknown) {
    super(`No table named ${table} in this account and region`, { cause });
    this.table = table;
  }
}

/**
 * What DynamoDB knows of a table.
 * @throws TableNotFoundError, or the SDK's error.
 */
export async function describeTable(dynamodb: DynamoDBClient, tableName: string): Promise<TableFacts> {
  const describe = () => dynamodb.send(new DescribeTableCommand({ TableName: tableName }));
  const answer = await withBackoff(patientBackoff, describe).catch((error: unknown) => {
    throw error instanceof ResourceNotFoundException ? new TableNotFoundError(tableName, error) : error;
  });
  const table = answer.Table;
  if (table?.TableArn === undefined) throw new Error(`DescribeTable of ${tableName} gave no table ARN`);
  const [, , , region = '', account = ''] = table.TableArn.split(':');
  return {
    arn: table.TableArn,
    ...(table.TableId !== undefined && { id: table.TableId }),
    account,
    region,
    name: table.TableName ?? tableName,
    status: table.TableStatus ?? 'UNKNOWN',
    keys: keysOf(table),
    indexes: indexesOf(table),
    ...billingOf(table),
    approximateItems: table.ItemCount ?? 0,
    approximateBytes: table.TableSizeBytes ?? 0,
    deletionProtection: table.DeletionProtectionEnabled ?? false,
    ...(table.LatestStreamArn !== undefined && { streamArn: table.LatestStreamArn }),
  };
}

function keysOf(table: TableDescription): readonly TableKey[] {
  const types = new Map(table.AttributeDefinitions?.map((defined) => [defined.AttributeName, defined.AttributeType]));
  return (table.KeySchema ?? [])
    .map(({ AttributeName, KeyType }) => {
      const type = types.get(AttributeName);
      if (AttributeName === undefined || (type !== 'S' && type !== 'N' && type !== 'B'))
        throw new Error(`DescribeTable of ${table.TableName} gave a key without a name or type`);
      const role = KeyType === 'RANGE' ? ('RANGE' as const) : ('HASH' as const);
      return { name: AttributeName, type, role };
    })
    .sort((a, b) => a.role.localeCompare(b.role));
}

/** Global indexes have a capacity of their own; local ones take of the table's. */
function indexesOf({ GlobalSecondaryIndexes = [], LocalSecondaryIndexes = [] }: TableDescription) {
  const known = (index: { IndexName?: string | undefined; KeySchema?: KeySchemaElement[] | undefined }) => ({
    name: index.IndexName ?? '',
    keys: (index.KeySchema ?? []).map((key) => key.AttributeName ?? ''),
  });
  return [
    ...GlobalSecondaryIndexes.map((index) => ({ ...known(index), ...writeCapacityOf(index) })),
    ...LocalSecondaryIndexes.map(known),
  ];
}

/** On demand there is a bound where somebody set one; -1 is none. */
function writeCapacityOf(of: {
  ProvisionedThroughput?: ProvisionedThroughputDescription | undefined;
  OnDemandThroughput?: OnDemandThroughput | undefined;
}): { writeCapacity?: number } {
  const units = of.ProvisionedThroughput?.WriteCapacityUnits || (of.OnDemandThroughput?.MaxWriteRequestUnits ?? 0);
  return units > 0 ? { writeCapacity: units } : {};
}

function billingOf(table: TableDescription): Pick<TableFacts, 'billing' | 'writeCapacity'> {
  const writeCapacity = table.ProvisionedThroughput?.WriteCapacityUnits ?? 0;
  // Tables made before on-demand existed have no BillingModeSummary: a capacity of 0 is what tells.
  if (table.BillingModeSummary?.BillingMode === 'PAY_PER_REQUEST' || writeCapacity === 0)
    return { billing: 'on-demand', ...writeCapacityOf(table) };
  return { billing: 'provisioned', writeCapacity };
}

/** The names of a table's key attributes. */
export const keyNamesOf = (facts: Pick<TableFacts, 'keys'>): KeyNames => {
  const hash = facts.keys.find((key) => key.role === 'HASH')?.name;
  const range = facts.keys.find((key) => key.role === 'RANGE')?.name;
  if (hash === undefined) throw new Error('A table without a hash key');
  return { hash, ...(range !== undefined && { range }) };
};

export interface CountOptions {
  readonly segments?: number;
  readonly signal?: AbortSignal;
  readonly keys?: KeyNames;
  readonly backoff?: Backoff;
}

const COUNT_SEGMENTS = 8;

async function overPages(pages: readonly AsyncIterable<ScanPage>[], take: (page: ScanPage) => void): Promise<void> {
  await Promise.all(
    pages.map(async (segment) => {
      for await (const page of segment) take(page);
    }),
  );
}

/**
 * Every record counted by kind in one consistent, parallel scan that fetches only the keys and what tells the kind.
 * @throws the SDK's error, or `signal.reason`.
 */
export async function countByKind(
  dynamodb: DynamoDBClient,
  table: string,
  options: CountOptions = {},
): Promise<KindCounts> {
  const { segments = COUNT_SEGMENTS, keys = PIPELINE_KEYS, ...rest } = options;
  const projection = [keys.hash, ...(keys.range === undefined ? [] : [keys.range]), ...KIND_ATTRIBUTES];
  const tally = emptyTally();
  await overPages(scanTable(dynamodb, table, { ...rest, segments, projection: [...new Set(projection)] }), (page) => {
    for (const item of page.items) tally[kindOfRecord(item, keys)] += 1;
  });
  return countsOf(tally);
}

/**
 * How many records are not failed images: what growth is measured by (pipeline.md: "Records of failures do not count").
 * Consistent and parallel; no item travels. @throws the SDK's error, or `signal.reason`.
 */
export async function countEntries(
  dynamodb: DynamoDBClient,
  table: string,
  options: Omit<CountOptions, 'keys'> = {},
): Promise<number> {
  const { segments = COUNT_SEGMENTS, ...rest } = options;
  const filter = {
    FilterExpression: 'attribute_not_exists(#type) OR #type <> :failed',
    ExpressionAttributeNames: { '#type': 'RecordType' },
    ExpressionAttributeValues: { ':failed': { S: FAILED_IMAGE } },
  };
  let count = 0;
  await overPages(scanTable(dynamodb, table, { ...rest, segments, filter, countOnly: true }), (page) => {
    count += page.scanned;
  });
  return count;
}

/** How many records there are, of any kind: consistent and parallel. @throws the SDK's error, or `signal.reason`. */
export async function countRecords(
  dynamodb: DynamoDBClient,
  table: string,
  options: Omit<CountOptions, 'keys'> = {},
): Promise<number> {
  const { segments = COUNT_SEGMENTS, ...rest } = options;
  let count = 0;
  await overPages(scanTable(dynamodb, table, { ...rest, segments, countOnly: true }), (page) => {
    count += page.scanned;
  });
  return count;
}

/** The hash key of a person: `Nik Coultas` is stored as `Nik_Coultas` (pipeline.md, "DynamoDB table"). */
export const hashOfResource = (resourceName: string): string => resourceName.trim().replaceAll(' ', '_');

export interface ImageRows {
  /** As the function's reply names the person: `Nik Coultas`. */
  readonly resourceName: string;
  readonly imageKey: string;
  readonly keys?: KeyNames;
  readonly signal?: AbortSignal;
  readonly backoff?: Backoff;
}

/**
 * The records of one person that came from one image (`SourceImage`), read consistently; failed images left out.
 * @throws the SDK's error, or `signal.reason`.
 */
export async function rowsOfImage(dynamodb: DynamoDBClient, table: string, rows: ImageRows): Promise<Item[]> {
  const { resourceName, imageKey, keys = PIPELINE_KEYS, signal, backoff = patientBackoff } = rows;
  const found: Item[] = [];
  let from: Item | undefined;
  do {
    const command = new QueryCommand({
      TableName: table,
      ConsistentRead: true,
      KeyConditionExpression: '#hash = :hash',
      FilterExpression: '#image = :image AND (attribute_not_exists(#type) OR #type <> :failed)',
      ExpressionAttributeNames: { '#hash': keys.hash, '#image': 'SourceImage', '#type': 'RecordType' },
      ExpressionAttributeValues: {
        ':hash': { S: hashOfResource(resourceName) },
        ':image': { S: imageKey },
        ':failed': { S: FAILED_IMAGE },
      },
      ...(from && { ExclusiveStartKey: from }),
    });
    const answer = await withBackoff(
      backoff,
      () => dynamodb.send(command, signal ? { abortSignal: signal } : {}),
      signal,
    );
    found.push(...(answer.Items ?? []));
    from = answer.LastEvaluatedKey;
  } while (from !== undefined);
  return found;
}
