import type { Clock } from '../clock.ts';
import { within } from './within.ts';

/** A read that does not answer delays the next one by this long, ms. */
const WAIT_MS = 250;

/**
 * The same read, for many callers at the same moment: those who come while one is in progress share the next one. So each gets what
 * a read returns that began after the call, and fails as that one does.
 */
export function shareReads<T>(read: () => Promise<T>, clock: Pick<Clock, 'sleep'>): () => Promise<T> {
  let reading: Promise<unknown> | undefined;
  let next: Promise<T> | undefined;

  function begin(): Promise<T> {
    const begun = read();
    const end = () => {
      if (reading === ending) reading = undefined;
    };
    const ending = begun.then(end, end);
    reading = ending;
    return begun;
  }

  return () => {
    if (!reading) return begin();
    next ??= within(clock, WAIT_MS, reading).then(() => {
      next = undefined;
      return begin();
    });
    return next;
  };
}
