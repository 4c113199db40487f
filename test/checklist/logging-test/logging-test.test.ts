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
import { createFakeClock } from '../../support/fake-clock.ts';

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
  /** The record is in the table from so many ms after the reply on. */
  recordAfterMs?: number;
  /** Only a scan of the whole table finds it. */
  elsewhere?: true;
  lines?: readonly string[];
  /** The log never shows the end of the invocation. */
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
  test('proves it by the record of this very failure, shows it and takes it out again', async () => {
    const { result, asked, removed } = await play({ recordAfterMs: 1_200 });
    expect(asked).toEqual(['INVALID_IMAGE-20261124-ab12.png']);
    expect(result).toMatchObject({ kind: 'proven', record: { attributes: [['FailureType', 'OCR_ERROR']] } });
    expect(result).not.toHaveProperty('leftBecause');
    expect(removed).toBe(1);
  });

  test('is remembered until its record is gone, so that a process that dies leaves nothing behind for ever', async () => {
    expect((await play({ recordAfterMs: 1_200 })).notes).toEqual([]);
    const throttled: Invocation = { result: { kind: 'throttled', source: 'bedrock', message: 'Too many requests' } };
    for (const world of [{}, { invocation: throttled }, { recordAfterMs: 0, removeFails: true }] as const)
      expect((await play(world)).notes).toEqual(['INVALID_IMAGE-20261124-ab12.png']);
  });

  test('looks for 15 s', async () => {
    expect((await play({ recordAfterMs: 14_000 })).result.kind).toBe('proven');
    expect((await play({ recordAfterMs: 40_000 })).result.kind).toBe('nothing-logged');
  });

  test('finds the record of a logger whose key is not known', async () => {
    expect((await play({ recordAfterMs: 0, elsewhere: true })).result.kind).toBe('proven');
  });

  test('says so where the record cannot be taken out again', async () => {
    expect((await play({ recordAfterMs: 0, removeFails: true })).result).toMatchObject({
      kind: 'proven',
      leftBecause: 'Error: no',
    });
  });

  test('a function that does not fail for an image that is not there proves nothing', async () => {
    const invocation: Invocation = { result: { kind: 'outcome', outcome: { kind: 'processed', entriesStored: 3 } } };
    expect((await play({ invocation })).result).toMatchObject({ kind: 'did-not-fail' });
  });

  test('explains that DynamoDB refused the key, with the line, and does not wait its time out', async () => {
    const { result, tookMs } = await play({ lines: ['START', BROKEN_LOGGER, '[INFO] Logged failure to database'] });
    expect(result).toMatchObject({ kind: 'write-refused', refusal: 'missing-key', line: BROKEN_LOGGER });
    expect(tookMs).toBeLessThan(5_000);
  });

  test('around another logger counts what our own module says, not what that one says', async () => {
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

  test('a log that did not show the invocation to its end proves nothing of it', async () => {
    expect((await play({ lines: [], endMissing: true })).result).toMatchObject({
      kind: 'log-silent',
      group: '/aws/lambda/ocr',
    });
    expect((await play({ lines: ['START'], endMissing: true })).result.kind).toBe('log-silent');
  });

  test('waits for lines that CloudWatch shows late', async () => {
    expect((await play({ lines: [BROKEN_LOGGER], linesAfterMs: 20_000 })).result.kind).toBe('write-refused');
  });

  test('a failure that left neither record nor line was logged by nobody', async () => {
    const { result } = await play({ lines: ['START RequestId: req-1', 'REPORT RequestId: req-1'] });
    expect(result).toMatchObject({ kind: 'nothing-logged', failure: expect.stringContaining('NoSuchKey') });
  });

  test('goes on without the log where that may not be read, and says what it lacks', async () => {
    expect((await play({ logRefused: true })).result).toMatchObject({
      kind: 'log-unread',
      fault: { fix: 'logs:FilterLogEvents' },
    });
    expect((await play({ logRefused: true, recordAfterMs: 3_000 })).result.kind).toBe('proven');
  });

  test('pushback and a broken connection tell nothing of the logging', async () => {
    for (const result of [
      { kind: 'throttled', source: 'function', message: 'Rate exceeded' },
      { kind: 'broken', message: 'socket hang up' },
    ] as const)
      expect((await play({ invocation: { result } })).result.kind).toBe('no-answer');
  });
});

describe('a line of the log', () => {
  test('is a refused write only where DynamoDB refused a write', () => {
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
  ])('%s is read as %s', (line, refusal) => {
    expect(refusalIn(line)).toBe(refusal);
  });
});
