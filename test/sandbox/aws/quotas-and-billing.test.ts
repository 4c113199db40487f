import { DescribeTableCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import {
  paginateListAWSDefaultServiceQuotas,
  paginateListServiceQuotas,
  type ServiceQuota,
} from '@aws-sdk/client-service-quotas';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type AwsRig, startAwsRig, TABLE } from './aws-rig.ts';

let rig: AwsRig;
beforeAll(async () => {
  rig = await startAwsRig();
});
afterAll(() => rig.close());
beforeEach(() => rig.reset());

async function byName(pages: AsyncIterable<{ Quotas?: ServiceQuota[] | undefined }>): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  for await (const { Quotas = [] } of pages)
    for (const { QuotaName = '', Value = Number.NaN } of Quotas) found.set(QuotaName, Value);
  return found;
}
const applied = (ServiceCode: string) => byName(paginateListServiceQuotas({ client: rig.quotas }, { ServiceCode }));
const usual = (ServiceCode: string) =>
  byName(paginateListAWSDefaultServiceQuotas({ client: rig.quotas }, { ServiceCode }));

describe('Service Quotas', () => {
  test('Service Quotas returns requests and tokens per minute, across regions and on demand, as set', async () => {
    rig.aws.turn({
      quotas: {
        novaLiteCrossRegionRequestsPerMinute: 11,
        novaLiteOnDemandRequestsPerMinute: 12,
        novaLiteCrossRegionTokensPerMinute: 13,
        novaLiteOnDemandTokensPerMinute: 14,
      },
    });
    const quotas = await applied('bedrock');
    const of = (kind: string, what: string) =>
      quotas.get(`${kind} model inference ${what} per minute for Amazon Nova Lite`);
    expect([of('Cross-region', 'requests'), of('On-demand', 'requests')]).toEqual([11, 12]);
    expect([of('Cross-region', 'tokens'), of('On-demand', 'tokens')]).toEqual([13, 14]);
    expect(quotas.size).toBeGreaterThan(8);
  });

  test('Service Quotas returns the limits of Textract operations and the concurrency of Lambda', async () => {
    rig.aws.turn({ quotas: { textractAnalyzeDocumentPerSecond: 3 }, concurrency: { account: 77 } });
    const textract = await applied('textract');
    expect([...textract].filter(([name]) => name.includes('synchronous AnalyzeDocument'))).toEqual([
      [expect.stringMatching(/^Transactions per second per account/), 3],
    ]);
    expect((await applied('lambda')).get('Concurrent executions')).toBe(77);
  });

  test('without an applied quota Service Quotas returns only the default value', async () => {
    rig.aws.turn({ quotas: { applied: ['lambda'], novaLiteCrossRegionRequestsPerMinute: 999 } });
    expect((await applied('bedrock')).size).toBe(0);
    expect((await applied('lambda')).size).toBeGreaterThan(0);
    const name = 'Cross-region model inference requests per minute for Amazon Nova Lite';
    expect((await usual('bedrock')).get(name)).toBe(200);
  });

  test('Service Quotas reports an unknown service', async () => {
    await expect(applied('none')).rejects.toMatchObject({ name: 'NoSuchResourceException' });
  });
});

describe('table billing', () => {
  const describeTable = async (TableName = TABLE) =>
    (await rig.dynamodb.send(new DescribeTableCommand({ TableName }))).Table;

  test('the billing of the table is on demand by default', async () => {
    expect((await describeTable())?.BillingModeSummary?.BillingMode).toBe('PAY_PER_REQUEST');
  });

  test('the billing of the table is provisioned when set so, with the capacity of the table and of each index', async () => {
    const before = await describeTable();
    rig.aws.turn({ billing: 'provisioned', capacity: { tableWrite: 4, indexWrite: 2 } });
    const table = await describeTable();
    expect(table?.BillingModeSummary).toBeUndefined();
    expect(table?.ProvisionedThroughput).toMatchObject({ WriteCapacityUnits: 4, ReadCapacityUnits: 5 });
    expect(table?.GlobalSecondaryIndexes?.map((index) => index.ProvisionedThroughput?.WriteCapacityUnits)).toEqual([
      2, 2,
    ]);
    expect(table?.KeySchema).toEqual(before?.KeySchema);
    await expect(describeTable('other')).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
  });

  test('provisioned capacity is enforced for writes when set so', async () => {
    const write = (index: number) =>
      rig.dynamodb.send(
        new PutItemCommand({
          TableName: TABLE,
          Item: { ResourceName: { S: `Person_${index}` }, DateProjectCode: { S: '2025-09-29#PJ1' } },
        }),
      );
    rig.aws.turn({
      billing: 'provisioned',
      capacity: { tableWrite: 1 },
      dynamodb: { enforceCapacity: true, burstSeconds: 2 },
    });
    await write(1);
    await write(2);
    await expect(write(3)).rejects.toMatchObject({ name: 'ProvisionedThroughputExceededException' });
    rig.aws.turn({ dynamodb: { enforceCapacity: false } });
    await write(3);
  });
});
