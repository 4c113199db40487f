import type { Clock } from '../../lib/clock.ts';

const DRAIN_MS = 3_000;
/** A click that is being worked on may act on AWS: it gets a little of the drain's time to finish. */
const DISCONNECT_MS = 1_000;

export interface Drain {
  /** Counts work as under way until it is over, however it ends. */
  track(work: Promise<void>): Promise<void>;
  /**
   * Disconnects, so that nothing new comes, and waits for what is under way, then for what is to be delivered. Resolves after 3 s whatever
   * hangs; disconnecting has a second of them to itself. Never throws: what fails is told to `onTrouble`.
   */
  drain(disconnect: () => Promise<unknown>, deliver: () => Promise<unknown>): Promise<void>;
}

/** What is under way in the face, and its end. */
export function createDrain(clock: Clock, onError: (error: unknown, message: string) => void): Drain {
  const underWay = new Set<Promise<void>>();
  return {
    track(work) {
      const tracked = work.finally(() => underWay.delete(tracked));
      underWay.add(tracked);
      return tracked;
    },
    async drain(disconnect, deliver) {
      const drained = new AbortController();
      const tooLate = clock.sleep(DRAIN_MS, drained.signal);
      const disconnected = disconnect().catch((error: unknown) => onError(error, 'did not disconnect cleanly'));
      await Promise.race([disconnected, clock.sleep(DISCONNECT_MS, drained.signal)]);
      const delivered = Promise.allSettled([...underWay])
        .then(deliver)
        .catch((error: unknown) => onError(error, 'not all was delivered before the end'));
      await Promise.race([delivered, tooLate]);
      drained.abort();
    },
  };
}
