import { z } from 'zod';
import { isObject } from './requests.ts';
import { modelError, validationError } from './store.ts';

/** Settings of tables that dynalite does not have: what CreateTable sets, and what operations of their own set. */

const kept = z.looseObject({
  StreamSpecification: z.looseObject({ StreamEnabled: z.boolean(), StreamViewType: z.string().optional() }).optional(),
  SSESpecification: z
    .looseObject({ Enabled: z.boolean().optional(), KMSMasterKeyId: z.string().optional() })
    .optional(),
  TableClass: z.string().optional(),
  DeletionProtectionEnabled: z.boolean().optional(),
  OnDemandThroughput: z.record(z.string(), z.number()).optional(),
  ResourcePolicy: z.string().optional(),
  Tags: z.array(z.object({ Key: z.string(), Value: z.string() })).optional(),
  GlobalSecondaryIndexes: z
    .array(z.looseObject({ IndexName: z.string(), OnDemandThroughput: z.record(z.string(), z.number()).optional() }))
    .optional(),
});
export type CreateSettings = z.infer<typeof kept>;

interface Settings {
  readonly create: CreateSettings;
  readonly streamLabel: string;
  timeToLive?: string | undefined;
  policy?: string | undefined;
  streamPolicy?: string | undefined;
  readonly insights: Map<string, string | undefined>;
  readonly kinesis: Set<string>;
}

const inputSchema = z.looseObject({
  TableName: z.string().optional(),
  ResourceArn: z.string().optional(),
  IndexName: z.string().optional(),
  StreamArn: z.string().optional(),
  Policy: z.string().optional(),
  ContributorInsightsAction: z.enum(['ENABLE', 'DISABLE']).optional(),
  ContributorInsightsMode: z.string().optional(),
  TimeToLiveSpecification: z.object({ Enabled: z.boolean(), AttributeName: z.string() }).optional(),
});

const OPERATIONS = [
  'DescribeTimeToLive',
  'UpdateTimeToLive',
  'GetResourcePolicy',
  'PutResourcePolicy',
  'DescribeContributorInsights',
  'UpdateContributorInsights',
  'DescribeKinesisStreamingDestination',
  'EnableKinesisStreamingDestination',
] as const;
type SettingsOperation = (typeof OPERATIONS)[number];
export const isSettingsOperation = (name: string): name is SettingsOperation => OPERATIONS.some((one) => one === name);

/** What UpdateTable changes without dynalite. */
const updateSchema = z.strictObject({ TableName: z.string(), DeletionProtectionEnabled: z.boolean() });

const arnOf = (description: Readonly<Record<string, unknown>>): string => String(description.TableArn);

function policyAnswer(policy: string | undefined, table: string): object {
  if (policy === undefined) throw modelError('PolicyNotFoundException', `Resource-based policy not found for ${table}`);
  // AWS does not keep the text: it returns its own.
  return { Policy: JSON.stringify(JSON.parse(policy), undefined, 1), RevisionId: '1' };
}

/** `now` in ms. */
export function createTableSettings(now: () => number) {
  const tables = new Map<string, Settings>();
  const of = (table: string): Settings => {
    const found = tables.get(table) ?? { create: {}, streamLabel: '', insights: new Map(), kinesis: new Set() };
    tables.set(table, found);
    return found;
  };
  return {
    /** @throws DynamoDbError for settings that are malformed. */
    create(table: string, input: unknown): CreateSettings {
      const parsed = kept.safeParse(input);
      if (!parsed.success) throw validationError('1 validation error detected: the request is malformed');
      const streamLabel = new Date(now()).toISOString().replace('Z', '');
      const policy = parsed.data.ResourcePolicy;
      tables.set(table, { create: parsed.data, streamLabel, policy, insights: new Map(), kinesis: new Set() });
      return parsed.data;
    },
    forget: (table: string) => tables.delete(table),
    /** Whether this UpdateTable was carried out here. */
    update(input: unknown): boolean {
      const { data } = updateSchema.safeParse(input);
      if (!data) return false;
      const before = of(data.TableName);
      tables.set(data.TableName, {
        ...before,
        create: { ...before.create, DeletionProtectionEnabled: data.DeletionProtectionEnabled },
      });
      return true;
    },
    /** @throws DynamoDbError where deletion protection is on. */
    refuseDeletion(table: string): void {
      if (tables.get(table)?.create.DeletionProtectionEnabled)
        throw validationError(
          'Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first.',
        );
    },
    /** The description of dynalite with these settings. */
    describe(description: unknown): unknown {
      if (!isObject(description)) return description;
      const { create, streamLabel } = of(String(description.TableName));
      const { StreamSpecification, SSESpecification, TableClass, OnDemandThroughput } = create;
      const indexes = Array.isArray(description.GlobalSecondaryIndexes)
        ? description.GlobalSecondaryIndexes
        : undefined;
      return {
        ...description,
        DeletionProtectionEnabled: create.DeletionProtectionEnabled ?? false,
        ...(TableClass === undefined ? {} : { TableClassSummary: { TableClass } }),
        ...(OnDemandThroughput === undefined ? {} : { OnDemandThroughput }),
        ...(SSESpecification?.Enabled
          ? { SSEDescription: { Status: 'ENABLED', SSEType: 'KMS', KMSMasterKeyArn: SSESpecification.KMSMasterKeyId } }
          : {}),
        ...(StreamSpecification?.StreamEnabled
          ? {
              StreamSpecification,
              LatestStreamLabel: streamLabel,
              LatestStreamArn: `${arnOf(description)}/stream/${streamLabel}`,
            }
          : {}),
        ...(indexes === undefined
          ? {}
          : {
              GlobalSecondaryIndexes: indexes.map((index: { readonly IndexName: string }) => {
                const wanted = create.GlobalSecondaryIndexes?.find((one) => one.IndexName === index.IndexName);
                return wanted?.OnDemandThroughput ? { ...index, OnDemandThroughput: wanted.OnDemandThroughput } : index;
              }),
            }),
      };
    },
    async answer(
      operation: SettingsOperation,
      input: unknown,
      exists: (table: string) => Promise<boolean>,
    ): Promise<object> {
      const { data } = inputSchema.safeParse(input);
      const [, TableName = data?.TableName, ofStream] =
        /:table\/([^/]+)(\/stream\/.+)?$/.exec(data?.ResourceArn ?? '') ?? [];
      if (!data || TableName === undefined)
        throw validationError('1 validation error detected: the request is malformed');
      if (!(await exists(TableName)))
        throw modelError('ResourceNotFoundException', `Requested resource not found: Table: ${TableName} not found`);
      const settings = of(TableName);
      const { IndexName } = data;
      switch (operation) {
        case 'UpdateTimeToLive': {
          const { Enabled = false, AttributeName = '' } = data.TimeToLiveSpecification ?? {};
          if (Enabled && settings.timeToLive === AttributeName) throw validationError('TimeToLive is already enabled');
          settings.timeToLive = Enabled ? AttributeName : undefined;
          return { TimeToLiveSpecification: { Enabled, AttributeName } };
        }
        case 'DescribeTimeToLive':
          return {
            TimeToLiveDescription: settings.timeToLive
              ? { TimeToLiveStatus: 'ENABLED', AttributeName: settings.timeToLive }
              : { TimeToLiveStatus: 'DISABLED' },
          };
        case 'PutResourcePolicy':
          if (ofStream === undefined) settings.policy = data.Policy;
          else settings.streamPolicy = data.Policy;
          return { RevisionId: '1' };
        case 'GetResourcePolicy':
          return policyAnswer(ofStream === undefined ? settings.policy : settings.streamPolicy, TableName);
        case 'UpdateContributorInsights':
          if (data.ContributorInsightsAction === 'DISABLE') settings.insights.delete(IndexName ?? '');
          else settings.insights.set(IndexName ?? '', data.ContributorInsightsMode);
          return { TableName, IndexName, ContributorInsightsStatus: 'ENABLING' };
        case 'DescribeContributorInsights':
          return {
            TableName,
            IndexName,
            ContributorInsightsStatus: settings.insights.has(IndexName ?? '') ? 'ENABLED' : 'DISABLED',
            ContributorInsightsMode: settings.insights.get(IndexName ?? ''),
          };
        case 'EnableKinesisStreamingDestination':
          settings.kinesis.add(data.StreamArn ?? '');
          return { TableName, StreamArn: data.StreamArn, DestinationStatus: 'ENABLING' };
        case 'DescribeKinesisStreamingDestination':
          return {
            TableName,
            KinesisDataStreamDestinations: [...settings.kinesis].map((StreamArn) => ({
              StreamArn,
              DestinationStatus: 'ACTIVE',
            })),
          };
      }
    },
  };
}
