import type { IncomingMessage, ServerResponse } from 'node:http';
import { z } from 'zod';
import { readJson, sendJson } from '../http.ts';
import { isStatistic, type MetricStore } from './metric-store.ts';

const MOST_DATAPOINTS = 100_800;
const MOST_QUERIES = 500;

const querySchema = z.looseObject({
  Id: z.string().regex(/^[a-z][a-zA-Z0-9_]*$/),
  Label: z.string().optional(),
  ReturnData: z.boolean().default(true),
  Expression: z.string().optional(),
  MetricStat: z
    .looseObject({
      Metric: z.looseObject({
        Namespace: z.string(),
        MetricName: z.string(),
        Dimensions: z.array(z.object({ Name: z.string(), Value: z.string() })).default([]),
      }),
      Period: z.number().int(),
      Stat: z.string(),
    })
    .optional(),
});
const askedSchema = z.looseObject({
  MetricDataQueries: z.array(querySchema).min(1).max(MOST_QUERIES),
  StartTime: z.number(),
  EndTime: z.number(),
  ScanBy: z.enum(['TimestampAscending', 'TimestampDescending']).default('TimestampDescending'),
  MaxDatapoints: z.number().int().positive().max(MOST_DATAPOINTS).default(MOST_DATAPOINTS),
  NextToken: z.string().optional(),
});
type Asked = z.infer<typeof askedSchema>;
type Query = z.infer<typeof querySchema>;

/** A request that CloudWatch does not accept. */
class MetricsRefusal extends Error {
  override readonly name = 'MetricsRefusal';
  readonly type: string;
  constructor(message: string, type = 'ValidationError') {
    super(message);
    this.type = type;
  }
}

const DAY_SECONDS = 86_400;
const MOST_DATA = 1_000;
const putSchema = z.looseObject({
  // Names that begin with AWS/ are reserved.
  Namespace: z.string().regex(/^(?!AWS\/)[^:]{1,255}$/),
  MetricData: z
    .array(
      z.looseObject({
        MetricName: z.string().min(1).max(255),
        Dimensions: z
          .array(z.object({ Name: z.string().min(1).max(255), Value: z.string().min(1).max(1_024) }))
          .max(30)
          .default([]),
        Timestamp: z.number().optional(),
        Value: z.number(),
      }),
    )
    .min(1)
    .max(MOST_DATA),
});

/** CloudWatch's GetMetricData and PutMetricData as JSON (the protocol of the SDK), on the recorded metrics. */
export function createMetrics(store: MetricStore) {
  return async function answer(request: IncomingMessage, response: ServerResponse, operation: string): Promise<void> {
    const body = await readJson(request);
    if (operation !== 'GetMetricData' && operation !== 'PutMetricData')
      return sendMetricsError(response, 'UnknownOperationException', `The local AWS has no cloudwatch:${operation}`);
    try {
      const answered =
        operation === 'PutMetricData' ? put(parse(putSchema, body), store) : dataOf(parse(askedSchema, body), store);
      sendJson(response, 200, answered, 'application/x-amz-json-1.0');
    } catch (error) {
      if (!(error instanceof MetricsRefusal)) throw error;
      sendMetricsError(response, error.type, error.message);
    }
  };
}

function parse<Parsed>(schema: z.ZodType<Parsed>, body: unknown): Parsed {
  const asked = schema.safeParse(body);
  if (asked.success) return asked.data;
  const [issue] = asked.error.issues;
  throw new MetricsRefusal(`The request is malformed: ${issue?.path.join('.')} ${issue?.message}`);
}

function put({ Namespace, MetricData }: z.infer<typeof putSchema>, store: MetricStore) {
  const nowSeconds = Date.now() / 1_000;
  for (const { Timestamp: at = nowSeconds } of MetricData)
    if (at < nowSeconds - 14 * DAY_SECONDS || at > nowSeconds + DAY_SECONDS / 12)
      throw new MetricsRefusal('Timestamp is more than two weeks old or more than two hours ahead.');
  for (const { MetricName, Dimensions, Timestamp = nowSeconds, Value } of MetricData) {
    const dimensions = Object.fromEntries(Dimensions.map(({ Name, Value: value }) => [Name, value]));
    store.record(Namespace, MetricName, dimensions, Value, Timestamp * 1_000);
  }
  return {};
}

/** Sends an error in CloudWatch's JSON format. A header has the error code of the older protocol. */
export function sendMetricsError(response: ServerResponse, type: string, message: string): void {
  response.setHeader('x-amzn-query-error', `${type};Sender`);
  sendJson(response, 400, { __type: `com.amazonaws.cloudwatch#${type}`, message }, 'application/x-amz-json-1.0');
}

function dataOf(asked: Asked, store: MetricStore) {
  if (asked.EndTime <= asked.StartTime)
    throw new MetricsRefusal('The parameter StartTime must be less than the parameter EndTime.');
  const ids = asked.MetricDataQueries.map(({ Id }) => Id);
  if (new Set(ids).size < ids.length) throw new MetricsRefusal('The values for parameter Id are not unique.');
  const skipped = Number(asked.NextToken ?? 0);
  if (!Number.isInteger(skipped)) throw new MetricsRefusal('Invalid nextToken', 'InvalidNextToken');
  let passed = 0;
  let left = asked.MaxDatapoints;
  const results: unknown[] = [];
  for (const query of asked.MetricDataQueries) {
    if (!query.ReturnData) continue;
    const points = pointsOf(query, asked, store);
    const from = Math.max(0, skipped - passed);
    passed += points.length;
    // A message is sent only on the first page that has it. A metric without points is on the first page.
    if (skipped > 0 && (from >= points.length || points.length === 0)) continue;
    const page = points.slice(from, from + left);
    left -= page.length;
    results.push({
      Id: query.Id,
      Label: query.Label ?? query.MetricStat?.Metric.MetricName,
      Timestamps: page.map(({ at }) => at),
      Values: page.map(({ value }) => value),
      StatusCode: from + page.length < points.length ? 'PartialData' : 'Complete',
    });
  }
  const returned = skipped + asked.MaxDatapoints - left;
  return { MetricDataResults: results, Messages: [], ...(returned < passed ? { NextToken: String(returned) } : {}) };
}

function pointsOf({ Id, Expression, MetricStat }: Query, { StartTime, EndTime, ScanBy }: Asked, store: MetricStore) {
  if (Expression !== undefined || !MetricStat)
    throw new MetricsRefusal(`Query ${Id}: the local AWS takes a MetricStat, no Expression.`);
  const { Metric, Period, Stat } = MetricStat;
  if (!isStatistic(Stat)) throw new MetricsRefusal(`Query ${Id}: the local AWS has no statistic ${Stat}.`);
  if (Period < 1 || (Period % 60 !== 0 && ![1, 5, 10, 20, 30].includes(Period)))
    throw new MetricsRefusal(`Period must be 1, 5, 10, 20, 30 or a multiple of 60: ${Period}`);
  const points = store.read({
    namespace: Metric.Namespace,
    name: Metric.MetricName,
    dimensions: Object.fromEntries(Metric.Dimensions.map(({ Name, Value }) => [Name, Value])),
    stat: Stat,
    periodSeconds: Period,
    from: StartTime,
    to: EndTime,
  });
  return ScanBy === 'TimestampAscending' ? points : points.reverse();
}
