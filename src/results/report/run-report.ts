import type { FailureType } from '../../pipeline/invoke/invocation.ts';
import type { ManifestEntry, OutcomeRecord } from '../../run/model/types.ts';
import { createTimeline, type Stretch } from './timeline.ts';

/** One image that stands out. */
export interface NotedImage {
  readonly key: string;
  readonly outcome?: OutcomeRecord['outcome']['kind'];
  readonly durationMs?: number;
  readonly bytes?: number;
}

/** What came of a run, from its journal and its manifest. */
export interface RunReport {
  readonly stretches: readonly Stretch[];
  /** Images that took longest, the longest first. */
  readonly slowest: readonly NotedImage[];
  /** The largest images, with what came of them. */
  readonly largest: readonly NotedImage[];
  readonly failedByType: Readonly<Partial<Record<FailureType, number>>>;
  readonly images: number;
  readonly failed: number;
}

const MOST_NOTED = 3;
/** Slack shows no more in a chart. */
const MOST_STRETCHES = 20;

/** Keeps the `most` of the highest weight, the highest first. */
function createTop<T>(most: number, weight: (it: T) => number) {
  let kept: T[] = [];
  return {
    offer(it: T): void {
      const last = kept.at(-1);
      if (kept.length >= most && last !== undefined && weight(it) <= weight(last)) return;
      kept = [...kept, it].sort((a, b) => weight(b) - weight(a)).slice(0, most);
    },
    result: (): readonly T[] => kept,
  };
}

/**
 * Reads what a report of a run says, in the same memory for any size. An image that has two outcomes, as it was in flight when
 * the bot died, counts twice in the timeline and nowhere else.
 * @throws what a source throws.
 */
export async function readRunReport(sources: {
  readonly startedAt: number;
  readonly manifest: AsyncIterable<ManifestEntry>;
  readonly journal: AsyncIterable<{ readonly records: readonly OutcomeRecord[] }>;
}): Promise<RunReport> {
  const largest = createTop<ManifestEntry>(MOST_NOTED, ({ size }) => size);
  for await (const entry of sources.manifest) largest.offer(entry);
  const wanted = new Set(largest.result().map(({ index }) => index));
  const ofLargest = new Map<number, OutcomeRecord>();
  const slowest = createTop<OutcomeRecord>(MOST_NOTED, ({ durationMs }) => durationMs);
  const timeline = createTimeline({ from: sources.startedAt, most: MOST_STRETCHES });
  const failedByType: Partial<Record<FailureType, number>> = {};
  let images = 0;
  let failed = 0;
  for await (const { records } of sources.journal)
    for (const record of records) {
      images += 1;
      slowest.offer(record);
      timeline.add(record);
      if (wanted.has(record.index)) ofLargest.set(record.index, record);
      if (record.outcome.kind !== 'failed') continue;
      failed += 1;
      const { failureType } = record.outcome;
      failedByType[failureType] = (failedByType[failureType] ?? 0) + 1;
    }
  return {
    stretches: timeline.stretches(),
    slowest: slowest.result().map(({ key, outcome, durationMs }) => ({ key, outcome: outcome.kind, durationMs })),
    largest: largest.result().map(({ key, size, index }) => {
      const record = ofLargest.get(index);
      return {
        key,
        bytes: size,
        ...(record ? { outcome: record.outcome.kind, durationMs: record.durationMs } : {}),
      };
    }),
    failedByType,
    images,
    failed,
  };
}
