import type { OutcomeRecord } from './types.ts';

/** What came of images in one stretch of a run's time. */
export interface Stretch {
  /** Epoch ms. */
  readonly from: number;
  readonly to: number;
  /** Images that came to an outcome, failed ones among them. */
  readonly images: number;
  readonly failed: number;
  /** Entries that the function says it stored. */
  readonly entries: number;
}

/** Counts outcomes over the time of a run. */
export interface Timeline {
  add(record: Pick<OutcomeRecord, 'startedAt' | 'durationMs' | 'outcome'>): void;
  stretches(): readonly Stretch[];
}

/**
 * A timeline of at most `most` stretches of equal length from `from` to `to` (epoch ms). An outcome counts when its invocation
 * ended; one from outside the time counts at the nearer end, so that the sums are exact.
 */
export function createTimeline({ from, to, most }: { from: number; to: number; most: number }): Timeline {
  const lengthMs = Math.max(1_000, Math.ceil((to - from) / most));
  const number = Math.max(1, Math.min(most, Math.ceil((to - from) / lengthMs)));
  const images = new Array<number>(number).fill(0);
  const failed = new Array<number>(number).fill(0);
  const entries = new Array<number>(number).fill(0);
  const raise = (counts: number[], at: number, by: number) => {
    counts[at] = (counts[at] ?? 0) + by;
  };
  return {
    add({ startedAt, durationMs, outcome }) {
      const at = Math.min(number - 1, Math.max(0, Math.floor((startedAt + durationMs - from) / lengthMs)));
      raise(images, at, 1);
      if (outcome.kind === 'failed') raise(failed, at, 1);
      if (outcome.kind === 'processed') raise(entries, at, outcome.entriesStored ?? 0);
    },
    stretches: () =>
      images.map((count, at) => ({
        from: from + at * lengthMs,
        to: Math.min(to, from + (at + 1) * lengthMs),
        images: count,
        failed: failed[at] ?? 0,
        entries: entries[at] ?? 0,
      })),
  };
}
