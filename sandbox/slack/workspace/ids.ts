import type { SlackClock } from './clock.ts';

export interface Ids {
  /** A new, unique id, such as `F00000001` for prefix `F`. */
  next(prefix: string): string;
  /** A new message timestamp with seconds and microseconds, later than every earlier one. */
  ts(): string;
}

export function createIds(clock: Pick<SlackClock, 'now'>): Ids {
  let count = 0;
  let lastMicros = 0;
  return {
    next: (prefix) => `${prefix}${(++count).toString(36).toUpperCase().padStart(8, '0')}`,
    ts() {
      lastMicros = Math.max(Math.floor(clock.now() * 1000), lastMicros + 1);
      const seconds = Math.floor(lastMicros / 1_000_000);
      return `${seconds}.${String(lastMicros % 1_000_000).padStart(6, '0')}`;
    },
  };
}
