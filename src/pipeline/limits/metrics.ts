import { type CloudWatchClient, GetMetricDataCommand, type MetricDataQuery } from '@aws-sdk/client-cloudwatch';
import { asFaultError } from '../aws.ts';
import type { Fault } from '../invoke/invocation.ts';
import { REGION_GROUP } from './quotas.ts';

/** Who was throttled, and how often, in a stretch of time. */
export interface Throttling {
  readonly source: 'lambda' | 'bedrock' | 'textract' | 'dynamodb-writes' | 'dynamodb-reads';
  readonly times: number;
}

/** What CloudWatch counted; a part that could not be read is missing. */
export interface MetricReading {
  readonly throttling: readonly Throttling[];
  /** Highest concurrency of the function. */
  readonly mostConcurrent?: number;
  /** Of the function's invocations, ms. */
  readonly durationMs?: { readonly p50?: number; readonly p99?: number; readonly most?: number };
  /** Why nothing of it could be read. */
  readonly unread?: Fault;
}

interface Wanted {
  readonly id: string;
  readonly namespace: string;
  readonly name: string;
  readonly dimensions: Readonly<Record<string, string>>;
  readonly stat: string;
}

const PERIOD_SECONDS = 60;

/**
 * What the pipeline's parts say of themselves from `from` to `to` (epoch ms), minute by minute, added up. What CloudWatch shows
 * may be some minutes behind. A refused permission is a part of the reading: it names the IAM action.
 * @throws FaultError for credentials and the network; the SDK's error.
 */
export async function readMetrics(
  cloudwatch: CloudWatchClient,
  about: {
    readonly functionName: string;
    readonly modelId: string;
    readonly table: string;
    /** Its global indexes: a write waits for them, and what they turn away is counted under their own names. */
    readonly indexes?: readonly string[];
  },
  { from, to }: { readonly from: number; readonly to: number },
): Promise<MetricReading> {
  const lambda = { FunctionName: about.functionName };
  const sum = (id: string, namespace: string, name: string, dimensions: Wanted['dimensions']): Wanted => ({
    id,
    namespace,
    name,
    dimensions,
    stat: 'Sum',
  });
  const duration = (id: string, stat: string): Wanted => ({
    id,
    namespace: 'AWS/Lambda',
    name: 'Duration',
    dimensions: lambda,
    stat,
  });
  const wanted: readonly Wanted[] = [
    sum('lambda', 'AWS/Lambda', 'Throttles', lambda),
    ...modelNames(about.modelId).map((ModelId, at) =>
      sum(`bedrock${at}`, 'AWS/Bedrock', 'InvocationThrottles', { ModelId }),
    ),
    sum('textract', 'AWS/Textract', 'ThrottledCount', { Operation: 'AnalyzeDocument' }),
    sum('textract2', 'AWS/Textract', 'ThrottledCount', { Operation: 'DetectDocumentText' }),
    sum('writes', 'AWS/DynamoDB', 'WriteThrottleEvents', { TableName: about.table }),
    ...(about.indexes ?? []).map((GlobalSecondaryIndexName, at) =>
      sum(`index${at}`, 'AWS/DynamoDB', 'WriteThrottleEvents', { TableName: about.table, GlobalSecondaryIndexName }),
    ),
    sum('reads', 'AWS/DynamoDB', 'ReadThrottleEvents', { TableName: about.table }),
    { id: 'concurrent', namespace: 'AWS/Lambda', name: 'ConcurrentExecutions', dimensions: lambda, stat: 'Maximum' },
    duration('p50', 'p50'),
    duration('p99', 'p99'),
    duration('most', 'Maximum'),
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
  // Whole minutes, with the one under way.
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
        new GetMetricDataCommand({
          MetricDataQueries: queries,
          ...window,
          ...(token === undefined ? {} : { NextToken: token }),
        }),
      );
      for (const { Id = '', Values = [] } of page.MetricDataResults ?? [])
        values.set(Id, [...(values.get(Id) ?? []), ...Values]);
      token = page.NextToken;
    } while (token !== undefined);
  } catch (error) {
    const fault = asFaultError(error, { service: 'cloudwatch', action: 'cloudwatch:GetMetricData', resource: '*' });
    if (!(fault instanceof Error && 'fault' in fault)) throw error;
    const told = fault.fault;
    if (isDenied(told)) return { throttling: [], unread: told };
    throw fault;
  }
  const total = (...ids: string[]) => ids.flatMap((id) => values.get(id) ?? []).reduce((all, value) => all + value, 0);
  const highest = (id: string): number | undefined => {
    const found = values.get(id) ?? [];
    return found.length === 0 ? undefined : Math.max(...found);
  };
  const throttling: readonly Throttling[] = [
    { source: 'lambda', times: total('lambda') },
    // The same calls may be counted under the profile's name and under the model's: never twice.
    { source: 'bedrock', times: Math.max(...modelNames(about.modelId).map((_, at) => total(`bedrock${at}`))) },
    { source: 'textract', times: total('textract', 'textract2') },
    { source: 'dynamodb-writes', times: total('writes', ...(about.indexes ?? []).map((_, at) => `index${at}`)) },
    { source: 'dynamodb-reads', times: total('reads') },
  ];
  const [p50, p99, most, mostConcurrent] = ['p50', 'p99', 'most', 'concurrent'].map(highest);
  return {
    throttling: throttling.filter(({ times }) => times > 0),
    ...(mostConcurrent === undefined ? {} : { mostConcurrent }),
    ...(most === undefined
      ? {}
      : {
          durationMs: {
            most,
            ...(p50 === undefined ? {} : { p50 }),
            ...(p99 === undefined ? {} : { p99 }),
          },
        }),
  };
}

/** As CloudWatch may know the model: the inference profile's id, the model's own, or an ARN's last part. */
function modelNames(modelId: string): readonly string[] {
  const id = modelId.slice(modelId.lastIndexOf('/') + 1);
  const model = id.replace(REGION_GROUP, '');
  return [...new Set([id, model])];
}

const isDenied = (fault: unknown): fault is Fault =>
  typeof fault === 'object' && fault !== null && 'reason' in fault && fault.reason === 'access-denied';
