import type { Clock } from '../clock.ts';

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
