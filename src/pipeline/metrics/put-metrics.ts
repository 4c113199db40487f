import { type CloudWatchClient, PutMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import { asFaultError } from '../aws.ts';

/** One value of a metric. */
export interface Measurement {
  readonly name: string;
  readonly dimensions: Readonly<Record<string, string>>;
  readonly value: number;
  /** Epoch ms. CloudWatch refuses what is older than two weeks or more than two hours ahead. */
  readonly at: number;
}

/** The namespace of the bot's own metrics; its role may write into no other one. */
export const NAMESPACE = 'RescanBot';

/**
 * Sends the values to CloudWatch in one call. The same call may be carried out twice without harm where the values are
 * read as a maximum.
 * @throws FaultError for credentials, a missing permission and the network; the SDK's error
 */
export async function putMetrics(
  cloudwatch: CloudWatchClient,
  measurements: readonly Measurement[],
  signal?: AbortSignal,
): Promise<void> {
  if (measurements.length === 0) return;
  const command = new PutMetricDataCommand({
    Namespace: NAMESPACE,
    MetricData: measurements.map(({ name, dimensions, value, at }) => ({
      MetricName: name,
      Dimensions: Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value })),
      Timestamp: new Date(at),
      Value: value,
      Unit: 'None',
    })),
  });
  await cloudwatch.send(command, signal ? { abortSignal: signal } : {}).catch((error: unknown) => {
    throw asFaultError(error, { service: 'cloudwatch', action: 'cloudwatch:PutMetricData', resource: '*' });
  });
}
