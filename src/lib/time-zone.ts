const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
/** No zone differs from UTC by more, and no zone has two transitions within twice this time. */
const AROUND_MS = 24 * HOUR_MS;

/**
 * The local time of a zone. A local time is a number of ms, too: the one that UTC has when its clocks show the same
 * (`Date.UTC` of its parts).
 */
export interface TimeZone {
  /** The name as IANA spells it. */
  readonly name: string;
  /** What the clocks of the zone show at this moment (epoch ms). */
  localAt(ms: number): number;
  /**
   * The first moment (epoch ms) at which the clocks show this local time. Where they are set forward over it, the first moment
   * after that; where they show it twice, the first of both.
   */
  firstMomentOf(local: number): number;
}

const opened = new Map<string, TimeZone>();

/** The zone of that name, in any capitalisation; undefined where there is none. An offset such as `+01:00` is no name. */
export function timeZoneOf(name: string): TimeZone | undefined {
  if (!/^[A-Za-z]+([/_+-][A-Za-z0-9]+)*$/.test(name)) return undefined;
  const known = opened.get(name);
  if (known) return known;
  try {
    const zone = openTimeZone(name);
    opened.set(name, zone);
    return zone;
  } catch {
    return undefined;
  }
}

/** @throws RangeError when there is no such zone */
function openTimeZone(timeZone: string): TimeZone {
  const numeric = 'numeric' as const;
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    year: numeric,
    month: numeric,
    day: numeric,
    hour: numeric,
    minute: numeric,
  });
  function localAt(ms: number): number {
    const parts = new Map(format.formatToParts(ms).map(({ type, value }) => [type, Number(value)]));
    const part = (type: Intl.DateTimeFormatPartTypes) => parts.get(type) ?? 0;
    const minute = Date.UTC(part('year'), part('month') - 1, part('day'), part('hour'), part('minute'));
    return minute + (((ms % MINUTE_MS) + MINUTE_MS) % MINUTE_MS);
  }
  const offsetAt = (ms: number) => localAt(ms) - ms;
  return {
    name: format.resolvedOptions().timeZone,
    localAt,
    firstMomentOf(local) {
      const [before, after] = [offsetAt(local - AROUND_MS), offsetAt(local + AROUND_MS)];
      const shown = [local - before, local - after].filter((ms) => localAt(ms) === local);
      if (shown.length > 0) return Math.min(...shown);
      // The clocks are set forward over it: the first minute with the new offset.
      let [low, high] = [local - AROUND_MS, local + AROUND_MS];
      while (high - low > MINUTE_MS) {
        const middle = low + Math.floor((high - low) / 2 / MINUTE_MS) * MINUTE_MS;
        if (offsetAt(middle) === before) low = middle;
        else high = middle;
      }
      return high;
    },
  };
}
