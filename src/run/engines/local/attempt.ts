import { jitteredDelayMs } from '../../../lib/async/backoff.ts';
import type { Fault, InvocationResult, Outcome } from '../../../pipeline/invoke/invocation.ts';
import type { Attempts, ConnectionFacts } from './live-run.ts';

/** What happens to an image after one attempt. */
export type AttemptVerdict =
  | { readonly kind: 'outcome'; readonly outcome: Outcome }
  | { readonly kind: 'retry'; readonly delayMs: number }
  /** The run pauses. The image waits and is not counted as failed. */
  | { readonly kind: 'fault'; readonly fault: Fault };

const RETRY_DELAY = { baseMs: 1_000, maxMs: 60_000 };
/** Broken connections of one image that are retried. The function may have run each time, so each one is announced. */
const BROKEN_LIMIT = 2;
/** Unanswered attempts after the first one from which on the run pauses: within three images. */
const UNANSWERED_LIMIT = 2;
const NETWORK_FIX = 'Check the network between the bot and AWS, then `/rescan resume`.';

/**
 * Decides what a reply means for its image. Only two things are retried: a throttled attempt, until `throttleLimit`
 * makes it a THROTTLING_ERROR, and a broken connection, twice. A broken connection makes an image fail only if other
 * images got replies meanwhile; a fault never does.
 * @param attempts includes this attempt. @param random in [0, 1), for the delay of a retry.
 */
export function judgeAttempt(
  result: InvocationResult,
  attempts: Attempts,
  connection: ConnectionFacts,
  throttleLimit: number,
  random: number,
): AttemptVerdict {
  const retry = (attempt: number): AttemptVerdict => ({
    kind: 'retry',
    delayMs: jitteredDelayMs(RETRY_DELAY, attempt, () => random),
  });
  const { unansweredInRow, repliesSinceBroken } = connection;
  switch (result.kind) {
    case 'outcome':
      return { kind: 'outcome', outcome: result.outcome };
    case 'throttled': {
      if (attempts.throttles < throttleLimit) return retry(attempts.throttles);
      const message = `Throttled ${attempts.throttles} times, the last time by ${result.source}: ${result.message}`;
      return { kind: 'outcome', outcome: { kind: 'failed', failureType: 'THROTTLING_ERROR', message } };
    }
    case 'broken': {
      const isDown =
        unansweredInRow >= UNANSWERED_LIMIT || (attempts.broken > BROKEN_LIMIT && repliesSinceBroken === 0);
      if (isDown) return { kind: 'fault', fault: { reason: 'network', message: result.message, fix: NETWORK_FIX } };
      if (attempts.broken <= BROKEN_LIMIT) return retry(attempts.broken);
      const message = `The connection broke ${attempts.broken} times before a reply: ${result.message}`;
      return { kind: 'outcome', outcome: { kind: 'failed', failureType: 'INVOCATION_ERROR', message } };
    }
    case 'fault':
      return result.fault.reason === 'network' && unansweredInRow < UNANSWERED_LIMIT
        ? retry(unansweredInRow + 1)
        : { kind: 'fault', fault: result.fault };
  }
}
