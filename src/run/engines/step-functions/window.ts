import { isDone, type Progress } from '../../store/checkpoint.ts';

/**
 * Where the outcomes of a run are looked for. Children run side by side, so outcomes come in about the order of the images: each look
 * reads the last part that was read again, and what follows it. Images further back that have no outcome yet are looked for
 * with one more read each time, from the lowest one to the window and from the lowest one again.
 */
export interface Window {
  /** All images up to this index have an outcome or were started about now, or earlier. */
  readonly through: number;
  /** The image without an outcome from which the next read further back begins. */
  readonly straggler: number;
}

/** What one look reads: outcomes from the image `from` on, and from `straggler` on. */
export interface Look {
  readonly from: number;
  readonly straggler?: number;
}

export const startWindow = (progress: Progress): Window => ({ through: progress.lowWater - 1, straggler: 0 });

const LEAST_BACK = 100;
const MOST_BACK = 9_000;
/** Images in a row without an outcome that are still taken for images in progress. */
const LEAST_GAP = 2_000;

/** What to read next. `inFlight`: images in progress. */
export function lookAt(window: Window, progress: Progress, inFlight: number): Look {
  const back = Math.min(MOST_BACK, Math.max(LEAST_BACK, 2 * inFlight));
  const from = Math.max(progress.lowWater, window.through + 1 - back);
  const straggler = [nextOpen(progress, window.straggler), nextOpen(progress, 0)].find((index) => index < from);
  return straggler === undefined ? { from } : { from, straggler };
}

/**
 * The window after a look. `progress` has what was found. `found`: the images of the first read, in order; `lastStraggler`: the
 * last image of the other read, where it found one. An image far ahead of the others does not move the window: images of one
 * person and week are processed one after the other, wherever they are in the manifest.
 */
export function moveWindow(
  window: Window,
  look: Look,
  progress: Progress,
  found: readonly number[],
  lastStraggler: number | undefined,
  inFlight: number,
): Window {
  const gap = Math.max(LEAST_GAP, 4 * inFlight);
  let through = Math.max(window.through, progress.lowWater - 1);
  for (const index of found) {
    if (index <= through) continue;
    if (index - nextOpen(progress, through + 1) > gap) break;
    through = index;
  }
  const straggler = look.straggler === undefined ? 0 : lastStraggler === undefined ? look.from : lastStraggler + 1;
  return { through, straggler };
}

/** The first image from `index` on that has no outcome. */
export function nextOpen(progress: Progress, index: number): number {
  const from = Math.max(index, progress.lowWater);
  if (!isDone(progress, from)) return from;
  const range = progress.beyond.find(([first, last]) => first <= from && from <= last);
  return range ? range[1] + 1 : from;
}

/** The images without an outcome below an index, in order. */
export function* openImages(progress: Progress, below: number): Generator<number> {
  let next = progress.lowWater;
  for (const [first, last] of progress.beyond) {
    for (; next < first && next < below; next++) yield next;
    next = Math.max(next, last + 1);
  }
  for (; next < below; next++) yield next;
}

/** Whether each image below an index has an outcome. */
export const isDoneBelow = (progress: Progress, below: number): boolean => nextOpen(progress, 0) >= below;
