import { validateDetailed } from 'node-cron';
import { type Result, refuse, succeed } from '../../lib/result.ts';

/** The times of day and the days that a cron expression names. */
export interface Cron {
  /** Minutes since midnight, ascending. */
  readonly minutesOfDay: readonly number[];
  readonly isOnDay: (day: { readonly month: number; readonly dayOfMonth: number; readonly weekday: number }) => boolean;
}

/** Why an expression is not taken. */
export type CronProblem =
  | { readonly kind: 'fields'; readonly found: number }
  | { readonly kind: 'invalid'; readonly detail: string }
  /** `L`, `W` or `#`. */
  | { readonly kind: 'only-numbers'; readonly field: string }
  /** Cron programs disagree on whether both must hold or one of them. */
  | { readonly kind: 'two-kinds-of-day' }
  | { readonly kind: 'too-often'; readonly leastMinutes: number; readonly foundMinutes: number };

/** The least time between two planned times of one schedule. */
export const LEAST_MINUTES = 15;
const MINUTES_OF_DAY = 24 * 60;
const DAYS_OF_MONTH = 31;
const WEEKDAYS = 7;

/**
 * Reads an expression of five fields: minute, hour, day of month, month, day of week. The syntax is that of node-cron, which also
 * refuses dates that no year has.
 */
export function readCron(expression: string): Result<Cron, CronProblem> {
  const found = expression.trim().split(/\s+/).length;
  // node-cron also takes a field of seconds and names such as @daily.
  if (found !== 5) return refuse({ kind: 'fields', found });
  const { valid, fields, errors } = validateDetailed(expression.trim());
  if (!valid || !fields) return refuse({ kind: 'invalid', detail: errors.map(({ message }) => message).join('; ') });
  const daysOfMonth = numbersOf(fields.dayOfMonth);
  const weekdays = numbersOf(fields.dayOfWeek);
  if (!daysOfMonth) return refuse({ kind: 'only-numbers', field: 'day of month' });
  if (!weekdays) return refuse({ kind: 'only-numbers', field: 'day of week' });
  if (daysOfMonth.size < DAYS_OF_MONTH && weekdays.size < WEEKDAYS) return refuse({ kind: 'two-kinds-of-day' });
  const months = new Set(fields.month);
  const minutesOfDay = [
    ...new Set(fields.hour.flatMap((hour) => fields.minute.map((minute) => hour * 60 + minute))),
  ].sort((a, b) => a - b);
  const foundMinutes = leastDistance(minutesOfDay);
  if (foundMinutes < LEAST_MINUTES) return refuse({ kind: 'too-often', leastMinutes: LEAST_MINUTES, foundMinutes });
  return succeed({
    minutesOfDay,
    isOnDay: ({ month, dayOfMonth, weekday }) =>
      months.has(month) && daysOfMonth.has(dayOfMonth) && weekdays.has(weekday),
  });
}

function numbersOf(values: readonly (number | string)[]): ReadonlySet<number> | undefined {
  const numbers = values.map(Number);
  return numbers.every(Number.isInteger) ? new Set(numbers) : undefined;
}

/** Between the last of a day and the first of the next one, too, as if every day were named. */
const leastDistance = (minutes: readonly number[]): number =>
  Math.min(...minutes.map((minute, at) => (minutes[at + 1] ?? MINUTES_OF_DAY + (minutes[0] ?? 0)) - minute));
