/** The type of the child executions of the Map Run: chosen by `chooseChildType`. */
export type ChildType = 'STANDARD' | 'EXPRESS';

const CHILD_LIMIT_MS = 5 * 60_000;
/** The part of the five minutes that may be planned for. */
const PLANNED_PART = 0.5;
/** Wait and overhead of one image beyond its invocations. */
const OVERHEAD_MS = 15_000;

/**
 * EXPRESS if two invocations of the longest duration and the waits between them take at most half of the five minutes after
 * which AWS ends an EXPRESS execution: the function's timeout is at most 67 s. Otherwise STANDARD, which may take a year.
 *
 * EXPRESS costs about a tenth (no price for state transitions) and starts ten times as many children a second. It runs a
 * child at least once: AWS may run one twice, so the machine looks for the outcome of an image before it invokes, and the
 * first outcome counts. STANDARD runs each child exactly once and can be stopped while it runs; an EXPRESS child cannot.
 */
export const chooseChildType = (functionTimeoutMs: number): ChildType =>
  2 * functionTimeoutMs + OVERHEAD_MS <= CHILD_LIMIT_MS * PLANNED_PART ? 'EXPRESS' : 'STANDARD';

/** State transitions of a row of STANDARD children without throttling and failures: what a run costs. */
export const transitionsOfRow = (images: number): number => 3 + 6 * images;

/** Children that AWS starts a second, at most (Step Functions quotas, "parallel child executions within a single Map Run"). */
const STARTS_PER_SECOND = { STANDARD: 100, EXPRESS: 1_000 } as const;
/** The part of these starts that a run needs at most, so that other runs of the account have room. */
const PLANNED_STARTS = 0.5;

/**
 * Images in a row. One, as long as AWS starts enough children for the pace: then images in flight are children, a stop holds
 * for each image, and a failed child is a failed image. Beyond 3,000 images a minute of STANDARD children (30,000 of EXPRESS)
 * a row holds several. An EXPRESS row never holds more than fit in half of its five minutes.
 */
export function imagesPerRow(pacePerMinute: number, childType: ChildType, functionTimeoutMs: number): number {
  const needed = Math.ceil(pacePerMinute / 60 / (STARTS_PER_SECOND[childType] * PLANNED_STARTS));
  const fitting =
    childType === 'EXPRESS'
      ? Math.floor((CHILD_LIMIT_MS * PLANNED_PART) / (2 * functionTimeoutMs + OVERHEAD_MS))
      : MAX_ROW_IMAGES;
  return Math.max(1, Math.min(needed, fitting, MAX_ROW_IMAGES));
}

/** The most images in a row: well below the 25,000 events of an execution, of which a throttled image takes about 200. */
export const MAX_ROW_IMAGES = 50;
