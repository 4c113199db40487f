import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Growth,
  growthDue,
  growthSchema,
  judgeGrowth,
  noteEntries,
  noteFailedCheck,
  noteGrowthOutcome,
  noteProbe,
  noteWait,
  resumeGrowth,
  startGrowth,
} from '../../../src/run/rules/growth.ts';

const MINUTE = 60_000;
const runbook = { checkImages: 50, warnMs: 5 * MINUTE, tripMs: 10 * MINUTE };
const outcomes = (growth: Growth, count: number) =>
  Array.from({ length: count }).reduce<Growth>((next) => noteGrowthOutcome(next), growth);

/**
 * Checks a table of that size whenever a check is due, every second. Returns when the watchdog first warns and trips.
 */
function watch(
  entriesAt: (now: number) => number | 'fails',
  untilMs: number,
  settings = runbook,
  from = startGrowth(0, 0),
) {
  let growth = from;
  let checks = 0;
  let warnedAt: number | undefined;
  for (let now = 0; now <= untilMs; now += 1_000) {
    if (growthDue(growth, settings, now)) {
      checks++;
      const entries = entriesAt(now);
      growth = entries === 'fails' ? noteFailedCheck(growth, now) : noteEntries(growth, now, entries);
    }
    const { kind } = judgeGrowth(growth, settings, now);
    if (kind === 'warn') warnedAt ??= now;
    if (kind === 'trip') return { checks, warnedAt, trippedAt: now, growth };
  }
  return { checks, warnedAt, trippedAt: undefined, growth };
}

describe('a check of the table is due', () => {
  it('a check is due after 50 outcomes and not after 49', () => {
    expect(growthDue(outcomes(startGrowth(0), 49), runbook, 1)).toBe(false);
    expect(growthDue(outcomes(startGrowth(0), 50), runbook, 1)).toBe(true);
  });
  it('a check is due after a minute without an outcome', () => {
    expect(growthDue(startGrowth(0), runbook, MINUTE - 1)).toBe(false);
    expect(growthDue(startGrowth(0), runbook, MINUTE)).toBe(true);
  });
  it('time alone makes a check due at most once a second', () => {
    const short = { ...runbook, warnMs: 100, tripMs: 200 };
    expect(growthDue(startGrowth(0), short, 999)).toBe(false);
    expect(growthDue(startGrowth(0), short, 1_000)).toBe(true);
  });
  it.each([
    ['count', (growth: Growth) => noteEntries(growth, 10, 0)],
    ['probe', (growth: Growth) => noteProbe(growth, 10, false)],
  ])('no check is due after a %s until there are enough outcomes again', (_, check) => {
    const growth = check(outcomes(startGrowth(0), 50));
    expect(growthDue(growth, runbook, 11)).toBe(false);
    expect(growthDue(outcomes(growth, 50), runbook, 12)).toBe(true);
  });
  it('no check is due at once after a failed one', () => {
    const growth = noteFailedCheck(outcomes(startGrowth(0), 60), 10);
    expect(growthDue(growth, runbook, 11)).toBe(false);
    expect(growthDue(growth, runbook, 10 + MINUTE)).toBe(true);
  });
});

describe('growth', () => {
  it('the table grew when the count is higher than ever', () => {
    const growth = noteEntries(startGrowth(0, 100), 1_000, 101);
    expect(growth).toMatchObject({ grewAt: 1_000, highest: 101 });
  });
  it.each([100, 99, 0])('the table did not grow when %i entries are counted after 100', (entries) => {
    expect(noteEntries(startGrowth(0, 100), 1_000, entries)).toMatchObject({
      grewAt: 0,
      highest: 100,
      checkedAt: 1_000,
    });
  });
  it('the first count of a table of unknown size is not growth', () => {
    const growth = noteEntries(startGrowth(0), 1_000, 500);
    expect(growth).toMatchObject({ grewAt: 0, highest: 500 });
    expect(noteEntries(growth, 2_000, 501).grewAt).toBe(2_000);
  });
  it('a fresh probe is growth and a stale one is not', () => {
    expect(noteProbe(startGrowth(0), 1_000, true).grewAt).toBe(1_000);
    expect(noteProbe(startGrowth(0), 1_000, false).grewAt).toBe(0);
  });
  it('a failed check is not growth', () => {
    expect(noteFailedCheck(startGrowth(0), 1_000)).toMatchObject({ grewAt: 0, checkedAt: 0 });
  });
});

describe('the watchdog', () => {
  it('the watchdog warns at 5 minutes and trips at 10 when no invocation ends', () => {
    const { warnedAt, trippedAt } = watch(() => 0, 60 * MINUTE);
    expect(warnedAt).toBe(5 * MINUTE);
    expect(trippedAt).toBe(10 * MINUTE);
  });
  it('the watchdog neither warns nor trips while the table grows', () => {
    const { warnedAt, trippedAt } = watch((now) => now, 60 * MINUTE);
    expect([warnedAt, trippedAt]).toEqual([undefined, undefined]);
  });
  it('the watchdog is late by at most the time between two checks', () => {
    const { trippedAt } = watch((now) => Math.min(now, 7 * MINUTE), 60 * MINUTE);
    expect(trippedAt).toBeGreaterThanOrEqual(17 * MINUTE);
    expect(trippedAt).toBeLessThanOrEqual(18 * MINUTE);
  });
  it('the watchdog is fine again when the table grows after a warning', () => {
    const growth = noteEntries(startGrowth(0, 10), 6 * MINUTE, 10);
    expect(judgeGrowth(growth, runbook, 6 * MINUTE)).toEqual({ kind: 'warn', withoutGrowthMs: 6 * MINUTE });
    expect(judgeGrowth(noteEntries(growth, 7 * MINUTE, 11), runbook, 7 * MINUTE).kind).toBe('fine');
  });
  it('the watchdog does not trip on a stale check, and a check is due', () => {
    const growth = noteEntries(startGrowth(0, 0), 8 * MINUTE, 0);
    expect(judgeGrowth(growth, runbook, 11 * MINUTE).kind).toBe('warn');
    expect(growthDue(growth, runbook, 11 * MINUTE)).toBe(true);
    expect(judgeGrowth(noteEntries(growth, 11 * MINUTE, 0), runbook, 11 * MINUTE).kind).toBe('trip');
  });
  it('the watchdog trips when no check succeeds for ten minutes', () => {
    const { trippedAt, checks } = watch(() => 'fails', 60 * MINUTE);
    expect(trippedAt).toBe(10 * MINUTE);
    expect(checks).toBeLessThanOrEqual(11);
  });
  it('the watchdog checks before it trips, however short its settings are', () => {
    const short = { checkImages: 50, warnMs: 600, tripMs: 600 };
    const { trippedAt, checks } = watch(() => 0, MINUTE, short);
    expect(checks).toBeGreaterThanOrEqual(1);
    expect(trippedAt).toBeLessThanOrEqual(3_000);
  });
  it('the start of a run is not a check of the table', () => {
    expect(judgeGrowth(startGrowth(0, 0), { checkImages: 50, warnMs: 600, tripMs: 600 }, 700).kind).toBe('warn');
  });
  it('the watchdog never trips while a check finds growth within every ten minutes', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 8 }), { minLength: 1, maxLength: 20 }), (gaps) => {
        const growsAt = gaps.map((_, index) => gaps.slice(0, index + 1).reduce((sum, gap) => sum + gap, 0) * MINUTE);
        const entriesAt = (now: number) => growsAt.filter((at) => at <= now).length;
        expect(watch(entriesAt, growsAt.at(-1) ?? 0).trippedAt).toBeUndefined();
      }),
    );
  });
  it('the watchdog trips within eleven minutes of the last growth, whichever checks fail', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 20 }),
        fc.array(fc.boolean(), { minLength: 40, maxLength: 40 }),
        (lastGrowth, fails) => {
          let check = 0;
          const entriesAt = (now: number) =>
            fails[check++ % 40] ? ('fails' as const) : Math.min(now, lastGrowth * MINUTE);
          const { trippedAt } = watch(entriesAt, 120 * MINUTE);
          const lastSeen = lastGrowth * MINUTE;
          expect(trippedAt ?? 0).toBeGreaterThanOrEqual(Math.min(lastSeen, 10 * MINUTE));
          expect(trippedAt).toBeDefined();
        },
      ),
    );
  });
});

describe('a run that is resumed', () => {
  const quiet = noteEntries(startGrowth(0, 10), 9 * MINUTE, 10);
  it('the time without growth starts at 0 when a person resumes the run', () => {
    const growth = resumeGrowth(quiet, 100 * MINUTE);
    expect(judgeGrowth(growth, runbook, 100 * MINUTE)).toEqual({ kind: 'fine', withoutGrowthMs: 0 });
    expect(growth.highest).toBe(10);
  });
  it('the time without growth before a crash still counts, and the time of the crash does not', () => {
    const growth = resumeGrowth(quiet, 100 * MINUTE, false);
    expect(judgeGrowth(growth, runbook, 100 * MINUTE)).toEqual({ kind: 'warn', withoutGrowthMs: 9 * MINUTE });
    const after = noteEntries(growth, 101 * MINUTE, 10);
    expect(judgeGrowth(after, runbook, 101 * MINUTE).kind).toBe('trip');
  });
  it('a run that is resumed after a trip does not trip at once', () => {
    const { growth, trippedAt } = watch(() => 0, 60 * MINUTE);
    const now = (trippedAt ?? 0) + MINUTE;
    expect(judgeGrowth(resumeGrowth(growth, now), runbook, now).kind).toBe('fine');
  });
  it('a resumed run checks again within a minute', () => {
    expect(growthDue(resumeGrowth(quiet, 100 * MINUTE), runbook, 101 * MINUTE)).toBe(true);
  });
});

it('the state of the watchdog survives JSON', () => {
  for (const growth of [startGrowth(5), noteGrowthOutcome(startGrowth(5, 7)), noteEntries(startGrowth(1), 2, 3)])
    expect(growthSchema.parse(JSON.parse(JSON.stringify(growth)))).toEqual(growth);
  expect(growthSchema.safeParse({ ...startGrowth(5), outcomesSinceCheck: -1 }).success).toBe(false);
});

describe('time in which nothing could start', () => {
  const growth = { ...startGrowth(1_000), checkedAt: 3_000, attemptedAt: 3_000 };
  it('is not time without growth, and makes no check old', () => {
    expect(noteWait(growth, 5_000, 20_000)).toEqual({ ...growth, grewAt: 6_000, checkedAt: 8_000 });
  });
  it('never moves growth or check into the future', () => {
    expect(noteWait(growth, 60_000, 20_000)).toMatchObject({ grewAt: 20_000, checkedAt: 20_000 });
  });
});

it('a process that died continues with the time without growth from before', () => {
  const growth = { ...startGrowth(100_000), checkedAt: 160_000, attemptedAt: 160_000 };
  expect(resumeGrowth(growth, 900_000, false)).toMatchObject({ grewAt: 840_000, checkedAt: 900_000 });
});

it('a check of exactly the longest age is fresh enough to stop the run', () => {
  const growth = { ...startGrowth(0), checkedAt: 10 * MINUTE, attemptedAt: 10 * MINUTE };
  expect(judgeGrowth(growth, runbook, 11 * MINUTE).kind).toBe('trip');
  expect(judgeGrowth(growth, runbook, 11 * MINUTE + 1).kind).toBe('warn');
});
