import { failureOf } from '../../pipeline/invoke/invocation.ts';
import type { Profile } from '../../pipeline/profile/profile.ts';
import type { OutcomeRecord } from '../../run/model/types.ts';

/**
 * The probability that a random group contains at least `found` marked items, when `drawn` of `all` items are in the
 * group and `marked` of `all` are marked (hypergeometric, one-sided; Fisher's exact test). Between 0 and 1.
 */
export function probabilityOfAtLeast({
  found,
  drawn,
  marked,
  all,
}: {
  found: number;
  drawn: number;
  marked: number;
  all: number;
}): number {
  const most = Math.min(drawn, marked);
  const least = Math.max(0, drawn + marked - all);
  if (found <= least) return 1;
  if (found > most) return 0;
  let term = Math.exp(logChoose(marked, found) + logChoose(all - marked, drawn - found) - logChoose(all, drawn));
  let sum = term;
  for (let count = found; count < most; count++) {
    term *= ((marked - count) * (drawn - count)) / ((count + 1) * (all - marked - drawn + count + 1));
    sum += term;
    // The remaining terms fall faster than a geometric series and do not change the result.
    if (term < sum * 1e-12) break;
  }
  return Math.min(1, sum);
}

const logChoose = (n: number, k: number): number => logFactorial(n) - logFactorial(k) - logFactorial(n - k);

/** Stirling's series; an exact sum for small numbers, where the series is not accurate. */
function logFactorial(n: number): number {
  if (n < 32) {
    let sum = 0;
    for (let factor = 2; factor <= n; factor++) sum += Math.log(factor);
    return sum;
  }
  const x = n + 1;
  return (x - 0.5) * Math.log(x) - x + 0.5 * Math.log(2 * Math.PI) + 1 / (12 * x) - 1 / (360 * x ** 3);
}

/** The properties by which failures are grouped. */
export const GROUPINGS = ['prefix', 'name', 'month', 'time'] as const;
export type Grouping = (typeof GROUPINGS)[number];

/**
 * A group in which failures are clearly more frequent than elsewhere. For `time`, `group` is the start of five minutes,
 * ISO.
 */
export interface Cluster {
  readonly by: Grouping;
  readonly group: string;
  readonly images: number;
  readonly failed: number;
  /** The share of failed images in the group, and in all other groups together; 0 to 1. */
  readonly share: number;
  readonly shareElsewhere: number;
}

interface Counts {
  images: number;
  failed: number;
}

/** A grouping with more groups than this says nothing and is ignored. */
const MAX_GROUPS = 5_000;
/** A group needs at least this many failures, */
const MIN_FAILED = 5;
/** failures must be this many times as frequent there as elsewhere, */
const TIMES_AS_FREQUENT = 3;
/** it must have at least this share of all failures, */
const MIN_SHARE_OF_FAILURES = 0.25;
/** and at most this share of all images; */
const MAX_SHARE_OF_IMAGES = 0.8;
/** and the probability of that by chance, times the number of groups, must be below this. */
const MAX_PROBABILITY = 0.01;
/** A run of 1,400 images takes less than an hour, so a temporary problem shows within minutes. */
const TIME_MS = 5 * 60_000;

/** The key up to its last slash; undefined at the top of the bucket. */
const prefixOf = (key: string): string | undefined => /^(.+\/)[^/]*$/.exec(key)?.[1];

/** Reads the groups of an expression from a key, joined with `-`; undefined where the profile has none or the key does not match. */
function readerOf(pattern: string | undefined): (key: string) => string | undefined {
  if (pattern === undefined) return () => undefined;
  const expression = new RegExp(pattern, 'su');
  return (key) => expression.exec(key)?.slice(1).join('-').trim() || undefined;
}

/** Counts outcomes by group in bounded memory, and finds the groups in which failures are frequent. */
export function createFailureGroups({ imageKey }: Pick<Profile, 'imageKey'>) {
  const nameOf = readerOf(imageKey.person);
  const monthOf = readerOf(imageKey.month);
  const countsBy = new Map<Grouping, Map<string, Counts> | 'too-many'>(GROUPINGS.map((by) => [by, new Map()]));
  const all: Counts = { images: 0, failed: 0 };
  const count = (by: Grouping, group: string | undefined, failed: boolean) => {
    const groups = countsBy.get(by);
    if (group === undefined || groups === undefined || groups === 'too-many') return;
    const counts = groups.get(group) ?? { images: 0, failed: 0 };
    counts.images += 1;
    if (failed) counts.failed += 1;
    groups.set(group, counts);
    if (groups.size > MAX_GROUPS) countsBy.set(by, 'too-many');
  };
  return {
    add({
      key,
      outcome,
      startedAt,
      durationMs,
    }: Pick<OutcomeRecord, 'key' | 'outcome' | 'startedAt' | 'durationMs'>): void {
      const failed = failureOf(outcome) !== undefined;
      all.images += 1;
      if (failed) all.failed += 1;
      count('prefix', prefixOf(key), failed);
      count('name', nameOf(key), failed);
      count('month', monthOf(key), failed);
      const ended = startedAt + durationMs;
      count('time', new Date(ended - (ended % TIME_MS)).toISOString(), failed);
    },
    /** The groups in which failures are frequent, those with the most failures first. */
    clusters(): readonly Cluster[] {
      const found: Cluster[] = [];
      for (const [by, groups] of countsBy) {
        if (groups === 'too-many') continue;
        for (const [group, { images, failed }] of groups) {
          const elsewhere = { images: all.images - images, failed: all.failed - failed };
          const share = failed / images;
          const shareElsewhere = elsewhere.images === 0 ? share : elsewhere.failed / elsewhere.images;
          const isCluster =
            failed >= MIN_FAILED &&
            images <= all.images * MAX_SHARE_OF_IMAGES &&
            failed >= all.failed * MIN_SHARE_OF_FAILURES &&
            share >= shareElsewhere * TIMES_AS_FREQUENT &&
            probabilityOfAtLeast({ found: failed, drawn: images, marked: all.failed, all: all.images }) * groups.size <
              MAX_PROBABILITY;
          if (isCluster) found.push({ by, group, images, failed, share, shareElsewhere });
        }
      }
      return found.sort((a, b) => b.failed - a.failed || b.share - a.share);
    },
  };
}
