import { z } from 'zod';

/** When the watchdog looks, warns and stops a run (runbook, "Progress Monitoring": every 50 images; 10 minutes). */
export interface GrowthSettings {
  /** Outcomes between two looks at the table. */
  readonly checkImages: number;
  readonly warnMs: number;
  readonly tripMs: number;
}

/** What the watchdog remembers: plain JSON. Times are epoch ms. */
export interface Growth {
  /** When the table was last seen to have grown; the start of the run before that. */
  readonly grewAt: number;
  /** When the table was last looked at with success. */
  readonly checkedAt: number;
  /** When it was last looked at at all. */
  readonly attemptedAt: number;
  readonly outcomesSinceCheck: number;
  /** The most entries seen; undefined until they were counted. */
  readonly highest?: number;
}

/** The watchdog as a checkpoint holds it. */
export const growthSchema: z.ZodType<Growth> = z.object({
  grewAt: z.number(),
  checkedAt: z.number(),
  attemptedAt: z.number(),
  outcomesSinceCheck: z.number().int().nonnegative(),
  highest: z.number().nonnegative().exactOptional(),
});

export type GrowthVerdict = { readonly kind: 'fine' | 'warn' | 'trip'; readonly withoutGrowthMs: number };

const SHORTEST_CHECK_MS = 1_000;

/** How long a look stays fresh: a fifth of the time to the warning, so that a verdict is late by no more than that. */
const freshForMs = (settings: GrowthSettings) => Math.max(SHORTEST_CHECK_MS, settings.warnMs / 5);

/** The watchdog of a run that begins now; `entries` is the count at its start, where it is known. */
export const startGrowth = (now: number, entries?: number): Growth => ({
  grewAt: now,
  checkedAt: now,
  attemptedAt: now,
  outcomesSinceCheck: 0,
  ...(entries === undefined ? {} : { highest: entries }),
});

/**
 * Whether the table must be looked at now: so many outcomes since the last look, or so much time that the next verdict
 * would rest on a stale one. It says so whether or not anything completes. After a look that failed it waits as long as
 * a look stays fresh, whatever completes: a table that cannot be read is not asked without pause.
 */
export function growthDue(growth: Growth, settings: GrowthSettings, now: number): boolean {
  if (now - growth.attemptedAt >= freshForMs(settings)) return true;
  const lastCheckFailed = growth.attemptedAt > growth.checkedAt;
  return !lastCheckFailed && growth.outcomesSinceCheck >= settings.checkImages;
}

/** One more outcome since the last look. */
export const noteGrowthOutcome = (growth: Growth): Growth => ({
  ...growth,
  outcomesSinceCheck: growth.outcomesSinceCheck + 1,
});

const looked = (growth: Growth, now: number): Growth => ({
  ...growth,
  checkedAt: now,
  attemptedAt: now,
  outcomesSinceCheck: 0,
});

/** A count came back: the table grew if there are more entries than were ever seen. The first count is only a base. */
export function noteEntries(growth: Growth, now: number, entries: number): Growth {
  const grew = growth.highest !== undefined && entries > growth.highest;
  return {
    ...looked(growth, now),
    highest: Math.max(growth.highest ?? entries, entries),
    ...(grew ? { grewAt: now } : {}),
  };
}

/** A probe came back: `fresh` when the rows of the last processed image are there and newer than its invocation. */
export const noteProbe = (growth: Growth, now: number, fresh: boolean): Growth => ({
  ...looked(growth, now),
  ...(fresh ? { grewAt: now } : {}),
});

/** A look failed: neither growth nor a look, but the next one waits (see `growthDue`). */
export const noteFailedCheck = (growth: Growth, now: number): Growth => ({ ...growth, attemptedAt: now });

/**
 * What the watchdog says now. `trip` only on a fresh look, or when no look succeeded for as long as `tripMs`; on a stale
 * look it says `warn`, and `growthDue` says that a look is due.
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
 * The watchdog of a run that goes on now: time spent paused or dead is no time without growth, and a look is due only
 * after a while. `fresh` (a person resumed it) starts the time without growth over, or a run that the watchdog tripped
 * would trip again at once; otherwise the time without growth from before goes on counting, so that a process that dies
 * over and over cannot outrun the watchdog.
 */
export function resumeGrowth(growth: Growth, now: number, fresh = true): Growth {
  const aliveAt = Math.max(growth.grewAt, growth.attemptedAt);
  return { ...growth, grewAt: fresh ? now : now - (aliveAt - growth.grewAt), checkedAt: now, attemptedAt: now };
}
