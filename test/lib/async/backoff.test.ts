import { describe, expect, test } from 'vitest';
import {
  delayCeilingMs,
  isThrottle,
  isTransient,
  jitteredDelayMs,
  retryUntilAborted,
  withBackoff,
} from '../../../src/lib/async/backoff.ts';
import type { Clock } from '../../../src/lib/clock.ts';
import { createFakeClock } from '../../support/rigs/fake-clock.ts';

const LIMITS = { baseMs: 100, maxMs: 1_000 };
const error = (fields: object) => Object.assign(new Error('from the service'), fields);

describe('the delay before a repetition', () => {
  test.each([
    [1, 100],
    [2, 200],
    [3, 400],
    [4, 800],
    [5, 1_000],
    [5_000, 1_000],
  ])('before repetition %i is at most %i ms', (attempt, ceilingMs) => {
    expect(delayCeilingMs(LIMITS, attempt)).toBe(ceilingMs);
    expect(jitteredDelayMs(LIMITS, attempt, () => 0)).toBe(0);
    expect(jitteredDelayMs(LIMITS, attempt, () => 0.5)).toBe(ceilingMs / 2);
  });
});

describe('an error is transient', () => {
  test.each([
    ['when the service throttles', { name: 'ThrottlingException' }],
    ['when the service is unavailable', { name: 'ServiceUnavailable' }],
    ['when the status is a 5xx', { name: 'Unknown', $metadata: { httpStatusCode: 502 } }],
    ['when the connection broke', { code: 'ECONNRESET' }],
    ['when the SDK has corrected a wrong clock', { name: 'RequestExpired', $metadata: { clockSkewCorrected: true } }],
  ])('%s', (_, fields) => expect(isTransient(error(fields))).toBe(true));

  test.each([
    ['when the call was aborted', error({ name: 'AbortError', code: 'ECONNRESET' })],
    ['when the request is wrong', error({ name: 'ValidationException', $metadata: { httpStatusCode: 400 } })],
    ['when it is no error of a service', undefined],
  ])('but not %s', (_, cause) => expect(isTransient(cause)).toBe(false));

  test('and only throttling counts as throttling', () => {
    expect(isThrottle(error({ name: 'SlowDown' }))).toBe(true);
    expect(isThrottle(error({ name: 'InternalServerError' }))).toBe(false);
  });
});

describe('a call with backoff', () => {
  function rig(errors: readonly unknown[], attempts = 3) {
    const slept: number[] = [];
    const clock: Clock = { now: () => 0, sleep: async (ms) => void slept.push(ms) };
    const left = [...errors];
    const calls = { count: 0 };
    const call = async () => {
      calls.count += 1;
      if (left.length > 0) throw left.shift();
      return 'done';
    };
    return { slept, calls, call, backoff: { ...LIMITS, clock, random: () => 1, attempts } };
  }
  const throttled = error({ name: 'ThrottlingException' });

  test('repeats transient errors, with growing delays, and returns the result', async () => {
    const { slept, calls, call, backoff } = rig([throttled, throttled]);
    expect(await withBackoff(backoff, call)).toBe('done');
    expect([slept, calls.count]).toEqual([[100, 200], 3]);
  });

  test('throws the last error when the attempts are used up', async () => {
    const { calls, call, backoff } = rig([throttled, throttled, throttled]);
    await expect(withBackoff(backoff, call)).rejects.toBe(throttled);
    expect(calls.count).toBe(3);
  });

  test('throws an error that is not transient at once', async () => {
    const denied = error({ name: 'AccessDeniedException' });
    const { slept, calls, call, backoff } = rig([denied]);
    await expect(withBackoff(backoff, call)).rejects.toBe(denied);
    expect([slept, calls.count]).toEqual([[], 1]);
  });

  test('makes no further call after an abort, and throws its reason', async () => {
    const { calls, call, backoff } = rig([throttled, throttled]);
    const aborter = new AbortController();
    const reason = new Error('shutting down');
    const aborting = () => {
      aborter.abort(reason);
      return call();
    };
    await expect(withBackoff(backoff, aborting, aborter.signal)).rejects.toBe(reason);
    expect(calls.count).toBe(1);
  });
});

describe('a call that is retried until it is aborted', () => {
  async function retry(failures: number, abortAtMs = Number.POSITIVE_INFINITY) {
    const clock = createFakeClock(0);
    const aborted = new AbortController();
    const calledAt: number[] = [];
    const errors: unknown[] = [];
    const result = retryUntilAborted(
      { ...LIMITS, clock, random: () => 1, onError: (cause) => errors.push(cause) },
      async () => {
        calledAt.push(clock.now());
        if (calledAt.length <= failures) throw new Error(`failure ${calledAt.length}`);
        return 'done';
      },
      aborted.signal,
    ).catch((cause: Error) => cause.message);
    void clock.sleep(abortAtMs).then(() => aborted.abort());
    await clock.advance(10_000);
    return { result: await result, calledAt, errors: errors.length };
  }

  test('every error is reported and the call is repeated with a growing delay until it succeeds', async () => {
    expect(await retry(3)).toEqual({ result: 'done', calledAt: [0, 100, 300, 700], errors: 3 });
  });

  test('after an abort the call is not repeated, and the last error is thrown', async () => {
    expect(await retry(9, 250)).toEqual({ result: 'failure 2', calledAt: [0, 100], errors: 2 });
  });
});
