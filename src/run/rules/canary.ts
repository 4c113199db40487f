import type { Canary, Trip } from '../model/types.ts';

/**
 * Whether an image may start. The canary images may; the others may when all canary images have an outcome. `lowWater`:
 * every image before this index has an outcome. Without a canary every image may start.
 */
export const mayStart = (canary: Canary | undefined, lowWater: number, index: number): boolean =>
  canary === undefined || index < canary.images || lowWater >= canary.images;

/**
 * The trip that follows from the canary images, as soon as it is certain: more than `percent` of them failed. A run
 * with fewer images (`total`) is all canary. Undefined while the canary can still pass.
 */
export function judgeCanary(canary: Canary, total: number, failed: number): Trip | undefined {
  const images = Math.min(canary.images, total);
  return failed * 100 > canary.percent * images
    ? { kind: 'canary', failed, images, percent: canary.percent }
    : undefined;
}
