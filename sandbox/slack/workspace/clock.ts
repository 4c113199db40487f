/** The clock of the local Slack. `now` returns epoch ms. `sleep` resolves after `ms`, or early when `signal` aborts. */
export interface SlackClock {
  now(): number;
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/**
 * The machine's clock, continued with the monotonic clock, so that a change of the system time cannot expire a trigger.
 */
export const machineClock: SlackClock = {
  now: () => performance.timeOrigin + performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const finish = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', finish);
        resolve();
      };
      const timer = setTimeout(finish, Math.max(0, ms));
      signal?.addEventListener('abort', finish, { once: true });
    }),
};
