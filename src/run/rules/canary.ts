import type { Canary, Trip } from '../model/types.ts';

/**
 * Whether an image may start: the first ones may, the others when `lowWater` (all images before it have an outcome) is
 * past them. No canary, no waiting.
 */
export const mayStart = (canary: Canary | undefined, lowWater: number, index: number): boolean =>
  canary === undefined || index < canary.images || lowWater >= canary.images;

/**
 * The trip that follows from the first images, as soon as it is sure: more than `percent` of `images` failed, or of all
 * there are where the run has fewer (`total`). Undefined while it can still pass.
 */
export function judgeCanary(canary: Canary, total: number, failed: number): Trip | undefined {
  const images = Math.min(canary.images, total);
  return failed * 100 > canary.percent * images
    ? { kind: 'canary', failed, images, percent: canary.percent }
    : undefined;
}
