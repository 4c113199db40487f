import type { TimeZone } from '../../lib/time-zone.ts';
import type { Cron } from './cron.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** 29 February is at most eight years away. */
const MOST_DAYS = 9 * 366;

/** How late a planned time may still be carried out, ms. */
export const CATCH_UP_MS = HOUR_MS;
/** How far back missed times are counted, ms. */
const COUNT_BACK_MS = 31 * DAY_MS;

/**
 * The planned times (epoch ms) after `after`, ascending, each once. They are times of the clocks in the zone. A time that the
 * clocks skip on some day is planned for the first minute after it; one that they show twice, for the first of both. So a day
 * has each of its times once, except that several skipped ones are one.
 */
export function* plannedTimes(cron: Cron, zone: TimeZone, after: number): Generator<number, undefined> {
  const firstDay = Math.floor(zone.localAt(after) / DAY_MS) * DAY_MS - DAY_MS;
  let last = after;
  for (let at = 0; at < MOST_DAYS; at++) {
    const local = firstDay + at * DAY_MS;
    const day = new Date(local);
    const parts = { month: day.getUTCMonth() + 1, dayOfMonth: day.getUTCDate(), weekday: day.getUTCDay() };
    if (!cron.isOnDay(parts)) continue;
    for (const minute of cron.minutesOfDay) {
      const planned = zone.firstMomentOf(local + minute * MINUTE_MS);
      if (planned <= last) continue;
      last = planned;
      yield planned;
    }
  }
  return undefined;
}

/** The first `most` planned times after `after`. */
export function nextTimes(cron: Cron, zone: TimeZone, after: number, most: number): readonly number[] {
  const found: number[] = [];
  for (const planned of plannedTimes(cron, zone, after)) {
    found.push(planned);
    if (found.length >= most) break;
  }
  return found;
}

/** Planned times that passed and are not carried out. */
export interface MissedTimes {
  readonly count: number;
  /** There were more of them before `first`. */
  readonly isCut: boolean;
  readonly first: number;
  readonly last: number;
}

/** What has to happen now; each time in it is dealt with by that, and does not come again. */
export interface Due {
  /** To carry out now. */
  readonly due?: number;
  readonly missed?: MissedTimes;
  /** The next planned time after `now`. */
  readonly next?: number;
}

/**
 * What is due at `now`, when everything up to `doneUntil` was dealt with: the newest planned time where it is less than an hour
 * late, and never more than one; the others were missed. Where `now` is before `doneUntil`, because a clock was set back,
 * nothing is.
 */
export function decideDue(cron: Cron, zone: TimeZone, { doneUntil, now }: { doneUntil: number; now: number }): Due {
  const from = Math.max(doneUntil, now - COUNT_BACK_MS);
  const passed: number[] = [];
  let next: number | undefined;
  for (const planned of plannedTimes(cron, zone, from)) {
    if (planned > now) {
      next = planned;
      break;
    }
    passed.push(planned);
  }
  const newest = passed.at(-1);
  const due = newest !== undefined && now - newest < CATCH_UP_MS ? newest : undefined;
  const missed = due === undefined ? passed : passed.slice(0, -1);
  const [first] = missed;
  const last = missed.at(-1);
  return {
    ...(due === undefined ? {} : { due }),
    ...(first === undefined || last === undefined
      ? {}
      : { missed: { count: missed.length, isCut: from > doneUntil, first, last } }),
    ...(next === undefined ? {} : { next }),
  };
}
