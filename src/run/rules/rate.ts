/** Images that came to an outcome in the last two minutes, in buckets of five seconds: plain JSON, at most 25 buckets. */
export interface Rate {
  /** When the first one was noted, epoch ms. */
  readonly since?: number;
  /** Start of the bucket, epoch ms, and how many fell into it; oldest first. */
  readonly buckets: readonly (readonly [startsAt: number, count: number])[];
}

const BUCKET_MS = 5_000;
const WINDOW_MS = 120_000;
/** A rate over less than this says nothing. */
const SHORTEST_MS = 10_000;
const MINUTE_MS = 60_000;

export const emptyRate = (): Rate => ({ buckets: [] });

const bucketOf = (at: number) => Math.floor(at / BUCKET_MS) * BUCKET_MS;

/** One more image done now. */
export function noteDone(rate: Rate, now: number): Rate {
  const startsAt = bucketOf(now);
  const last = rate.buckets.at(-1);
  const since = rate.since ?? now;
  if (last && last[0] >= startsAt) return { since, buckets: [...rate.buckets.slice(0, -1), [last[0], last[1] + 1]] };
  const kept = rate.buckets.filter(([start]) => start > now - WINDOW_MS - BUCKET_MS);
  return { since, buckets: [...kept, [startsAt, 1]] };
}

/**
 * Images a minute over the last two minutes, or since the first one. Undefined until there is something to say: before
 * the first one, in the ten seconds after it, and as long as it is the only one in a minute. 0 when nothing was done in
 * two minutes.
 */
export function perMinute(rate: Rate, now: number): number | undefined {
  const { since } = rate;
  if (since === undefined || now - since < SHORTEST_MS) return undefined;
  const windowFrom = bucketOf(now - WINDOW_MS) + BUCKET_MS;
  const wholeLife = since >= windowFrom;
  const from = wholeLife ? since : windowFrom;
  const counted = rate.buckets.reduce((sum, [start, count]) => sum + (start >= bucketOf(from) ? count : 0), 0);
  if (wholeLife && counted < 2 && now - since < MINUTE_MS) return undefined;
  // The first image marks the beginning of the time that is measured: it did not take any of it.
  const done = wholeLife ? counted - 1 : counted;
  return (done * MINUTE_MS) / (now - from);
}
