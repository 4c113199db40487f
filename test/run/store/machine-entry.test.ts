import { TooManyRequestsException } from '@aws-sdk/client-lambda';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { z } from 'zod';
import type { InvocationResult, Outcome } from '../../../src/pipeline/invoke/invocation.ts';
import { readInvokeError } from '../../../src/pipeline/invoke/invoke-error.ts';
import { withMissingImages } from '../../../src/pipeline/invoke/missing-image.ts';
import { readReply } from '../../../src/pipeline/invoke/read-reply.ts';
import { TIMESHEETS } from '../../../src/pipeline/profile/timesheets.ts';
import { type AttemptVerdict, judgeAttempt } from '../../../src/run/engines/reducer/attempt.ts';
import { seqOf } from '../../../src/run/store/lanes.ts';
import { faultOfMachine, readMachineEntry } from '../../../src/run/store/machine-entry.ts';
import { createRunStore, type RunStore } from '../../../src/run/store/run-store.ts';
import { type Answer, imageAt, startChildRig, THROTTLE_LIMIT } from '../engines/step-functions/child-rig.ts';

type Json = z.core.util.JSONType;
let rig: Awaited<ReturnType<typeof startChildRig>>;
let store: RunStore;
beforeAll(async () => {
  rig = await startChildRig();
  store = createRunStore(rig.table, 'fn', TIMESHEETS.reply);
});
afterAll(() => rig.stop());

/** What Lambda answers to one invocation. */
type Reply =
  | { readonly kind: 'returned'; readonly payload: Json }
  | { readonly kind: 'crashed'; readonly payload: { readonly [name: string]: Json } }
  | { readonly kind: 'refused'; readonly name: string; readonly status: number; readonly message: string };

const returned = (statusCode: Json, body: Json): Reply => ({ kind: 'returned', payload: { statusCode, body } });
const failedInside = (error: string, error_type = 'ClientError'): Reply =>
  returned(500, JSON.stringify({ message: 'Failed', error, error_type }));
const crashed = (errorType: string, errorMessage: string, more: { readonly [name: string]: Json } = {}): Reply => ({
  kind: 'crashed',
  payload: { errorMessage, errorType, ...more },
});

/** As the Python runtime writes it: with spaces. */
const pythonText = (payload: Json) => JSON.stringify(payload, null, 1).replaceAll(/\n\s*/g, ' ');

/** What the same reply is to the local engine: it repeats what it repeats, and then records this. */
async function localVerdict(reply: Reply, isMissing: boolean): Promise<AttemptVerdict> {
  const read = (): InvocationResult => {
    switch (reply.kind) {
      case 'returned':
        return readReply({ statusCode: 200, payload: Buffer.from(pythonText(reply.payload)) }, TIMESHEETS.reply);
      case 'crashed':
        return readReply(
          { statusCode: 200, functionError: 'Unhandled', payload: Buffer.from(pythonText(reply.payload)) },
          TIMESHEETS.reply,
        );
      case 'refused': {
        const { name, status, message } = reply;
        const details = { message, $metadata: { httpStatusCode: status } };
        const error =
          name === 'TooManyRequestsException' ? new TooManyRequestsException(details) : { name, ...details };
        return readInvokeError(error, { service: 'lambda', action: 'lambda:InvokeFunction', resource: 'ocr' });
      }
    }
  };
  const invoke = withMissingImages(
    async () => ({ result: read() }),
    async () => !isMissing,
    () => {},
  );
  const facts = {
    connection: { unansweredSince: undefined, unansweredInRow: 0, repliesSinceBroken: 5 },
    suspicion: { isOpen: false, since: 0 },
  };
  for (let attempt = 1; ; attempt++) {
    const { result } = await invoke('key', new AbortController().signal);
    const attempts = { throttles: attempt, broken: attempt, suspected: attempt };
    const verdict = judgeAttempt(result, attempts, facts, THROTTLE_LIMIT, 0.5);
    if (verdict.kind !== 'retry') return verdict;
  }
}

/** The same reply as the task of the state machine meets it. */
function taskAnswer(reply: Reply): Answer {
  switch (reply.kind) {
    case 'returned':
      return { payload: reply.payload, requestId: '11111111-1111-1111-1111-111111111111' };
    case 'crashed': {
      const { errorType } = reply.payload;
      const cause = JSON.stringify(reply.payload);
      return typeof errorType === 'string'
        ? { error: errorType, cause }
        : {
            error: 'Lambda.Unknown',
            cause: `The cause could not be determined because Lambda did not return an error type. Returned payload: ${cause}`,
          };
    }
    case 'refused': {
      const { name, status, message } = reply;
      const details = `Service: AWSLambda; Status Code: ${status}; Error Code: ${name}; Request ID: 22222222-2222-2222-2222-222222222222; Proxy: null`;
      return { error: `Lambda.${name}`, cause: `${message} (${details})` };
    }
  }
}

const REPLIES: readonly (readonly [name: string, reply: Reply, isMissing?: boolean])[] = [
  ['processed', returned(200, '{"entries_stored": 21, "resource_name": "Nik Coultas", "cost_estimate_usd": 0.002}')],
  [
    'processed with errors of its own validation',
    returned(200, '{"entries_stored": 2, "validation": {"valid": false, "errors": ["hours \\"40\\""]}}'),
  ],
  ['processed, with a body that is an object', returned(200, { entries_stored: 3 })],
  ['rejected', returned(200, '{"rejected": true, "reason": "Not posted", "status": "Draft"}')],
  ['a 500 inside', failedInside('Textract could not read the document')],
  ['a 500 inside with a backslash and a quote', failedInside('parsing "a\\b" failed\nat line 2')],
  ['a 500 inside that throttles', failedInside('An error occurred (ThrottlingException) when calling Converse')],
  ['a 500 inside: too many requests', failedInside('Too many requests, please wait before trying again')],
  ['a 500 inside: capacity of the table', failedInside('(ProvisionedThroughputExceededException) PutItem')],
  ['status 429 inside', returned(429, '{"error": "slow down"}')],
  ['a crash', crashed('KeyError', "'Records'", { stackTrace: ['  File "/var/task/f.py", line 2, in handler'] })],
  ['a crash that throttles', crashed('ThrottlingException', 'Rate exceeded')],
  [
    'a crash by the throttling of botocore',
    crashed('ClientError', 'request was throttled', { stackTrace: ['throttling.py'] }),
  ],
  [
    'timed out, as newer runtimes say it',
    crashed('Sandbox.Timedout', 'RequestId: x Error: Task timed out after 3.00 seconds'),
  ],
  [
    'timed out, without a type',
    { kind: 'crashed', payload: { errorMessage: '2026 x Task timed out after 3.00 seconds' } },
  ],
  ['out of memory', crashed('Runtime.OutOfMemory', 'RequestId: x Error: Runtime exited with error: signal: killed')],
  ['killed', crashed('Runtime.ExitError', 'RequestId: x Error: Runtime exited with error: signal: killed')],
  ['a reply above 6 MB', crashed('Function.ResponseSizeTooLarge', 'Response payload size exceeded maximum allowed')],
  ['gone', failedInside('An error occurred (NoSuchKey) when calling the GetObject operation'), true],
  ['gone, by a HEAD request', failedInside('An error occurred (404) when calling the HeadObject operation'), true],
  [
    'gone, where the function may not list',
    failedInside('An error occurred (403) when calling the HeadObject operation: Forbidden'),
    true,
  ],
  ['said to be gone, but there', failedInside('An error occurred (NoSuchKey) when calling the GetObject operation')],
  ['malformed: a body that is no JSON', returned(200, 'not json')],
  ['malformed: no status', { kind: 'returned', payload: { body: '{}' } }],
  ['malformed: a text', { kind: 'returned', payload: 'hello' }],
  ['malformed: nothing', { kind: 'returned', payload: null }],
  ['malformed: a status of another kind', returned(302, '{}')],
  [
    'throttled by Lambda',
    { kind: 'refused', name: 'TooManyRequestsException', status: 429, message: 'Rate Exceeded.' },
  ],
  ['Lambda failed', { kind: 'refused', name: 'ServiceException', status: 500, message: 'Service error' }],
  [
    'a request that is too large',
    { kind: 'refused', name: 'RequestTooLargeException', status: 413, message: 'Too large' },
  ],
];

let next = 0;
async function machineOutcome(reply: Reply, isMissing: boolean): Promise<Outcome | undefined> {
  const index = next++;
  const image = imageAt(index);
  await rig.run([image], [taskAnswer(reply)], isMissing).catch(() => {});
  for await (const { records, writer, startedThrough, seq } of store.journal('r-0001', index)) {
    expect({ writer, startedThrough, seq }).toEqual({ writer: 'sfn#r-0001-1', startedThrough: -1, seq: index + 1 });
    const [record] = records;
    if (record) expect(record).toMatchObject({ index, key: image.k });
    return record?.outcome;
  }
  throw new Error('The machine wrote no entry');
}

describe('The journal has the outcome that the local engine records for the same reply', () => {
  test.each(REPLIES.map(([name, reply, isMissing = false]) => ({ name, reply, isMissing })))(
    '$name',
    async ({ reply, isMissing }) => {
      const local = await localVerdict(reply, isMissing);
      if (local.kind !== 'outcome') throw new Error('The reply is no outcome for the local engine');
      expect(sameCount(await machineOutcome(reply, isMissing))).toEqual(sameCount(local.outcome));
    },
  );
});

/** Lambda's own throttling is repeated in groups, so that the number of attempts may be higher. */
const sameCount = (outcome: Outcome | undefined) =>
  JSON.parse(JSON.stringify(outcome ?? null).replace(/Throttled \d+ times/, 'Throttled N times'));

test('A throttled image has as many attempts as with the local engine, and its record says so', async () => {
  const index = next++;
  const image = imageAt(index);
  await rig.run([image], [taskAnswer(failedInside('Too many requests'))]).catch(() => {});
  const before = rig.invoked.filter((key) => key === image.k).length;
  expect(before).toBe(THROTTLE_LIMIT);
  for await (const { records } of store.journal('r-0001', index))
    expect(records).toMatchObject([{ throttles: THROTTLE_LIMIT, outcome: { failureType: 'THROTTLING_ERROR' } }]);
});

describe('The machine repeats what the classification calls throttled', () => {
  const TEXTS = [
    'An error occurred (ThrottlingException) when calling the Converse operation (reached max retries: 4): Rate exceeded',
    'An error occurred (ThrottledException) when calling the InvokeModel operation',
    'An error occurred (TooManyRequestsException) when calling the Converse operation',
    'An error occurred (ProvisionedThroughputExceededException) when calling the DetectDocumentText operation',
    'An error occurred (RequestLimitExceeded) when calling the PutItem operation',
    'An error occurred (SlowDown) when calling the GetObject operation: Please reduce your request rate.',
    'An error occurred (Throttling) when calling the AnalyzeDocument operation: Rate exceeded',
    'ThrottlingError: the model is busy',
    'Too many tokens, please wait before trying again.',
    'Too Many Requests',
    'request was throttled',
    'THROTTLED by the model',
  ];
  test.each(TEXTS)('%s', async (text) => {
    expect(readReply({ payload: Buffer.from(JSON.stringify(taskPayload(text))) }, TIMESHEETS.reply).kind).toBe(
      'throttled',
    );
    const image = imageAt(next++);
    await rig.run([image], [taskAnswer(failedInside(text)), taskAnswer(returned(200, '{}'))]);
    expect(rig.invoked.filter((key) => key === image.k)).toHaveLength(2);
  });

  test.each([
    'parsing failed: unexpected end of file',
    'An error occurred (ThrottlingException) when calling Converse: Too many tokens per day',
    'Textract could not read the document',
  ])('and nothing else: %s', async (text) => {
    const image = imageAt(next++);
    await rig.run([image], [taskAnswer(failedInside(text)), taskAnswer(returned(200, '{}'))]).catch(() => {});
    expect(rig.invoked.filter((key) => key === image.k)).toHaveLength(1);
  });
});
const taskPayload = (error: string) => ({ statusCode: 500, body: JSON.stringify({ error }) });

describe('An entry without an outcome', () => {
  test.each([
    ['expired credentials', failedInside('An error occurred (ExpiredTokenException) when calling Converse'), 'fault'],
    ['a function that does not load', crashed('Runtime.ImportModuleError', 'No module named x'), 'suspected'],
    ['a quota of the day', failedInside('(ThrottlingException) Too many tokens per day, please wait'), 'suspected'],
    [
      'a permission of the function',
      failedInside('An error occurred (AccessDenied) when calling the PutItem operation'),
      'suspected',
    ],
  ])('has no record in the journal, and says why: %s', async (_name, reply, kind) => {
    const index = next;
    expect(await machineOutcome(reply, false)).toBeUndefined();
    const entry = (await rig.entries()).find(({ sk }) => sk === imageAt(index).s);
    expect(readMachineEntry(entry ?? {}, TIMESHEETS.reply)).toMatchObject({ index, result: { kind } });
  });
});

test('The sequence of a lane comes after that of every lower lane, and an entry names its image in every lane', () => {
  expect(seqOf(0, 0)).toBe(1);
  expect(seqOf(2, 5)).toBeGreaterThan(seqOf(0, 99_999_998));
  const entry = {
    sk: `outcomes#${String(seqOf(4, 17)).padStart(10, '0')}`,
    writer: 'sfn#r-0001-3',
    key: 'a.png',
    startedAt: '2026-01-01T00:00:00.000Z',
    endedAt: '2026-01-01T00:00:05.000Z',
    throttles: 0,
    kind: 'body',
    status: '200',
    text: '{}',
  };
  expect(readMachineEntry(entry, TIMESHEETS.reply)).toMatchObject({
    index: 17,
    record: { index: 17, durationMs: 5000 },
  });
  expect(() => readMachineEntry({ ...entry, kind: 'other' }, TIMESHEETS.reply)).toThrow();
});

test.each([
  [
    'Lambda.ResourceNotFoundException',
    'Function not found: x (Service: AWSLambda; Status Code: 404; Error Code: ResourceNotFoundException; Request ID: 1)',
    'function-missing',
    'OCR_FUNCTION',
  ],
  [
    'Lambda.AWSLambdaException',
    'not authorized to perform: lambda:InvokeFunction (Service: AWSLambda; Status Code: 403; Error Code: AccessDeniedException; Request ID: 1)',
    'access-denied',
    'STATE_MACHINE_ROLE',
  ],
  [
    'Lambda.KMSDisabledException',
    'The key is disabled (Service: AWSLambda; Status Code: 502; Error Code: KMSDisabledException; Request ID: 1)',
    'configuration',
    'OCR_FUNCTION',
  ],
  ['States.Runtime', 'path', 'configuration', '/rescan engine'],
])('The fault %s that the machine noted says what to do', (error, cause, reason, fix) => {
  const fault = faultOfMachine({ error, cause }, 'ocr');
  expect(fault.reason).toBe(reason);
  expect(fault.fix).toContain(fix);
});
