import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type AwsClients, createAwsClients } from '../../../src/pipeline/aws.ts';
import { quotaMatcher, readAllQuotas, readQuotas } from '../../../src/pipeline/limits/quotas.ts';
import { startWire, type Wire, type WireAnswer, type WireRequest } from '../../support/aws/wire.ts';

const ON_DEMAND = 'On-demand model inference requests per minute for Amazon Nova Lite';
const CROSS = 'Cross-region model inference requests per minute for Amazon Nova Lite';
const quota = (QuotaName: string, Value: number) => ({ ServiceCode: 'bedrock', QuotaName, Value });
const OTHERS = [
  quota('Cross-region model inference requests per minute for Amazon Nova Pro', 1),
  quota('Cross-region model inference requests per minute for Amazon Nova Micro', 2),
  quota('Cross-region model inference tokens per minute for Amazon Nova Lite', 3),
  quota('On-demand latency-optimized model inference requests per minute for Amazon Nova Lite', 4),
  quota('Cross-region model inference requests per minute for Amazon Nova Lite latency-optimized', 5),
  quota('Global cross-region model inference requests per minute for Amazon Nova Lite', 6),
];

let applied: object[];
let usual: object[];
let denied: string[];
let account: object;
let reserved: number | undefined;
let broken: string | undefined;
let table: object;
/** The error of Service Quotas instead of its lists. */
let serviceError: string | undefined;
let wire: Wire;
let aws: AwsClients;
beforeEach(async () => {
  applied = [...OTHERS, quota(ON_DEMAND, 100), quota(CROSS, 400)];
  usual = [];
  denied = [];
  reserved = undefined;
  broken = undefined;
  serviceError = undefined;
  table = {
    TableName: 'T',
    TableArn: 'arn:aws:dynamodb:us-east-1:1:table/T',
    BillingModeSummary: { BillingMode: 'PAY_PER_REQUEST' },
    ProvisionedThroughput: { ReadCapacityUnits: 0, WriteCapacityUnits: 0 },
  };
  account = { ConcurrentExecutions: 1000, UnreservedConcurrentExecutions: 850 };
  wire = await startWire(answer);
  vi.stubEnv('AWS_ENDPOINT_URL', wire.url);
  vi.stubEnv('AWS_REGION', 'us-east-1');
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'test');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test');
  aws = createAwsClients();
});
afterEach(async () => {
  aws.lambda.destroy();
  aws.serviceQuotas.destroy();
  vi.unstubAllEnvs();
  await wire.stop();
});

/** Service Quotas with pages of two, and Lambda. */
function answer(request: WireRequest): WireAnswer {
  const target = String(request.headers['x-amz-target'] ?? request.path);
  const json = (body: object): WireAnswer => ({
    headers: { 'content-type': 'application/x-amz-json-1.1' },
    body: JSON.stringify(body),
  });
  const refuse = (status: number, name: string): WireAnswer => ({
    status,
    headers: { 'x-amzn-errortype': name },
    body: JSON.stringify({ __type: name, message: 'said so' }),
  });
  if (broken !== undefined) return refuse(403, broken);
  if (denied.some((action) => target.includes(action))) return refuse(400, 'AccessDeniedException');
  if (target.endsWith('DescribeTable')) return json({ Table: table });
  if (target.includes('account-settings')) return json({ AccountLimit: account });
  if (target.includes('/functions/ocr'))
    return json({
      Configuration: { FunctionName: 'ocr', Timeout: 60 },
      ...(reserved === undefined ? {} : { Concurrency: { ReservedConcurrentExecutions: reserved } }),
    });
  if (serviceError !== undefined) return refuse(400, serviceError);
  const list = target.endsWith('ListServiceQuotas') ? applied : usual;
  const from = Number(JSON.parse(request.body).NextToken ?? 0);
  return json({
    Quotas: list.slice(from, from + 2),
    ...(from + 2 < list.length ? { NextToken: String(from + 2) } : {}),
  });
}
const read = (modelId = 'us.amazon.nova-lite-v1:0') => readQuotas(aws, { functionName: 'ocr', modelId });

describe('the quota of the model', () => {
  test('is the cross-region quota for an inference profile, on any page', async () => {
    expect((await read()).modelRequestsPerMinute).toEqual({ value: 400, name: CROSS, source: 'applied' });
  });
  test('is the on-demand quota for a plain model id', async () => {
    const { modelRequestsPerMinute } = await read('amazon.nova-lite-v1:0');
    expect(modelRequestsPerMinute).toEqual({ value: 100, name: ON_DEMAND, source: 'applied' });
  });
  test('is the default of AWS, marked so, when none is applied to the account', async () => {
    applied = OTHERS;
    usual = [...OTHERS, quota(CROSS, 200)];
    expect((await read()).modelRequestsPerMinute).toEqual({ value: 200, name: CROSS, source: 'default' });
  });
  test('is unknown, with a note, when no list has it', async () => {
    applied = [];
    const { modelRequestsPerMinute, notes } = await read();
    expect(modelRequestsPerMinute).toBeUndefined();
    expect(notes).toEqual(['Service Quotas has no requests per minute for us.amazon.nova-lite-v1:0.']);
  });

  test.each([
    ['us.amazon.nova-lite-v1:0', CROSS],
    ['eu.amazon.nova-lite-v1:0', CROSS],
    ['apac.amazon.nova-lite-v1:0', CROSS],
    ['us-gov.amazon.nova-lite-v1:0', CROSS],
    ['global.amazon.nova-lite-v1:0', 'Global cross-region model inference requests per minute for Amazon Nova Lite'],
    ['arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-lite-v1:0', CROSS],
    ['arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0', ON_DEMAND],
    ['amazon.nova-lite-v1:0', ON_DEMAND],
    ['us.amazon.nova-lite-v1:0', 'Cross-Region InvokeModel requests per minute for Amazon Nova Lite'],
    [
      'global.amazon.nova-2-lite-v1:0',
      'Global cross-region model inference requests per minute for Amazon Nova 2 Lite',
    ],
    ['amazon.nova-pro-v1:0', 'On-demand model inference requests per minute for Amazon Nova Pro'],
    [
      'us.anthropic.claude-3-5-sonnet-20241022-v2:0',
      'Cross-region model inference requests per minute for Anthropic Claude 3.5 Sonnet V2',
    ],
    ['meta.llama3-1-8b-instruct-v1:0', 'On-demand model inference requests per minute for Meta Llama3.1 8B Instruct'],
  ])('of %s is called "%s" and nothing else', (modelId, name) => {
    const all = [...OTHERS.map((other) => other.QuotaName), ON_DEMAND, CROSS].filter(
      (other) => other !== name.replace('Cross-Region InvokeModel', 'Cross-region model inference'),
    );
    const wanted = quotaMatcher(modelId);
    expect(wanted(name)).toBe(true);
    expect(all.filter(wanted)).toEqual([]);
  });
});

describe('the concurrency that the function can use', () => {
  test('is the unreserved concurrency', async () => {
    expect(await read()).toMatchObject({ accountConcurrency: 1000, freeConcurrency: 850 });
  });
  test('is its reserved concurrency, if there is one', async () => {
    reserved = 20;
    expect(await read()).toMatchObject({ reservedConcurrency: 20, freeConcurrency: 20, notes: [] });
  });
  test('is 0 when 0 is reserved, and a note says so', async () => {
    reserved = 0;
    const { freeConcurrency, notes } = await read();
    expect(freeConcurrency).toBe(0);
    expect(notes).toEqual(['The reserved concurrency of ocr is 0, so Lambda does not run it.']);
  });
});

describe('the write capacity', () => {
  const readTable = async () =>
    (await readAllQuotas(aws, { functionName: 'ocr', modelId: 'us.amazon.nova-lite-v1:0', tableName: 'T' })).table;
  const provisioned = (WriteCapacityUnits: number) => ({ ReadCapacityUnits: 1, WriteCapacityUnits });

  test('of an on-demand table is unlimited or the configured maximum, separately for each index', async () => {
    expect(await readTable()).toEqual({ name: 'T', billing: 'on-demand', writeCapacity: [] });
    const index = { IndexName: 'I', OnDemandThroughput: { MaxWriteRequestUnits: 40 } };
    table = { ...table, OnDemandThroughput: { MaxWriteRequestUnits: -1 }, GlobalSecondaryIndexes: [index] };
    expect((await readTable())?.writeCapacity).toEqual([{ name: 'I', units: 40 }]);
    table = { ...table, OnDemandThroughput: { MaxWriteRequestUnits: 100 } };
    expect((await readTable())?.writeCapacity).toEqual([
      { name: 'T', units: 100 },
      { name: 'I', units: 40 },
    ]);
  });

  test('of a provisioned table is that of the table and of each index', async () => {
    table = {
      TableName: 'T',
      TableArn: 'arn:aws:dynamodb:us-east-1:1:table/T',
      ProvisionedThroughput: provisioned(25),
      GlobalSecondaryIndexes: [{ IndexName: 'I', ProvisionedThroughput: provisioned(5) }],
    };
    expect(await readTable()).toEqual({
      name: 'T',
      billing: 'provisioned',
      writeCapacity: [
        { name: 'T', units: 25 },
        { name: 'I', units: 5 },
      ],
    });
  });
});

describe('a quota that the bot has no permission to read', () => {
  test.each([
    [['ListServiceQuotas'], ['modelRequestsPerMinute'], ['servicequotas:ListServiceQuotas']],
    [
      ['ListServiceQuotas', 'ListAWSDefaultServiceQuotas'],
      ['modelRequestsPerMinute'],
      ['servicequotas:ListServiceQuotas', 'servicequotas:ListAWSDefaultServiceQuotas'],
    ],
    [['account-settings'], ['accountConcurrency', 'freeConcurrency'], ['lambda:GetAccountSettings']],
    [['/functions/ocr'], ['reservedConcurrency'], ['lambda:GetFunction']],
  ])('is absent, and a note names the permission: %j', async (refused, missing, actions) => {
    denied = refused;
    const reading = await read();
    for (const name of missing) expect(reading).not.toHaveProperty(name);
    expect(reading.notes).toHaveLength(actions.length);
    for (const action of actions) expect(reading.notes.join(' ')).toContain(`lacks the permission ${action}.`);
  });
});

describe('a quota that Service Quotas does not return', () => {
  test.each(['NoSuchResourceException', 'TooManyRequestsException', 'ServiceException'])(
    'has a note, and the rest is read: %s',
    async (name) => {
      serviceError = name;
      const reading = await read();
      expect(reading).not.toHaveProperty('modelRequestsPerMinute');
      expect(reading.freeConcurrency).toBe(850);
      expect(reading.notes[0]).toMatch(new RegExp(`cannot be read. Service Quotas: ${name}`));
    },
  );

  test('has a note that says what to set, for a profile that names no model', async () => {
    const { notes } = await read('arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3');
    expect(notes.join()).toContain('set MODEL_ID to its model or inference profile');
  });
});

test('a missing permission for the function does not hide that the model has no quota', async () => {
  applied = [];
  denied = ['/functions/ocr'];
  const { notes } = await read();
  expect(notes.join(' ')).toContain('lambda:GetFunction');
  expect(notes.join(' ')).toContain('has no requests per minute');
});

test('rejected credentials are a fault, not a note', async () => {
  broken = 'ExpiredTokenException';
  await expect(read()).rejects.toMatchObject({ fault: { reason: 'credentials' } });
});
