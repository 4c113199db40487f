import type { OutcomeRecord } from '../../run/model/types.ts';

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
  /** From the beginning to the last outcome; none where there was no outcome. */
  stretches(): readonly Stretch[];
}

interface Counts {
  images: number;
  failed: number;
  entries: number;
}

const SHORTEST_MS = 1_000;

/**
 * A timeline of at most `most` stretches of equal length from `from` (epoch ms) to the last outcome, which need not be known
 * before: when a stretch more is needed, two and two become one. An outcome counts when its invocation ended; one from before
 * `from` counts in the first stretch, so that the sums are exact.
 */
export function createTimeline({ from, most }: { from: number; most: number }): Timeline {
  let lengthMs = SHORTEST_MS;
  let counts: Counts[] = [];
  let last = from;
  const locationOf = (at: number) => Math.max(0, Math.floor((at - from) / lengthMs));
  const halve = () => {
    lengthMs *= 2;
    const pairs: Counts[] = [];
    for (let at = 0; at < counts.length; at += 2) pairs.push(sumOf(counts.slice(at, at + 2)));
    counts = pairs;
  };
  return {
    add({ startedAt, durationMs, outcome }) {
      const at = startedAt + durationMs;
      last = Math.max(last, at);
      while (locationOf(at) >= most) halve();
      const location = locationOf(at);
      while (counts.length <= location) counts.push({ images: 0, failed: 0, entries: 0 });
      const here = counts[location];
      if (here === undefined) return;
      here.images += 1;
      if (outcome.kind === 'failed') here.failed += 1;
      if (outcome.kind === 'processed') here.entries += outcome.entriesStored ?? 0;
    },
    stretches: () =>
      counts.map((here, at) => ({
        from: from + at * lengthMs,
        // A shorter last one would show a rate that never was: the least is a second.
        to: Math.max(from + at * lengthMs + SHORTEST_MS, Math.min(last, from + (at + 1) * lengthMs)),
        ...here,
      })),
  };
}

const sumOf = (counts: readonly Counts[]): Counts =>
  counts.reduce((sum, { images, failed, entries }) => ({
    images: sum.images + images,
    failed: sum.failed + failed,
    entries: sum.entries + entries,
  }));
