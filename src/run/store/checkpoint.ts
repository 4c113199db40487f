import { z } from 'zod';
import { FAILURE_TYPES, type FailureType } from '../../pipeline/invoke/invocation.ts';
import { withNamesOfToday } from '../../state/previous-names.ts';
import type { RunTotals } from '../model/types.ts';
import { type Breaker, breakerSchema } from '../rules/breaker.ts';
import { type Growth, growthSchema } from '../rules/growth.ts';
import { type SavedPacer, savedPacerSchema } from '../rules/pacer.ts';
import { type Cause, MAX_CAUSES } from '../rules/totals.ts';

/**
 * Which images have an outcome: all below `lowWater`, and the ranges beyond it (both ends included, in order, never
 * touching each other or the low-water mark). Its size depends on the images in flight and waiting, not on the
 * manifest.
 */
export interface Progress {
  lowWater: number;
  beyond: [from: number, to: number][];
}

export const emptyProgress = (): Progress => ({ lowWater: 0, beyond: [] });

/** The position of the first range that ends at or after `index`. */
function rangeAt(progress: Progress, index: number): number {
  let low = 0;
  let high = progress.beyond.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const range = progress.beyond[middle];
    if (range && range[1] < index) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Whether an image has an outcome. */
export function isDone(progress: Progress, index: number): boolean {
  if (index < progress.lowWater) return true;
  const range = progress.beyond[rangeAt(progress, index)];
  return range !== undefined && range[0] <= index;
}

/**
 * Marks an image as done. Marking it again changes nothing. Changes `progress` in place and returns it, because this
 * runs for every outcome: use `copyProgress` to keep a state of it.
 */
export function markDone(progress: Progress, index: number): Progress {
  if (index < progress.lowWater) return progress;
  const { beyond } = progress;
  if (index === progress.lowWater) {
    const first = beyond[0];
    if (first && first[0] === index + 1) {
      progress.lowWater = first[1] + 1;
      beyond.shift();
    } else progress.lowWater = index + 1;
    return progress;
  }
  const position = rangeAt(progress, index);
  const next = beyond[position];
  if (next && next[0] <= index) return progress;
  const before = beyond[position - 1];
  const joinsBefore = before !== undefined && before[1] === index - 1;
  const joinsNext = next !== undefined && next[0] === index + 1;
  if (joinsBefore && joinsNext) {
    before[1] = next[1];
    beyond.splice(position, 1);
  } else if (joinsBefore) before[1] = index;
  else if (joinsNext) next[0] = index;
  else beyond.splice(position, 0, [index, index]);
  return progress;
}

/** A copy that later calls of `markDone` on the original do not change. */
export const copyProgress = (progress: Progress): Progress => structuredClone(progress);

/** The number of images that are done. */
export const doneCount = (progress: Progress): number =>
  progress.beyond.reduce((sum, [from, to]) => sum + to - from + 1, progress.lowWater);

/** An image that was throttled or whose connection broke, and that has no outcome yet. */
export interface Retry {
  readonly index: number;
  readonly throttles: number;
  /** Attempts whose connection broke. */
  readonly broken: number;
}

/**
 * Everything that a run needs to continue after a crash. Its size is bounded, however large the manifest. Times are
 * epoch ms.
 */
export interface Checkpoint {
  readonly version: 1;
  readonly at: number;
  readonly progress: Progress;
  readonly retries: readonly Retry[];
  readonly totals: RunTotals;
  readonly breaker: Breaker;
  readonly pacer: SavedPacer;
  readonly growth: Growth;
  readonly topFailures: readonly Cause[];
  /** The failure types whose first failure was announced. */
  readonly firstFailures: readonly FailureType[];
  readonly lastFailure?: { readonly failureType: FailureType; readonly message: string; readonly key: string };
  /** The last chunk of the journal that is counted in this checkpoint. */
  readonly journalSeq: number;
  /** The highest index started, -1 before the first. */
  readonly startedThrough: number;
  readonly activeMs: number;
  /** Entries in the table when they were last counted. */
  readonly entries?: number;
  /** How far the run was at that count: outcomes, and ms of running. */
  readonly entriesCountedAt?: { readonly done: number; readonly activeMs: number };
}

/** A checkpoint that cannot be read. `where`: the field (empty: the whole text); `problem`: what is wrong with it. */
export class CheckpointError extends Error {
  override readonly name = 'CheckpointError';
  readonly where: string;
  readonly problem: string;
  constructor(where: string, problem: string, options?: { cause: unknown }) {
    super(`The checkpoint cannot be read: ${where === '' ? '' : `${where}: `}${problem}`, options);
    this.where = where;
    this.problem = problem;
  }
}

const count = z.number().int().nonnegative();
const failureType = z.enum(FAILURE_TYPES);
const inOrder = ({ lowWater, beyond }: Progress) =>
  beyond.every(([from, to], index) => {
    const previousEnd = index === 0 ? lowWater - 1 : (beyond[index - 1]?.[1] ?? 0);
    return from <= to && from > previousEnd + 1;
  });

const progressSchema: z.ZodType<Progress> = z
  .object({ lowWater: count, beyond: z.array(z.tuple([count, count])) })
  .refine(inOrder, { error: 'ranges must be in order, apart, and above the low-water mark' });

const totalsSchema: z.ZodType<RunTotals> = z.object({
  processed: count,
  rejected: count,
  failed: count,
  failedByType: z.partialRecord(failureType, count),
  throttles: count,
  calls: count,
  entriesStored: z.number().nonnegative(),
  costUsd: z.number().nonnegative(),
  invokeMs: z.number().nonnegative(),
});

const checkpointSchema: z.ZodType<Checkpoint> = z.object({
  version: z.literal(1),
  at: z.number(),
  progress: progressSchema,
  retries: z.array(z.object({ index: count, throttles: count, broken: count })),
  totals: totalsSchema,
  breaker: breakerSchema,
  pacer: savedPacerSchema,
  growth: growthSchema,
  topFailures: z.array(z.object({ failureType, message: z.string(), count })).max(MAX_CAUSES),
  firstFailures: z.array(failureType),
  lastFailure: z.object({ failureType, message: z.string(), key: z.string() }).exactOptional(),
  journalSeq: count,
  startedThrough: z.number().int().min(-1),
  activeMs: z.number().nonnegative(),
  entries: z.number().nonnegative().exactOptional(),
  entriesCountedAt: z.object({ done: count, activeMs: z.number().nonnegative() }).exactOptional(),
});

/** The checkpoint as text for `decodeCheckpoint`. */
export const encodeCheckpoint = (checkpoint: Checkpoint): string => JSON.stringify(checkpoint);

/**
 * Reads a checkpoint that `encodeCheckpoint` of this or the previous version wrote.
 * @throws CheckpointError with the first problem.
 */
export function decodeCheckpoint(text: string): Checkpoint {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new CheckpointError('', 'it is not JSON', { cause });
  }
  const result = checkpointSchema.safeParse(withNamesOfToday(json));
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw new CheckpointError(issue?.path.join('.') ?? '', issue?.message ?? 'unknown', { cause: result.error });
}
