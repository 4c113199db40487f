import { CloudWatchClient } from '@aws-sdk/client-cloudwatch';
import { CloudWatchLogsClient, FilterLogEventsCommand } from '@aws-sdk/client-cloudwatch-logs';
import { type AttributeValue, DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb';
import { GetFunctionConfigurationCommand, InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { S3Client } from '@aws-sdk/client-s3';
import { ServiceQuotasClient } from '@aws-sdk/client-service-quotas';
import { strToU8, zipSync } from 'fflate';
import { expect } from 'vitest';
import { seedKey, seedTimesheet } from '../../../sandbox/aws/ocr/timesheet.ts';
import { startLocalAws } from '../../../sandbox/aws/server.ts';
import { eventually } from '../../support/eventually.ts';

export const BUCKET = 'timesheetocr-input-dev-016164185850';
export const CONTROL_BUCKET = 'rescan-bot-control';
export const TABLE = 'TimesheetOCR-dev';
export const FUNCTION = 'TimesheetOCR-ocr-dev';
export const LOG_GROUP = `/aws/lambda/${FUNCTION}`;

/** The key of image number `index` of the seed. */
export const keyOf = (index: number): string => seedKey(seedTimesheet(index), index);
export const named = (name: string) => expect.objectContaining({ name });

/** A package with these files. */
export const zipOf = (files: Record<string, string>): Buffer =>
  Buffer.from(zipSync(Object.fromEntries(Object.entries(files).map(([name, text]) => [name, strToU8(text)]))));

/** A local AWS with few images and no delay, and clients of the real SDK. */
export async function startAwsRig() {
  const aws = await startLocalAws({ port: 0, images: 30, seedTable: 'empty' });
  const to = {
    endpoint: aws.url,
    region: 'us-east-1',
    credentials: { accessKeyId: 'x', secretAccessKey: 'x' },
    maxAttempts: 1,
  };
  const clients = {
    lambda: new LambdaClient(to),
    s3: new S3Client({ ...to, forcePathStyle: true }),
    dynamodb: new DynamoDBClient(to),
    logs: new CloudWatchLogsClient(to),
    metrics: new CloudWatchClient(to),
    quotas: new ServiceQuotasClient(to),
  };
  return {
    aws,
    ...clients,
    /** Resets everything and removes the delay. */
    async reset() {
      await fetch(`${aws.url}/sandbox/reset`, { method: 'POST', body: '{}' });
      aws.turn({ latencyMs: 0, updateMs: 0 });
    },
    async invoke(key: string, Qualifier?: string) {
      const Payload = JSON.stringify({ Records: [{ s3: { bucket: { name: BUCKET }, object: { key } } }] });
      const reply = await clients.lambda.send(
        new InvokeCommand({ FunctionName: FUNCTION, Payload, ...(Qualifier === undefined ? {} : { Qualifier }) }),
      );
      return {
        error: reply.FunctionError,
        payload: Buffer.from(reply.Payload ?? []).toString('utf8'),
        version: reply.ExecutedVersion,
      };
    },
    configuration: () => clients.lambda.send(new GetFunctionConfigurationCommand({ FunctionName: FUNCTION })),
    /** Resolves when the last update of the function is complete. */
    updated: () =>
      eventually(async () => {
        const found = await clients.lambda.send(new GetFunctionConfigurationCommand({ FunctionName: FUNCTION }));
        expect(found.LastUpdateStatus).not.toBe('InProgress');
      }),
    async lines(filterPattern = ''): Promise<string[]> {
      const lines: string[] = [];
      let nextToken: string | undefined;
      do {
        const page = await clients.logs.send(
          new FilterLogEventsCommand({ logGroupName: LOG_GROUP, filterPattern, ...(nextToken ? { nextToken } : {}) }),
        );
        lines.push(...(page.events ?? []).map((event) => event.message ?? ''));
        nextToken = page.nextToken;
      } while (nextToken);
      return lines;
    },
    async rows(): Promise<Record<string, AttributeValue>[]> {
      const page = await clients.dynamodb.send(new ScanCommand({ TableName: TABLE, ConsistentRead: true }));
      return page.Items ?? [];
    },
    async close() {
      for (const client of Object.values(clients)) client.destroy();
      await aws.close();
    },
  };
}
export type AwsRig = Awaited<ReturnType<typeof startAwsRig>>;
