import type { LineSorterOptions } from '../../lib/disk/external-sort.ts';
import { createTotalsByName, type TopTotals, type TotalsRules } from '../../lib/disk/totals-by-name.ts';
import type { FailureType } from '../../pipeline/invoke/invocation.ts';
import type { Failure, LastFailure } from './failure-fold.ts';

/** A cause, and the images whose last attempt failed with it. */
export interface CauseTotals {
  readonly images: number;
  /** Epoch ms of the newest failure. */
  readonly newestAt: number;
  readonly id: string;
  /** The type of the newest failure. */
  readonly failureType: string;
  /** A complete message, as an example. */
  readonly example: string;
}

export interface FailureTotals {
  /** Images whose last attempt failed. */
  readonly images: number;
  /** Images that failed and were processed or rejected later. */
  readonly settledImages: number;
  /** Failed images by type: the most frequent types. */
  readonly byType: Readonly<Record<string, number>>;
  /** Failed images of all other types. */
  readonly ofOtherTypes: number;
  /** The recorded failures, and where they are recorded. */
  readonly failures: number;
  readonly inTableOnly: number;
  readonly inRunOnly: number;
  readonly inBoth: number;
  /** Failures recorded only by a run, with a type that the function could have recorded itself. */
  readonly unlogged: number;
  /** Failures recorded only in the table that name no image, so they cannot be retried. */
  readonly nameless: number;
  readonly causes: TopTotals<CauseTotals>;
  /** The same, only for images whose last failure was seen by the requested run. */
  readonly causesInRun: TopTotals<CauseTotals>;
  /** The newest failures of images that have not succeeded since. */
  readonly newest: readonly Failure[];
}

/** The function cannot record these, because it was killed or never started (pipeline.md, "FailureType"). */
const SEEN_BY_CALLER_ONLY: ReadonlySet<string> = new Set<FailureType>([
  'TIMEOUT_ERROR',
  'OUT_OF_MEMORY',
  'INVOCATION_ERROR',
  'UNREADABLE_REPLY',
  'NO_ROWS',
  'GONE',
  'REPLY_TOO_LARGE',
]);
const MAX_TYPES = 12;
const MAX_EXAMPLE = 500;

const causeTotals: TotalsRules<CauseTotals> = {
  zero: { images: 0, newestAt: 0, id: '', failureType: '', example: '' },
  plus: (a, b) => {
    const newer = b.newestAt >= a.newestAt ? b : a;
    return { ...newer, images: a.images + b.images };
  },
  weight: ({ images }) => images,
  encode: (totals) => totals,
  decode: (json) => JSON.parse(json),
};
const counts: TotalsRules<number> = {
  zero: 0,
  plus: (a, b) => a + b,
  weight: (n) => n,
  encode: (n) => n,
  decode: Number,
};

/** Adds up failures, image by image, in constant memory for any number of images, causes and types. */
export function createFailureTotals(
  options: LineSorterOptions & { readonly causes: number; readonly newest: number; readonly inRun?: string },
) {
  const causes = createTotalsByName(causeTotals, options);
  const causesInRun = createTotalsByName(causeTotals, options);
  const types = createTotalsByName(counts, options);
  const newest: Failure[] = [];
  const where = { failures: 0, inTableOnly: 0, inRunOnly: 0, inBoth: 0, unlogged: 0, nameless: 0 };
  let images = 0;
  let settledImages = 0;
  return {
    /** Adds the failures of one image. `last`: its last attempt failed. `isSettled`: it failed and succeeded later. */
    image(failures: readonly Failure[], end: { readonly last?: LastFailure; readonly isSettled: boolean }): void {
      for (const { row, imageKey } of failures) {
        where.failures += 1;
        if (row.RecordedBy === 'table') {
          where.inTableOnly += 1;
          if (imageKey === '') where.nameless += 1;
        } else if (row.RecordedBy === 'run') {
          where.inRunOnly += 1;
          if (!SEEN_BY_CALLER_ONLY.has(row.FailureType ?? '')) where.unlogged += 1;
        } else where.inBoth += 1;
      }
      if (end.isSettled) settledImages += 1;
      const [first] = failures;
      if (!end.last || !first) return;
      images += 1;
      types.add(end.last.failureType, 1);
      const totals = {
        images: 1,
        newestAt: first.at,
        id: end.last.causeId,
        failureType: end.last.failureType,
        example: (first.row.ErrorMessage ?? '').slice(0, MAX_EXAMPLE),
      };
      causes.add(end.last.cause, totals);
      if (end.last.runId !== undefined && end.last.runId === options.inRun) causesInRun.add(end.last.cause, totals);
    },
    /** Call it with every failure, newest first. It takes JSON, because most failures need not be parsed. */
    offerNewest(line: string): void {
      if (newest.length >= options.newest) return;
      const failure: Failure = JSON.parse(line);
      if (failure.settledBy === undefined) newest.push(failure);
    },
    async flushIfLarge(): Promise<void> {
      for (const totals of [causes, causesInRun, types]) await totals.flushIfLarge();
    },
    /** Call it once, after the last failure. */
    async totals(): Promise<FailureTotals> {
      const byType = await types.top(MAX_TYPES);
      return {
        images,
        settledImages,
        byType: Object.fromEntries(byType.top.map(({ name, totals }) => [name, totals])),
        ofOtherTypes: byType.others.totals,
        ...where,
        causes: await causes.top(options.causes),
        causesInRun: await causesInRun.top(options.causes),
        newest,
      };
    },
    async dispose(): Promise<void> {
      for (const totals of [causes, causesInRun, types]) await totals.dispose();
    },
  };
}
