import {
  CloudWatchClient,
  CloudWatchServiceException,
  type GetMetricDataCommandInput,
} from '@aws-sdk/client-cloudwatch';
import { describe, expect, test } from 'vitest';
import { readMetrics } from '../../../src/pipeline/limits/metrics.ts';

type Metric = { name: string; dimensions: Record<string, string>; stat: string };
type Answer = (metric: Metric) => readonly number[];

/**
 * A real client whose requests are answered before they are sent, with values by metric, `pageSize` metrics per page.
 */
function cloudwatch(answer: Answer, pageSize = 100) {
  const asked: Metric[] = [];
  const inputs: GetMetricDataCommandInput[] = [];
  const client = new CloudWatchClient({ region: 'us-east-1', credentials: { accessKeyId: 'x', secretAccessKey: 'x' } });
  const isInput = (input: object): input is GetMetricDataCommandInput => 'MetricDataQueries' in input;
  client.middlewareStack.add(
    () => async (args) => {
      if (!isInput(args.input)) throw new Error('Another command.');
      inputs.push(args.input);
      const from = Number(args.input.NextToken ?? 0);
      const queries = args.input.MetricDataQueries ?? [];
      const results = queries.slice(from, from + pageSize).map(({ Id, MetricStat }) => {
        const metric = {
          name: `${MetricStat?.Metric?.Namespace} ${MetricStat?.Metric?.MetricName}`,
          dimensions: Object.fromEntries(
            (MetricStat?.Metric?.Dimensions ?? []).map(({ Name = '', Value = '' }) => [Name, Value]),
          ),
          stat: MetricStat?.Stat ?? '',
        };
        asked.push(metric);
        return { Id, Values: [...answer(metric)] };
      });
      const next = from + pageSize < queries.length ? { NextToken: String(from + pageSize) } : {};
      return { output: { $metadata: {}, MetricDataResults: results, ...next }, response: {} };
    },
    { step: 'initialize' },
  );
  return { client, asked, inputs };
}
const about = { functionName: 'ocr', modelId: 'us.amazon.nova-lite-v1:0', table: 'T', indexes: ['ByMonth'] };
const minute = 60_000;

describe('the metrics of the pipeline', () => {
  test('are requested with the names that AWS uses', async () => {
    const { client, asked, inputs } = cloudwatch(() => []);
    expect(await readMetrics(client, about, { from: 90_000, to: 10 * minute })).toEqual({ throttling: [] });
    expect(asked).toEqual(
      expect.arrayContaining([
        { name: 'AWS/Lambda Throttles', dimensions: { FunctionName: 'ocr' }, stat: 'Sum' },
        { name: 'AWS/Bedrock InvocationThrottles', dimensions: { ModelId: 'us.amazon.nova-lite-v1:0' }, stat: 'Sum' },
        { name: 'AWS/Bedrock InvocationThrottles', dimensions: { ModelId: 'amazon.nova-lite-v1:0' }, stat: 'Sum' },
        { name: 'AWS/Textract ThrottledCount', dimensions: { Operation: 'AnalyzeDocument' }, stat: 'Sum' },
        { name: 'AWS/DynamoDB WriteThrottleEvents', dimensions: { TableName: 'T' }, stat: 'Sum' },
        {
          name: 'AWS/DynamoDB WriteThrottleEvents',
          dimensions: { TableName: 'T', GlobalSecondaryIndexName: 'ByMonth' },
          stat: 'Sum',
        },
        { name: 'AWS/Lambda Duration', dimensions: { FunctionName: 'ocr' }, stat: 'Maximum' },
      ]),
    );
    expect(inputs[0]?.StartTime).toEqual(new Date(minute));
    expect(inputs[0]?.EndTime).toEqual(new Date(11 * minute));
  });

  test('are added up by source over all pages, and calls that Bedrock counts twice count once', async () => {
    const values: Answer = ({ name, dimensions, stat }) => {
      if (name === 'AWS/Bedrock InvocationThrottles') return [3, 4];
      if (name === 'AWS/DynamoDB WriteThrottleEvents') return 'GlobalSecondaryIndexName' in dimensions ? [5] : [2];
      if (name === 'AWS/Lambda Duration') return stat === 'Maximum' ? [900, 2_500] : [700];
      return [];
    };
    const { client, inputs } = cloudwatch(values, 2);
    expect(await readMetrics(client, about, { from: 0, to: minute })).toEqual({
      throttling: [
        { source: 'bedrock', times: 7 },
        { source: 'dynamodb-writes', times: 7 },
      ],
      longestMs: 2_500,
    });
    expect(inputs.length).toBeGreaterThan(3);
  });

  test('that cannot be read name the missing permission', async () => {
    const client = new CloudWatchClient({ region: 'us-east-1' });
    client.middlewareStack.add(
      () => async () => {
        throw new CloudWatchServiceException({
          name: 'AccessDeniedException',
          $fault: 'client',
          $metadata: { httpStatusCode: 403 },
          message: 'User is not authorized to perform: cloudwatch:GetMetricData',
        });
      },
      { step: 'initialize' },
    );
    const { throttling, unread } = await readMetrics(client, about, { from: 0, to: minute });
    expect(throttling).toEqual([]);
    expect(unread).toMatchObject({ reason: 'access-denied' });
    expect(`${unread?.message} ${unread?.fix}`).toMatch(/cloudwatch:GetMetricData/);
  });
});
