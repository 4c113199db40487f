import { type Clock, systemClock } from '../../../src/lib/clock.ts';

/** The machine's clock, `factor` times faster: for code that runs on a clock between real sockets. */
export function createFastClock(factor: number): Clock {
  const start = systemClock.now();
  return {
    now: () => start + (systemClock.now() - start) * factor,
    sleep: (ms, signal) => systemClock.sleep(ms / factor, signal),
  };
}
