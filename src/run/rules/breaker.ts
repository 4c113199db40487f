import { z } from 'zod';
import type { Outcome } from '../../pipeline/invoke/invocation.ts';
import type { Trip } from '../model/types.ts';

/** When the breaker stops a run (runbook, "Circuit Breaker": 10 in a row, more than 50 % of the last 20). */
export interface BreakerSettings {
  readonly consecutive: number;
  readonly window: number;
  readonly percent: number;
}

/** The state of the breaker, also in a checkpoint: plain JSON, at most `window` outcomes. */
export const breakerSchema = z.object({
  /** Failures in a row, in order of completion. */
  consecutive: z.number().int().nonnegative(),
  /** The last outcomes, oldest first; true is a failure. */
  recent: z.array(z.boolean()).max(10_000),
});
export type Breaker = Readonly<z.infer<typeof breakerSchema>>;

/** A breaker before the first outcome. */
export const closedBreaker = (): Breaker => ({ consecutive: 0, recent: [] });

/** A breaker of its own, for a checkpoint. */
export const copyBreaker = (breaker: Breaker): Breaker => ({ ...breaker, recent: [...breaker.recent] });

/**
 * The breaker after one more outcome, in order of completion. `trip` is set while a rule is broken: `consecutive`
 * failures in a row, or more than `percent` of the last `window` outcomes, once there are that many. A rejected sheet
 * is not a failure. An image that is gone says nothing about the function and changes nothing.
 *
 * `no-rows` is known only after its image counted as processed: it turns the newest such outcome of the window into a
 * failure.
 *
 * Takes `breaker` over: its window is changed in place. A copy of the longest window, 10,000 outcomes, takes 80 KB, and
 * there would be one for each image.
 */
export function advanceBreaker(
  breaker: Breaker,
  settings: BreakerSettings,
  kind: Outcome['kind'],
): { breaker: Breaker; trip?: Trip } {
  if (kind === 'gone') return { breaker };
  const isFailure = kind === 'failed';
  const consecutive = kind === 'no-rows' ? breaker.consecutive : isFailure ? breaker.consecutive + 1 : 0;
  const { recent } = breaker;
  if (kind === 'no-rows') addFailure(recent);
  else {
    recent.push(isFailure);
    if (recent.length > settings.window) recent.splice(0, recent.length - settings.window);
  }
  const next: Breaker = { consecutive, recent };
  if (consecutive >= settings.consecutive)
    return { breaker: next, trip: { kind: 'consecutive-failures', failures: consecutive } };
  let failed = 0;
  for (const each of recent) if (each) failed++;
  if (recent.length >= settings.window && failed * 100 > settings.percent * recent.length)
    return { breaker: next, trip: { kind: 'failure-rate', failed, window: recent.length } };
  return { breaker: next };
}

/** Turns the newest success of the window into a failure. */
function addFailure(recent: boolean[]): void {
  const at = recent.lastIndexOf(false);
  if (at >= 0) recent[at] = true;
}
