import type { TableDescription } from '@aws-sdk/client-dynamodb';
import { isOnDemand } from './create-input.ts';

/** What the bot knows of TableDescription; another member may be something that it cannot create. */
const KNOWN_MEMBERS: ReadonlySet<string> = new Set(
  `AttributeDefinitions TableName KeySchema TableStatus CreationDateTime ProvisionedThroughput TableSizeBytes ItemCount TableArn
   TableId BillingModeSummary TableThroughputModeSummary LocalSecondaryIndexes GlobalSecondaryIndexes StreamSpecification
   LatestStreamLabel LatestStreamArn RestoreSummary SSEDescription TableClassSummary DeletionProtectionEnabled
   OnDemandThroughput WarmThroughput`.split(/\s+/),
);
const GLOBAL_TABLE_MEMBERS: ReadonlySet<string> = new Set(
  'GlobalTableVersion Replicas GlobalTableWitnesses GlobalTableSettingsReplicationMode MultiRegionConsistency'.split(
    ' ',
  ),
);
/** The warm throughput of every new on-demand table (DynamoDB developer guide, "Understanding DynamoDB warm throughput"). */
const DEFAULT_WARM = { read: 12_000, write: 4_000 };

/** Why the table cannot be created again, by what DescribeTable says; in sentences. */
export function obstaclesOf(table: TableDescription): string[] {
  const present = Object.entries(table).filter(
    ([, value]) =>
      value !== undefined && value !== null && value !== false && !(Array.isArray(value) && value.length === 0),
  );
  const names = present.map(([name]) => name);
  const notActive = (table.GlobalSecondaryIndexes ?? []).filter(({ IndexStatus }) => IndexStatus !== 'ACTIVE');
  const encryption = table.SSEDescription;
  return [
    ...(names.some((name) => GLOBAL_TABLE_MEMBERS.has(name))
      ? ['It is part of a global table. Its replicas are not created again with it.']
      : []),
    ...(names.includes('ArchivalSummary') ? ['It is archived.'] : []),
    ...names
      .filter((name) => !KNOWN_MEMBERS.has(name) && !GLOBAL_TABLE_MEMBERS.has(name) && name !== 'ArchivalSummary')
      .map((name) => `DescribeTable reports ${name}, which this version of the bot does not know.`),
    ...(encryption?.Status !== undefined && encryption.Status !== 'ENABLED'
      ? [`Its encryption is ${encryption.Status}.`]
      : []),
    ...(encryption?.InaccessibleEncryptionDateTime === undefined ? [] : ['Its KMS key cannot be used.']),
    ...notActive.map(({ IndexName, IndexStatus }) => `Index ${IndexName} is ${IndexStatus}, not ACTIVE.`),
  ];
}

/** What a new table cannot have, in sentences. */
export function lossesOf(table: TableDescription, hasRecovery: boolean): string[] {
  const isWarmer = [table, ...(table.GlobalSecondaryIndexes ?? [])].some(
    ({ WarmThroughput: warm, ProvisionedThroughput: provisioned }) => {
      // A provisioned table is warm for what it provides.
      const base = isOnDemand(table)
        ? DEFAULT_WARM
        : { read: provisioned?.ReadCapacityUnits ?? 0, write: provisioned?.WriteCapacityUnits ?? 0 };
      return (warm?.ReadUnitsPerSecond ?? 0) > base.read || (warm?.WriteUnitsPerSecond ?? 0) > base.write;
    },
  );
  return [
    ...(table.StreamSpecification?.StreamEnabled
      ? [`The stream gets a new ARN. Consumers of ${table.LatestStreamArn ?? 'the stream'} must be attached again.`]
      : []),
    ...(hasRecovery
      ? ['Point-in-time recovery begins anew: the new table cannot be restored to a time before it.']
      : []),
    ...(isWarmer ? ['Warm throughput goes back to the default of DynamoDB.'] : []),
    ...(table.RestoreSummary ? ['DynamoDB does not show any more from which backup the table was restored.'] : []),
  ];
}
