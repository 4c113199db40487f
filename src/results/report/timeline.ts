import { failureOf } from '../../pipeline/invoke/invocation.ts';
import type { OutcomeRecord } from '../../run/model/types.ts';

/** The outcomes in one interval of a run. */
export interface Interval {
  /** Epoch ms. */
  readonly from: number;
  readonly to: number;
  /** Images with an outcome, including failed ones. */
  readonly images: number;
  /** Failed, or without rows in the table. */
  readonly failed: number;
  /** Entries that the function reported as stored. */
  readonly entries: number;
}

/** Counts outcomes over time. */
export interface Timeline {
  add(record: Pick<OutcomeRecord, 'startedAt' | 'durationMs' | 'outcome'>): void;
  /** The intervals from the beginning to the last outcome; empty when there was no outcome. */
  intervals(): readonly Interval[];
}

interface Counts {
  images: number;
  failed: number;
  entries: number;
}

const SHORTEST_MS = 1_000;

/**
 * A timeline of at most `maxIntervals` intervals of equal length, from `from` (epoch ms) to the last outcome. The end
 * need not be known: when one more interval is needed, neighbours are merged in pairs. An outcome counts at the end of
 * its invocation; one before `from` counts in the first interval, so that the sums are exact.
 */
export function createTimeline({ from, maxIntervals }: { from: number; maxIntervals: number }): Timeline {
  let lengthMs = SHORTEST_MS;
  let counts: Counts[] = [];
  let last = from;
  const indexOf = (at: number) => Math.max(0, Math.floor((at - from) / lengthMs));
  const mergePairs = () => {
    lengthMs *= 2;
    const pairs: Counts[] = [];
    for (let index = 0; index < counts.length; index += 2) pairs.push(sumOf(counts.slice(index, index + 2)));
    counts = pairs;
  };
  return {
    add({ startedAt, durationMs, outcome }) {
      const at = startedAt + durationMs;
      last = Math.max(last, at);
      while (indexOf(at) >= maxIntervals) mergePairs();
      const index = indexOf(at);
      while (counts.length <= index) counts.push({ images: 0, failed: 0, entries: 0 });
      const here = counts[index];
      if (here === undefined) return;
      here.images += 1;
      if (failureOf(outcome) !== undefined) here.failed += 1;
      if (outcome.kind === 'processed' || outcome.kind === 'no-rows') here.entries += outcome.entriesStored ?? 0;
    },
    intervals: () =>
      counts.map((here, index) => ({
        from: from + index * lengthMs,
        // A last interval of less than a second would show a rate that is too high.
        to: Math.max(from + index * lengthMs + SHORTEST_MS, Math.min(last, from + (index + 1) * lengthMs)),
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
