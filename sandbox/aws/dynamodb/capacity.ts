/** Unused capacity is kept for later use, up to this many seconds of it. */
export interface WriteCapacity {
  readonly unitsPerSecond: number;
  readonly burstSeconds: number;
}

/** The write capacity of one provisioned table, as a token bucket. `now` returns epoch ms. */
export function createWriteCapacity(now: () => number) {
  let units: number | undefined;
  let at = now();
  return {
    /** Takes the units if the bucket has them. A table starts with a full bucket. */
    take(needed: number, { unitsPerSecond, burstSeconds }: WriteCapacity): boolean {
      const most = unitsPerSecond * burstSeconds;
      units = Math.min(most, (units ?? most) + ((now() - at) / 1_000) * unitsPerSecond);
      at = now();
      if (units < needed) return false;
      units -= needed;
      return true;
    },
  };
}
