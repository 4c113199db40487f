import type { Clock } from '../../lib/clock.ts';

/** Reading that takes long and much of the pipeline's capacity, such as a comparison of the whole table. */
export interface HeavyRead {
  readonly person: string;
  /** How the request was made: `/rescan diff`. */
  readonly what: string;
  /** Epoch ms. */
  readonly since: number;
}

/** Lets one heavy read at a time take place in this process: two of them would slow the run and each other down. */
export interface HeavyReads {
  /** Begins one, or returns the one that is in progress. `end` has to be called when it is over. */
  begin(
    person: string,
    what: string,
  ): { readonly ok: true; readonly end: () => void } | { readonly ok: false; readonly inProgress: HeavyRead };
}

export function createHeavyReads(clock: Pick<Clock, 'now'>): HeavyReads {
  let inProgress: HeavyRead | undefined;
  return {
    begin(person, what) {
      if (inProgress) return { ok: false, inProgress };
      const begun = { person, what, since: clock.now() };
      inProgress = begun;
      return {
        ok: true,
        end() {
          if (inProgress === begun) inProgress = undefined;
        },
      };
    },
  };
}
