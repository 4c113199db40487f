/** Outcomes of the last two minutes, in buckets of five seconds: plain JSON, at most 25 buckets. */
export interface Rate {
  /** When the first outcome was noted, epoch ms. */
  readonly since?: number;
  /** Start of each bucket, epoch ms, and its number of outcomes; oldest first. */
  readonly buckets: readonly (readonly [startsAt: number, count: number])[];
}

const BUCKET_MS = 5_000;
const WINDOW_MS = 120_000;
/** A rate over less time than this means nothing. */
const SHORTEST_MS = 10_000;
const MINUTE_MS = 60_000;

export const emptyRate = (): Rate => ({ buckets: [] });

const bucketOf = (at: number) => Math.floor(at / BUCKET_MS) * BUCKET_MS;

/** Counts one more outcome now. */
export function noteDone(rate: Rate, now: number): Rate {
  const startsAt = bucketOf(now);
  const last = rate.buckets.at(-1);
  const since = rate.since ?? now;
  if (last && last[0] >= startsAt) return { since, buckets: [...rate.buckets.slice(0, -1), [last[0], last[1] + 1]] };
  const kept = rate.buckets.filter(([start]) => start > now - WINDOW_MS - BUCKET_MS);
  return { since, buckets: [...kept, [startsAt, 1]] };
}

/**
 * Images a minute over the last two minutes, or since the first outcome if that is less. Undefined before the first
 * outcome, in the ten seconds after it, and while it is the only one within a minute. 0 after two minutes without an
 * outcome.
 */
export function perMinute(rate: Rate, now: number): number | undefined {
  const { since } = rate;
  if (since === undefined || now - since < SHORTEST_MS) return undefined;
  const windowFrom = bucketOf(now - WINDOW_MS) + BUCKET_MS;
  const isSinceFirst = since >= windowFrom;
  const from = isSinceFirst ? since : windowFrom;
  const counted = rate.buckets.reduce((sum, [start, count]) => sum + (start >= bucketOf(from) ? count : 0), 0);
  if (isSinceFirst && counted < 2 && now - since < MINUTE_MS) return undefined;
  // The measured time begins with the first outcome, so that one is not part of the rate.
  const done = isSinceFirst ? counted - 1 : counted;
  return (done * MINUTE_MS) / (now - from);
}
