import type { Clock, Random } from './clock.ts';

/** A ceiling that doubles from `baseMs` with each attempt and stays at `maxMs`. */
export interface DelayLimits {
  readonly baseMs: number;
  readonly maxMs: number;
}

/** The ceiling of the delay before repetition `attempt` (1 = the first), ms. */
export const delayCeilingMs = (limits: DelayLimits, attempt: number): number =>
  Math.min(limits.maxMs, limits.baseMs * 2 ** Math.min(attempt - 1, 40));

/** A random delay between 0 and the ceiling ("full jitter"), ms. */
export const jitteredDelayMs = (limits: DelayLimits, attempt: number, random: Random): number =>
  random() * delayCeilingMs(limits, attempt);

/** How a call to AWS is repeated: at most `attempts` times, waiting a random part of a doubling ceiling ("full jitter"). */
export interface Backoff extends DelayLimits {
  readonly clock: Clock;
  readonly random: Random;
  readonly attempts: number;
}

/** Waits before attempt number `attempt` (1 = the first repetition); returns early when `signal` aborts. */
export const waitBefore = (backoff: Backoff, attempt: number, signal?: AbortSignal): Promise<void> =>
  backoff.clock.sleep(jitteredDelayMs(backoff, attempt, backoff.random), signal);

const THROTTLES = new Set([
  'ProvisionedThroughputExceededException',
  'ThrottlingException',
  'Throttling',
  'RequestLimitExceeded',
  'LimitExceededException',
  'SlowDown',
  'TooManyRequestsException',
]);
const PASSING = new Set([
  'InternalServerError',
  'InternalFailure',
  'InternalError',
  'ServiceUnavailable',
  'TransactionInProgressException',
  'TimeoutError',
  'RequestTimeout',
  'RequestTimeoutException',
]);
const SOCKET = new Set(['ECONNRESET', 'ECONNREFUSED', 'EPIPE', 'ETIMEDOUT', 'EAI_AGAIN', 'UND_ERR_SOCKET']);

const field = (error: unknown, name: string): unknown =>
  typeof error === 'object' && error !== null && name in error ? Reflect.get(error, name) : undefined;
const text = (value: unknown) => (typeof value === 'string' ? value : '');

/** The service asks for less. */
export const isThrottle = (error: unknown): boolean => THROTTLES.has(text(field(error, 'name')));

/** The same call may succeed in a moment: throttling, a 5xx, a broken connection. An abort is none. */
export const isPassing = (error: unknown): boolean => {
  if (text(field(error, 'name')) === 'AbortError') return false;
  const status = field(field(error, '$metadata'), 'httpStatusCode');
  return (
    isThrottle(error) ||
    PASSING.has(text(field(error, 'name'))) ||
    SOCKET.has(text(field(error, 'code'))) ||
    (typeof status === 'number' && status >= 500)
  );
};

/**
 * The result of `call`, repeated while its error is a passing one.
 * @throws the last error when the attempts are used up, another error at once, `signal.reason` when aborted.
 */
export async function withBackoff<T>(backoff: Backoff, call: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    signal?.throwIfAborted();
    try {
      return await call();
    } catch (error) {
      signal?.throwIfAborted();
      if (attempt >= backoff.attempts || !isPassing(error)) throw error;
    }
    await waitBefore(backoff, attempt, signal);
  }
}
