import type { Clock } from '../../../lib/clock.ts';

const DRAIN_TIMEOUT_MS = 3_000;
/** The part of the drain that disconnecting may take: a request in progress may act on AWS and needs the rest. */
const DISCONNECT_TIMEOUT_MS = 1_000;

/** Knows the requests in progress, and lets them finish when the process shuts down. */
export interface Drain {
  /** Counts the work as in progress until it settles. Returns a promise that settles like the work. */
  track(work: Promise<void>): Promise<void>;
  /**
   * Disconnects, so that nothing new arrives; waits for the work in progress; then delivers. Resolves after 3 s at most,
   * of which disconnecting gets 1 s. Never throws: errors go to `onError`.
   */
  drain(disconnect: () => Promise<unknown>, deliver: () => Promise<unknown>): Promise<void>;
}

export function createDrain(clock: Clock, onError: (error: unknown, message: string) => void): Drain {
  const inProgress = new Set<Promise<void>>();
  return {
    track(work) {
      const tracked = work.finally(() => inProgress.delete(tracked));
      inProgress.add(tracked);
      return tracked;
    },
    async drain(disconnect, deliver) {
      const drained = new AbortController();
      const timeout = clock.sleep(DRAIN_TIMEOUT_MS, drained.signal);
      const disconnected = disconnect().catch((error: unknown) => onError(error, 'Disconnecting from Slack failed.'));
      await Promise.race([disconnected, clock.sleep(DISCONNECT_TIMEOUT_MS, drained.signal)]);
      const delivered = Promise.allSettled([...inProgress])
        .then(deliver)
        .catch((error: unknown) => onError(error, 'The delivery before the shutdown failed.'));
      await Promise.race([delivered, timeout]);
      drained.abort();
    },
  };
}
