import { GetMetricDataCommand, type MetricDataQuery } from '@aws-sdk/client-cloudwatch';
import { PutItemCommand, ScanCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createMetricStore } from '../../../sandbox/aws/logs/metric-store.ts';
import { type AwsRig, FUNCTION, keyOf, startAwsRig, TABLE } from './aws-rig.ts';

let rig: AwsRig;
beforeAll(async () => {
  rig = await startAwsRig();
});
afterAll(() => rig.close());
beforeEach(() => rig.reset());

function query(
  Id: string,
  Namespace: string,
  MetricName: string,
  [Name, Value]: readonly [string, string],
  Stat = 'Sum',
): MetricDataQuery {
  return {
    Id,
    MetricStat: { Metric: { Namespace, MetricName, Dimensions: [{ Name, Value }] }, Period: 60, Stat },
  };
}
const window = () => ({
  StartTime: new Date(Date.now() - 10 * 60_000),
  EndTime: new Date(Date.now() + 60_000),
});
/** The sum or the maximum of each metric over the last minutes, by query id. */
async function totals(...queries: MetricDataQuery[]): Promise<Record<string, number | undefined>> {
  const { MetricDataResults = [] } = await rig.metrics.send(
    new GetMetricDataCommand({ MetricDataQueries: queries, ...window() }),
  );
  return Object.fromEntries(
    MetricDataResults.map(({ Id = '', Values = [] }) => {
      const isSum = queries.find((asked) => asked.Id === Id)?.MetricStat?.Stat === 'Sum';
      return [Id, Values.length === 0 ? undefined : isSum ? Values.reduce((a, b) => a + b, 0) : Math.max(...Values)];
    }),
  );
}
const BY_FUNCTION = ['FunctionName', FUNCTION] as const;
const BY_MODEL = ['ModelId', 'us.amazon.nova-lite-v1:0'] as const;
const BY_OPERATION = ['Operation', 'AnalyzeDocument'] as const;
const BY_TABLE = ['TableName', TABLE] as const;

describe('metrics of CloudWatch', () => {
  test('CloudWatch has invocations, errors, throttles, durations and concurrency of the function', async () => {
    rig.aws.turn({ latencyMs: 120, concurrency: { unreserved: 2 } });
    await Promise.allSettled([0, 1, 2].map((index) => rig.invoke(keyOf(index))));
    rig.aws.turn({ latencyMs: 0, failures: { kind: 'crash' } });
    await rig.invoke(keyOf(3));
    rig.aws.turn({ failures: { kind: 'failed-500' } });
    await rig.invoke(keyOf(3));
    const of = (id: string, name: string, stat?: string) => query(id, 'AWS/Lambda', name, BY_FUNCTION, stat);
    const found = await totals(
      of('invocations', 'Invocations'),
      of('errors', 'Errors'),
      of('throttles', 'Throttles'),
      of('concurrent', 'ConcurrentExecutions', 'Maximum'),
      of('slowest', 'Duration', 'Maximum'),
      of('average', 'Duration', 'Average'),
      of('p99', 'Duration', 'p99'),
      of('count', 'Duration', 'SampleCount'),
    );
    // A 500 of the handler is not an error of the function; a throttled request is not an invocation.
    expect(found).toMatchObject({ invocations: 4, errors: 1, throttles: 1, concurrent: 2, count: 4 });
    expect(found.slowest).toBeGreaterThanOrEqual(120);
    expect(found.p99).toBe(found.slowest);
    expect(found.average).toBeLessThan(found.slowest ?? 0);
  });

  test('CloudWatch has the calls of the model and of Textract', async () => {
    rig.aws.turn({ bedrockPerMinute: 2 });
    for (const index of [0, 1, 2]) await rig.invoke(keyOf(index));
    rig.aws.turn({ bedrockPerMinute: 0, failures: { kind: 'textract' } });
    await rig.invoke(keyOf(0));
    rig.aws.turn({
      failures: {
        kind: 'throttling-in-500',
        message:
          'An error occurred (ProvisionedThroughputExceededException) when calling the AnalyzeDocument operation: slow down',
      },
    });
    await rig.invoke(keyOf(0));
    expect(
      await totals(
        query('calls', 'AWS/Bedrock', 'Invocations', BY_MODEL),
        query('throttles', 'AWS/Bedrock', 'InvocationThrottles', BY_MODEL),
        query('users', 'AWS/Textract', 'UserErrorCount', BY_OPERATION),
        query('throttled', 'AWS/Textract', 'ThrottledCount', BY_OPERATION),
      ),
    ).toEqual({ calls: 2, throttles: 1, users: 1, throttled: 1 });
  });

  test('CloudWatch has the writes and the throttles of the table, by the function and by other clients', async () => {
    await rig.invoke(keyOf(0));
    const Item = { ResourceName: { S: 'a' }, DateProjectCode: { S: 'b' } };
    await rig.dynamodb.send(new PutItemCommand({ TableName: TABLE, Item }));
    const written = (await rig.rows()).length;
    rig.aws.turn({ dynamodb: { throttleRate: 1 } });
    await expect(rig.dynamodb.send(new PutItemCommand({ TableName: TABLE, Item }))).rejects.toThrow();
    await expect(rig.dynamodb.send(new ScanCommand({ TableName: TABLE }))).rejects.toThrow();
    expect(
      await totals(
        query('consumed', 'AWS/DynamoDB', 'ConsumedWriteCapacityUnits', BY_TABLE),
        query('writes', 'AWS/DynamoDB', 'WriteThrottleEvents', BY_TABLE),
        query('reads', 'AWS/DynamoDB', 'ReadThrottleEvents', BY_TABLE),
      ),
    ).toEqual({ consumed: written, writes: 1, reads: 1 });
  });

  test('CloudWatch has no data for unknown metrics and after a reset', async () => {
    await rig.invoke(keyOf(0));
    const other = query('other', 'AWS/Lambda', 'Invocations', ['FunctionName', 'other']);
    expect(await totals(other)).toEqual({ other: undefined });
    const view = await (await fetch(`${rig.aws.url}/sandbox/metrics`)).json();
    expect(view).toMatchObject({
      metrics: expect.arrayContaining([expect.objectContaining({ name: 'Invocations', namespace: 'AWS/Lambda' })]),
    });
    await rig.reset();
    expect(await totals(query('own', 'AWS/Lambda', 'Invocations', BY_FUNCTION))).toEqual({ own: undefined });
  });
});

describe('GetMetricData', () => {
  test('GetMetricData is paged and marks a metric that continues on the next page as partial', async () => {
    await rig.invoke(keyOf(0));
    const MetricDataQueries = ['Invocations', 'Errors', 'Duration'].map((name) =>
      query(name.toLowerCase(), 'AWS/Lambda', name, BY_FUNCTION),
    );
    const ids: (string | undefined)[] = [];
    let NextToken: string | undefined;
    let pages = 0;
    do {
      const page = await rig.metrics.send(
        new GetMetricDataCommand({
          MetricDataQueries,
          ...window(),
          MaxDatapoints: 1,
          ...(NextToken ? { NextToken } : {}),
        }),
      );
      for (const { Id, Values = [] } of page.MetricDataResults ?? []) ids.push(...Values.map(() => Id));
      NextToken = page.NextToken;
      pages++;
    } while (NextToken);
    expect(ids).toEqual(['invocations', 'errors', 'duration']);
    expect(pages).toBe(3);
  });

  test.each([
    [{ EndTime: new Date(0) }, /StartTime must be less/],
    [{ MetricDataQueries: [{ Id: 'a', Expression: 'SUM(METRICS())' }] }, /no Expression/],
    [{ MetricDataQueries: [query('a', 'N', 'M', BY_TABLE), query('a', 'N', 'M', BY_TABLE)] }, /not unique/],
    [{ MetricDataQueries: [query('a', 'N', 'M', BY_TABLE, 'Median')] }, /statistic Median/],
    [{ MetricDataQueries: [query('A b', 'N', 'M', BY_TABLE)] }, /MetricDataQueries/],
  ])('GetMetricData refuses %j', async (change, message) => {
    await expect(
      rig.metrics.send(
        new GetMetricDataCommand({ MetricDataQueries: [query('a', 'N', 'M', BY_TABLE)], ...window(), ...change }),
      ),
    ).rejects.toMatchObject({ name: 'ValidationException', message: expect.stringMatching(message) });
  });

  test('GetMetricData is refused without permission and with expired credentials', async () => {
    rig.aws.turn({ accessDenied: ['cloudwatch:GetMetricData'] });
    const ask = () => totals(query('a', 'AWS/Lambda', 'Errors', BY_FUNCTION));
    await expect(ask()).rejects.toMatchObject({
      name: 'AccessDeniedException',
      message: expect.stringContaining('cloudwatch:GetMetricData'),
    });
    rig.aws.turn({ accessDenied: [], expiredCredentials: true });
    await expect(ask()).rejects.toMatchObject({ name: 'ExpiredTokenException' });
  });
});

test('the metric store aggregates seconds into periods, computes percentiles, and drops data older than three hours', () => {
  const store = createMetricStore();
  const begin = 1_764_000_000;
  for (let second = 0; second < 100; second++)
    store.record('N', 'Duration', { A: '1' }, second + 1, (begin + second) * 1_000);
  const read = (stat: string, periodSeconds: number) =>
    store.read({
      namespace: 'N',
      name: 'Duration',
      dimensions: { A: '1' },
      stat,
      periodSeconds,
      from: begin,
      to: begin + 3_600,
    });
  expect(read('Sum', 60)).toEqual([
    { at: begin, value: 1_830 },
    { at: begin + 60, value: 3_220 },
  ]);
  expect(read('p99', 3_600)).toEqual([{ at: begin, value: 99 }]);
  expect(read('p50', 3_600)[0]?.value).toBe(50);
  expect(read('Minimum', 60).map(({ value }) => value)).toEqual([1, 61]);
  store.record('N', 'Duration', { A: '1' }, 7, (begin + 4 * 3_600) * 1_000);
  expect(read('Sum', 3_600)).toEqual([]);
});
