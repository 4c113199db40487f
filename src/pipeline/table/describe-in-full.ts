import { hash } from 'node:crypto';
import {
  type CreateTableCommandInput,
  DescribeContinuousBackupsCommand,
  DescribeContributorInsightsCommand,
  DescribeKinesisStreamingDestinationCommand,
  DescribeTableCommand,
  DescribeTimeToLiveCommand,
  type DynamoDBClient,
  GetResourcePolicyCommand,
  ListTagsOfResourceCommand,
  PolicyNotFoundException,
  type TableDescription,
} from '@aws-sdk/client-dynamodb';
import { z } from 'zod';
import { withBackoff } from '../../lib/async/backoff.ts';
import { defined } from '../../lib/defined.ts';
import { asFaultError } from '../aws.ts';
import { errorName } from '../fault.ts';
import { patientBackoff } from './scan.ts';
import { TableNotFoundError } from './table.ts';

const isCreateTable = (value: unknown): boolean => z.looseObject({ TableName: z.string() }).safeParse(value).success;

/** Everything that is needed to create a table again, in one fixed order, so that two descriptions can be compared as JSON. */
export const fullDescriptionSchema = z.object({
  /** The input of CreateTable: keys, indexes, billing, stream, encryption, class, tags, resource policy, deletion protection. */
  create: z.custom<CreateTableCommandInput>(isCreateTable),
  /** What CreateTable cannot set. */
  settings: z.object({
    /** The attribute of TTL, where TTL is on. */
    timeToLive: z.string().optional(),
    pointInTimeRecovery: z.object({ days: z.number() }).optional(),
    /** The table and the indexes for which contributor insights are on; the table has no `index`. */
    contributorInsights: z.array(
      z.object({
        index: z.string().optional(),
        mode: z.enum(['ACCESSED_AND_THROTTLED_KEYS', 'THROTTLED_KEYS']).optional(),
      }),
    ),
  }),
});
export type FullDescription = z.infer<typeof fullDescriptionSchema>;

export interface TableInFull {
  readonly id: string;
  readonly arn: string;
  readonly status: string;
  readonly description: FullDescription;
  /** What a new table cannot have, in sentences: what people must do or accept. */
  readonly losses: readonly string[];
  /** Why the bot cannot create this table again, in sentences; empty where it can. */
  readonly obstacles: readonly string[];
}

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

/**
 * Reads everything that DynamoDB reports about a table and its indexes.
 * @throws TableNotFoundError; FaultError that names the IAM action where something may not be read; the SDK's error.
 */
export async function describeInFull(dynamodb: DynamoDBClient, name: string): Promise<TableInFull> {
  const TableName = name;
  const ask = <T>(operation: string, call: () => Promise<T>): Promise<T> =>
    withBackoff(patientBackoff, call).catch((error: unknown) => {
      if (errorName(error) === 'ResourceNotFoundException' || errorName(error) === 'TableNotFoundException')
        throw new TableNotFoundError(name, error);
      throw asFaultError(error, { service: 'dynamodb', action: `dynamodb:${operation}`, resource: name });
    });
  const { Table: table } = await ask('DescribeTable', () => dynamodb.send(new DescribeTableCommand({ TableName })));
  const ResourceArn = table?.TableArn;
  const id = table?.TableId;
  if (!table || ResourceArn === undefined || id === undefined)
    throw new Error(`DescribeTable of ${name} returned no ARN or no id`);
  const tags = await allTags(dynamodb, ResourceArn, ask);
  const policy = await ask('GetResourcePolicy', async () => {
    try {
      return (await dynamodb.send(new GetResourcePolicyCommand({ ResourceArn }))).Policy;
    } catch (error) {
      if (error instanceof PolicyNotFoundException) return undefined;
      throw error;
    }
  });
  const { TimeToLiveDescription: ttl } = await ask('DescribeTimeToLive', () =>
    dynamodb.send(new DescribeTimeToLiveCommand({ TableName })),
  );
  const { ContinuousBackupsDescription: backups } = await ask('DescribeContinuousBackups', () =>
    dynamodb.send(new DescribeContinuousBackupsCommand({ TableName })),
  );
  const { KinesisDataStreamDestinations: streams = [] } = await ask('DescribeKinesisStreamingDestination', () =>
    dynamodb.send(new DescribeKinesisStreamingDestinationCommand({ TableName })),
  );
  const indexNames = (table.GlobalSecondaryIndexes ?? []).map(({ IndexName = '' }) => IndexName).sort();
  const insights = [];
  for (const IndexName of [undefined, ...indexNames])
    insights.push({
      IndexName,
      ...(await ask('DescribeContributorInsights', () =>
        dynamodb.send(new DescribeContributorInsightsCommand(defined({ TableName, IndexName }))),
      )),
    });

  const recovery = backups?.PointInTimeRecoveryDescription;
  const isOn = (status: string | undefined) => status === 'ENABLED' || status === 'ENABLING';
  const isSettled = (status: string | undefined) =>
    status === undefined || status === 'ENABLED' || status === 'DISABLED' || status === 'ACTIVE';
  const unsettled = [
    ...(isSettled(ttl?.TimeToLiveStatus) ? [] : [`TTL is ${ttl?.TimeToLiveStatus}.`]),
    ...insights
      .filter(({ ContributorInsightsStatus: status }) => !isSettled(status))
      .map(
        ({ IndexName, ContributorInsightsStatus: status }) =>
          `Contributor insights of ${IndexName ?? name} are ${status}.`,
      ),
  ];
  const liveStreams = streams.filter(({ DestinationStatus: status }) => status !== 'DISABLED');
  return {
    id,
    arn: ResourceArn,
    status: table.TableStatus ?? 'UNKNOWN',
    description: {
      create: createInputOf(
        table,
        tags.filter((tag) => !isTagOfAws(tag)),
        policy,
      ),
      settings: {
        ...(isOn(ttl?.TimeToLiveStatus) && ttl?.AttributeName !== undefined ? { timeToLive: ttl.AttributeName } : {}),
        ...(recovery?.PointInTimeRecoveryStatus === 'ENABLED'
          ? { pointInTimeRecovery: { days: recovery.RecoveryPeriodInDays ?? 35 } }
          : {}),
        contributorInsights: insights
          .filter(({ ContributorInsightsStatus: status }) => isOn(status))
          .map(({ IndexName, ContributorInsightsMode }) =>
            defined({ index: IndexName, mode: ContributorInsightsMode }),
          ),
      },
    },
    losses: [
      ...lossesOf(table, recovery?.PointInTimeRecoveryStatus === 'ENABLED'),
      ...(tags.some(isTagOfAws)
        ? ['Tags of AWS itself (`aws:…`) cannot be set. CloudFormation finds the table by its name, without its tags.']
        : []),
    ],
    obstacles: [
      ...obstaclesOf(table),
      ...(backups === undefined ? ['DescribeContinuousBackups returned no description.'] : []),
      ...liveStreams.map(
        ({ StreamArn }) => `It streams to Kinesis (${StreamArn}), which the bot does not set up again.`,
      ),
      ...unsettled,
    ],
  };
}

async function allTags(
  dynamodb: DynamoDBClient,
  ResourceArn: string,
  ask: <T>(operation: string, call: () => Promise<T>) => Promise<T>,
): Promise<{ Key: string; Value: string }[]> {
  const tags: { Key: string; Value: string }[] = [];
  let NextToken: string | undefined;
  do {
    const page = await ask('ListTagsOfResource', () =>
      dynamodb.send(new ListTagsOfResourceCommand(defined({ ResourceArn, NextToken }))),
    );
    for (const { Key = '', Value = '' } of page.Tags ?? []) tags.push({ Key, Value });
    NextToken = page.NextToken;
  } while (NextToken !== undefined);
  return tags.sort((a, b) => (a.Key < b.Key ? -1 : 1));
}

/** Only AWS may set these ("Tagging restrictions in DynamoDB"). */
const isTagOfAws = ({ Key }: { Key: string }) => Key.startsWith('aws:');

type Index = NonNullable<TableDescription['GlobalSecondaryIndexes']>[number];

const keySchemaOf = (schema: TableDescription['KeySchema']) =>
  (schema ?? [])
    .map(({ AttributeName, KeyType }) => ({ AttributeName, KeyType }))
    .sort((a, b) => String(a.KeyType).localeCompare(String(b.KeyType)));

const projectionOf = ({ Projection }: Pick<Index, 'Projection'>) =>
  defined({
    ProjectionType: Projection?.ProjectionType,
    NonKeyAttributes: Projection?.NonKeyAttributes?.toSorted(),
  });

/** A limit of -1 means that there is none. */
const limitsOf = (limits: TableDescription['OnDemandThroughput']) => {
  const reads = limits?.MaxReadRequestUnits ?? -1;
  const writes = limits?.MaxWriteRequestUnits ?? -1;
  return reads < 0 && writes < 0
    ? undefined
    : { OnDemandThroughput: { MaxReadRequestUnits: reads, MaxWriteRequestUnits: writes } };
};

const byName = (a: { IndexName: string | undefined }, b: { IndexName: string | undefined }) =>
  String(a.IndexName) < String(b.IndexName) ? -1 : 1;

function createInputOf(
  table: TableDescription,
  tags: { Key: string; Value: string }[],
  policy: string | undefined,
): CreateTableCommandInput {
  const { StreamSpecification: stream, SSEDescription: encryption } = table;
  const local = (table.LocalSecondaryIndexes ?? [])
    .map((index) => ({
      IndexName: index.IndexName,
      KeySchema: keySchemaOf(index.KeySchema),
      Projection: projectionOf(index),
    }))
    .sort(byName);
  const global = (table.GlobalSecondaryIndexes ?? [])
    .map((index) => ({
      IndexName: index.IndexName,
      KeySchema: keySchemaOf(index.KeySchema),
      Projection: projectionOf(index),
      ...limitsOf(index.OnDemandThroughput),
    }))
    .sort(byName);
  return {
    TableName: table.TableName,
    AttributeDefinitions: (table.AttributeDefinitions ?? [])
      .map(({ AttributeName, AttributeType }) => ({ AttributeName, AttributeType }))
      .sort((a, b) => (String(a.AttributeName) < String(b.AttributeName) ? -1 : 1)),
    KeySchema: keySchemaOf(table.KeySchema),
    ...(local.length > 0 ? { LocalSecondaryIndexes: local } : {}),
    ...(global.length > 0 ? { GlobalSecondaryIndexes: global } : {}),
    BillingMode: 'PAY_PER_REQUEST',
    ...limitsOf(table.OnDemandThroughput),
    ...(stream?.StreamEnabled
      ? { StreamSpecification: { StreamEnabled: true, StreamViewType: stream.StreamViewType } }
      : {}),
    ...(encryption?.SSEType === 'KMS'
      ? {
          SSESpecification: defined({
            Enabled: true,
            SSEType: 'KMS' as const,
            KMSMasterKeyId: encryption.KMSMasterKeyArn,
          }),
        }
      : {}),
    TableClass: table.TableClassSummary?.TableClass ?? 'STANDARD',
    DeletionProtectionEnabled: table.DeletionProtectionEnabled ?? false,
    ...(tags.length > 0 ? { Tags: tags } : {}),
    ...(policy === undefined ? {} : { ResourcePolicy: plainJson(policy) }),
  };
}

/** A policy as JSON without spaces and with sorted names: DynamoDB does not return the text as it was given. */
function plainJson(text: string): string {
  const sorted = (_name: string, value: unknown): unknown =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value;
  return JSON.stringify(JSON.parse(text), sorted);
}

function obstaclesOf(table: TableDescription): string[] {
  const present = Object.entries(table).filter(
    ([, value]) =>
      value !== undefined && value !== null && value !== false && !(Array.isArray(value) && value.length === 0),
  );
  const names = present.map(([name]) => name);
  const notActive = (table.GlobalSecondaryIndexes ?? []).filter(({ IndexStatus }) => IndexStatus !== 'ACTIVE');
  // Tables from before on-demand existed have no summary: a capacity of 0 means on-demand.
  const isOnDemand =
    table.BillingModeSummary?.BillingMode === 'PAY_PER_REQUEST' ||
    (table.BillingModeSummary?.BillingMode === undefined && table.ProvisionedThroughput?.WriteCapacityUnits === 0);
  const encryption = table.SSEDescription;
  return [
    ...(names.some((name) => GLOBAL_TABLE_MEMBERS.has(name))
      ? ['It is part of a global table. Its replicas are not created again with it.']
      : []),
    ...(names.includes('ArchivalSummary') ? ['It is archived.'] : []),
    ...names
      .filter((name) => !KNOWN_MEMBERS.has(name) && !GLOBAL_TABLE_MEMBERS.has(name) && name !== 'ArchivalSummary')
      .map((name) => `DescribeTable reports ${name}, which this version of the bot does not know.`),
    ...(isOnDemand
      ? []
      : [
          'Its capacity is provisioned. Auto scaling belongs to another service (Application Auto Scaling), which the bot cannot read, so it could not set it up again.',
        ]),
    ...(encryption?.Status !== undefined && encryption.Status !== 'ENABLED'
      ? [`Its encryption is ${encryption.Status}.`]
      : []),
    ...(encryption?.InaccessibleEncryptionDateTime === undefined ? [] : ['Its KMS key cannot be used.']),
    ...notActive.map(({ IndexName, IndexStatus }) => `Index ${IndexName} is ${IndexStatus}, not ACTIVE.`),
  ];
}

function lossesOf(table: TableDescription, hasRecovery: boolean): string[] {
  const warm = [table.WarmThroughput, ...(table.GlobalSecondaryIndexes ?? []).map((index) => index.WarmThroughput)];
  const isWarmer = warm.some(
    (units) =>
      (units?.ReadUnitsPerSecond ?? 0) > DEFAULT_WARM.read || (units?.WriteUnitsPerSecond ?? 0) > DEFAULT_WARM.write,
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

/** The SHA-256 of a description, hexadecimal. */
export const digestOfDescription = (description: FullDescription): string =>
  hash('sha256', JSON.stringify(description), 'hex');

/** The parts in which two descriptions differ, with both values as JSON; empty where they are equal. */
export function differencesOf(wanted: FullDescription, found: FullDescription): string[] {
  const flat = ({ create, settings }: FullDescription) =>
    new Map<string, unknown>(Object.entries({ ...create, ...settings }));
  const [before, after] = [flat(wanted), flat(found)];
  return [...new Set([...before.keys(), ...after.keys()])].flatMap((name) => {
    const [a, b] = [JSON.stringify(before.get(name)), JSON.stringify(after.get(name))];
    return a === b ? [] : [`${name}: ${a ?? 'none'} before, ${b ?? 'none'} now`];
  });
}
