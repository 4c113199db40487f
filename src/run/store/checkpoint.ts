import { z } from 'zod';
import { FAILURE_TYPES } from '../../pipeline/invoke/invocation.ts';
import { withNamesOfToday } from '../../state/table/previous-names.ts';
import { runTotalsSchema } from '../model/types.ts';
import { breakerSchema } from '../rules/breaker.ts';
import { growthSchema } from '../rules/growth.ts';
import { savedPacerSchema } from '../rules/pacer.ts';
import { MAX_CAUSES } from '../rules/totals.ts';

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

/** An image that was throttled or whose connection broke (`broken` times), and that has no outcome yet. */
const retrySchema = z.object({ index: count, throttles: count, broken: count });
export type Retry = Readonly<z.infer<typeof retrySchema>>;

/** The processed images since the table last grew, and what they add to the totals. */
const sinceGrowthSchema = z.object({
  images: progressSchema,
  processed: count,
  noRows: count,
  needsReview: count.exactOptional(),
  entriesStored: z.number().nonnegative(),
});
export type SinceGrowth = Readonly<z.infer<typeof sinceGrowthSchema>>;

/** The rows that an invocation says it wrote; `startedAt` in epoch ms. */
const claimSchema = z.object({
  key: z.string(),
  startedAt: z.number(),
  resourceName: z.string().exactOptional(),
  dateRange: z.string().exactOptional(),
});

/**
 * Everything that a run needs to continue after a crash. Its size is bounded, however large the manifest. Times are
 * epoch ms.
 */
const checkpointSchema = z.object({
  version: z.literal(1),
  at: z.number(),
  progress: progressSchema,
  retries: z.array(retrySchema).readonly(),
  totals: runTotalsSchema,
  breaker: breakerSchema,
  pacer: savedPacerSchema,
  growth: growthSchema,
  sinceGrowth: sinceGrowthSchema.exactOptional(),
  /** The last image that claims rows and was not asked for by a growth check that ended. */
  lastProcessed: claimSchema.exactOptional(),
  topFailures: z
    .array(z.object({ failureType, message: z.string(), count }))
    .max(MAX_CAUSES)
    .readonly(),
  /** The failure types whose first failure was announced. */
  firstFailures: z.array(failureType).readonly(),
  lastFailure: z.object({ failureType, message: z.string(), key: z.string() }).exactOptional(),
  /** The last chunk of the journal that is counted in this checkpoint. */
  journalSeq: count,
  /** The highest index started, -1 before the first. */
  startedThrough: z.number().int().min(-1),
  activeMs: z.number().nonnegative(),
  /** The stopped execution at Step Functions whose images in progress are counted as repeats, with the number of its redrives. */
  repeatsOf: z.string().exactOptional(),
  /** Entries in the table when they were last counted. */
  entries: z.number().nonnegative().exactOptional(),
  /** How far the run was at that count: outcomes, and ms of running. */
  entriesCountedAt: z.object({ done: count, activeMs: z.number().nonnegative() }).exactOptional(),
});
export type Checkpoint = Readonly<z.infer<typeof checkpointSchema>>;

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
