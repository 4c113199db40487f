import type { Clock } from '../clock.ts';
import { within } from './within.ts';

/** The last value of a read that was repeated at most every `everyMs`, and how old it is. */
export interface Sampler<T> {
  /**
   * Reads anew if the last attempt is old enough, and waits for that read for `timeoutMs` at most. However often it is
   * called, one read is in progress. Never throws.
   */
  sample(): Promise<void>;
  /** The value of the last read that succeeded. */
  last(): { readonly value: T; readonly ageMs: number } | undefined;
}

export function createSampler<T>(ports: {
  readonly read: () => Promise<T>;
  readonly everyMs: number;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly onError: (error: unknown) => void;
}): Sampler<T> {
  const { clock } = ports;
  let good: { readonly value: T; readonly at: number } | undefined;
  let triedAt = Number.NEGATIVE_INFINITY;
  let reading: Promise<void> | undefined;

  async function read(): Promise<void> {
    const at = clock.now();
    try {
      good = { value: await ports.read(), at };
    } catch (error) {
      ports.onError(error);
    } finally {
      reading = undefined;
    }
  }

  return {
    async sample() {
      if (!reading && clock.now() - triedAt >= ports.everyMs) {
        triedAt = clock.now();
        reading = read();
      }
      if (!reading) return;
      await within(clock, ports.timeoutMs, reading);
    },
    last: () => good && { value: good.value, ageMs: Math.max(0, Math.round(clock.now() - good.at)) },
  };
}
