import { CloudWatchServiceException, GetMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import * as logs from '@aws-sdk/client-cloudwatch-logs';
import * as dynamodb from '@aws-sdk/client-dynamodb';
import * as lambda from '@aws-sdk/client-lambda';
import * as s3 from '@aws-sdk/client-s3';
import * as quotas from '@aws-sdk/client-service-quotas';
import { GetCallerIdentityCommand, STSClient, STSServiceException } from '@aws-sdk/client-sts';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { isThrottle, isTransient } from '../../../src/lib/async/backoff.ts';
import { readFault } from '../../../src/pipeline/aws.ts';
import { readInvokeError } from '../../../src/pipeline/invoke/invoke-error.ts';
import { type AwsRig, BUCKET, CONTROL_BUCKET, FUNCTION, keyOf, LOG_GROUP, startAwsRig, TABLE } from './aws-rig.ts';

/**
 * Every error that the bot distinguishes, as the real SDK reports it for the answers of the local AWS: class, name,
 * status and retryable flag; and how the bot classifies it.
 */

let rig: AwsRig;
let sts: STSClient;
beforeAll(async () => {
  rig = await startAwsRig();
  const credentials = { accessKeyId: 'x', secretAccessKey: 'x' };
  sts = new STSClient({ endpoint: rig.aws.url, region: 'us-east-1', credentials, maxAttempts: 1 });
});
afterAll(async () => {
  sts.destroy();
  await rig.close();
});
beforeEach(() => rig.reset());

type Call = () => Promise<unknown>;
type ErrorClass = abstract new (...about: never[]) => Error;

const errorOf = (call: Call): Promise<unknown> =>
  call().then(
    () => expect.unreachable('there was no error'),
    (error: unknown) => error,
  );
const faultOf = (error: unknown, service: string) =>
  readFault(error, { service, action: 'a call', resource: 'r' })?.reason;

/** One call to each service, and the IAM action that it needs. */
const CALLS: readonly [what: string, service: string, action: string, call: Call, base: ErrorClass][] = [
  [
    'DynamoDB',
    'dynamodb',
    'dynamodb:DescribeTable',
    () => rig.dynamodb.send(new dynamodb.DescribeTableCommand({ TableName: TABLE })),
    dynamodb.DynamoDBServiceException,
  ],
  ['an invocation', 'lambda', 'lambda:InvokeFunction', () => rig.invoke(keyOf(0)), lambda.LambdaServiceException],
  ['Lambda', 'lambda', 'lambda:GetFunctionConfiguration', () => rig.configuration(), lambda.LambdaServiceException],
  [
    'S3',
    's3',
    's3:ListBucket',
    () => rig.s3.send(new s3.ListObjectsV2Command({ Bucket: BUCKET })),
    s3.S3ServiceException,
  ],
  [
    'a HEAD in S3',
    's3',
    's3:GetObject',
    () => rig.s3.send(new s3.HeadObjectCommand({ Bucket: BUCKET, Key: keyOf(0) })),
    s3.S3ServiceException,
  ],
  ['CloudWatch Logs', 'logs', 'logs:FilterLogEvents', () => rig.lines(), logs.CloudWatchLogsServiceException],
  ['CloudWatch', 'cloudwatch', 'cloudwatch:GetMetricData', () => metrics(), CloudWatchServiceException],
  [
    'Service Quotas',
    'servicequotas',
    'servicequotas:ListServiceQuotas',
    () => rig.quotas.send(new quotas.ListServiceQuotasCommand({ ServiceCode: 'bedrock' })),
    quotas.ServiceQuotasServiceException,
  ],
];
const metrics = (more: { NextToken?: string } = {}) =>
  rig.metrics.send(
    new GetMetricDataCommand({
      StartTime: new Date(Date.now() - 60_000),
      EndTime: new Date(),
      MetricDataQueries: [
        { Id: 'a', MetricStat: { Metric: { Namespace: 'AWS/Lambda', MetricName: 'Errors' }, Period: 60, Stat: 'Sum' } },
      ],
      ...more,
    }),
  );

describe.each(CALLS)('%s', (what, service, action, call, base) => {
  test('the SDK reports expired credentials as the error class of the service', async () => {
    rig.aws.turn({ expiredCredentials: true });
    const error = await errorOf(call);
    expect(error).toBeInstanceOf(base);
    // S3 answers ExpiredToken with 400, Lambda with 403, the JSON services with 400. A HEAD has no body with a message.
    expect(error).toMatchObject({
      name: what === 'a HEAD in S3' ? 'Unknown' : service === 's3' ? 'ExpiredToken' : 'ExpiredTokenException',
      $metadata: { httpStatusCode: service === 'lambda' ? 403 : 400 },
      $fault: 'client',
    });
    expect(faultOf(error, service)).toBe('credentials');
    expect(isTransient(error)).toBe(false);
  });

  test('the SDK reports a denied action with the name of the action', async () => {
    rig.aws.turn({ accessDenied: [action] });
    const error = await errorOf(call);
    expect(error).toBeInstanceOf(base);
    expect(error).toMatchObject({
      name: what === 'a HEAD in S3' ? 'Unknown' : service === 's3' ? 'AccessDenied' : 'AccessDeniedException',
      $metadata: { httpStatusCode: service === 'lambda' || service === 's3' ? 403 : 400 },
      ...(service === 's3' ? {} : { message: expect.stringContaining(`not authorized to perform: ${action}`) }),
    });
    expect(faultOf(error, service)).toBe('access-denied');
    expect(isTransient(error)).toBe(false);
  });

  test('the SDK reports a closed connection during an outage', async () => {
    rig.aws.turn({ outage: true });
    const error = await errorOf(call);
    expect(error).not.toBeInstanceOf(base);
    expect(faultOf(error, service)).toBe('network');
    expect(isTransient(error)).toBe(true);
  });
});

test('STS answers expired credentials with ExpiredToken', async () => {
  rig.aws.turn({ expiredCredentials: true });
  const error = await errorOf(() => sts.send(new GetCallerIdentityCommand({})));
  expect(error).toBeInstanceOf(STSServiceException);
  expect(error).toMatchObject({ name: 'ExpiredToken', $metadata: { httpStatusCode: 403 } });
  expect(faultOf(error, 'sts')).toBe('credentials');
});

const ROW = { ResourceName: { S: 'a' }, DateProjectCode: { S: 'b' } };
const put = (more: Partial<dynamodb.PutItemCommandInput> = {}) =>
  rig.dynamodb.send(new dynamodb.PutItemCommand({ TableName: TABLE, Item: ROW, ...more }));
const configure = (more: Partial<lambda.UpdateFunctionConfigurationCommandInput> = {}) =>
  rig.lambda.send(new lambda.UpdateFunctionConfigurationCommand({ FunctionName: FUNCTION, Timeout: 9, ...more }));
const reserve = (ReservedConcurrentExecutions: number) =>
  rig.lambda.send(new lambda.PutFunctionConcurrencyCommand({ FunctionName: FUNCTION, ReservedConcurrentExecutions }));
const read = (Bucket: string, Key = 'none') => rig.s3.send(new s3.GetObjectCommand({ Bucket, Key }));
const filter = (input: logs.FilterLogEventsCommandInput) => rig.logs.send(new logs.FilterLogEventsCommand(input));

describe('error classes of the SDK', () => {
  test.each<[what: string, call: Call, kind: ErrorClass, name: string, status: number, fault?: string]>([
    [
      'no such table',
      () => rig.dynamodb.send(new dynamodb.DescribeTableCommand({ TableName: 'None' })),
      dynamodb.ResourceNotFoundException,
      'ResourceNotFoundException',
      400,
      'table-missing',
    ],
    [
      'a table that is there',
      () =>
        rig.dynamodb.send(
          new dynamodb.CreateTableCommand({
            TableName: TABLE,
            KeySchema: [{ AttributeName: 'a', KeyType: 'HASH' }],
            AttributeDefinitions: [{ AttributeName: 'a', AttributeType: 'S' }],
            BillingMode: 'PAY_PER_REQUEST',
          }),
        ),
      dynamodb.ResourceInUseException,
      'ResourceInUseException',
      400,
    ],
    [
      'a condition that does not hold',
      () => put({ ConditionExpression: 'attribute_exists(ResourceName)' }),
      dynamodb.ConditionalCheckFailedException,
      'ConditionalCheckFailedException',
      400,
    ],
    [
      'an item without its key',
      () => put({ Item: { ResourceName: { S: 'a' } } }),
      dynamodb.DynamoDBServiceException,
      'ValidationException',
      400,
    ],
    [
      'no such function',
      () => rig.lambda.send(new lambda.GetFunctionCommand({ FunctionName: 'none' })),
      lambda.ResourceNotFoundException,
      'ResourceNotFoundException',
      404,
      'function-missing',
    ],
    [
      'another revision of the function',
      () => configure({ RevisionId: '00000000-0000-0000-0000-000000000000' }),
      lambda.PreconditionFailedException,
      'PreconditionFailedException',
      412,
    ],
    [
      'another package than the one that is there',
      () => rig.lambda.send(new lambda.PublishVersionCommand({ FunctionName: FUNCTION, CodeSha256: 'x' })),
      lambda.InvalidParameterValueException,
      'InvalidParameterValueException',
      400,
    ],
    [
      'an update while another is under way',
      async () => {
        rig.aws.turn({ updateMs: 600_000 });
        await configure();
        await configure();
      },
      lambda.ResourceConflictException,
      'ResourceConflictException',
      409,
    ],
    ['no such object', () => read(CONTROL_BUCKET), s3.NoSuchKey, 'NoSuchKey', 404],
    [
      'no such object, asked by HEAD',
      () => rig.s3.send(new s3.HeadObjectCommand({ Bucket: BUCKET, Key: 'none' })),
      s3.NotFound,
      'NotFound',
      404,
    ],
    ['no such bucket', () => read('no-such-bucket'), s3.NoSuchBucket, 'NoSuchBucket', 404, 'bucket-missing'],
    [
      'no such log group',
      () => filter({ logGroupName: '/aws/lambda/none' }),
      logs.ResourceNotFoundException,
      'ResourceNotFoundException',
      400,
    ],
    [
      'a filter pattern that is malformed',
      () => filter({ logGroupName: LOG_GROUP, filterPattern: '{ $.x' }),
      logs.InvalidParameterException,
      'InvalidParameterException',
      400,
    ],
    [
      'a page of metrics that is not there',
      () => metrics({ NextToken: 'x' }),
      CloudWatchServiceException,
      'InvalidNextToken',
      400,
    ],
    [
      'a service without quotas',
      () => rig.quotas.send(new quotas.ListServiceQuotasCommand({ ServiceCode: 'none' })),
      quotas.NoSuchResourceException,
      'NoSuchResourceException',
      400,
    ],
  ])('the SDK reports the right class and status for %s', async (_what, call, kind, name, status, fault) => {
    const error = await errorOf(call);
    expect(error).toBeInstanceOf(kind);
    expect(error).toMatchObject({ name, $metadata: { httpStatusCode: status } });
    expect(faultOf(error, 'other')).toBe(fault);
    expect(isTransient(error)).toBe(false);
  });
});

describe('throttling', () => {
  test('a throttled DynamoDB request is a retryable error of the SDK', async () => {
    rig.aws.turn({ dynamodb: { throttleRate: 1 } });
    const error = await errorOf(() => put());
    expect(error).toBeInstanceOf(dynamodb.ProvisionedThroughputExceededException);
    expect(error).toMatchObject({ $metadata: { httpStatusCode: 400 } });
    expect([isThrottle(error), isTransient(error)]).toEqual([true, true]);
  });

  test.each([
    ['the account', 'CallerRateLimitExceeded', { functionPerMinute: 1 }, undefined, 'account'],
    ['the function', 'ReservedFunctionConcurrentInvocationLimitExceeded', {}, 0, 'function'],
  ])(
    'Lambda throttles an invocation for %s with 429, its reason and the time to wait',
    async (_, Reason, dials, reserved, source) => {
      rig.aws.turn(dials);
      if (reserved === undefined) await rig.invoke(keyOf(0));
      else await reserve(reserved);
      const error = await errorOf(() => rig.invoke(keyOf(0)));
      expect(error).toBeInstanceOf(lambda.TooManyRequestsException);
      expect(error).toMatchObject({ Reason, retryAfterSeconds: '1', $metadata: { httpStatusCode: 429 } });
      const asked = { service: 'lambda', action: 'lambda:InvokeFunction', resource: FUNCTION };
      expect(readInvokeError(error, asked)).toMatchObject({ kind: 'throttled', source });
    },
  );
});

describe('an invocation', () => {
  const asked = { service: 'lambda', action: 'lambda:InvokeFunction', resource: FUNCTION };
  const send = (Payload: string) => rig.lambda.send(new lambda.InvokeCommand({ FunctionName: FUNCTION, Payload }));

  test.each([
    ['of more than 6 MB', `"${'x'.repeat(6 * 1024 * 1024)}"`, lambda.RequestTooLargeException, 413],
    ['that is no JSON', '{', lambda.InvalidRequestContentException, 400],
  ])('a payload %s is refused as a failure of that image alone', async (_, payload, kind, httpStatusCode) => {
    const error = await errorOf(() => send(payload));
    expect(error).toBeInstanceOf(kind);
    expect(error).toMatchObject({ $metadata: { httpStatusCode } });
    expect(readInvokeError(error, asked)).toMatchObject({
      kind: 'outcome',
      outcome: { failureType: 'INVOCATION_ERROR' },
    });
  });

  test('an invocation whose connection breaks is neither a success nor a failure for the bot', async () => {
    rig.aws.turn({ brokenConnections: 1 });
    expect(readInvokeError(await errorOf(() => rig.invoke(keyOf(0))), asked)).toMatchObject({ kind: 'broken' });
  });
});
