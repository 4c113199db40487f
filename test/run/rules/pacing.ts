import type { PaceSetting } from '../../../src/run/model/types.ts';
import { createPacer, nextStartAt, noteOutcome, noteStart, type Pacer } from '../../../src/run/rules/pacer.ts';

export const auto: PaceSetting = { kind: 'auto' };
export const fixed = (perMinute: number): PaceSetting => ({ kind: 'fixed', perMinute });
export const pacerOf = (paceSetting: PaceSetting, ceilingPerMinute = 1_000, maxInFlight = 5_000, now = 0) =>
  createPacer({ paceSetting, ceilingPerMinute, maxInFlight }, now);

/**
 * Starts every image that may be started until `to`. Each timer is late by `lateMs()`. Every start gets an outcome at
 * once.
 */
export function startAll(
  pacer: Pacer,
  from: number,
  to: number,
  lateMs: () => number = () => 0,
  outcomes = true,
): number[] {
  const starts: number[] = [];
  let now = from;
  for (;;) {
    const at = nextStartAt(pacer, now);
    if (at > now) {
      // Asks again in between, as the engine does: the pace may have been raised meanwhile.
      now = Math.min(at + lateMs(), now + 250);
      if (now >= to) return starts;
      continue;
    }
    if (starts.length > 100_000) throw new Error('The pacer starts images without end');
    noteStart(pacer, now);
    starts.push(now);
    if (outcomes) noteOutcome(pacer, now, 500);
  }
}

/** The most starts in any 60 s, both ends included. */
export function worstWindow(starts: readonly number[], windowMs = 60_000): number {
  let worst = 0;
  let head = 0;
  starts.forEach((at, index) => {
    while ((starts[head] ?? at) < at - windowMs) head++;
    worst = Math.max(worst, index - head + 1);
  });
  return worst;
}
