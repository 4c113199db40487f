import { describe, expect, test } from 'vitest';
import type { LoggingResult } from '../../../src/checklist/contracts/step-control.ts';
import {
  type FoundRecords,
  isWriteRefusal,
  type LoggingTestPorts,
  refusalIn,
  testLogging,
} from '../../../src/checklist/logging-test/logging-test.ts';
import type { Invocation } from '../../../src/pipeline/invoke/invocation.ts';
import { createFakeClock } from '../../support/rigs/fake-clock.ts';

const failed: Invocation = {
  requestId: 'req-1',
  result: {
    kind: 'outcome',
    outcome: { kind: 'failed', failureType: 'OCR_ERROR', message: 'An error occurred (NoSuchKey)' },
  },
};
const BROKEN_LOGGER =
  '[WARN] Could not save failed image record: An error occurred (ValidationException) when calling the PutItem operation: One or more parameter values were invalid: Missing the key ResourceName in the item';

interface World {
  /** When the record appears in the table, ms after the reply. */
  recordAfterMs?: number;
  /** Only a scan of the whole table finds the record. */
  elsewhere?: true;
  lines?: readonly string[];
  /** The log never contains the end of the invocation. */
  endMissing?: true;
  linesAfterMs?: number;
  logRefused?: true;
  invocation?: Invocation;
  removeFails?: true;
}

async function play(
  world: World,
): Promise<{ result: LoggingResult; tookMs: number; asked: string[]; removed: number; notes: readonly string[] }> {
  const clock = createFakeClock();
  const begun = clock.now();
  const asked: string[] = [];
  let removed = 0;
  const notes = new Set<string>();
  const record: FoundRecords = {
    key: 'ResourceName FAILED_IMAGE, DateProjectCode x#t',
    attributes: [['FailureType', 'OCR_ERROR']],
    async remove() {
      if (world.removeFails) throw new Error('no');
      removed++;
    },
  };
  const isThere = () => world.recordAfterMs !== undefined && clock.now() - begun >= world.recordAfterMs;
  const ports: LoggingTestPorts = {
    clock,
    uniqueName: () => '20261124-ab12',
    async invoke(key) {
      asked.push(key);
      expect([...notes]).toEqual([key]);
      return world.invocation ?? failed;
    },
    findRecords: async () => (isThere() && !world.elsewhere ? record : undefined),
    searchRecords: async () => (isThere() && world.elsewhere ? record : undefined),
    async readLog() {
      if (world.logRefused) throw new Error('denied');
      const isShown = clock.now() - begun >= (world.linesAfterMs ?? 0);
      return {
        group: '/aws/lambda/ocr',
        lines: isShown ? (world.lines ?? []) : [],
        isWhole: isShown && !world.endMissing,
      };
    },
    pendingTests: {
      add: async ({ imageKey }) => void notes.add(imageKey),
      remove: async (imageKey) => void notes.delete(imageKey),
    },
    readFault: (error) => ({ reason: 'access-denied', message: String(error), fix: 'logs:FilterLogEvents' }),
  };
  let result: LoggingResult | undefined;
  const done = testLogging(ports).then((value) => {
    result = value;
  });
  while (result === undefined) await clock.advance(100);
  await done;
  return { result, tookMs: clock.now() - begun, asked, removed, notes: [...notes] };
}

describe('a test of the failure logging', () => {
  test('a logging test is proven by the record of its own failure, which is shown and deleted', async () => {
    const { result, asked, removed } = await play({ recordAfterMs: 1_200 });
    expect(asked).toEqual(['INVALID_IMAGE-20261124-ab12.png']);
    expect(result).toMatchObject({ kind: 'proven', record: { attributes: [['FailureType', 'OCR_ERROR']] } });
    expect(result).not.toHaveProperty('leftBecause');
    expect(removed).toBe(1);
  });

  test('a logging test stays pending until its record is deleted', async () => {
    expect((await play({ recordAfterMs: 1_200 })).notes).toEqual([]);
    const throttled: Invocation = { result: { kind: 'throttled', source: 'bedrock', message: 'Too many requests' } };
    for (const world of [{}, { invocation: throttled }, { recordAfterMs: 0, removeFails: true }] as const)
      expect((await play(world)).notes).toEqual(['INVALID_IMAGE-20261124-ab12.png']);
  });

  test('a logging test waits 15 s for its record', async () => {
    expect((await play({ recordAfterMs: 14_000 })).result.kind).toBe('proven');
    expect((await play({ recordAfterMs: 40_000 })).result.kind).toBe('nothing-logged');
  });

  test('a logging test finds the record of a logger with an unknown key', async () => {
    expect((await play({ recordAfterMs: 0, elsewhere: true })).result.kind).toBe('proven');
  });

  test('a logging test says when its record could not be deleted', async () => {
    expect((await play({ recordAfterMs: 0, removeFails: true })).result).toMatchObject({
      kind: 'proven',
      leftBecause: 'Error: no',
    });
  });

  test('a function that does not fail for a missing image proves nothing', async () => {
    const invocation: Invocation = { result: { kind: 'outcome', outcome: { kind: 'processed', entriesStored: 3 } } };
    expect((await play({ invocation })).result).toMatchObject({ kind: 'did-not-fail' });
  });

  test('a logging test reports that DynamoDB refused the key, with the log line, and does not wait', async () => {
    const { result, tookMs } = await play({ lines: ['START', BROKEN_LOGGER, '[INFO] Logged failure to database'] });
    expect(result).toMatchObject({ kind: 'write-refused', refusal: 'missing-key', line: BROKEN_LOGGER });
    expect(tookMs).toBeLessThan(5_000);
  });

  test('when our module wraps another logger, only the line of our module counts', async () => {
    const ours =
      'RESCAN_FAILURE_LOGGING not written: image="a" error=AccessDeniedException: not authorized: dynamodb:PutItem';
    const { result } = await play({ lines: [BROKEN_LOGGER, ours] });
    expect(result).toMatchObject({ kind: 'write-refused', refusal: 'access-denied', line: ours });
    const written = 'RESCAN_FAILURE_LOGGING written: image="a" key={"ResourceName": {"S": "FAILED_IMAGE"}}';
    expect((await play({ lines: [BROKEN_LOGGER, written] })).result).toMatchObject({
      kind: 'written-elsewhere',
      line: written,
    });
  });

  test('a log without the end of the invocation proves nothing', async () => {
    expect((await play({ lines: [], endMissing: true })).result).toMatchObject({
      kind: 'log-silent',
      group: '/aws/lambda/ocr',
    });
    expect((await play({ lines: ['START'], endMissing: true })).result.kind).toBe('log-silent');
  });

  test('a logging test waits for log lines that CloudWatch delivers late', async () => {
    expect((await play({ lines: [BROKEN_LOGGER], linesAfterMs: 20_000 })).result.kind).toBe('write-refused');
  });

  test('a failure with neither a record nor a log line was not logged', async () => {
    const { result } = await play({ lines: ['START RequestId: req-1', 'REPORT RequestId: req-1'] });
    expect(result).toMatchObject({ kind: 'nothing-logged', failure: expect.stringContaining('NoSuchKey') });
  });

  test('a logging test continues without the log when it may not be read, and names the permission', async () => {
    expect((await play({ logRefused: true })).result).toMatchObject({
      kind: 'log-unread',
      fault: { fix: 'logs:FilterLogEvents' },
    });
    expect((await play({ logRefused: true, recordAfterMs: 3_000 })).result.kind).toBe('proven');
  });

  test('throttling and a broken connection prove nothing about the logging', async () => {
    for (const result of [
      { kind: 'throttled', source: 'function', message: 'Rate exceeded' },
      { kind: 'broken', message: 'socket hang up' },
    ] as const)
      expect((await play({ invocation: { result } })).result.kind).toBe('no-answer');
  });
});

describe('a line of the log', () => {
  test('a log line is a refused write only when DynamoDB refused a write', () => {
    expect(isWriteRefusal(BROKEN_LOGGER)).toBe(true);
    expect(
      isWriteRefusal(
        'RESCAN_FAILURE_LOGGING not written: image="a" error=AccessDeniedException: User is not authorized to perform: dynamodb:PutItem',
      ),
    ).toBe(true);
    expect(isWriteRefusal('An error occurred (AccessDenied) when calling the GetObject operation: Access Denied')).toBe(
      false,
    );
    expect(isWriteRefusal('[INFO] PutItem took 12 ms')).toBe(false);
    expect(isWriteRefusal('[WARN] ⚠️  Could not log failure: Float types are not supported')).toBe(true);
    expect(isWriteRefusal('[ERROR] Could not read the document: it failed')).toBe(false);
  });

  test.each([
    [BROKEN_LOGGER, 'missing-key'],
    ['(AccessDeniedException) when calling the PutItem operation', 'access-denied'],
    ['(ResourceNotFoundException) when calling the PutItem operation', 'table-missing'],
    ['(ProvisionedThroughputExceededException) when calling the PutItem operation', 'throttled'],
    ['RESCAN_FAILURE_LOGGING not written: image="a" error=TimeoutError: AWS did not answer in time', 'unreachable'],
    ['Could not save failed image record: ConnectTimeoutError: Connect timeout on endpoint URL', 'unreachable'],
    ['(ConditionalCheckFailedException) when calling the PutItem operation', 'other'],
  ])('the log line “%s” is a refusal of the kind %s', (line, refusal) => {
    expect(refusalIn(line)).toBe(refusal);
  });
});
