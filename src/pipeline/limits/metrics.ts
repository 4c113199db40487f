import { type CloudWatchClient, GetMetricDataCommand, type MetricDataQuery } from '@aws-sdk/client-cloudwatch';
import { defined } from '../../lib/defined.ts';
import { asFaultError } from '../aws.ts';
import type { Fault } from '../invoke/invocation.ts';
import { REGION_GROUP } from './quotas.ts';

/** Which part of the pipeline was throttled, and how often. */
export interface Throttling {
  readonly source: 'lambda' | 'bedrock' | 'textract' | 'dynamodb-writes' | 'dynamodb-reads';
  readonly times: number;
}

/** The metrics in CloudWatch. Metrics without values are absent. */
export interface MetricReading {
  readonly throttling: readonly Throttling[];
  /** The longest invocation of the function, ms. */
  readonly longestMs?: number;
  /** Why nothing could be read. */
  readonly unread?: Fault;
}

interface MetricQuery {
  readonly id: string;
  readonly namespace: string;
  readonly name: string;
  readonly dimensions: Readonly<Record<string, string>>;
  readonly stat: string;
}

const PERIOD_SECONDS = 60;

/**
 * The metrics of the pipeline from `from` to `to` (epoch ms), added up over the minutes. CloudWatch may be some minutes
 * behind. A missing permission is returned in `unread`, with the IAM action.
 * @throws FaultError for credentials and the network; the SDK's error
 */
export async function readMetrics(
  cloudwatch: CloudWatchClient,
  about: {
    readonly functionName: string;
    readonly modelId: string;
    readonly table: string;
    /** The global indexes of the table. They throttle writes, too, and CloudWatch counts that under their names. */
    readonly indexes?: readonly string[];
  },
  { from, to }: { readonly from: number; readonly to: number },
): Promise<MetricReading> {
  const lambda = { FunctionName: about.functionName };
  const sum = (id: string, namespace: string, name: string, dimensions: MetricQuery['dimensions']): MetricQuery => ({
    id,
    namespace,
    name,
    dimensions,
    stat: 'Sum',
  });
  const wanted: readonly MetricQuery[] = [
    sum('lambda', 'AWS/Lambda', 'Throttles', lambda),
    ...modelNames(about.modelId).map((ModelId, index) =>
      sum(`bedrock${index}`, 'AWS/Bedrock', 'InvocationThrottles', { ModelId }),
    ),
    sum('textract', 'AWS/Textract', 'ThrottledCount', { Operation: 'AnalyzeDocument' }),
    sum('textract2', 'AWS/Textract', 'ThrottledCount', { Operation: 'DetectDocumentText' }),
    sum('writes', 'AWS/DynamoDB', 'WriteThrottleEvents', { TableName: about.table }),
    ...(about.indexes ?? []).map((GlobalSecondaryIndexName, index) =>
      sum(`index${index}`, 'AWS/DynamoDB', 'WriteThrottleEvents', { TableName: about.table, GlobalSecondaryIndexName }),
    ),
    sum('reads', 'AWS/DynamoDB', 'ReadThrottleEvents', { TableName: about.table }),
    { id: 'longest', namespace: 'AWS/Lambda', name: 'Duration', dimensions: lambda, stat: 'Maximum' },
  ];
  const queries: MetricDataQuery[] = wanted.map(({ id, namespace, name, dimensions, stat }) => ({
    Id: id,
    MetricStat: {
      Metric: {
        Namespace: namespace,
        MetricName: name,
        Dimensions: Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value })),
      },
      Period: PERIOD_SECONDS,
      Stat: stat,
    },
  }));
  // Whole minutes, including the current one.
  const minute = PERIOD_SECONDS * 1000;
  const window = {
    StartTime: new Date(Math.floor(from / minute) * minute),
    EndTime: new Date(Math.ceil((to + 1) / minute) * minute),
  };
  const values = new Map<string, number[]>();
  try {
    let token: string | undefined;
    do {
      const page = await cloudwatch.send(
        new GetMetricDataCommand(defined({ MetricDataQueries: queries, ...window, NextToken: token })),
      );
      for (const { Id = '', Values = [] } of page.MetricDataResults ?? [])
        values.set(Id, [...(values.get(Id) ?? []), ...Values]);
      token = page.NextToken;
    } while (token !== undefined);
  } catch (error) {
    const fault = asFaultError(error, { service: 'cloudwatch', action: 'cloudwatch:GetMetricData', resource: '*' });
    if (!(fault instanceof Error && 'fault' in fault)) throw error;
    const { fault: unread } = fault;
    if (isDenied(unread)) return { throttling: [], unread };
    throw fault;
  }
  const total = (...ids: string[]) => ids.flatMap((id) => values.get(id) ?? []).reduce((all, value) => all + value, 0);
  const durations = values.get('longest') ?? [];
  const throttling: readonly Throttling[] = [
    { source: 'lambda', times: total('lambda') },
    // The same calls may be counted under the profile and under the model, so they must not be added.
    { source: 'bedrock', times: Math.max(...modelNames(about.modelId).map((_, index) => total(`bedrock${index}`))) },
    { source: 'textract', times: total('textract', 'textract2') },
    { source: 'dynamodb-writes', times: total('writes', ...(about.indexes ?? []).map((_, index) => `index${index}`)) },
    { source: 'dynamodb-reads', times: total('reads') },
  ];
  return defined({
    throttling: throttling.filter(({ times }) => times > 0),
    longestMs: durations.length === 0 ? undefined : Math.max(...durations),
  });
}

/** The names of the model in CloudWatch: the id of the inference profile, of the model, or the last part of an ARN. */
function modelNames(modelId: string): readonly string[] {
  const id = modelId.slice(modelId.lastIndexOf('/') + 1);
  const model = id.replace(REGION_GROUP, '');
  return [...new Set([id, model])];
}

const isDenied = (fault: unknown): fault is Fault =>
  typeof fault === 'object' && fault !== null && 'reason' in fault && fault.reason === 'access-denied';
