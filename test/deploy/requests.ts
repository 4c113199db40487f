import { z } from 'zod';
import { type Spelling, type Statement, spell } from '../../deploy/iam/policy.ts';
import type { Call } from '../support/aws/fault-proxy.ts';
import { actionsOf } from './called-actions.ts';

/** What IAM decides about: one action on one resource, with the keys that conditions of our policies look at. */
export interface Asked {
  readonly action: string;
  readonly resource: string;
  readonly keys?: Readonly<Record<string, string>>;
}

/** The account that stands in every ARN here. */
export const ACCOUNT = 'ACCOUNT';
const arn = (service: string, rest: string) => `arn:aws:${service}:us-east-1:${ACCOUNT}:${rest}`;
const withAccount = (text: string) => text.replace(/:\d{12}:/, `:${ACCOUNT}:`);

const bodySchema = z.looseObject({
  TableName: z.string().optional(),
  TableArn: z.string().optional(),
  ResourceArn: z.string().optional(),
  BackupArn: z.string().optional(),
  ExportArn: z.string().optional(),
  IndexName: z.string().optional(),
  RequestItems: z.record(z.string(), z.unknown()).optional(),
  TransactItems: z.array(z.record(z.string(), z.looseObject({ TableName: z.string() }))).optional(),
  logGroupName: z.string().optional(),
  Namespace: z.string().optional(),
  ServiceNamespace: z.string().optional(),
  stateMachineArn: z.string().optional(),
  executionArn: z.string().optional(),
  mapRunArn: z.string().optional(),
});
type Body = z.infer<typeof bodySchema>;

const tableArn = (name: string) => (name.startsWith('arn:') ? withAccount(name) : arn('dynamodb', `table/${name}`));

function askedOfDynamoDb(operation: string, body: Body): readonly Asked[] {
  if (body.TransactItems)
    return body.TransactItems.flatMap((item) =>
      Object.entries(item).map(([kind, { TableName }]) => ({
        action: kind === 'ConditionCheck' ? 'dynamodb:ConditionCheckItem' : `dynamodb:${kind}Item`,
        resource: tableArn(TableName),
      })),
    );
  const action = `dynamodb:${operation}`;
  if (body.RequestItems) return Object.keys(body.RequestItems).map((name) => ({ action, resource: tableArn(name) }));
  const named = body.TableName ?? body.TableArn ?? body.ResourceArn ?? body.BackupArn ?? body.ExportArn;
  if (named === undefined) throw new Error(`No table is named in ${operation}`);
  const resource = tableArn(named);
  return [
    {
      action,
      resource: body.IndexName && operation.includes('Insights') ? `${resource}/index/${body.IndexName}` : resource,
    },
  ];
}

const S3_QUERIES: readonly (readonly [query: RegExp, method: string, operation: string])[] = [
  [/\bversioning\b/, 'GET', 'GetBucketVersioning'],
  [/\buploadId=/, 'DELETE', 'AbortMultipartUpload'],
  [/\buploads\b/, 'GET', 'ListMultipartUploads'],
  [/\buploads\b|\buploadId=/, 'POST', 'CreateMultipartUpload'],
  [/\blist-type=2\b/, 'GET', 'ListObjectsV2'],
];
const S3_METHODS: Readonly<Record<string, string>> = {
  GET: 'GetObject',
  HEAD: 'HeadObject',
  PUT: 'PutObject',
  DELETE: 'DeleteObject',
};

function askedOfS3({ method, path }: Call): readonly Asked[] {
  const [, bucket = '', key = '', query = ''] = /^\/([^/?]+)\/?([^?]*)\??(.*)$/.exec(path) ?? [];
  const byQuery = S3_QUERIES.find(([pattern, of]) => of === method && pattern.test(query))?.[2];
  const operation = byQuery ?? S3_METHODS[method];
  if (operation === undefined) throw new Error(`No operation of S3 is known for ${method} ${path}`);
  const resource = `arn:aws:s3:::${bucket}${key === '' ? '' : `/${decodeURIComponent(key)}`}`;
  return actionsOf(`s3:${operation}`).map((action) => ({ action, resource }));
}

const LAMBDA: readonly (readonly [method: string, rest: RegExp, operation: string])[] = [
  ['POST', /^\/invocations/, 'Invoke'],
  ['GET', /^\/configuration/, 'GetFunctionConfiguration'],
  ['PUT', /^\/configuration/, 'UpdateFunctionConfiguration'],
  ['PUT', /^\/code/, 'UpdateFunctionCode'],
  ['POST', /^\/versions/, 'PublishVersion'],
  ['GET', /^\/concurrency/, 'GetFunctionConcurrency'],
  ['PUT', /^\/concurrency/, 'PutFunctionConcurrency'],
  ['DELETE', /^\/concurrency/, 'DeleteFunctionConcurrency'],
  ['GET', /^$/, 'GetFunction'],
];

function askedOfLambda({ method, path }: Call): readonly Asked[] {
  if (/\/account-settings/.test(path)) return [{ action: 'lambda:GetAccountSettings', resource: '*' }];
  const [, name = '', rest = ''] = /^\/[\d-]+\/functions\/([^/?]+)(\/[^?]*)?/.exec(path) ?? [];
  const operation = LAMBDA.find(([of, pattern]) => of === method && pattern.test(rest))?.[2];
  if (operation === undefined) throw new Error(`No operation of Lambda is known for ${method} ${path}`);
  const resource = arn('lambda', `function:${decodeURIComponent(name)}`);
  return actionsOf(`lambda:${operation}`).map((action) => ({ action, resource }));
}

/** What one request to AWS asks IAM for. @throws Error for a request that this does not know */
export function askedBy(call: Call): readonly Asked[] {
  const { target, operation } = call;
  if (target === '') return /^\/\d{4}-\d\d-\d\d\//.test(call.path) ? askedOfLambda(call) : askedOfS3(call);
  const body = bodySchema.parse(JSON.parse(call.body === '' ? '{}' : call.body));
  if (target.startsWith('DynamoDB_')) return askedOfDynamoDb(operation, body);
  if (target.startsWith('Logs_'))
    return [{ action: `logs:${operation}`, resource: arn('logs', `log-group:${body.logGroupName}:*`) }];
  if (target.startsWith('ServiceQuotas')) return [{ action: `servicequotas:${operation}`, resource: '*' }];
  if (target.startsWith('GraniteServiceVersion'))
    return [
      { action: `cloudwatch:${operation}`, resource: '*', keys: { 'cloudwatch:namespace': body.Namespace ?? '' } },
    ];
  if (target.startsWith('AnyScaleFrontendService'))
    return [{ action: `application-autoscaling:${operation}`, resource: '*' }];
  if (target.startsWith('AWSStepFunctions')) {
    const named = body.stateMachineArn ?? body.executionArn ?? body.mapRunArn;
    if (named === undefined) throw new Error(`No state machine or execution is named in ${operation}`);
    return [{ action: `states:${operation}`, resource: withAccount(named) }];
  }
  throw new Error(`The service of ${target} is not known`);
}

const matches = (pattern: string, text: string): boolean =>
  new RegExp(`^${pattern.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*')}$`, 's').test(text);

/** Whether these statements allow it, as IAM decides: one that allows it, and none that denies it. */
export function isAllowed(
  statements: readonly Statement[],
  spelling: Spelling,
  { action, resource, keys = {} }: Asked,
): boolean {
  const fitting = statements.filter(
    (statement) =>
      statement.actions.includes(action) &&
      statement.resources.some((of) => matches(spell(of, spelling), resource)) &&
      Object.entries(statement.condition?.StringEquals ?? {}).every(([key, value]) =>
        [value].flat().includes(keys[key] ?? ''),
      ),
  );
  return fitting.some(({ effect }) => effect === 'Allow') && fitting.every(({ effect }) => effect !== 'Deny');
}
