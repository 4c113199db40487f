import { describe, expect, test } from 'vitest';
import type { FaultReason, InvocationResult, Outcome } from '../../../../src/pipeline/invoke/invocation.ts';
import {
  countRepeats,
  isUsedUp,
  judgeAttempt,
  noteLostOutcomes,
  usedUpOutcome,
} from '../../../../src/run/engines/reducer/attempt.ts';
import { type Attempts, noAttempts } from '../../../../src/run/engines/reducer/live-run.ts';
import { pacePerMinute } from '../../../../src/run/rules/pacer.ts';
import { modelRun } from './advance-model.ts';

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

describe('an unanswered attempt', () => {
  test('is retried later the more attempts were unanswered in a row', () => {
    expect(judge(fault('network'), { unansweredInRow: 0, random: 0.5 })).toEqual({ kind: 'retry', delayMs: 500 });
    expect(judge(fault('network'), { unansweredInRow: 1, random: 0.5 })).toEqual({ kind: 'retry', delayMs: 1_000 });
  });

  test('that repeats is a fault that names what broke, and what to check', () => {
    expect(judge(broken, { broken: 1, unansweredInRow: 2 })).toEqual({
      kind: 'fault',
      fault: {
        reason: 'network',
        message: 'socket hang up',
        fix: 'Check the network between the bot and AWS, then `/rescan resume`.',
      },
    });
  });

  test.each([
    [2, false],
    [3, true],
  ])('an image with %i of them is used up: %s', (times, usedUp) => {
    expect(isUsedUp({ broken: times })).toBe(usedUp);
  });

  test('an image that is used up fails, and its outcome says how often it was invoked', () => {
    expect(usedUpOutcome({ broken: 3 })).toEqual({
      kind: 'failed',
      failureType: 'INVOCATION_ERROR',
      message: expect.stringMatching(/^Invoked 3 times, .*The function may have processed it\.$/),
    });
  });
});

describe('outcomes that were lost when the drive before ended', () => {
  const of = (broken: number, throttles = 0, suspected = 0): Attempts => ({ throttles, broken, suspected });
  /** A run of twelve images that started the first `started`, of which those in `done` have an outcome. */
  const runOf = (started: number, done: readonly number[], earlier: readonly (readonly [number, Attempts])[] = []) => {
    const run = modelRun({ images: 12 }).run();
    const first = done.findIndex((index, at) => index !== at);
    const lowWater = first === -1 ? done.length : first;
    const progress = {
      lowWater,
      beyond: done.slice(lowWater).map((index): [number, number] => [index, index]),
    };
    return { ...run, progress, startedThrough: started - 1, earlierAttempts: new Map(earlier) };
  };

  test('count as an attempt of each image that was started and has none, and the pace falls', () => {
    const run = runOf(5, [0, 2]);
    const before = pacePerMinute(run.pacer);
    const after = noteLostOutcomes(run, 0, false, 1_000_000);
    expect([...after.earlierAttempts]).toEqual([
      [1, of(1)],
      [3, of(1)],
      [4, of(1)],
    ]);
    expect(after.totals.repeats).toBe(3);
    expect(pacePerMinute(after.pacer)).toBeCloseTo(0.7 * before);
  });

  test('of more images than can be in flight are those of the first ones', () => {
    expect([...noteLostOutcomes(runOf(12, []), 0, false, 1_000_000).earlierAttempts.keys()]).toEqual([0, 1, 2, 3, 4]);
  });

  test('add to the earlier attempts of an image, and not to those of a throttled image, which waited', () => {
    const run = runOf(
      3,
      [],
      [
        [0, of(1, 4)],
        [1, of(0, 4)],
        [2, of(0, 0, 1)],
      ],
    );
    const after = noteLostOutcomes(run, 0, false, 1_000_000);
    expect([...after.earlierAttempts]).toEqual([
      [0, of(2, 4)],
      [1, of(0, 4)],
      [2, of(1)],
    ]);
    expect(after.totals.repeats).toBe(2);
  });

  test('are none where every started image has one: the pace stays, and nothing is repeated', () => {
    const run = runOf(2, [0, 1]);
    const before = pacePerMinute(run.pacer);
    const after = noteLostOutcomes(run, 0, false, 1_000_000);
    expect(after.earlierAttempts.size).toBe(0);
    expect(after.totals.repeats).toBeUndefined();
    expect(pacePerMinute(after.pacer)).toBe(before);
  });

  test('count anew where a person resumes the run, who is asked about the images that are repeated', () => {
    const run = runOf(2, [], [[0, of(2, 4, 1)]]);
    const before = pacePerMinute(run.pacer);
    const after = noteLostOutcomes(run, 2, true, 1_000_000);
    expect([...after.earlierAttempts]).toEqual([[0, { ...noAttempts, throttles: 4 }]]);
    expect(after.totals.repeats).toBe(2);
    expect(pacePerMinute(after.pacer)).toBe(before);
  });

  test('the repeats of a run add up', () => {
    const run = { ...runOf(1, []) };
    expect(countRepeats(run, 2).totals.repeats).toBe(2);
    expect(countRepeats(run, 3).totals.repeats).toBe(5);
    expect(countRepeats(run, 0).totals.repeats).toBe(5);
  });
});
