/**
 * Time and randomness come in as arguments (docs: "Contracts"). `now` is milliseconds since the epoch and never
 * jumps backwards; `sleep` resolves after `ms`, or at once when `signal` aborts: it never rejects.
 */
export interface Clock {
  now(): number;
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** A number in [0, 1), as Math.random gives. */
export type Random = () => number;

/** The machine's clock: wall time at the process's start, carried on by the monotonic clock, so that an NTP step cannot move a deadline. */
export const systemClock: Clock = {
  now: () => performance.timeOrigin + performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const done = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, Math.max(0, ms));
      signal?.addEventListener('abort', done, { once: true });
    }),
};
