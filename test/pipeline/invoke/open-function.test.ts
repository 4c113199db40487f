import { LambdaClient } from '@aws-sdk/client-lambda';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { invokeOnce, openFunction } from '../../../src/pipeline/invoke/open-function.ts';
import { startWire, type Wire, type WireAnswer, type WireRequest } from '../../support/aws/wire.ts';

const TARGET = { functionName: 'ocr', bucket: 'input', keyEncoding: 'raw' } as const;
const isInvocation = ({ path }: WireRequest) => path.includes('/invocations');
let wire: Wire;
let lambda: LambdaClient;
let invoke: (request: WireRequest) => WireAnswer | Promise<WireAnswer>;
beforeEach(async () => {
  invoke = () => ({ body: JSON.stringify({ statusCode: 200, body: '{"entries_stored":3}' }) });
  wire = await startWire((request) =>
    isInvocation(request)
      ? invoke(request)
      : { body: JSON.stringify({ Configuration: { FunctionName: 'ocr', Timeout: 120 } }) },
  );
  vi.stubEnv('AWS_ENDPOINT_URL', wire.url);
  vi.stubEnv('AWS_REGION', 'us-east-1');
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'test');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test');
  lambda = new LambdaClient({});
});
afterEach(async () => {
  lambda.destroy();
  vi.unstubAllEnvs();
  await wire.stop();
});

test('a function is opened for its own timeout, and invoked for many images', async () => {
  const opened = await openFunction(lambda, TARGET, 2);
  for (const key of ['a.png', 'b.png'])
    expect(await opened.invoke(key)).toMatchObject({ result: { kind: 'outcome', outcome: { kind: 'processed' } } });
  opened.close();
  expect(wire.requests.filter(isInvocation)).toHaveLength(2);
  expect(wire.requests).toHaveLength(3);
});

test('invokeOnce invokes the function once, also when the connection breaks', async () => {
  invoke = () => 'hang up';
  expect(await invokeOnce(lambda, TARGET, 'a.png')).toMatchObject({ result: { kind: 'broken' } });
  expect(wire.requests.filter(isInvocation)).toHaveLength(1);
});
