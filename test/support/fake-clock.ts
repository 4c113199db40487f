import type { Clock } from '../../src/lib/clock.ts';

export interface FakeClock extends Clock {
  /** Moves time on by `ms`; sleepers that fall due on the way wake in order of their time, each with its own `now`. */
  advance(ms: number): Promise<void>;
  /** Moves time on at once, without waking anybody on the way: a process that was paused. Sleepers wake at the next `advance`. */
  jump(ms: number): void;
  /** How many sleepers there are. */
  sleeping(): number;
}

/** Lets everything run that is ready to run, promises and I/O that has arrived included. */
export async function settle(turns = 5): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** A clock that stands still until it is told to go on. */
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
  };
}
