import type { CreateTableCommandInput, TableDescription } from '@aws-sdk/client-dynamodb';
import { defined } from '../../lib/defined.ts';

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

/** Units of a provisioned table or index. */
const throughputOf = ({ ProvisionedThroughput: throughput }: Pick<TableDescription, 'ProvisionedThroughput'>) => ({
  ProvisionedThroughput: {
    ReadCapacityUnits: throughput?.ReadCapacityUnits,
    WriteCapacityUnits: throughput?.WriteCapacityUnits,
  },
});

/** Tables from before on-demand existed have no summary: a capacity of 0 means on-demand. */
export const isOnDemand = ({
  BillingModeSummary: summary,
  ProvisionedThroughput: throughput,
}: TableDescription): boolean =>
  summary?.BillingMode === 'PAY_PER_REQUEST' ||
  (summary?.BillingMode === undefined && throughput?.WriteCapacityUnits === 0);

/** The input of CreateTable that makes this table again, in one fixed order. */
export function createInputOf(
  table: TableDescription,
  tags: { Key: string; Value: string }[],
  policy: string | undefined,
): CreateTableCommandInput {
  const { StreamSpecification: stream, SSEDescription: encryption } = table;
  const isProvisioned = !isOnDemand(table);
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
      ...(isProvisioned ? throughputOf(index) : limitsOf(index.OnDemandThroughput)),
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
    ...(isProvisioned
      ? { BillingMode: 'PROVISIONED', ...throughputOf(table) }
      : { BillingMode: 'PAY_PER_REQUEST', ...limitsOf(table.OnDemandThroughput) }),
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
