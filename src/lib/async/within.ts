import type { Clock } from '../clock.ts';
import { type Result, refuse, settle } from '../result.ts';

/** What the work resolves to, if it does within `limitMs`; undefined after that. Rejects as the work does. */
export async function within<T>(
  clock: Pick<Clock, 'sleep'>,
  limitMs: number,
  work: Promise<T>,
): Promise<T | undefined> {
  const settled = new AbortController();
  try {
    return await Promise.race([work, clock.sleep(limitMs, settled.signal).then(() => undefined)]);
  } finally {
    settled.abort();
  }
}

/** The value of `work`, or what it threw; an error where it takes longer than `limitMs`. Never rejects. */
export const settleWithin = async <T>(
  clock: Pick<Clock, 'sleep'>,
  limitMs: number,
  work: () => Promise<T>,
): Promise<Result<T, unknown>> =>
  (await within(clock, limitMs, settle(work))) ?? refuse(new Error(`There was no answer within ${limitMs / 1_000} s.`));
