import { CreateTableCommand, type DynamoDBClient, waitUntilTableExists } from '@aws-sdk/client-dynamodb';
import type { Item } from '../../../src/pipeline/table/item.ts';

/** A table as the pipeline has it (pipeline.md), without its indexes. */
export async function createPipelineTable(dynamodb: DynamoDBClient, name: string): Promise<void> {
  await dynamodb.send(
    new CreateTableCommand({
      TableName: name,
      BillingMode: 'PAY_PER_REQUEST',
      KeySchema: [
        { AttributeName: 'ResourceName', KeyType: 'HASH' },
        { AttributeName: 'DateProjectCode', KeyType: 'RANGE' },
      ],
      AttributeDefinitions: [
        { AttributeName: 'ResourceName', AttributeType: 'S' },
        { AttributeName: 'DateProjectCode', AttributeType: 'S' },
      ],
    }),
  );
  // A table that is still CREATING is not found by a Scan.
  await waitUntilTableExists({ client: dynamodb, maxWaitTime: 10, minDelay: 0.02, maxDelay: 0.1 }, { TableName: name });
}

/** A timesheet entry as the OCR function stores it, about 700 bytes. */
export const timesheetEntry = (index: number, more: Item = {}): Item => ({
  ResourceName: { S: `Person_${index % 97}` },
  DateProjectCode: { S: `2025-09-${String(1 + (index % 28)).padStart(2, '0')}#PJ${index}` },
  Date: { S: '2025-09-29' },
  ProjectCode: { S: `PJ${index}` },
  ProjectName: { S: `Project with a name ${index}` },
  Hours: { N: '7.5' },
  ResourceNameDisplay: { S: `Person ${index % 97}` },
  IsZeroHourTimesheet: { BOOL: false },
  SourceImage: { S: `2025/sheet_${index}.png` },
  ProcessingTimestamp: { S: '2025-11-21T10:00:00.000Z' },
  ProcessingTimeSeconds: { N: '3.21' },
  ModelId: { S: 'us.amazon.nova-lite-v1:0' },
  InputTokens: { N: '1043' },
  OutputTokens: { N: '312' },
  CostEstimateUSD: { N: '0.00123' },
  OCRVersion: { S: '2.6.1' },
  OCRBuildDate: { S: '2025-11-21' },
  WeekStartDate: { S: '2025-09-29' },
  WeekEndDate: { S: '2025-10-05' },
  YearMonth: { S: '2025-09' },
  ProjectCodeGSI: { S: `PJ${index}` },
  ...more,
});

export const failedImage = (index: number): Item => ({
  ResourceName: { S: `FAILED#${index}` },
  DateProjectCode: { S: `2025-11-21T10:00:00Z#${index}` },
  RecordType: { S: 'FAILED_IMAGE' },
  ImageKey: { S: `2025/broken_${index}.png` },
  FailureType: { S: 'OCR_ERROR' },
});

export const coverage = (index: number): Item => ({
  ResourceName: { S: `Person_${index}#2025-10` },
  DateProjectCode: { S: 'COVERAGE' },
  WeeksSubmitted: { SS: ['2025-10-06', '2025-10-13'] },
  TotalWeeks: { N: '2' },
});
