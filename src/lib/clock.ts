import { uptime } from 'node:os';

/**
 * Time and randomness come in as arguments (docs: "Contracts"). `now` is milliseconds since the epoch and never
 * jumps backwards; `sleep` resolves after `ms`, or at once when `signal` aborts: it never rejects.
 */
export interface Clock {
  now(): number;
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** A number in [0, 1), as Math.random gives. */
export type Random = () => number;

/** What a machine's clocks show, ms. */
export interface MachineClocks {
  /** Wall time when `monotonic` was 0. */
  readonly startedAt: number;
  /** Goes on steadily, and stands still while the machine sleeps. */
  readonly monotonic: () => number;
  /** Jumps when it is set. */
  readonly wall: () => number;
  /** Goes on while the machine sleeps as well; dearer to read. */
  readonly uptime: () => number;
}

/** Wall time that is off by more than this from what it should be: it was set, or the machine slept. */
const LOOK_FROM_MS = 1_000;

/**
 * Wall time at the process's start, carried on by the monotonic clock, so that an NTP step cannot move a deadline; and by the
 * time that the machine slept, so that a lease or an approval does not outlast a lid that was closed.
 */
export function createMachineClock(machine: MachineClocks): Pick<Clock, 'now'> {
  const bootedBefore = machine.uptime() - machine.monotonic();
  let sleptMs = 0;
  let seenOff = 0;
  return {
    now() {
      const ran = machine.monotonic();
      const off = machine.wall() - machine.startedAt - ran;
      if (Math.abs(off - seenOff) > LOOK_FROM_MS) {
        seenOff = off;
        const slept = machine.uptime() - ran - bootedBefore;
        if (slept > sleptMs + LOOK_FROM_MS / 2) sleptMs = slept;
      }
      return machine.startedAt + ran + sleptMs;
    },
  };
}

/** The machine's clock. */
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
