import { CloudWatchLogsClient, FilterLogEventsCommand } from '@aws-sdk/client-cloudwatch-logs';
import {
  BatchWriteItemCommand,
  DescribeTableCommand,
  DynamoDBClient,
  ScanCommand,
  TransactWriteItemsCommand,
} from '@aws-sdk/client-dynamodb';
import {
  DeleteFunctionConcurrencyCommand,
  GetAccountSettingsCommand,
  GetFunctionConcurrencyCommand,
  GetFunctionConfigurationCommand,
  InvokeCommand,
  LambdaClient,
  PutFunctionConcurrencyCommand,
} from '@aws-sdk/client-lambda';
import {
  GetObjectCommand,
  HeadBucketCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { ListServiceQuotasCommand, ServiceQuotasClient } from '@aws-sdk/client-service-quotas';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { Upload } from '@aws-sdk/lib-storage';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { seedKey, seedTimesheet } from '../../../sandbox/aws/ocr/timesheet.ts';
import { type LocalAws, PortInUseError, startLocalAws } from '../../../sandbox/aws/server.ts';
import { FAILURE_KINDS } from '../../../sandbox/aws/world.ts';

const BUCKET = 'timesheetocr-input-dev-016164185850';
const TABLE = 'TimesheetOCR-dev';
const FUNCTION = 'TimesheetOCR-ocr-dev';
let aws: LocalAws;
let lambda: LambdaClient;
let s3: S3Client;
let dynamodb: DynamoDBClient;
let logs: CloudWatchLogsClient;
let quotas: ServiceQuotasClient;
let sts: STSClient;

beforeAll(async () => {
  aws = await startLocalAws({ port: 0, images: 60 });
  const to = {
    endpoint: aws.url,
    region: 'us-east-1',
    credentials: { accessKeyId: 'x', secretAccessKey: 'x' },
    maxAttempts: 1,
  };
  lambda = new LambdaClient(to);
  s3 = new S3Client({ ...to, forcePathStyle: true });
  dynamodb = new DynamoDBClient(to);
  logs = new CloudWatchLogsClient(to);
  quotas = new ServiceQuotasClient(to);
  sts = new STSClient(to);
});
afterAll(() => aws.close());
const world = (path: string, body?: unknown) =>
  fetch(`${aws.url}/sandbox/${path}`, body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) });
afterEach(() => world('reset', {}));

test('tells which caller changed records or invoked the function, by its access key id', async () => {
  const put = { TableName: TABLE, Item: { ResourceName: { S: 'A' }, DateProjectCode: { S: 'B' } } };
  await dynamodb.send(new TransactWriteItemsCommand({ TransactItems: [{ Put: put }] }));
  await dynamodb.send(new ScanCommand({ TableName: TABLE }));
  await invoke(keyOf(0));
  const { calls } = z
    .object({ calls: z.array(z.looseObject({ caller: z.string(), operation: z.string() })) })
    .parse(await (await world('callers')).json());
  expect(calls).toMatchObject([
    { caller: 'x', operation: 'TransactWriteItems' },
    { caller: 'x', operation: 'Invoke' },
  ]);
});

const keyOf = (index: number) => seedKey(seedTimesheet(index), index);
async function invoke(key: string) {
  const Payload = JSON.stringify({ Records: [{ s3: { bucket: { name: BUCKET }, object: { key } } }] });
  const reply = await lambda.send(new InvokeCommand({ FunctionName: FUNCTION, Payload }));
  return {
    error: reply.FunctionError,
    payload: Buffer.from(reply.Payload ?? []).toString('utf8'),
    requestId: reply.$metadata.requestId,
  };
}
const named = (name: string) => expect.objectContaining({ name });
const seenSchema = z.object({ highestConcurrency: z.number() });
const seen = async () => seenSchema.parse(await (await world('invocations')).json());

describe('the function', () => {
  test('the function reads the picture in the bucket and stores the entries of its timesheet', async () => {
    aws.turn({ latencyMs: 0 });
    const key = keyOf(0);
    const reply = await invoke(key);
    expect(reply.error).toBeUndefined();
    const { statusCode, body } = JSON.parse(reply.payload);
    expect(statusCode).toBe(200);
    expect(typeof body).toBe('string');
    expect(JSON.parse(body)).toMatchObject({ resource_name: 'Nik Coultas', validation: { valid: true } });
    const rows = (await dynamodb.send(new ScanCommand({ TableName: TABLE, ConsistentRead: true }))).Items ?? [];
    const fresh = rows.filter((row) => row.SourceImage?.S === key && row.OCRVersion?.S === '2.6.1');
    expect(fresh.length).toBeGreaterThan(1);
    expect(fresh[0]).toMatchObject({ ResourceName: { S: 'Nik_Coultas' }, Hours: { N: expect.any(String) } });
    expect(rows.some((row) => row.WeeksSubmitted?.SS)).toBe(true);
  });

  test('the function rejects a draft, which does not count as a failure', async () => {
    aws.turn({ latencyMs: 0 });
    const reply = JSON.parse((await invoke(keyOf(12))).payload);
    expect(reply.statusCode).toBe(200);
    expect(JSON.parse(reply.body)).toMatchObject({ rejected: true, status: 'Draft' });
  });

  test('a missing key fails inside of the function, and its failure logger reports a record that DynamoDB refused', async () => {
    aws.turn({ latencyMs: 0 });
    const reply = JSON.parse((await invoke('INVALID_IMAGE.png')).payload);
    expect(reply.statusCode).toBe(500);
    expect(JSON.parse(reply.body).error).toMatch(/NoSuchKey.*GetObject/);
    const lines = await allLines('"failed" "image"');
    expect(lines.join()).toMatch(/ValidationException.*PutItem/);
    expect((await allLines('Logged failure to database')).length).toBe(1);
    const found = await dynamodb.send(new ScanCommand({ TableName: TABLE, ConsistentRead: true }));
    expect(found.Items?.some((row) => row.RecordType?.S === 'FAILED_IMAGE')).toBe(false);
  });

  test.each([
    ['failed-500', undefined, /"statusCode":500/],
    ['validation', undefined, /Validation failed/],
    ['textract', undefined, /Textract/],
    ['parsing', undefined, /Parsing/],
    ['throttling-in-500', undefined, /ThrottlingException/],
    ['crash', 'Unhandled', /"errorType":"KeyError"/],
    ['timeout', 'Unhandled', /Task timed out after 300.00 seconds/],
    ['timeout-new', 'Unhandled', /Sandbox.Timedout/],
    ['out-of-memory', 'Unhandled', /Runtime.OutOfMemory/],
    ['exit', 'Unhandled', /Runtime.ExitError/],
    ['unreadable', undefined, /^<html>/],
    ['needs-review', undefined, /"validation\\":\{\\"valid\\":false,\\"errors\\":\[\\"Weekly total mismatch/],
    ['reply-too-large', 'Unhandled', /"errorType":"Function.ResponseSizeTooLarge"/],
    ['import-module', 'Unhandled', /"errorType":"Runtime.ImportModuleError"/],
    ['handler-missing', 'Unhandled', /"errorType":"Runtime.HandlerNotFound"/],
    ['syntax-error', 'Unhandled', /"errorType":"Runtime.UserCodeSyntaxError"/],
    ['daily-quota', undefined, /\(ThrottlingException\) when calling the Converse operation: Too many tokens per day/],
    ['model-denied', undefined, /\(AccessDeniedException\) when calling the Converse operation/],
    ['kms-disabled', undefined, /\(KMS.DisabledException\) when calling the GetObject operation/],
    ['textract-denied', undefined, /\(AccessDeniedException\) when calling the AnalyzeDocument operation/],
  ] as const)('fails as %s', async (kind, error, payload) => {
    aws.turn({ latencyMs: 0, failures: { kind } });
    const reply = await invoke(keyOf(1));
    expect(reply.error).toBe(error);
    expect(reply.payload).toMatch(payload);
  });

  test('the table of failures covers all 20 kinds', () => expect(FAILURE_KINDS).toHaveLength(20));

  test('failures with `match` affect only the matching keys', async () => {
    aws.turn({ latencyMs: 0, failures: [{ kind: 'textract', match: keyOf(3) }] });
    expect((await invoke(keyOf(3))).payload).toMatch(/500/);
    expect((await invoke(keyOf(4))).payload).not.toMatch(/"statusCode":500/);
  });

  test('with `writesNothing` the function reports stored entries and stores none', async () => {
    aws.turn({ latencyMs: 0, writesNothing: true });
    expect((await invoke(keyOf(5))).payload).toMatch(/entries_stored/);
    const rows = (await dynamodb.send(new ScanCommand({ TableName: TABLE, ConsistentRead: true }))).Items ?? [];
    expect(rows.some((row) => row.OCRVersion?.S === '2.6.1')).toBe(false);
  });

  test('with `writesFirst` the function stores the entries of so many images first', async () => {
    aws.turn({ latencyMs: 0, writesNothing: true, writesFirst: 2 });
    for (const index of [5, 6, 7]) await invoke(keyOf(index));
    const rows = (await dynamodb.send(new ScanCommand({ TableName: TABLE, ConsistentRead: true }))).Items ?? [];
    const stored = new Set(rows.filter((row) => row.OCRVersion?.S === '2.6.1').map((row) => row.SourceImage?.S));
    expect([5, 6, 7].map((index) => stored.has(keyOf(index)))).toEqual([true, true, false]);
  });
});

describe('limits', () => {
  test('an invocation beyond the concurrency limit is answered with 429 and its reason', async () => {
    aws.turn({ latencyMs: 200, concurrency: { unreserved: 2 } });
    const results = await Promise.allSettled([0, 1, 2, 3].map((index) => invoke(keyOf(index))));
    const refused = results.filter((result) => result.status === 'rejected');
    expect(refused).toHaveLength(2);
    expect(refused[0]?.reason).toMatchObject({
      name: 'TooManyRequestsException',
      Reason: 'ConcurrentInvocationLimitExceeded',
    });
    expect((await seen()).highestConcurrency).toBe(2);
  });

  test('a reserved concurrency of 0 refuses every invocation', async () => {
    await lambda.send(new PutFunctionConcurrencyCommand({ FunctionName: FUNCTION, ReservedConcurrentExecutions: 0 }));
    await expect(invoke(keyOf(0))).rejects.toMatchObject({
      Reason: 'ReservedFunctionConcurrentInvocationLimitExceeded',
    });
    expect(
      (await lambda.send(new GetFunctionConcurrencyCommand({ FunctionName: FUNCTION }))).ReservedConcurrentExecutions,
    ).toBe(0);
    await lambda.send(new DeleteFunctionConcurrencyCommand({ FunctionName: FUNCTION }));
    expect(
      (await lambda.send(new GetFunctionConcurrencyCommand({ FunctionName: FUNCTION }))).ReservedConcurrentExecutions,
    ).toBeUndefined();
  });

  test('an invocation beyond the limit per minute is answered with 429, and a model call beyond its limit fails in the function', async () => {
    aws.turn({ latencyMs: 0, functionPerMinute: 2 });
    await invoke(keyOf(0));
    await invoke(keyOf(1));
    await expect(invoke(keyOf(2))).rejects.toMatchObject({ Reason: 'CallerRateLimitExceeded' });
    aws.turn({ functionPerMinute: 0, bedrockPerMinute: 1 });
    const replies = [await invoke(keyOf(3)), await invoke(keyOf(4)), await invoke(keyOf(5))];
    expect(replies.at(-1)?.payload).toMatch(/ThrottlingException/);
  });
});

describe('faults of all services', () => {
  test('every service refuses expired credentials with its own error', async () => {
    aws.turn({ expiredCredentials: true });
    await expect(invoke(keyOf(0))).rejects.toEqual(named('ExpiredTokenException'));
    await expect(dynamodb.send(new DescribeTableCommand({ TableName: TABLE }))).rejects.toEqual(
      named('ExpiredTokenException'),
    );
    await expect(s3.send(new ListObjectsV2Command({ Bucket: BUCKET }))).rejects.toEqual(named('ExpiredToken'));
    await expect(quotas.send(new ListServiceQuotasCommand({ ServiceCode: 'bedrock' }))).rejects.toEqual(
      named('ExpiredTokenException'),
    );
    await expect(sts.send(new GetCallerIdentityCommand({}))).rejects.toEqual(named('ExpiredToken'));
  });

  test('a denied IAM action is refused and other actions work', async () => {
    aws.turn({
      accessDenied: [
        'dynamodb:Scan',
        's3:PutObject',
        'lambda:InvokeFunction',
        'servicequotas:ListServiceQuotas',
        'logs:FilterLogEvents',
      ],
    });
    await expect(dynamodb.send(new ScanCommand({ TableName: TABLE }))).rejects.toEqual(named('AccessDeniedException'));
    await expect(s3.send(new PutObjectCommand({ Bucket: BUCKET, Key: 'a', Body: 'a' }))).rejects.toEqual(
      named('AccessDenied'),
    );
    await expect(invoke(keyOf(0))).rejects.toEqual(named('AccessDeniedException'));
    await expect(quotas.send(new ListServiceQuotasCommand({ ServiceCode: 'bedrock' }))).rejects.toEqual(
      named('AccessDeniedException'),
    );
    await expect(allLines('')).rejects.toEqual(named('AccessDeniedException'));
    await dynamodb.send(new DescribeTableCommand({ TableName: TABLE }));
  });

  test('during an outage no connection gets an answer', async () => {
    aws.turn({ outage: true });
    await expect(invoke(keyOf(0))).rejects.toThrow();
    expect((await world('world', { outage: false })).ok).toBe(true);
    await invoke(keyOf(0));
  });

  test('a missing function and a missing bucket are answered with the errors of AWS', async () => {
    aws.turn({ functionMissing: true, latencyMs: 0 });
    await expect(invoke(keyOf(0))).rejects.toEqual(named('ResourceNotFoundException'));
    aws.turn({ functionMissing: false, bucketMissing: true });
    expect((await invoke(keyOf(0))).payload).toMatch(/NoSuchBucket/);
    await expect(s3.send(new ListObjectsV2Command({ Bucket: BUCKET }))).rejects.toEqual(named('NoSuchBucket'));
  });

  test('an archived image is listed with its class and cannot be read', async () => {
    aws.turn({ archived: [keyOf(0)], latencyMs: 0 });
    const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket: BUCKET, EncodingType: 'url' }));
    expect(Contents.filter(({ StorageClass }) => StorageClass === 'GLACIER')).toHaveLength(1);
    await expect(s3.send(new GetObjectCommand({ Bucket: BUCKET, Key: keyOf(0) }))).rejects.toEqual(
      named('InvalidObjectState'),
    );
    expect((await invoke(keyOf(0))).payload).toMatch(/InvalidObjectState/);
    expect((await invoke(keyOf(1))).payload).not.toMatch(/InvalidObjectState/);
  });

  test('unprocessed items are returned and the others are written', async () => {
    aws.turn({ dynamodb: { unprocessedRate: 0.5 } });
    const puts = Array.from({ length: 20 }, (_, index) => ({
      PutRequest: { Item: { ResourceName: { S: 'batch' }, DateProjectCode: { S: String(index) } } },
    }));
    const reply = await dynamodb.send(new BatchWriteItemCommand({ RequestItems: { [TABLE]: puts } }));
    const left = reply.UnprocessedItems?.[TABLE]?.length ?? 0;
    expect(left).toBeGreaterThan(0);
    const rows = (await dynamodb.send(new ScanCommand({ TableName: TABLE, ConsistentRead: true }))).Items ?? [];
    expect(rows.filter((row) => row.ResourceName?.S === 'batch')).toHaveLength(20 - left);
  });
});

async function allLines(filterPattern: string): Promise<string[]> {
  const lines: string[] = [];
  let nextToken: string | undefined;
  do {
    const page = await logs.send(
      new FilterLogEventsCommand({
        logGroupName: `/aws/lambda/${FUNCTION}`,
        filterPattern,
        limit: 3,
        ...(nextToken ? { nextToken } : {}),
      }),
    );
    lines.push(...(page.events ?? []).map((event) => event.message ?? ''));
    nextToken = page.nextToken;
  } while (nextToken);
  return lines;
}

describe('logs, quotas, S3 and descriptions', () => {
  test('the log is paged and starts with an empty page that has a token', async () => {
    aws.turn({ latencyMs: 0 });
    for (const index of [0, 1, 2]) await invoke(keyOf(index));
    const first = await logs.send(new FilterLogEventsCommand({ logGroupName: `/aws/lambda/${FUNCTION}` }));
    expect(first.events).toEqual([]);
    expect(first.nextToken).toBeDefined();
    expect((await allLines('REPORT')).length).toBe(3);
  });

  test('a missing log group and a malformed pattern are refused', async () => {
    await expect(logs.send(new FilterLogEventsCommand({ logGroupName: '/none' }))).rejects.toEqual(
      named('ResourceNotFoundException'),
    );
    await expect(allLines('"open')).rejects.toEqual(named('InvalidParameterException'));
  });

  test('quotas are paged and follow the settings', async () => {
    aws.turn({ quotas: { novaLiteCrossRegionRequestsPerMinute: 321 } });
    const all: [string | undefined, number | undefined][] = [];
    let NextToken: string | undefined;
    let pages = 0;
    do {
      const page = await quotas.send(
        new ListServiceQuotasCommand({ ServiceCode: 'bedrock', ...(NextToken ? { NextToken } : {}) }),
      );
      all.push(
        ...(page.Quotas ?? []).map((quota): [string | undefined, number | undefined] => [quota.QuotaName, quota.Value]),
      );
      NextToken = page.NextToken;
      pages++;
    } while (NextToken);
    expect(pages).toBeGreaterThan(1);
    expect(all).toContainEqual(['Cross-region model inference requests per minute for Amazon Nova Lite', 321]);
  });

  test('the function and the account return their descriptions', async () => {
    const facts = await lambda.send(new GetFunctionConfigurationCommand({ FunctionName: FUNCTION }));
    expect(facts).toMatchObject({
      Handler: 'lambda_function.lambda_handler',
      Timeout: 300,
      Environment: { Variables: { DYNAMODB_TABLE: TABLE } },
    });
    expect((await lambda.send(new GetAccountSettingsCommand({}))).AccountLimit?.ConcurrentExecutions).toBe(1_000);
    expect((await sts.send(new GetCallerIdentityCommand({}))).Account).toBe('016164185850');
  });

  test('S3 accepts multipart uploads and returns ranges', async () => {
    const Body = Buffer.alloc(12 * 1024 * 1024, 'abcdefgh');
    await new Upload({ client: s3, params: { Bucket: 'rescan-bot-control', Key: 'large ü+%.bin', Body } }).done();
    const part = await s3.send(
      new GetObjectCommand({ Bucket: 'rescan-bot-control', Key: 'large ü+%.bin', Range: 'bytes=8-15' }),
    );
    expect(await part.Body?.transformToString()).toBe('abcdefgh');
    await s3.send(new HeadBucketCommand({ Bucket: 'rescan-bot-control' }));
  });

  test('the bucket contains images with unusual keys and objects that are not images', async () => {
    const page = await s3.send(new ListObjectsV2Command({ Bucket: BUCKET }));
    const keys = (page.Contents ?? []).map((object) => object.Key);
    expect(keys).toHaveLength(65);
    expect(keys).toEqual(expect.arrayContaining([keyOf(0), keyOf(1), keyOf(2), keyOf(3), keyOf(4), 'readme.txt']));
  });
});

describe('the settings', () => {
  test.each([
    [{ latency: 3 }, /latency/],
    [{ failures: [{ kind: 'boredom' }] }, /failures.0.kind/],
    [{ brokenConnections: 2 }, /brokenConnections/],
    [[], /object/],
  ])('the invalid setting %j is refused by name and nothing changes', async (change, said) => {
    const before = aws.world();
    const reply = await world('world', change);
    expect(reply.status).toBe(400);
    expect(JSON.stringify(await reply.json())).toMatch(said);
    expect(aws.world()).toEqual(before);
  });

  test('a port in use is an error that names the port', async () => {
    await expect(startLocalAws({ port: aws.port, images: 1 })).rejects.toThrow(PortInUseError);
  });

  test('the same seed gives the same state', async () => {
    const other = await startLocalAws({ port: 0, images: 60 });
    const rows = async (url: string) =>
      z.object({ rows: z.array(z.unknown()) }).parse(await (await fetch(`${url}/sandbox/table?limit=1000`)).json())
        .rows;
    expect(await rows(other.url)).toEqual(await rows(aws.url));
    await other.close();
  });
});
