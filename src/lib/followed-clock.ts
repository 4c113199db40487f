import type { Clock } from './clock.ts';

/**
 * The clock of this machine, corrected to show the time of another clock. Times of both can then be compared, whatever
 * the machine's own clock shows. Time never goes back once `begin` was called.
 */
export interface FollowedClock extends Clock {
  /**
   * Asks the other clock. Call what it returns with the time that the reply shows, epoch ms, cut to whole seconds. A
   * reply that came late tells nothing and is ignored.
   */
  ask(): (shows: number) => void;
  /** From now on the time never goes back: where it is ahead, it runs a little slower until it is right. */
  begin(): void;
  /** The machine's own clock. It is never corrected, so between two readings no more time passes than has passed. */
  readonly machine: Clock;
  /** How far the machine's own clock is ahead of the other, ms; negative when it is behind, 0 while that is not known. */
  machineAheadMs(): number;
}

/** A reply that took longer does not tell the time closely enough. */
const LATE_MS = 2_000;
/** So many replies in a row must agree, so that one wrong reply moves nothing. */
const AGREEING = 3;
/** The replies show whole seconds, so a smaller difference is none. */
const TOLERANCE_MS = 2_000;
/** How much slower the clock runs while it is ahead: 36 s in an hour. A lease allows for clocks that differ by a quarter. */
const SLOWER_BY = 0.01;

/** The clock `machine`, which follows the clock that answers to `ask`. */
export function createFollowedClock(machine: Clock): FollowedClock {
  let readings: readonly number[] = [];
  /** Measured: the other clock minus the machine's. */
  let offset = 0;
  let applied = 0;
  let last = machine.now();
  let hasBegun = false;

  function read(): number {
    const at = machine.now();
    const change = offset - applied;
    if (!hasBegun || change > 0) applied = offset;
    else applied += Math.max(change, -Math.max(0, at - last) * SLOWER_BY);
    last = at;
    return at + applied;
  }

  return {
    now: read,
    sleep: machine.sleep,
    machine,
    ask() {
      const sentAt = machine.now();
      return (shows) => {
        const receivedAt = machine.now();
        if (receivedAt - sentAt > LATE_MS) return;
        const reading = shows + 500 - (sentAt + receivedAt) / 2;
        readings = [...readings, reading].slice(-AGREEING);
        const lowest = Math.min(...readings);
        if (readings.length < AGREEING || Math.max(...readings) - lowest > TOLERANCE_MS) return;
        const measured = readings.toSorted((a, b) => a - b)[1] ?? lowest;
        // The time up to now passed with the offset from before.
        read();
        const rounded = Math.abs(measured) < TOLERANCE_MS ? 0 : Math.round(measured);
        if (rounded === 0 || Math.abs(measured - offset) > TOLERANCE_MS) offset = rounded;
      };
    },
    begin() {
      read();
      hasBegun = true;
    },
    machineAheadMs: () => (offset === 0 ? 0 : -offset),
  };
}

/** The clock for durations: that of the machine where `clock` is corrected. */
export const uncorrected = (clock: Clock | FollowedClock): Clock => ('machine' in clock ? clock.machine : clock);
