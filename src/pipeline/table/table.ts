import {
  DescribeTableCommand,
  DescribeTimeToLiveCommand,
  type DynamoDBClient,
  type KeySchemaElement,
  type OnDemandThroughput,
  type ProvisionedThroughputDescription,
  ResourceNotFoundException,
  type TableDescription,
} from '@aws-sdk/client-dynamodb';
import { withBackoff } from '../../lib/async/backoff.ts';
import { defined } from '../../lib/defined.ts';
import type { Profile } from '../profile/profile.ts';
import type { Item } from './item.ts';
import type { KeyNames, RecordShape } from './records.ts';
import { patientBackoff } from './scan.ts';

export interface TableKey {
  readonly name: string;
  readonly type: 'S' | 'N' | 'B';
  readonly role: 'HASH' | 'RANGE';
}

/** What DescribeTable says. `approximateItems` and `approximateBytes` are up to six hours old: show them, never decide by them. */
export interface TableFacts {
  readonly arn: string;
  readonly id?: string;
  readonly account: string;
  readonly region: string;
  readonly name: string;
  /** `ACTIVE` when the table can be used. */
  readonly status: string;
  /** The hash key first. */
  readonly keys: readonly TableKey[];
  readonly indexes: readonly {
    readonly name: string;
    readonly keys: readonly string[];
    /** Write capacity units per second: provisioned, or the maximum that is set for on-demand. */
    readonly writeCapacity?: number;
  }[];
  readonly billing: 'on-demand' | 'provisioned';
  /** Write capacity units per second: provisioned, or the maximum that is set for on-demand. */
  readonly writeCapacity?: number;
  readonly approximateItems: number;
  readonly approximateBytes: number;
  readonly deletionProtection: boolean;
  /** It has a stream: its consumers get every write. */
  readonly hasStream: boolean;
  /** Replicas in other regions, which get every write. */
  readonly replicas: number;
}

/** The table does not exist in this account and region. */
export class TableNotFoundError extends Error {
  override readonly name = 'TableNotFoundError';
  readonly table: string;
  constructor(table: string, cause: unknown) {
    super(`No table named ${table} in this account and region`, { cause });
    this.table = table;
  }
}

/**
 * The key, indexes, billing and size of a table.
 * @throws TableNotFoundError, or the SDK's error.
 */
export async function describeTable(dynamodb: DynamoDBClient, tableName: string): Promise<TableFacts> {
  const describe = () => dynamodb.send(new DescribeTableCommand({ TableName: tableName }));
  const answer = await withBackoff(patientBackoff, describe).catch((error: unknown) => {
    throw error instanceof ResourceNotFoundException ? new TableNotFoundError(tableName, error) : error;
  });
  const table = answer.Table;
  if (table?.TableArn === undefined) throw new Error(`DescribeTable of ${tableName} returned no table ARN`);
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
    // `LatestStreamArn` stays for a day after a stream was turned off.
    hasStream: table.StreamSpecification?.StreamEnabled ?? false,
    replicas: table.Replicas?.length ?? 0,
  };
}

/**
 * The attribute with the time at which DynamoDB may delete a record (epoch seconds); undefined where TTL is off, or the bot may not
 * read it (dynamodb:DescribeTimeToLive). @throws the SDK's error.
 */
export async function readTimeToLive(dynamodb: DynamoDBClient, tableName: string): Promise<string | undefined> {
  const command = new DescribeTimeToLiveCommand({ TableName: tableName });
  const answer = await withBackoff(patientBackoff, () => dynamodb.send(command)).catch((error: unknown) => {
    if (error instanceof Error && error.name === 'AccessDeniedException') return undefined;
    throw error;
  });
  const ttl = answer?.TimeToLiveDescription;
  const isOn = ttl?.TimeToLiveStatus === 'ENABLED' || ttl?.TimeToLiveStatus === 'ENABLING';
  return isOn ? ttl.AttributeName : undefined;
}

/**
 * Whether a record is past its time to live at `now` (epoch ms), so that DynamoDB deletes it within days. A value that is no number,
 * or is more than five years ago, never expires (DynamoDB developer guide, "Using time to live").
 */
export function isExpired(item: Item, attribute: string, now: number): boolean {
  const value = item[attribute];
  if (value === undefined || !('N' in value)) return false;
  const expiresAt = Number(value.N) * 1000;
  return expiresAt <= now && expiresAt > now - TTL_LIMIT_MS;
}
const TTL_LIMIT_MS = 5 * 365 * 86_400_000;

function keysOf(table: TableDescription): readonly TableKey[] {
  const types = new Map(table.AttributeDefinitions?.map((defined) => [defined.AttributeName, defined.AttributeType]));
  return (table.KeySchema ?? [])
    .map(({ AttributeName, KeyType }) => {
      const type = types.get(AttributeName);
      if (AttributeName === undefined || (type !== 'S' && type !== 'N' && type !== 'B'))
        throw new Error(`DescribeTable of ${table.TableName} returned a key without a name or type`);
      const role = KeyType === 'RANGE' ? ('RANGE' as const) : ('HASH' as const);
      return { name: AttributeName, type, role };
    })
    .sort((a, b) => a.role.localeCompare(b.role));
}

/** Global indexes have their own capacity; local indexes use the table's. */
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

/** An on-demand table may have a maximum; -1 means no maximum. */
function writeCapacityOf(of: {
  ProvisionedThroughput?: ProvisionedThroughputDescription | undefined;
  OnDemandThroughput?: OnDemandThroughput | undefined;
}): { writeCapacity?: number } {
  const units = of.ProvisionedThroughput?.WriteCapacityUnits || (of.OnDemandThroughput?.MaxWriteRequestUnits ?? 0);
  return units > 0 ? { writeCapacity: units } : {};
}

function billingOf(table: TableDescription): Pick<TableFacts, 'billing' | 'writeCapacity'> {
  const writeCapacity = table.ProvisionedThroughput?.WriteCapacityUnits ?? 0;
  // Tables created before on-demand existed have no BillingModeSummary: a capacity of 0 means on-demand.
  if (table.BillingModeSummary?.BillingMode === 'PAY_PER_REQUEST' || writeCapacity === 0)
    return { billing: 'on-demand', ...writeCapacityOf(table) };
  return { billing: 'provisioned', writeCapacity };
}

/** The names of a table's key attributes. */
export const keyNamesOf = (facts: Pick<TableFacts, 'keys'>): KeyNames => {
  const hash = facts.keys.find((key) => key.role === 'HASH')?.name;
  const range = facts.keys.find((key) => key.role === 'RANGE')?.name;
  if (hash === undefined) throw new Error('The table has no hash key');
  return defined({ hash, range });
};

/** How the records of a table with this profile are read. */
export const shapeOf = (facts: Pick<TableFacts, 'keys'>, profile: Profile): RecordShape => ({
  ...keyNamesOf(facts),
  profile,
});
