import { describe, expect, test } from 'vitest';
import type { FaultReason, InvocationResult, Outcome } from '../../../../src/pipeline/invoke/invocation.ts';
import { judgeAttempt } from '../../../../src/run/engines/local/attempt.ts';

const outcome: InvocationResult = { kind: 'outcome', outcome: { kind: 'rejected', reason: 'Draft' } };
const throttled: InvocationResult = { kind: 'throttled', source: 'bedrock', message: 'ThrottlingException' };
const broken: InvocationResult = { kind: 'broken', message: 'socket hang up' };
const fault = (reason: FaultReason): InvocationResult => ({
  kind: 'fault',
  fault: { reason, message: 'no', fix: 'look' },
});
const judge = (
  result: InvocationResult,
  facts: {
    throttles?: number;
    broken?: number;
    suspected?: number;
    isSuspicionOpen?: boolean;
    unansweredInRow?: number;
    replies?: number;
    random?: number;
    limit?: number;
  } = {},
) =>
  judgeAttempt(
    result,
    { throttles: facts.throttles ?? 0, broken: facts.broken ?? 0, suspected: facts.suspected ?? 0 },
    {
      connection: {
        unansweredSince: undefined,
        unansweredInRow: facts.unansweredInRow ?? 0,
        repliesSinceBroken: facts.replies ?? 0,
      },
      suspicion: { isOpen: facts.isSuspicionOpen ?? false, since: 0 },
    },
    facts.limit ?? 8,
    facts.random ?? 0.5,
  );

describe('judgeAttempt', () => {
  test('an outcome is final', () => {
    expect(judge(outcome)).toEqual({ kind: 'outcome', outcome: { kind: 'rejected', reason: 'Draft' } });
  });

  test.each([
    [1, 1_000],
    [2, 2_000],
    [3, 4_000],
    [6, 32_000],
    [7, 60_000],
    [5_000, 60_000],
  ])('an image that was throttled %i times is retried after a random delay below %i ms', (throttles, ceilingMs) => {
    const delayMs = (random: number) => {
      const verdict = judge(throttled, { throttles, random, limit: 10_000 });
      return verdict.kind === 'retry' ? verdict.delayMs : undefined;
    };
    expect(delayMs(0)).toBe(0);
    expect(delayMs(0.5)).toBe(ceilingMs / 2);
    expect(delayMs(0.999)).toBeLessThan(ceilingMs);
  });

  test('an image that is throttled as often as the limit fails with THROTTLING_ERROR that names the source', () => {
    expect(judge(throttled, { throttles: 8 })).toEqual({
      kind: 'outcome',
      outcome: {
        kind: 'failed',
        failureType: 'THROTTLING_ERROR',
        message: 'Throttled 8 times, the last time by bedrock: ThrottlingException',
      },
    });
  });

  test.each([
    [1, 0, 'retry'],
    [2, 0, 'retry'],
    [3, 0, 'fault'],
    [3, 1, 'outcome'],
  ])('a connection that broke %i times while %i other replies came: %s', (times, replies, kind) => {
    expect(judge(broken, { broken: times, replies }).kind).toBe(kind);
  });

  test.each(['credentials', 'access-denied', 'function-missing', 'bucket-missing', 'configuration'] as const)(
    'a fault of %s pauses the run at the first image',
    (reason) => {
      expect(judge(fault(reason), { unansweredInRow: 0 }).kind).toBe('fault');
    },
  );

  test.each([
    [0, 'retry'],
    [1, 'retry'],
    [2, 'fault'],
  ])('an unanswered attempt after %i others in a row: %s', (unansweredInRow, kind) => {
    expect(judge(fault('network'), { unansweredInRow }).kind).toBe(kind);
    expect(judge(broken, { broken: 1, unansweredInRow }).kind).toBe(kind);
  });

  const suspected = (failure?: Outcome): InvocationResult => ({
    kind: 'suspected',
    fault: { reason: 'function-broken', message: 'no', fix: 'look' },
    ...(failure && { failure }),
  });
  const own: Outcome = { kind: 'failed', failureType: 'OCR_ERROR', message: 'denied' };
  test.each<[string, InvocationResult, number, boolean, string]>([
    ['the first reply', suspected(), 1, false, 'retry'],
    ['a second reply, to another image', suspected(), 1, true, 'fault'],
    ['a second reply, to the same image', suspected(), 2, true, 'fault'],
    ['a second reply that other images refuted meanwhile', suspected(), 2, false, 'fault'],
    ['the first reply that one image can cause', suspected(own), 1, false, 'retry'],
    ['a second reply that one image can cause, to another image', suspected(own), 1, true, 'fault'],
    ['a second reply of an image that can cause it, while others were processed', suspected(own), 2, false, 'outcome'],
  ])('a problem that every image may meet, %s', (_what, result, times, isSuspicionOpen, kind) => {
    expect(judge(result, { suspected: times, isSuspicionOpen }).kind).toBe(kind);
  });
});
