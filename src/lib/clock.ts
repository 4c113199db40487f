import { uptime } from 'node:os';

/**
 * Time, passed as an argument so that tests can control it. `now` is milliseconds since the epoch and never jumps
 * backwards. `sleep` resolves after `ms`, or at once when `signal` aborts. It never rejects.
 */
export interface Clock {
  now(): number;
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** Returns a number in [0, 1), like Math.random. */
export type Random = () => number;

/** The clocks of a machine, ms. */
export interface MachineClocks {
  /** Wall time when `monotonic` was 0. */
  readonly startedAt: number;
  /** Runs steadily, and stops while the machine sleeps. */
  readonly monotonic: () => number;
  /** Jumps when somebody sets the clock. */
  readonly wall: () => number;
  /** Runs while the machine sleeps, too. Reading it costs more. */
  readonly uptime: () => number;
}

/** When the wall clock differs by more than this from the expected time, it was set or the machine slept. */
const TOLERANCE_MS = 1_000;

/**
 * The wall time at the start of the process plus the time on the monotonic clock, so that setting the clock cannot move
 * a deadline, plus the time that the machine slept, so that a lease or an approval expires while a laptop is closed.
 */
export function createMachineClock(machine: MachineClocks): Pick<Clock, 'now'> {
  const bootedBefore = machine.uptime() - machine.monotonic();
  let sleptMs = 0;
  let knownOffset = 0;
  return {
    now() {
      const ran = machine.monotonic();
      const offset = machine.wall() - machine.startedAt - ran;
      if (Math.abs(offset - knownOffset) > TOLERANCE_MS) {
        knownOffset = offset;
        const slept = machine.uptime() - ran - bootedBefore;
        if (slept > sleptMs + TOLERANCE_MS / 2) sleptMs = slept;
      }
      return machine.startedAt + ran + sleptMs;
    },
  };
}

/** The clock of this machine. */
export const systemClock: Clock = {
  ...createMachineClock({
    startedAt: performance.timeOrigin,
    monotonic: () => performance.now(),
    wall: () => Date.now(),
    uptime: () => uptime() * 1_000,
  }),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const done = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, Math.max(0, ms));
      signal?.addEventListener('abort', done, { once: true });
    }),
};
