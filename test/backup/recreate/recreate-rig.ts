import {
  CreateTableCommand,
  DescribeTableCommand,
  type DynamoDBClient,
  ListTablesCommand,
  PutResourcePolicyCommand,
  UpdateContinuousBackupsCommand,
  UpdateContributorInsightsCommand,
  UpdateTimeToLiveCommand,
  waitUntilTableExists,
} from '@aws-sdk/client-dynamodb';
import type { JobPorts } from '../../../src/backup/ports.ts';
import { type RecreateRequest, recreateTable } from '../../../src/backup/recreate/recreate.ts';
import { describeInFull, digestOfDescription } from '../../../src/pipeline/table/describe-in-full.ts';
import type { Item } from '../../../src/pipeline/table/item.ts';
import { putItems } from '../../support/aws/items.ts';
import { startBackupWorld } from '../backup-rig.ts';

export const ACCOUNT = '016164185850';
export const arnOf = (table: string) => `arn:aws:dynamodb:us-east-1:${ACCOUNT}:table/${table}`;

/** A table that has one of everything that the bot creates again. */
export async function createRichTable(
  dynamodb: DynamoDBClient,
  TableName: string,
  { recovery = true, isProtected = true }: { recovery?: boolean; isProtected?: boolean } = {},
): Promise<void> {
  const string = (AttributeName: string) => ({ AttributeName, AttributeType: 'S' as const });
  await dynamodb.send(
    new CreateTableCommand({
      TableName,
      BillingMode: 'PAY_PER_REQUEST',
      OnDemandThroughput: { MaxReadRequestUnits: 500, MaxWriteRequestUnits: 400 },
      TableClass: 'STANDARD_INFREQUENT_ACCESS',
      KeySchema: [
        { AttributeName: 'ResourceName', KeyType: 'HASH' },
        { AttributeName: 'DateProjectCode', KeyType: 'RANGE' },
      ],
      AttributeDefinitions: ['ResourceName', 'DateProjectCode', 'YearMonth', 'ProjectCodeGSI'].map(string),
      LocalSecondaryIndexes: [
        {
          IndexName: 'ByMonth',
          KeySchema: [
            { AttributeName: 'ResourceName', KeyType: 'HASH' },
            { AttributeName: 'YearMonth', KeyType: 'RANGE' },
          ],
          Projection: { ProjectionType: 'INCLUDE', NonKeyAttributes: ['Hours', 'Date'] },
        },
      ],
      GlobalSecondaryIndexes: [
        {
          IndexName: 'ProjectCodeIndex',
          KeySchema: [{ AttributeName: 'ProjectCodeGSI', KeyType: 'HASH' }],
          Projection: { ProjectionType: 'ALL' },
          OnDemandThroughput: { MaxReadRequestUnits: 50, MaxWriteRequestUnits: 40 },
        },
      ],
      StreamSpecification: { StreamEnabled: true, StreamViewType: 'NEW_AND_OLD_IMAGES' },
      SSESpecification: { Enabled: true, SSEType: 'KMS', KMSMasterKeyId: 'arn:aws:kms:us-east-1:1:key/k' },
      Tags: [
        { Key: 'team', Value: 'payroll' },
        { Key: 'cost', Value: 'a b' },
      ],
      DeletionProtectionEnabled: isProtected,
    }),
  );
  await waitUntilTableExists({ client: dynamodb, maxWaitTime: 10, minDelay: 0.01, maxDelay: 0.05 }, { TableName });
  const ttl = { Enabled: true, AttributeName: 'ExpiresAt' };
  await dynamodb.send(new UpdateTimeToLiveCommand({ TableName, TimeToLiveSpecification: ttl }));
  if (recovery)
    await dynamodb.send(
      new UpdateContinuousBackupsCommand({
        TableName,
        PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true, RecoveryPeriodInDays: 14 },
      }),
    );
  const ContributorInsightsAction = 'ENABLE';
  await dynamodb.send(new UpdateContributorInsightsCommand({ TableName, ContributorInsightsAction }));
  await dynamodb.send(
    new UpdateContributorInsightsCommand({
      TableName,
      IndexName: 'ProjectCodeIndex',
      ContributorInsightsAction,
      ContributorInsightsMode: 'THROTTLED_KEYS',
    }),
  );
  const Policy = JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Principal: '*', Action: 'dynamodb:GetItem', Resource: arnOf(TableName) }],
  });
  await dynamodb.send(new PutResourcePolicyCommand({ ResourceArn: arnOf(TableName), Policy }));
}

export const tablesOf = async (dynamodb: DynamoDBClient): Promise<readonly string[]> =>
  (await dynamodb.send(new ListTablesCommand({}))).TableNames ?? [];

export const idOf = async (dynamodb: DynamoDBClient, TableName: string): Promise<string | undefined> =>
  (await dynamodb.send(new DescribeTableCommand({ TableName }))).Table?.TableId;

export const putRecord = (dynamodb: DynamoDBClient, TableName: string, name: string, more: Item = {}) =>
  putItems(dynamodb, TableName, [{ ResourceName: { S: name }, DateProjectCode: { S: '2026-01-01#P' }, ...more }]);

/** A DynamoDB whose tables take a moment to change, an S3, and rich tables with records and a backup. */
export async function startRecreateWorld() {
  const world = await startBackupWorld({ createTableMs: 15, deleteTableMs: 15, createBackupMs: 15 });
  let made = 0;
  return {
    ...world,
    /** A table with these records, its backup, and what its approval would be given on. */
    async prepared(items: readonly Item[], options: Parameters<typeof createRichTable>[2] = {}) {
      made += 1;
      const table = `Rich-${made}`;
      await createRichTable(world.dynamodb, table, options);
      await putItems(world.dynamodb, table, items);
      const backup = await world.backup(table);
      const { description, id } = await describeInFull(world.dynamodb, table);
      return { table, backup, description, id, approvedDigest: digestOfDescription(description) };
    },
    recreate: (
      of: { readonly table: string; readonly backup: { readonly id: string }; readonly approvedDigest: string },
      more: Partial<RecreateRequest> = {},
      other: Partial<JobPorts> = {},
    ) =>
      recreateTable(
        { ...world.ports, ...other },
        {
          jobId: `a-${of.table}`,
          table: of.table,
          backupId: of.backup.id,
          maxDifference: 100,
          approvedDigest: of.approvedDigest,
          mayWrite() {},
          mayFinish() {},
          pollMs: 4,
          ...more,
        },
      ),
  };
}
export type RecreateWorld = Awaited<ReturnType<typeof startRecreateWorld>>;
