import { ApplicationAutoScalingClient } from '@aws-sdk/client-application-auto-scaling';
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
import { type RecreatePorts, type RecreateRequest, recreateTable } from '../../../src/backup/recreate/recreate.ts';
import type { Item } from '../../../src/pipeline/table/item.ts';
import { describeInFull } from '../../../src/pipeline/whole-table/describe-in-full.ts';
import { digestOfDescription } from '../../../src/pipeline/whole-table/description.ts';
import { testCredentials } from '../../support/aws/dynalite.ts';
import type { Faults } from '../../support/aws/fault-proxy.ts';
import { putItems } from '../../support/aws/items.ts';
import { startBackupWorld } from '../backup-rig.ts';

export const ACCOUNT = '016164185850';
export const arnOf = (table: string) => `arn:aws:dynamodb:us-east-1:${ACCOUNT}:table/${table}`;

/** A table that has one of everything that the bot creates again. */
export async function createRichTable(
  dynamodb: DynamoDBClient,
  TableName: string,
  {
    recovery = true,
    isProtected = true,
    isProvisioned = false,
  }: { recovery?: boolean; isProtected?: boolean; isProvisioned?: boolean } = {},
): Promise<void> {
  const string = (AttributeName: string) => ({ AttributeName, AttributeType: 'S' as const });
  await dynamodb.send(
    new CreateTableCommand({
      TableName,
      ...(isProvisioned
        ? { BillingMode: 'PROVISIONED', ProvisionedThroughput: { ReadCapacityUnits: 30, WriteCapacityUnits: 20 } }
        : {
            BillingMode: 'PAY_PER_REQUEST',
            OnDemandThroughput: { MaxReadRequestUnits: 500, MaxWriteRequestUnits: 400 },
          }),
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
          ...(isProvisioned
            ? { ProvisionedThroughput: { ReadCapacityUnits: 12, WriteCapacityUnits: 11 } }
            : { OnDemandThroughput: { MaxReadRequestUnits: 50, MaxWriteRequestUnits: 40 } }),
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
  const clients: ApplicationAutoScalingClient[] = [];
  const scalingAt = (endpoint: string): ApplicationAutoScalingClient => {
    const client = new ApplicationAutoScalingClient({
      endpoint,
      region: 'us-east-1',
      credentials: testCredentials,
      maxAttempts: 1,
    });
    clients.push(client);
    return client;
  };
  const autoScaling = scalingAt(world.dynamoUrl);
  let made = 0;
  const describe = (table: string, dynamodb = world.dynamodb) => describeInFull({ dynamodb, autoScaling }, table);
  return {
    ...world,
    autoScaling,
    describe,
    /** Clients of both services through the same faults. */
    async throughBoth(faults: Faults) {
      const dynamodb = await world.through(faults);
      const { protocol = 'http:', hostname, port } = (await dynamodb.config.endpoint?.()) ?? { hostname: '' };
      return { dynamodb, autoScaling: scalingAt(`${protocol}//${hostname}:${port}`) };
    },
    async stop() {
      for (const client of clients) client.destroy();
      await world.stop();
    },
    /** A table with these records, its backup, and what its approval would be given on. */
    async prepared(
      items: readonly Item[],
      {
        change,
        ...options
      }: Parameters<typeof createRichTable>[2] & { change?: (table: string) => Promise<void> } = {},
    ) {
      made += 1;
      const table = `Rich-${made}`;
      await createRichTable(world.dynamodb, table, options);
      await change?.(table);
      await putItems(world.dynamodb, table, items);
      const backup = await world.backup(table);
      const { description, id } = await describe(table);
      return { table, backup, description, id, approvedDigest: digestOfDescription(description) };
    },
    recreate: (
      of: { readonly table: string; readonly backup: { readonly id: string }; readonly approvedDigest: string },
      more: Partial<RecreateRequest> = {},
      other: Partial<RecreatePorts> = {},
    ) =>
      recreateTable(
        { ...world.ports, autoScaling, ...other },
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
