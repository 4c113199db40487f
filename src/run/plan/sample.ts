import type { Random } from '../../lib/clock.ts';

/** A random sample of a stream of unknown length, in memory of its own size. */
export interface Reservoir<T> {
  offer(item: T): void;
  /** The sample, in the order in which its items were offered. */
  result(): T[];
}

/**
 * Each offered item is in the sample with the same probability. The sample has all items while at most `size` were
 * offered.
 */
export function reservoir<T>(size: number, random: Random): Reservoir<T> {
  const kept: { order: number; item: T }[] = [];
  let offered = 0;
  return {
    offer(item) {
      const order = offered++;
      if (kept.length < size) {
        kept.push({ order, item });
        return;
      }
      const position = Math.floor(random() * offered);
      if (position < size) kept[position] = { order, item };
    },
    result: () => kept.toSorted((a, b) => a.order - b.order).map(({ item }) => item),
  };
}

/** Random numbers in [0, 1) by mulberry32: the same sequence for the same seed (its low 32 bits) on every machine. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
