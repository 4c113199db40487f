import { type Clock, systemClock } from '../../../src/lib/clock.ts';

/**
 * The machine's clock, `factor` times faster since `start` (epoch ms): for code that runs on a clock between real sockets. Clocks with
 * the same start show the same time in every process.
 */
export function createFastClock(factor: number, start: number = systemClock.now()): Clock {
  return {
    now: () => start + (systemClock.now() - start) * factor,
    sleep: (ms, signal) => systemClock.sleep(ms / factor, signal),
  };
}
