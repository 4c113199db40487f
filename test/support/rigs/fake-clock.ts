import type { Clock } from '../../../src/lib/clock.ts';

export interface FakeClock extends Clock {
  /** Advances the time by `ms`. Sleepers that become due wake in order, each at its own time. */
  advance(ms: number): Promise<void>;
  /**
   * Advances the time without waking anyone, as for a process that was suspended. Sleepers wake at the next `advance`.
   */
  jump(ms: number): void;
  /** The number of sleepers. */
  sleeping(): number;
  /** When the next sleeper wakes, epoch ms; Infinity without one. */
  nextWakeAt(): number;
}

/** Lets pending promises and I/O that has arrived be processed. */
export async function settle(turns = 5): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** A clock that only the test advances. */
export function createFakeClock(start = Date.UTC(2025, 0, 6, 9)): FakeClock {
  interface Sleeper {
    readonly at: number;
    readonly wake: () => void;
  }
  let now = start;
  const sleepers = new Set<Sleeper>();
  const firstDue = (until: number): Sleeper | undefined => {
    let first: Sleeper | undefined;
    for (const sleeper of sleepers) if (sleeper.at <= until && (!first || sleeper.at < first.at)) first = sleeper;
    return first;
  };
  return {
    now: () => now,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted) return resolve();
        const wake = () => {
          sleepers.delete(sleeper);
          signal?.removeEventListener('abort', wake);
          resolve();
        };
        const sleeper: Sleeper = { at: now + Math.max(0, ms), wake };
        sleepers.add(sleeper);
        signal?.addEventListener('abort', wake, { once: true });
      }),
    async advance(ms) {
      const until = now + ms;
      await settle();
      for (let due = firstDue(until); due; due = firstDue(until)) {
        now = Math.max(now, due.at);
        due.wake();
        await settle();
      }
      now = Math.max(now, until);
      await settle();
    },
    jump(ms) {
      now += ms;
    },
    sleeping: () => sleepers.size,
    nextWakeAt: () => firstDue(Number.POSITIVE_INFINITY)?.at ?? Number.POSITIVE_INFINITY,
  };
}
