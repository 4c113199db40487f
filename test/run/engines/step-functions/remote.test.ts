import fc from 'fast-check';
import { expect, test } from 'vitest';
import { throttleFor } from '../../../../src/run/engines/step-functions/remote.ts';

const pace = fc.double({ min: 0, max: 60_000, noNaN: true });
const images = fc.integer({ min: 1, max: 10_000 });

/** Images a minute that rows start at this throttle, if an image takes `durationMs`. */
const startedPerMinute = ({ rows, waitSeconds }: { rows: number; waitSeconds: number }, durationMs: number) =>
  (rows * 60_000) / (waitSeconds * 1_000 + durationMs);

test('while no duration is known, the pace is kept however short an image is', () => {
  fc.assert(
    fc.property(pace, images, (targetPerMinute, maxInFlight) => {
      const throttle = throttleFor({ targetPerMinute, maxInFlight, durations: 0, durationMs: 0 });
      expect(startedPerMinute(throttle, 0)).toBeLessThanOrEqual(Math.max(targetPerMinute, 1) + 1e-9);
      expect(throttle.rows).toBeGreaterThanOrEqual(1);
      expect(throttle.rows).toBeLessThanOrEqual(maxInFlight);
      expect(throttle.waitSeconds).toBeGreaterThanOrEqual(1);
    }),
  );
});

test('while no duration is known, a throttle is as fast as whole seconds and rows allow', () => {
  const first = (targetPerMinute: number) =>
    throttleFor({ targetPerMinute, maxInFlight: 1_000, durations: 0, durationMs: 0 });
  expect(first(200)).toEqual({ rows: 3, waitSeconds: 1 });
  expect(first(6_000)).toEqual({ rows: 100, waitSeconds: 1 });
  expect(first(25)).toEqual({ rows: 1, waitSeconds: 3 });
  expect(first(0)).toEqual({ rows: 1, waitSeconds: 60 });
});

test('with a known duration the rows give the pace and do not exceed it', () => {
  fc.assert(
    fc.property(pace, images, fc.integer({ min: 1, max: 900_000 }), (targetPerMinute, maxInFlight, durationMs) => {
      const throttle = throttleFor({ targetPerMinute, maxInFlight, durations: 1, durationMs });
      expect(startedPerMinute(throttle, durationMs)).toBeLessThanOrEqual(Math.max(targetPerMinute, 1) + 1e-9);
    }),
  );
});
