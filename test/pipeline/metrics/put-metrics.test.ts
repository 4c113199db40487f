import { CloudWatchClient, CloudWatchServiceException, GetMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { NAMESPACE, putMetrics } from '../../../src/pipeline/metrics/put-metrics.ts';
import { type AwsRig, startAwsRig } from '../../sandbox/aws/aws-rig.ts';
import { testCredentials } from '../../support/aws/dynalite.ts';

let rig: AwsRig;
beforeAll(async () => {
  rig = await startAwsRig();
});
afterAll(() => rig.close());

const DIMENSIONS = { Pipeline: 'ocr', Work: 'run' };

test('CloudWatch has the values that were sent, by name and dimensions, at their time', async () => {
  const at = Date.now() - 5 * 60_000;
  await putMetrics(rig.metrics, [
    { name: 'ActiveWork', dimensions: DIMENSIONS, value: 1, at },
    { name: 'ActiveWork', dimensions: DIMENSIONS, value: 0, at: at + 60_000 },
    { name: 'ActiveWork', dimensions: { ...DIMENSIONS, Work: 'backup' }, value: 7, at },
  ]);
  const { MetricDataResults } = await rig.metrics.send(
    new GetMetricDataCommand({
      MetricDataQueries: [
        {
          Id: 'active',
          MetricStat: {
            Metric: {
              Namespace: NAMESPACE,
              MetricName: 'ActiveWork',
              Dimensions: Object.entries(DIMENSIONS).map(([Name, Value]) => ({ Name, Value })),
            },
            Period: 60,
            Stat: 'Maximum',
          },
        },
      ],
      StartTime: new Date(at - 60_000),
      EndTime: new Date(at + 180_000),
      ScanBy: 'TimestampAscending',
    }),
  );
  expect(MetricDataResults?.[0]?.Values).toEqual([1, 0]);
});

test('nothing is sent where there is nothing to send', async () => {
  // Nothing listens there.
  const unreachable = new CloudWatchClient({
    endpoint: 'http://127.0.0.1:1',
    region: 'us-east-1',
    credentials: testCredentials,
    maxAttempts: 1,
  });
  await expect(putMetrics(unreachable, [])).resolves.toBeUndefined();
  unreachable.destroy();
});

test('a value that is too old is refused with the answer of CloudWatch', async () => {
  const measured = { name: 'ActiveWork', dimensions: DIMENSIONS, value: 1, at: Date.now() - 15 * 86_400_000 };
  await expect(putMetrics(rig.metrics, [measured])).rejects.toThrow('two weeks');
});

test('a missing permission is a fault that names the action', async () => {
  const denied = new CloudWatchClient({ region: 'us-east-1' });
  denied.middlewareStack.add(
    () => async () => {
      throw new CloudWatchServiceException({
        name: 'AccessDeniedException',
        $fault: 'client',
        $metadata: { httpStatusCode: 403 },
        message: 'User is not authorized to perform: cloudwatch:PutMetricData',
      });
    },
    { step: 'initialize' },
  );
  const measured = { name: 'ActiveWork', dimensions: DIMENSIONS, value: 1, at: Date.now() };
  await expect(putMetrics(denied, [measured])).rejects.toMatchObject({
    fault: { reason: 'access-denied', fix: expect.stringContaining('cloudwatch:PutMetricData') },
  });
});
