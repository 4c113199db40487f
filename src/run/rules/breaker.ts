import { z } from 'zod';
import type { Outcome } from '../../pipeline/invoke/invocation.ts';
import type { Trip } from '../model/types.ts';

/** When the breaker stops a run (runbook, "Circuit Breaker": 10 in a row, more than 50 % of the last 20). */
export interface BreakerSettings {
  readonly consecutive: number;
  readonly window: number;
  readonly percent: number;
}

/** What the breaker remembers: plain JSON, no more than `window` outcomes. */
export interface Breaker {
  /** Failures in a row, in order of completion. */
  readonly consecutive: number;
  /** Oldest first; true is a failure. */
  readonly recent: readonly boolean[];
}

export const closedBreaker: Breaker = { consecutive: 0, recent: [] };

/** A breaker as a checkpoint holds it. */
export const breakerSchema: z.ZodType<Breaker> = z.object({
  consecutive: z.number().int().nonnegative(),
  recent: z.array(z.boolean()).max(10_000),
});

/**
 * The breaker after one more outcome, in order of completion. `trip` is there as long as a rule is broken: so many
 * failures in a row, or more than `percent` of the last `window`, once so many are in. A rejected sheet is no failure.
 */
export function advanceBreaker(
  breaker: Breaker,
  settings: BreakerSettings,
  kind: Outcome['kind'],
): { breaker: Breaker; trip?: Trip } {
  const isFailure = kind === 'failed';
  const consecutive = isFailure ? breaker.consecutive + 1 : 0;
  const recent = [...breaker.recent, isFailure].slice(-settings.window);
  const next: Breaker = { consecutive, recent };
  if (consecutive >= settings.consecutive)
    return { breaker: next, trip: { kind: 'consecutive-failures', failures: consecutive } };
  const failed = recent.filter(Boolean).length;
  if (recent.length >= settings.window && failed * 100 > settings.percent * recent.length)
    return { breaker: next, trip: { kind: 'failure-rate', failed, window: recent.length } };
  return { breaker: next };
}
