import type { ApplicationAutoScalingClient } from '@aws-sdk/client-application-auto-scaling';
import {
  DescribeContinuousBackupsCommand,
  DescribeContributorInsightsCommand,
  DescribeKinesisStreamingDestinationCommand,
  DescribeTableCommand,
  DescribeTimeToLiveCommand,
  type DynamoDBClient,
  GetResourcePolicyCommand,
  ListTagsOfResourceCommand,
  PolicyNotFoundException,
} from '@aws-sdk/client-dynamodb';
import { withBackoff } from '../../lib/async/backoff.ts';
import { defined } from '../../lib/defined.ts';
import { asFaultError } from '../aws.ts';
import { errorName } from '../fault.ts';
import { patientBackoff } from '../table/scan.ts';
import { TableNotFoundError } from '../table/table.ts';
import { type Ask, isTagOfAws, readAutoScaling } from './auto-scaling.ts';
import { createInputOf } from './create-input.ts';
import type { TableInFull } from './description.ts';
import { lossesOf, obstaclesOf } from './obstacles.ts';

export interface TableClients {
  readonly dynamodb: DynamoDBClient;
  readonly autoScaling: ApplicationAutoScalingClient;
}

const MISSING = new Set(['ResourceNotFoundException', 'TableNotFoundException']);

/**
 * Reads everything that DynamoDB and Application Auto Scaling report about a table and its indexes.
 * @throws TableNotFoundError; FaultError that names the IAM action where something may not be read; the SDK's error.
 */
export async function describeInFull({ dynamodb, autoScaling }: TableClients, name: string): Promise<TableInFull> {
  const TableName = name;
  const askOf =
    (service: 'dynamodb' | 'application-autoscaling'): Ask =>
    (operation, call) =>
      withBackoff(patientBackoff, call).catch((error: unknown) => {
        if (service === 'dynamodb' && MISSING.has(errorName(error))) throw new TableNotFoundError(name, error);
        throw asFaultError(error, { service, action: `${service}:${operation}`, resource: name });
      });
  const ask = askOf('dynamodb');
  const { Table: table } = await ask('DescribeTable', () => dynamodb.send(new DescribeTableCommand({ TableName })));
  const ResourceArn = table?.TableArn;
  const id = table?.TableId;
  if (!table || ResourceArn === undefined || id === undefined)
    throw new Error(`DescribeTable of ${name} returned no ARN or no id`);
  const tags = await allTags(dynamodb, ResourceArn, ask);
  const policyOf = (arn: string) =>
    ask('GetResourcePolicy', async () => {
      try {
        return (await dynamodb.send(new GetResourcePolicyCommand({ ResourceArn: arn }))).Policy;
      } catch (error) {
        if (error instanceof PolicyNotFoundException) return undefined;
        throw error;
      }
    });
  const policy = await policyOf(ResourceArn);
  const streamArn = table.StreamSpecification?.StreamEnabled ? table.LatestStreamArn : undefined;
  const streamPolicy = streamArn === undefined ? undefined : await policyOf(streamArn);
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

  const scaling = await readAutoScaling(autoScaling, name, indexNames, askOf('application-autoscaling'));
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
        ...(scaling.capacities.length > 0 ? { autoScaling: [...scaling.capacities] } : {}),
      },
    },
    losses: [
      ...lossesOf(table, recovery?.PointInTimeRecoveryStatus === 'ENABLED'),
      ...(tags.some(isTagOfAws) || scaling.hasTagsOfAws
        ? ['Tags of AWS itself (`aws:…`) cannot be set. CloudFormation finds the table by its name, without its tags.']
        : []),
    ],
    obstacles: [
      ...obstaclesOf(table),
      ...(backups === undefined ? ['DescribeContinuousBackups returned no description.'] : []),
      ...liveStreams.map(
        ({ StreamArn }) => `It streams to Kinesis (${StreamArn}), which the bot does not set up again.`,
      ),
      ...(streamPolicy === undefined
        ? []
        : [
            'Its stream has a resource policy. The new stream has another ARN, and the bot does not set the policy again.',
          ]),
      ...scaling.obstacles,
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
