import type { OutcomeRecord } from '../../run/model/types.ts';
import { chanceOfSoMany } from './chance.ts';

/** By what failures may cluster. */
export const GROUPINGS = ['prefix', 'name', 'month', 'time'] as const;
export type Grouping = (typeof GROUPINGS)[number];

/** A group in which failures are clearly more frequent than in the others; `group` of `time` is when its five minutes begin, ISO. */
export interface Cluster {
  readonly by: Grouping;
  readonly group: string;
  readonly images: number;
  readonly failed: number;
  /** Failed of all in the group, and in all others together; 0 to 1. */
  readonly share: number;
  readonly shareElsewhere: number;
}

interface Tally {
  images: number;
  failed: number;
}

/** Groups beyond this many of one grouping are not told apart: such a grouping says nothing. */
const MOST_GROUPS = 5_000;
/** Fewer failures in a group are chance. */
const LEAST_FAILED = 5;
/** A group is named if failures are so many times as frequent there as elsewhere … */
const TIMES_AS_FREQUENT = 3;
/** … and it holds this share of all failures. */
const LEAST_SHARE_OF_FAILURES = 0.25;
const LARGEST_SHARE_OF_IMAGES = 0.8;
/** … and that would be chance less often than this, however many groups are looked at. */
const LEAST_CHANCE = 0.01;
/** A run of 1,400 images takes less than an hour: trouble that comes and goes shows in minutes. */
const TIME_MS = 5 * 60_000;

/** What stands before the last slash of a key; none at the top of the bucket. */
const prefixOf = (key: string): string | undefined => /^(.+\/)[^/]*$/.exec(key)?.[1];

/** The words at the beginning of the file's name, which in this pipeline are a person's: `Nik_Coultas` of `…/Nik_Coultas_12.png`. */
const nameOf = (key: string): string | undefined => {
  const file = key.slice(key.lastIndexOf('/') + 1).replace(/\.[^.]*$/, '');
  const [, words] = /^([\p{L}][\p{L} ._'+-]*?)[^\p{L}]*$/u.exec(file) ?? [];
  return words?.trim() || undefined;
};

/** The month of a date in the key. */
const monthOf = (key: string): string | undefined =>
  /(?<!\d)(20\d{2})-?(0[1-9]|1[0-2])(?!\d{3})/.exec(key)?.slice(1, 3).join('-');

/** Counts outcomes by group, in bounded memory, and names the groups in which failures cluster. */
export function createFailureGroups() {
  const tallies = new Map<Grouping, Map<string, Tally> | 'too-many'>(GROUPINGS.map((by) => [by, new Map()]));
  const all: Tally = { images: 0, failed: 0 };
  const count = (by: Grouping, group: string | undefined, failed: boolean) => {
    const groups = tallies.get(by);
    if (group === undefined || groups === undefined || groups === 'too-many') return;
    const tally = groups.get(group) ?? { images: 0, failed: 0 };
    tally.images += 1;
    if (failed) tally.failed += 1;
    groups.set(group, tally);
    if (groups.size > MOST_GROUPS) tallies.set(by, 'too-many');
  };
  return {
    add({
      key,
      outcome,
      startedAt,
      durationMs,
    }: Pick<OutcomeRecord, 'key' | 'outcome' | 'startedAt' | 'durationMs'>): void {
      const failed = outcome.kind === 'failed';
      all.images += 1;
      if (failed) all.failed += 1;
      count('prefix', prefixOf(key), failed);
      count('name', nameOf(key), failed);
      count('month', monthOf(key), failed);
      const ended = startedAt + durationMs;
      count('time', new Date(ended - (ended % TIME_MS)).toISOString(), failed);
    },
    /** The groups that stand out, those with the most failures first. */
    clusters(): readonly Cluster[] {
      const found: Cluster[] = [];
      for (const [by, groups] of tallies) {
        if (groups === 'too-many') continue;
        for (const [group, { images, failed }] of groups) {
          const elsewhere = { images: all.images - images, failed: all.failed - failed };
          const share = failed / images;
          const shareElsewhere = elsewhere.images === 0 ? share : elsewhere.failed / elsewhere.images;
          const standsOut =
            failed >= LEAST_FAILED &&
            images <= all.images * LARGEST_SHARE_OF_IMAGES &&
            failed >= all.failed * LEAST_SHARE_OF_FAILURES &&
            share >= shareElsewhere * TIMES_AS_FREQUENT &&
            chanceOfSoMany({ found: failed, drawn: images, marked: all.failed, all: all.images }) * groups.size <
              LEAST_CHANCE;
          if (standsOut) found.push({ by, group, images, failed, share, shareElsewhere });
        }
      }
      return found.sort((a, b) => b.failed - a.failed || b.share - a.share);
    },
  };
}
