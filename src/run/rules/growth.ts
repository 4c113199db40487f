import { z } from 'zod';
import { defined } from '../../lib/defined.ts';

/**
 * When the watchdog checks the table, warns and trips (runbook, "Progress Monitoring": every 50 images; 10 minutes).
 */
export interface GrowthSettings {
  /** Outcomes between two checks of the table. */
  readonly checkImages: number;
  readonly warnMs: number;
  readonly tripMs: number;
}

/** The state of the watchdog, also in a checkpoint: plain JSON. Times are epoch ms. */
export const growthSchema = z.object({
  /** When a check last found growth; before the first one, the start of the run. */
  grewAt: z.number(),
  /** When the table was last checked with success. */
  checkedAt: z.number(),
  /** When it was last checked, with or without success. */
  attemptedAt: z.number(),
  outcomesSinceCheck: z.number().int().nonnegative(),
  /** Outcomes since a check last found growth. */
  outcomesSinceGrowth: z.number().int().nonnegative().default(0),
  /** The highest count so far; undefined before the first one. */
  highest: z.number().nonnegative().exactOptional(),
});
export type Growth = Readonly<z.infer<typeof growthSchema>>;

export type GrowthVerdict = { readonly kind: 'fine' | 'warn' | 'trip'; readonly withoutGrowthMs: number };

const SHORTEST_CHECK_MS = 1_000;

/** How long a check stays fresh: a fifth of the time to the warning, so a verdict is late by no more than that. */
const freshForMs = (settings: GrowthSettings) => Math.max(SHORTEST_CHECK_MS, settings.warnMs / 5);

/** The watchdog of a run that starts now; `entries` is the count at its start, where it is known. */
export const startGrowth = (now: number, entries?: number): Growth =>
  defined({
    grewAt: now,
    checkedAt: now,
    attemptedAt: now,
    outcomesSinceCheck: 0,
    outcomesSinceGrowth: 0,
    highest: entries,
  });

/**
 * Whether the table must be checked now: enough outcomes since the last check, or the last check is no longer fresh.
 * Time alone makes a check due, also when nothing completes. After a failed check the next one waits as long as a check
 * stays fresh, so a table that cannot be read is not asked all the time.
 */
export function growthDue(growth: Growth, settings: GrowthSettings, now: number): boolean {
  if (now - growth.attemptedAt >= freshForMs(settings)) return true;
  const lastCheckFailed = growth.attemptedAt > growth.checkedAt;
  return !lastCheckFailed && growth.outcomesSinceCheck >= settings.checkImages;
}

/** Counts one more outcome since the last check. */
export const noteGrowthOutcome = (growth: Growth): Growth => ({
  ...growth,
  outcomesSinceCheck: growth.outcomesSinceCheck + 1,
  outcomesSinceGrowth: growth.outcomesSinceGrowth + 1,
});

const checked = (growth: Growth, now: number): Growth => ({
  ...growth,
  checkedAt: now,
  attemptedAt: now,
  outcomesSinceCheck: 0,
});

const grewNow = (now: number) => ({ grewAt: now, outcomesSinceGrowth: 0 });

/** A check counted the entries. The table grew if the count is the highest so far. The first count is only a base. */
export function noteEntries(growth: Growth, now: number, entries: number): Growth {
  const grew = growth.highest !== undefined && entries > growth.highest;
  return {
    ...checked(growth, now),
    highest: Math.max(growth.highest ?? entries, entries),
    ...(grew ? grewNow(now) : {}),
  };
}

/** A check read the rows of the last processed image. `fresh`: they exist and are newer than its invocation. */
export const noteProbe = (growth: Growth, now: number, fresh: boolean): Growth => ({
  ...checked(growth, now),
  ...(fresh ? grewNow(now) : {}),
});

/** A check failed: nothing is known, but the next check waits (see `growthDue`). */
export const noteFailedCheck = (growth: Growth, now: number): Growth => ({ ...growth, attemptedAt: now });

/** The run could start nothing for `waitedMs` until now: that time is not time without growth. */
export const noteWait = (growth: Growth, waitedMs: number, now: number): Growth => ({
  ...growth,
  grewAt: Math.min(now, growth.grewAt + waitedMs),
  checkedAt: Math.min(now, growth.checkedAt + waitedMs),
});

/**
 * The verdict of the watchdog now. `trip` only on a fresh check, or when no check succeeded for `tripMs`. On a stale
 * check the verdict is `warn`, and a check is due (`growthDue`).
 */
export function judgeGrowth(growth: Growth, settings: GrowthSettings, now: number): GrowthVerdict {
  const withoutGrowthMs = Math.max(0, now - growth.grewAt);
  const checkAgeMs = now - growth.checkedAt;
  const freshMs = freshForMs(settings);
  const noGrowthFound = growth.checkedAt > growth.grewAt && checkAgeMs <= freshMs;
  const isBlind = checkAgeMs >= Math.max(settings.tripMs, 3 * freshMs);
  if (withoutGrowthMs >= settings.tripMs && (noGrowthFound || isBlind)) return { kind: 'trip', withoutGrowthMs };
  return { kind: withoutGrowthMs >= settings.warnMs ? 'warn' : 'fine', withoutGrowthMs };
}

/**
 * The watchdog of a run that continues now. Time in which the run was paused, or its process was dead, does not count
 * as time without growth, and this makes no check due at once. `fresh` (a person resumed the run): the time without
 * growth starts at 0, because a run that the watchdog tripped would trip again at once. Otherwise the time from before
 * still counts, so that a process that crashes again and again does not escape the watchdog.
 */
export function resumeGrowth(growth: Growth, now: number, fresh = true): Growth {
  const lastActiveAt = Math.max(growth.grewAt, growth.attemptedAt);
  return { ...growth, grewAt: fresh ? now : now - (lastActiveAt - growth.grewAt), checkedAt: now, attemptedAt: now };
}
