import type { Clock, Random } from '../clock.ts';

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

/** How often a call is made (the first time included), and how long to wait in between. */
export interface Backoff extends DelayLimits {
  readonly clock: Clock;
  readonly random: Random;
  readonly attempts: number;
}

/** Waits before repetition `attempt` (1 = the first); returns early when `signal` aborts. */
export const waitBefore = (backoff: Backoff, attempt: number, signal?: AbortSignal): Promise<void> =>
  backoff.clock.sleep(jitteredDelayMs(backoff, attempt, backoff.random), signal);

const THROTTLING_ERRORS = new Set([
  'ProvisionedThroughputExceededException',
  'ThrottlingException',
  'Throttling',
  'RequestLimitExceeded',
  'LimitExceededException',
  'SlowDown',
  'TooManyRequestsException',
]);
const SERVICE_ERRORS = new Set([
  'InternalServerError',
  'InternalFailure',
  'InternalError',
  'ServiceUnavailable',
  'TransactionInProgressException',
  'TimeoutError',
  'RequestTimeout',
  'RequestTimeoutException',
]);
const CONNECTION_ERRORS = new Set(['ECONNRESET', 'ECONNREFUSED', 'EPIPE', 'ETIMEDOUT', 'EAI_AGAIN', 'UND_ERR_SOCKET']);

const field = (error: unknown, name: string): unknown =>
  typeof error === 'object' && error !== null && name in error ? Reflect.get(error, name) : undefined;
const text = (value: unknown) => (typeof value === 'string' ? value : '');

/** Whether the service answered that there are too many requests. */
export const isThrottle = (error: unknown): boolean => THROTTLING_ERRORS.has(text(field(error, 'name')));

/**
 * Whether the same call may succeed a moment later: throttling, a 5xx, a broken connection, an answer that is no JSON (a
 * proxy gave it), or a clock that was wrong and that the SDK has corrected. An aborted call is not transient.
 */
export const isTransient = (error: unknown): boolean => {
  const name = text(field(error, 'name'));
  if (name === 'AbortError') return false;
  const metadata = field(error, '$metadata');
  const status = field(metadata, 'httpStatusCode');
  return (
    isThrottle(error) ||
    SERVICE_ERRORS.has(name) ||
    CONNECTION_ERRORS.has(text(field(error, 'code'))) ||
    (typeof status === 'number' && (status >= 500 || name === 'SyntaxError')) ||
    field(metadata, 'clockSkewCorrected') === true
  );
};

/**
 * Returns the result of `call`, repeated while its error is transient. Give it a client with one attempt: the retries
 * of the SDK would multiply with these.
 * @throws the last transient error when the attempts are used up, any other error at once, `signal.reason` when
 * aborted.
 */
export async function withBackoff<T>(backoff: Backoff, call: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    signal?.throwIfAborted();
    try {
      return await call();
    } catch (error) {
      signal?.throwIfAborted();
      if (attempt >= backoff.attempts || !isTransient(error)) throw error;
    }
    await waitBefore(backoff, attempt, signal);
  }
}

/**
 * The result of `call`, repeated after every error, however long it takes. Each error goes to `onError` before the
 * wait.
 * @throws the last error, once `signal` is aborted.
 */
export async function retryUntilAborted<T>(
  backoff: DelayLimits & {
    readonly clock: Clock;
    readonly random: Random;
    readonly onError: (error: unknown) => void;
  },
  call: () => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1)
    try {
      return await call();
    } catch (error) {
      if (signal.aborted) throw error;
      backoff.onError(error);
      await backoff.clock.sleep(jitteredDelayMs(backoff, attempt, backoff.random), signal);
      if (signal.aborted) throw error;
    }
}
