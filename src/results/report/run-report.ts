import { defined } from '../../lib/defined.ts';
import { type FailureType, failureOf } from '../../pipeline/invoke/invocation.ts';
import type { ManifestEntry, OutcomeRecord } from '../../run/model/types.ts';
import { createTimeline, type Interval } from './timeline.ts';

/** One of the slowest or largest images. */
export interface NotedImage {
  readonly key: string;
  readonly outcome?: OutcomeRecord['outcome']['kind'];
  readonly durationMs?: number;
  readonly bytes?: number;
}

/** The report of a run, from its journal and its manifest. */
export interface RunReport {
  readonly intervals: readonly Interval[];
  /** The slowest images, slowest first. */
  readonly slowest: readonly NotedImage[];
  /** The largest images, with their outcomes. */
  readonly largest: readonly NotedImage[];
  readonly failedByType: Readonly<Partial<Record<FailureType, number>>>;
  readonly images: number;
  readonly failed: number;
}

const MAX_NOTED = 3;
/** Slack shows no more points in a chart. */
const MAX_INTERVALS = 20;

/** Keeps the `count` items with the largest weight, largest first. */
function createTop<T>(count: number, weight: (item: T) => number) {
  let kept: T[] = [];
  return {
    offer(item: T): void {
      const last = kept.at(-1);
      if (kept.length >= count && last !== undefined && weight(item) <= weight(last)) return;
      kept = [...kept, item].sort((a, b) => weight(b) - weight(a)).slice(0, count);
    },
    result: (): readonly T[] => kept,
  };
}

/**
 * Reads the report of a run in constant memory.
 * @throws the error of a source
 */
export async function readRunReport(sources: {
  readonly startedAt: number;
  readonly manifest: AsyncIterable<ManifestEntry>;
  /** One outcome per image. */
  readonly outcomes: AsyncIterable<OutcomeRecord>;
}): Promise<RunReport> {
  const largest = createTop<ManifestEntry>(MAX_NOTED, ({ size }) => size);
  for await (const entry of sources.manifest) largest.offer(entry);
  const wanted = new Set(largest.result().map(({ index }) => index));
  const ofLargest = new Map<number, OutcomeRecord>();
  const slowest = createTop<OutcomeRecord>(MAX_NOTED, ({ durationMs }) => durationMs);
  const timeline = createTimeline({ from: sources.startedAt, maxIntervals: MAX_INTERVALS });
  const failedByType: Partial<Record<FailureType, number>> = {};
  let images = 0;
  let failed = 0;
  for await (const record of sources.outcomes) {
    images += 1;
    slowest.offer(record);
    timeline.add(record);
    if (wanted.has(record.index)) ofLargest.set(record.index, record);
    const failure = failureOf(record.outcome);
    if (failure === undefined || failure.failureType === 'GONE') continue;
    failed += 1;
    failedByType[failure.failureType] = (failedByType[failure.failureType] ?? 0) + 1;
  }
  return {
    intervals: timeline.intervals(),
    slowest: slowest.result().map(({ key, outcome, durationMs }) => ({ key, outcome: outcome.kind, durationMs })),
    largest: largest.result().map(({ key, size, index }) => {
      const record = ofLargest.get(index);
      return {
        key,
        bytes: size,
        ...defined({ outcome: record?.outcome.kind, durationMs: record?.durationMs }),
      };
    }),
    failedByType,
    images,
    failed,
  };
}
