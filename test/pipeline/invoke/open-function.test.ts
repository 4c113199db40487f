import { LambdaClient } from '@aws-sdk/client-lambda';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { invokeOnce, openFunction } from '../../../src/pipeline/invoke/open-function.ts';
import { NotSentError } from '../../../src/pipeline/may-send.ts';
import { TIMESHEETS } from '../../../src/pipeline/profile/timesheets.ts';
import { startWire, type Wire, type WireAnswer, type WireRequest } from '../../support/aws/wire.ts';

const TARGET = { functionName: 'ocr', bucket: 'input', keyEncoding: 'raw', profile: TIMESHEETS } as const;
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

test('many invocations in flight use the connections again', async () => {
  const inFlight = 300;
  const reply = { body: JSON.stringify({ statusCode: 200, body: '{"entries_stored":3}' }) };
  const waiting: (() => void)[] = [];
  // All are in flight before the first reply, so that each has a connection.
  invoke = () =>
    new Promise((resolve) => {
      waiting.push(() => resolve(reply));
      if (waiting.length === inFlight) for (const answer of waiting.splice(0)) answer();
    });
  const opened = await openFunction(lambda, TARGET, inFlight);
  const before = wire.connections();
  for (let round = 0; round < 3; round += 1)
    await Promise.all(Array.from({ length: inFlight }, (_, at) => opened.invoke(`${at}.png`)));
  opened.close();
  expect(wire.connections() - before).toBe(inFlight);
});

test('invokeOnce invokes the function once, also when the connection breaks', async () => {
  invoke = () => 'hang up';
  expect(await invokeOnce(lambda, TARGET, 'a.png')).toMatchObject({ result: { kind: 'broken' } });
  expect(wire.requests.filter(isInvocation)).toHaveLength(1);
});

test('a process that may not invoke any more sends no request', async () => {
  let mayInvoke = true;
  const opened = await openFunction(lambda, TARGET, 2, () => mayInvoke);
  const sending = opened.invoke('a.png');
  // The process is suspended after its decision, before the request is signed, and wakes without the lease.
  mayInvoke = false;
  await expect(sending).rejects.toThrow(NotSentError);
  await expect(opened.invoke('b.png')).rejects.toThrow(NotSentError);
  expect(wire.requests.filter(isInvocation)).toEqual([]);
  mayInvoke = true;
  expect(await opened.invoke('a.png')).toMatchObject({ result: { kind: 'outcome' } });
  opened.close();
});
