import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ScanCommand } from '@aws-sdk/client-dynamodb';
import { InvokeCommand } from '@aws-sdk/client-lambda';
import { ListObjectsV2Command } from '@aws-sdk/client-s3';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { withBackoff } from '../../src/lib/async/backoff.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { createAwsClients, createInvokeClient, readFault } from '../../src/pipeline/aws.ts';
import { FaultError } from '../../src/pipeline/fault.ts';
import { listImages } from '../../src/pipeline/images.ts';
import { nockInThisTest } from '../support/aws/nock.ts';
import { startWire, type Wire, type WireAnswer } from '../support/aws/wire.ts';

const asked = { service: 'lambda', action: 'lambda:InvokeFunction', resource: 'ocr' };
const error = (name: string, more: object = {}) => Object.assign(new Error(`said ${name}`), { name }, more);

const IN_S3 = { reason: 'configuration', fix: expect.stringMatching(/IMAGE_BUCKET.*AWS_REGION/) };

describe('the fault behind an error', () => {
  test.each<[string, unknown, object]>([
    [
      'expired credentials',
      error('ExpiredToken'),
      { reason: 'credentials', fix: expect.stringContaining('AWS_PROFILE') },
    ],
    ['unknown credentials', error('UnrecognizedClientException'), { reason: 'credentials' }],
    ['a wrong signature', error('SignatureDoesNotMatch'), { reason: 'credentials' }],
    [
      'a clock that is wrong',
      error('InvalidSignatureException', { message: 'Signature not yet current' }),
      { reason: 'credentials', fix: expect.stringContaining('clock') },
    ],
    ['no credentials', error('CredentialsProviderError'), { reason: 'credentials' }],
    [
      'a refused action',
      error('AccessDenied'),
      { reason: 'access-denied', fix: 'Allow lambda:InvokeFunction on ocr for the role of the bot.' },
    ],
    [
      'a refused action that the message of IAM names',
      error('AccessDeniedException', { message: 'User: x is not authorized to perform: kms:Decrypt on resource: y' }),
      { reason: 'access-denied', fix: expect.stringContaining('Allow kms:Decrypt') },
    ],
    [
      'a 403 without a name',
      error('UnknownError', { $metadata: { httpStatusCode: 403 } }),
      { reason: 'access-denied', message: expect.stringContaining('HTTP 403') },
    ],
    [
      'a bare 403 as the SDK names it',
      error('Unknown', { $metadata: { httpStatusCode: 403 } }),
      { reason: 'access-denied' },
    ],
    [
      'a missing function',
      error('ResourceNotFoundException'),
      { reason: 'function-missing', fix: expect.stringContaining('OCR_FUNCTION') },
    ],
    [
      'a missing table',
      error('TableNotFoundError'),
      { reason: 'table-missing', fix: expect.stringContaining('TABLE') },
    ],
    [
      'a refused connection',
      error('Error', { code: 'ECONNREFUSED' }),
      { reason: 'network', fix: expect.stringContaining('AWS_ENDPOINT_URL') },
    ],
    ['an unknown host', error('Error', { code: 'ENOTFOUND' }), { reason: 'network' }],
    [
      'a connection that was refused at every address',
      new AggregateError([error('a', { code: 'ECONNREFUSED' })], 'all'),
      { reason: 'network' },
    ],
    [
      'a connection that is never made',
      error('TimeoutError', { code: 'ETIMEDOUT', syscall: 'connect' }),
      { reason: 'network' },
    ],
    ['a bucket in another region', error('PermanentRedirect'), IN_S3],
    [
      'no region',
      new Error('Region is missing'),
      { reason: 'configuration', fix: expect.stringContaining('AWS_REGION') },
    ],
    [
      'an error whose cause is a fault',
      new Error('outer', { cause: error('ExpiredToken') }),
      { reason: 'credentials' },
    ],
    [
      'an error with a fault of its own',
      new FaultError({ reason: 'manifest', message: 'm', fix: 'x' }),
      { reason: 'manifest', message: 'm', fix: 'x' },
    ],
  ])('is found for %s', (_, given, fault) => {
    const where = fault === IN_S3 ? { ...asked, service: 's3' } : asked;
    expect(readFault(given, where)).toMatchObject(fault);
  });

  test.each<[string, unknown]>([
    ['throttling', error('ThrottlingException')],
    ['a bug', new TypeError('x is not a function')],
    ['nothing', undefined],
    ['a text', 'ExpiredToken'],
    ['a missing key', error('NoSuchKey')],
  ])('does not exist for %s', (_, given) => {
    expect(readFault(given, asked)).toBeUndefined();
  });

  test('has no credentials and at most 500 characters in its message', () => {
    const given = error('ExpiredToken', { message: `for AKIAIOSFODNN7EXAMPLE ${'x'.repeat(1_000)}` });
    const message = readFault(given, asked)?.message ?? '';
    expect(message).toContain('[key id]');
    expect(message).toHaveLength(500);
  });
});

describe('the AWS clients', () => {
  let wire: Wire;
  let answers: WireAnswer[] = [];
  beforeEach(async () => {
    wire = await startWire(() => answers.shift() ?? { status: 400 });
    vi.stubEnv('AWS_REGION', 'eu-west-1');
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'test');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test');
    vi.stubEnv('AWS_ENDPOINT_URL', wire.url);
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await wire.stop();
  });
  const page = (body = ''): WireAnswer => ({
    headers: { 'content-type': 'application/xml' },
    body: `<?xml version="1.0"?><ListBucketResult><IsTruncated>false</IsTruncated>${body}</ListBucketResult>`,
  });
  const list = () => createAwsClients().s3.send(new ListObjectsV2Command({ Bucket: 'bucket' }));

  test('use path-style requests for an endpoint in the environment', async () => {
    answers = [page()];
    await list();
    expect(wire.requests[0]?.path).toBe('/bucket/');
  });

  test('use the host of the bucket for AWS itself', async () => {
    vi.stubEnv('AWS_ENDPOINT_URL', '');
    const nock = nockInThisTest();
    nock.disableNetConnect();
    const theirs = nock('https://bucket.s3.eu-west-1.amazonaws.com').get('/?list-type=2').reply(404);
    await expect(list()).rejects.toThrow();
    expect(theirs.isDone()).toBe(true);
  });

  test('of a pipeline go to its own endpoint in its own region, and so does the client that invokes its function', async () => {
    const other = await startWire(() => page());
    const connection = { awsRegion: 'ap-southeast-2', awsProfile: '', awsEndpointUrl: other.url };
    const { s3, lambda } = createAwsClients(undefined, connection);
    const invoking = createInvokeClient({ like: lambda, timeoutMs: 1_000, maxSockets: 1 });
    await s3.send(new ListObjectsV2Command({ Bucket: 'bucket' }));
    await invoking.send(new InvokeCommand({ FunctionName: 'ocr' })).catch(() => {});
    await other.stop();
    expect(other.requests.map(({ path }) => path)).toEqual(['/bucket/', '/2015-03-31/functions/ocr/invocations']);
    expect(await invoking.config.region()).toBe('ap-southeast-2');
    expect(wire.requests).toEqual([]);
  });

  test('of a pipeline with a profile sign with its credentials and never with those of the environment', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'rescan-aws-'));
    const file = join(folder, 'credentials');
    writeFileSync(file, '[prod]\naws_access_key_id = PRODKEY\naws_secret_access_key = secret\n');
    vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', file);
    vi.spyOn(console, 'warn').mockImplementation(() => {});
    const connection = { awsRegion: '', awsProfile: 'prod', awsEndpointUrl: '' };
    const { lambda } = createAwsClients(undefined, connection);
    const invoking = createInvokeClient({ like: lambda, timeoutMs: 1_000, maxSockets: 1 });
    for (const client of [lambda, invoking]) expect((await client.config.credentials()).accessKeyId).toBe('PRODKEY');
    expect((await createAwsClients().lambda.config.credentials()).accessKeyId).toBe('test');
    rmSync(folder, { recursive: true, force: true });
  });

  test('retry after a 500 and after a broken connection', async () => {
    answers = [{ status: 500 }, 'hang up', page()];
    await list();
    expect(wire.requests).toHaveLength(3);
  });

  test('make one attempt for bulk calls of DynamoDB, so that only withBackoff repeats them', async () => {
    answers = Array.from({ length: 9 }, () => ({ status: 500 }));
    const backoff = { clock: systemClock, random: () => 0, attempts: 3, baseMs: 1, maxMs: 1 };
    const { bulkDynamodb } = createAwsClients();
    const scan = () => bulkDynamodb.send(new ScanCommand({ TableName: 'TimesheetOCR-dev' }));
    await expect(withBackoff(backoff, scan)).rejects.toThrow();
    expect(wire.requests).toHaveLength(3);
  });

  test('decode keys exactly: spaces as +, control characters and line breaks too', async () => {
    const encoded = ['a+b%2Bc%2520.png', 'folder/%0D%01%C3%BC.png', '%26%3C.png'];
    const contents = encoded.map((key) => `<Contents><Key>${key}</Key><Size>7</Size></Contents>`);
    answers = [page(`<EncodingType>url</EncodingType>${contents.join('')}`)];
    const keys: string[] = [];
    const filter = { bucket: 'bucket', extensions: ['.png'], excludedPrefixes: [] };
    for await (const { key } of listImages(createAwsClients().s3, filter)) keys.push(key);
    expect(keys).toEqual(['a b+c%20.png', 'folder/\r\u0001ü.png', '&<.png']);
    expect(wire.requests[0]?.query.get('encoding-type')).toBe('url');
  });
});
