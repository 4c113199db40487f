import { createServer } from 'node:net';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createAwsClients, createInvokeClient } from '../../../src/pipeline/aws.ts';
import {
  codeIdentity,
  createOcrFunction,
  describeFunction,
  encodeKeyAsEvent,
} from '../../../src/pipeline/invoke/ocr-function.ts';
import { TIMESHEETS } from '../../../src/pipeline/profile/timesheets.ts';
import { startWire, type Wire, type WireAnswer, type WireRequest } from '../../support/aws/wire.ts';
import { eventually } from '../../support/eventually.ts';

let wire: Wire;
let answer: (request: WireRequest) => WireAnswer | Promise<WireAnswer>;
const open: { destroy(): void }[] = [];
beforeEach(async () => {
  answer = () => ok({ statusCode: 200, body: '{"entries_stored":3}' });
  wire = await startWire((request) => answer(request));
  vi.stubEnv('AWS_ENDPOINT_URL', wire.url);
  vi.stubEnv('AWS_REGION', 'us-east-1');
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'test');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test');
  vi.stubEnv('AWS_MAX_ATTEMPTS', '5');
});
afterEach(async () => {
  for (const client of open.splice(0)) client.destroy();
  vi.unstubAllEnvs();
  await wire.stop();
});

const ok = (payload: unknown, headers: Record<string, string> = {}): WireAnswer => ({
  headers: { 'x-amzn-requestid': 'request-1', ...headers },
  body: JSON.stringify(payload),
});
const refuse = (status: number, name: string, body: object = {}): WireAnswer => ({
  status,
  headers: { 'x-amzn-errortype': name, 'x-amzn-requestid': 'request-2', 'content-type': 'application/json' },
  body: JSON.stringify({ Type: 'User', message: `said ${name}`, ...body }),
});
function connect(options: { keyEncoding?: 'raw' | 'url'; timeoutMs?: number } = {}) {
  const { lambda } = createAwsClients();
  const client = createInvokeClient({ like: lambda, timeoutMs: options.timeoutMs ?? 5_000, maxSockets: 10 });
  open.push(client);
  return createOcrFunction({
    client,
    functionName: 'ocr',
    bucket: 'input',
    keyEncoding: options.keyEncoding ?? 'raw',
    profile: TIMESHEETS,
  });
}

describe('an invocation for an image', () => {
  test('is synchronous and passes the key as it is', async () => {
    const invocation = await connect().invoke('a b+c%20/ü.png');
    expect(invocation).toEqual({
      result: { kind: 'outcome', outcome: { kind: 'processed', entriesStored: 3 } },
      requestId: 'request-1',
    });
    expect(wire.requests).toHaveLength(1);
    expect(wire.requests[0]?.path).toBe('/2015-03-31/functions/ocr/invocations');
    expect(wire.requests[0]?.headers['x-amz-invocation-type']).toBe('RequestResponse');
    expect(JSON.parse(wire.requests[0]?.body ?? '')).toEqual({
      Records: [{ s3: { bucket: { name: 'input' }, object: { key: 'a b+c%20/ü.png' } } }],
    });
  });

  test('passes the key URL-encoded as in an S3 event when that is set', async () => {
    await connect({ keyEncoding: 'url' }).invoke('a b+c%20/ü(1).png');
    expect(JSON.parse(wire.requests[0]?.body ?? '').Records[0].s3.object.key).toBe('a+b%2Bc%2520/%C3%BC%281%29.png');
    expect(encodeKeyAsEvent("~!*'().-_")).toBe('%7E%21*%27%28%29.-_');
    expect(encodeKeyAsEvent('\ud800')).toBe('%EF%BF%BD');
  });

  test('that crashed is read by its payload', async () => {
    answer = () =>
      ok(
        { errorType: 'Sandbox.Timedout', errorMessage: 'Task timed out after 3.00 seconds' },
        { 'x-amz-function-error': 'Unhandled' },
      );
    const { result } = await connect().invoke('a.png');
    expect(result).toMatchObject({ outcome: { kind: 'failed', failureType: 'TIMEOUT_ERROR' } });
  });

  test.each<[number, string, object, object]>([
    [
      429,
      'TooManyRequestsException',
      { Reason: 'ReservedFunctionConcurrentInvocationLimitExceeded' },
      { kind: 'throttled', source: 'function' },
    ],
    [
      429,
      'TooManyRequestsException',
      { Reason: 'ReservedFunctionInvocationRateLimitExceeded' },
      { kind: 'throttled', source: 'function' },
    ],
    [429, 'TooManyRequestsException', { Reason: 'CallerRateLimitExceeded' }, { kind: 'throttled', source: 'account' }],
    [429, 'TooManyRequestsException', {}, { kind: 'throttled', source: 'account' }],
    [502, 'EC2ThrottledException', {}, { kind: 'throttled' }],
    [502, 'ENILimitReachedException', {}, { kind: 'throttled' }],
    [502, 'SubnetIPAddressLimitReachedException', {}, { kind: 'throttled' }],
    [502, 'ResourceNotReadyException', {}, { kind: 'throttled' }],
    [409, 'ResourceConflictException', {}, { kind: 'throttled' }],
    [500, 'ServiceException', {}, { kind: 'broken' }],
    [503, 'ServiceUnavailableException', {}, { kind: 'broken' }],
    [403, 'ExpiredTokenException', {}, { kind: 'fault', fault: { reason: 'credentials' } }],
    [403, 'UnrecognizedClientException', {}, { kind: 'fault', fault: { reason: 'credentials' } }],
    [403, 'InvalidSignatureException', {}, { kind: 'fault', fault: { reason: 'credentials' } }],
    [
      403,
      'AccessDeniedException',
      {},
      {
        kind: 'fault',
        fault: { reason: 'access-denied', fix: expect.stringContaining('Allow lambda:InvokeFunction on ocr') },
      },
    ],
    [
      404,
      'ResourceNotFoundException',
      {},
      { kind: 'fault', fault: { reason: 'function-missing', fix: expect.stringContaining('OCR_FUNCTION') } },
    ],
    [
      400,
      'InvalidRequestContentException',
      {},
      {
        kind: 'outcome',
        outcome: { kind: 'failed', failureType: 'INVOCATION_ERROR', errorCode: 'InvalidRequestContentException' },
      },
    ],
    [
      413,
      'RequestTooLargeException',
      {},
      { kind: 'outcome', outcome: { kind: 'failed', failureType: 'INVOCATION_ERROR' } },
    ],
    [502, 'InvalidZipFileException', {}, { kind: 'fault', fault: { reason: 'configuration' } }],
    [502, 'InvalidRuntimeException', {}, { kind: 'fault', fault: { reason: 'configuration' } }],
    [502, 'KMSAccessDeniedException', {}, { kind: 'fault', fault: { reason: 'configuration' } }],
    [400, 'InvalidParameterValueException', {}, { kind: 'fault', fault: { reason: 'configuration' } }],
  ])('that Lambda answers with %i %s %j is sent once and read correctly', async (status, name, body, expected) => {
    answer = () => refuse(status, name, body);
    const invocation = await connect().invoke('a.png');
    expect(invocation.result).toMatchObject(expected);
    expect(invocation.requestId).toBe('request-2');
    expect(wire.requests).toHaveLength(1);
  });

  test('with a broken connection is sent once and read as broken, because the function may have run', async () => {
    answer = () => 'hang up';
    expect((await connect().invoke('a.png')).result.kind).toBe('broken');
    expect(wire.requests).toHaveLength(1);
  });

  test('without an answer in time is read as broken, because the function may have run', async () => {
    answer = () => 'silence';
    expect((await connect({ timeoutMs: 500 }).invoke('a.png')).result.kind).toBe('broken');
    await eventually(() => expect(wire.requests).toHaveLength(1));
  });

  test('with a late answer in time is read', async () => {
    answer = async () => {
      await new Promise((resolve) => setTimeout(resolve, 300));
      return ok({ statusCode: 200, body: '{}' });
    };
    expect((await connect({ timeoutMs: 20_000 }).invoke('a.png')).result.kind).toBe('outcome');
  });

  test('that is aborted is read as broken, because the function may have run', async () => {
    const over = new AbortController();
    answer = () => {
      over.abort();
      return 'silence';
    };
    expect((await connect().invoke('a.png', over.signal)).result.kind).toBe('broken');
  });

  test('that was never sent is a network fault', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : 0;
    await new Promise((resolve) => server.close(resolve));
    vi.stubEnv('AWS_ENDPOINT_URL', `http://127.0.0.1:${port}`);
    const { result } = await connect().invoke('a.png');
    expect(result).toMatchObject({
      kind: 'fault',
      fault: { reason: 'network', fix: expect.stringContaining('AWS_ENDPOINT_URL') },
    });
  });

  test('runs concurrently with as many others as there are sockets', async () => {
    let most = 0;
    let now = 0;
    answer = async () => {
      most = Math.max(most, ++now);
      await eventually(() => expect(most).toBe(10));
      now--;
      return ok({ statusCode: 200, body: '{}' });
    };
    const fn = connect();
    const readings = await Promise.all(Array.from({ length: 30 }, (_, at) => fn.invoke(`${at}.png`)));
    expect(readings.every(({ result }) => result.kind === 'outcome')).toBe(true);
    expect(most).toBe(10);
  });
});

describe('the configuration of the function', () => {
  const facts = () => {
    const { lambda } = createAwsClients();
    open.push(lambda);
    return describeFunction(lambda, 'ocr');
  };
  const CONFIGURATION = {
    FunctionName: 'ocr',
    FunctionArn: 'arn:aws:lambda:us-east-1:123456789012:function:ocr',
    Runtime: 'python3.13',
    Handler: 'lambda_function.lambda_handler',
    Timeout: 300,
    MemorySize: 1024,
    CodeSha256: 'abc=',
    PackageType: 'Zip',
    State: 'Active',
    LastUpdateStatus: 'Successful',
    Environment: { Variables: { DYNAMODB_TABLE: 'TimesheetOCR-dev' } },
  };

  test('has the log group when one is set', async () => {
    answer = () => ok({ Configuration: { ...CONFIGURATION, LoggingConfig: { LogGroup: '/team/ocr' } } });
    expect(await facts()).toMatchObject({ logGroup: '/team/ocr' });
  });

  test('is read in the units of the bot', async () => {
    answer = () => ok({ Configuration: CONFIGURATION, Concurrency: { ReservedConcurrentExecutions: 0 } });
    expect(await facts()).toEqual({
      name: 'ocr',
      arn: 'arn:aws:lambda:us-east-1:123456789012:function:ocr',
      timeoutMs: 300_000,
      memoryMb: 1024,
      reservedConcurrency: 0,
      codeSha256: 'abc=',
      handler: 'lambda_function.lambda_handler',
      environment: { DYNAMODB_TABLE: 'TimesheetOCR-dev' },
    });
  });

  test('is read again after a transient failure of Lambda, unlike an invocation', async () => {
    answer = () => (wire.requests.length < 3 ? refuse(500, 'ServiceException') : ok({ Configuration: CONFIGURATION }));
    expect((await facts()).timeoutMs).toBe(300_000);
    expect(wire.requests).toHaveLength(3);
  });

  test('of a missing function is a fault that names the function and the setting', async () => {
    answer = () => refuse(404, 'ResourceNotFoundException');
    await expect(facts()).rejects.toMatchObject({
      fault: {
        reason: 'function-missing',
        message: expect.stringContaining('ocr'),
        fix: 'Check OCR_FUNCTION and AWS_REGION.',
      },
    });
  });
});

test('missing credentials are a fault before anything is sent', async () => {
  const client = new LambdaClient({
    maxAttempts: 1,
    credentials: async () => {
      throw Object.assign(new Error('Could not load credentials from any providers'), {
        name: 'CredentialsProviderError',
      });
    },
  });
  open.push(client);
  const fn = createOcrFunction({
    client,
    functionName: 'ocr',
    bucket: 'input',
    keyEncoding: 'raw',
    profile: TIMESHEETS,
  });
  expect((await fn.invoke('a.png')).result).toMatchObject({ kind: 'fault', fault: { reason: 'credentials' } });
  expect(wire.requests).toHaveLength(0);
});

describe('the identity of the code', () => {
  const facts = {
    name: 'ocr',
    timeoutMs: 1,
    memoryMb: 1,
    codeSha256: 'abc=',
    handler: 'rescan_failure_logging.handler',
    environment: { RESCAN_TABLE: 'T', TOKEN: 'x' },
    logGroup: '/aws/lambda/ocr',
  } as const;
  test('changes with the code, the handler and the variables of failure logging', () => {
    const identity = codeIdentity(facts);
    expect(identity).toMatch(/^abc=\/[0-9a-f]{12}$/);
    expect(codeIdentity({ ...facts, codeSha256: 'abd=' })).not.toBe(identity);
    expect(codeIdentity({ ...facts, handler: 'lambda_function.lambda_handler' })).not.toBe(identity);
    expect(codeIdentity({ ...facts, environment: { TOKEN: 'x' } })).not.toBe(identity);
  });

  test('does not change with a variable of the team', () => {
    expect(codeIdentity({ ...facts, environment: { TOKEN: 'y', RESCAN_TABLE: 'T' } })).toBe(codeIdentity(facts));
  });
});

describe('an answer that is not of AWS', () => {
  const page = (status: number): WireAnswer => ({
    status,
    headers: { 'content-type': 'text/html; charset=utf-8' },
    body: '<html><head><title>Service Unavailable</title></head></html>',
  });
  test.each([503, 502, 403])(
    'a page with the status %i is a broken connection, and the message says so',
    async (status) => {
      answer = () => page(status);
      expect((await connect().invoke('a.png')).result).toEqual({
        kind: 'broken',
        message: `AWS answered ${status} (HTML from a proxy?)`,
      });
    },
  );

  test('a page in place of the configuration is a fault of the network, not a missing permission', async () => {
    answer = () => page(403);
    const { lambda } = createAwsClients();
    open.push(lambda);
    await expect(describeFunction(lambda, 'ocr')).rejects.toMatchObject({
      fault: { reason: 'network', message: expect.stringMatching(/AWS answered 403 \(HTML from a proxy\?\)/) },
    });
  });

  test('text that is no JSON, without a type, is one as well', async () => {
    answer = () => ({ status: 500, headers: {}, body: 'upstream connect error' });
    expect((await connect().invoke('a.png')).result).toEqual({
      kind: 'broken',
      message: 'AWS answered 500 (not JSON, from a proxy?)',
    });
  });
});
