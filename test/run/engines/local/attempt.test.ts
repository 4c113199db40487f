import { describe, expect, test } from 'vitest';
import type { FaultReason, Reading } from '../../../../src/pipeline/invoke/invocation.ts';
import { judgeAttempt } from '../../../../src/run/engines/local/attempt.ts';

const half = () => 0.5;
const outcome: Reading = { kind: 'outcome', outcome: { kind: 'rejected', reason: 'Draft' } };
const throttled: Reading = { kind: 'throttled', source: 'bedrock', message: 'ThrottlingException' };
const broken: Reading = { kind: 'broken', message: 'socket hang up' };
const fault = (reason: FaultReason): Reading => ({ kind: 'fault', fault: { reason, message: 'no', fix: 'look' } });
const judge = (
  reading: Reading,
  facts: { throttles?: number; broken?: number; silentInRow?: number; replies?: number },
) =>
  judgeAttempt(
    reading,
    { throttles: facts.throttles ?? 0, broken: facts.broken ?? 0 },
    { silentInRow: facts.silentInRow ?? 0, repliesSinceBroken: facts.replies ?? 0 },
    8,
    half,
  );

describe('what becomes of an image after an invocation', () => {
  test('an outcome settles it', () => {
    expect(judge(outcome, {})).toEqual({ kind: 'settle', outcome: { kind: 'rejected', reason: 'Draft' } });
  });

  test.each([2, 3, 6])('pushback number %i puts it back, later each time', (throttles) => {
    const verdict = judge(throttled, { throttles });
    expect(verdict.kind).toBe('again');
    const earlier = judge(throttled, { throttles: throttles - 1 });
    if (verdict.kind !== 'again' || earlier.kind !== 'again') throw new Error('not put back');
    expect(verdict.delayMs).toBeGreaterThan(earlier.delayMs);
  });

  test('the eighth pushback is a THROTTLING_ERROR that says who pushed back', () => {
    expect(judge(throttled, { throttles: 8 })).toEqual({
      kind: 'settle',
      outcome: {
        kind: 'failed',
        failureType: 'THROTTLING_ERROR',
        message: 'Pushed back 8 times, the last time by bedrock: ThrottlingException',
      },
    });
  });

  test.each([
    [1, 0, 'again'],
    [2, 0, 'again'],
    [3, 0, 'fault'],
    [3, 1, 'settle'],
  ])('a connection that broke %i times while %i other replies came: %s', (times, replies, kind) => {
    expect(judge(broken, { broken: times, replies }).kind).toBe(kind);
  });

  test.each(['credentials', 'access-denied', 'function-missing', 'bucket-missing', 'configuration'] as const)(
    'a fault of %s pauses the run at the first image',
    (reason) => {
      expect(judge(fault(reason), { silentInRow: 0 }).kind).toBe('fault');
    },
  );

  test.each([
    [0, 'again'],
    [1, 'again'],
    [2, 'fault'],
  ])('with %i silent attempts since the line was first silent, one more is: %s', (silentInRow, kind) => {
    expect(judge(fault('network'), { silentInRow }).kind).toBe(kind);
    expect(judge(broken, { broken: 1, silentInRow }).kind).toBe(kind);
  });
});
