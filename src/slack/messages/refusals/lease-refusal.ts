import { duration } from '../kit/format.ts';

/** After a refusal because of a lease: `waitMs` until it can be taken over, if its holder is gone. */
export const tryAgainLine = (waitMs: number | undefined): string =>
  waitMs === undefined
    ? 'Try again in half a minute.'
    : `If it has ended, this process can take over in ${duration(Math.max(1_000, waitMs))}. Try again then.`;
