import { type DelayLimits, jitteredDelayMs } from '../../lib/async/backoff.ts';
import type { Clock, Random } from '../../lib/clock.ts';
import { classifySlackError } from '../client/slack-errors.ts';

/** Works off what is open, pass by pass, until it is closed. */
export interface RetryLoop {
  start(): void;
  /** There is new work: the next pass starts at once, unless the loop waits after a failure. */
  wake(): void;
  /** Resolves when nothing is left that could be done now, or after `close`. */
  idle(): Promise<void>;
  close(): void;
  /** Aborts at `close`. */
  readonly closed: AbortSignal;
}

const LIMITS: DelayLimits = { baseMs: 1_000, maxMs: 60_000 };

/**
 * `pass` works off what is open. It resolves to undefined when nothing is left, else to the time until the next pass, ms.
 * When it throws, the next pass follows after a backoff, or after the time that Slack names in a 429. Without work a pass
 * is made every `pollMs`, because another process of the bot may have left something.
 */
export function createRetryLoop(ports: {
  pass: () => Promise<number | undefined>;
  onError: (error: unknown) => void;
  clock: Clock;
  random: Random;
  pollMs: number;
}): RetryLoop {
  const closing = new AbortController();
  const closed = closing.signal;
  let wakeUp = new AbortController();
  let isStarted = false;
  let isIdle = true;
  let failures = 0;
  const waiters: (() => void)[] = [];
  const releaseWaiters = () => {
    for (const release of waiters.splice(0)) release();
  };

  async function passOrDelay(): Promise<number | undefined> {
    try {
      const delayMs = await ports.pass();
      failures = 0;
      return delayMs;
    } catch (error) {
      ports.onError(error);
      failures += 1;
      const failure = classifySlackError(error);
      return failure.kind === 'rate-limited' ? failure.retryAfterMs : jitteredDelayMs(LIMITS, failures, ports.random);
    }
  }

  async function run(): Promise<void> {
    while (!closed.aborted) {
      wakeUp = new AbortController();
      isIdle = false;
      const delayMs = await passOrDelay();
      if (delayMs === undefined && !wakeUp.signal.aborted) {
        isIdle = true;
        releaseWaiters();
      }
      // New work does not shorten a delay that Slack or a failure imposed.
      const signal = delayMs === undefined ? AbortSignal.any([closed, wakeUp.signal]) : closed;
      await ports.clock.sleep(delayMs ?? ports.pollMs, signal);
    }
    releaseWaiters();
  }

  return {
    start() {
      if (isStarted) return;
      isStarted = true;
      void run();
    },
    wake() {
      isIdle = false;
      wakeUp.abort();
    },
    idle: () => (isIdle || closed.aborted ? Promise.resolve() : new Promise((resolve) => waiters.push(resolve))),
    close: () => closing.abort(),
    closed,
  };
}
