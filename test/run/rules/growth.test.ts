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
  resumeGrowth,
  startGrowth,
} from '../../../src/run/rules/growth.ts';

const MINUTE = 60_000;
const runbook = { checkImages: 50, warnMs: 5 * MINUTE, tripMs: 10 * MINUTE };
const outcomes = (growth: Growth, count: number) =>
  Array.from({ length: count }).reduce<Growth>((next) => noteGrowthOutcome(next), growth);

/** Looks at a table of that size whenever a look is due, every second; when the watchdog first warns and trips. */
function watch(
  entriesAt: (now: number) => number | 'fails',
  untilMs: number,
  settings = runbook,
  from = startGrowth(0, 0),
) {
  let growth = from;
  let looks = 0;
  let warnedAt: number | undefined;
  for (let now = 0; now <= untilMs; now += 1_000) {
    if (growthDue(growth, settings, now)) {
      looks++;
      const entries = entriesAt(now);
      growth = entries === 'fails' ? noteFailedCheck(growth, now) : noteEntries(growth, now, entries);
    }
    const { kind } = judgeGrowth(growth, settings, now);
    if (kind === 'warn') warnedAt ??= now;
    if (kind === 'trip') return { looks, warnedAt, trippedAt: now, growth };
  }
  return { looks, warnedAt, trippedAt: undefined, growth };
}

describe('a look at the table is due', () => {
  it('after 50 outcomes, not after 49', () => {
    expect(growthDue(outcomes(startGrowth(0), 49), runbook, 1)).toBe(false);
    expect(growthDue(outcomes(startGrowth(0), 50), runbook, 1)).toBe(true);
  });
  it('after a minute in which nothing was done, as a verdict is due in five', () => {
    expect(growthDue(startGrowth(0), runbook, MINUTE - 1)).toBe(false);
    expect(growthDue(startGrowth(0), runbook, MINUTE)).toBe(true);
  });
  it('never more than once a second for the time alone', () => {
    const short = { ...runbook, warnMs: 100, tripMs: 200 };
    expect(growthDue(startGrowth(0), short, 999)).toBe(false);
    expect(growthDue(startGrowth(0), short, 1_000)).toBe(true);
  });
  it.each([
    ['count', (growth: Growth) => noteEntries(growth, 10, 0)],
    ['probe', (growth: Growth) => noteProbe(growth, 10, false)],
  ])('no more once a %s came back', (_, look) => {
    const growth = look(outcomes(startGrowth(0), 50));
    expect(growthDue(growth, runbook, 11)).toBe(false);
    expect(growthDue(outcomes(growth, 50), runbook, 12)).toBe(true);
  });
  it('not again at once after a look that failed', () => {
    const growth = noteFailedCheck(outcomes(startGrowth(0), 60), 10);
    expect(growthDue(growth, runbook, 11)).toBe(false);
    expect(growthDue(growth, runbook, 10 + MINUTE)).toBe(true);
  });
});

describe('growth', () => {
  it('is more entries than were ever seen', () => {
    const growth = noteEntries(startGrowth(0, 100), 1_000, 101);
    expect(growth).toMatchObject({ grewAt: 1_000, highest: 101 });
  });
  it.each([100, 99, 0])('is not %i entries where 100 were seen', (entries) => {
    expect(noteEntries(startGrowth(0, 100), 1_000, entries)).toMatchObject({
      grewAt: 0,
      highest: 100,
      checkedAt: 1_000,
    });
  });
  it('is not the first count of a table of unknown size', () => {
    const growth = noteEntries(startGrowth(0), 1_000, 500);
    expect(growth).toMatchObject({ grewAt: 0, highest: 500 });
    expect(noteEntries(growth, 2_000, 501).grewAt).toBe(2_000);
  });
  it('is a fresh probe, and no stale one', () => {
    expect(noteProbe(startGrowth(0), 1_000, true).grewAt).toBe(1_000);
    expect(noteProbe(startGrowth(0), 1_000, false).grewAt).toBe(0);
  });
  it('is not a look that failed', () => {
    expect(noteFailedCheck(startGrowth(0), 1_000)).toMatchObject({ grewAt: 0, checkedAt: 0 });
  });
});

describe('the watchdog', () => {
  it('warns at 5 minutes and trips at 10 though nothing completes at all', () => {
    const { warnedAt, trippedAt } = watch(() => 0, 60 * MINUTE);
    expect(warnedAt).toBe(5 * MINUTE);
    expect(trippedAt).toBe(10 * MINUTE);
  });
  it('says nothing of a table that grows', () => {
    const { warnedAt, trippedAt } = watch((now) => now, 60 * MINUTE);
    expect([warnedAt, trippedAt]).toEqual([undefined, undefined]);
  });
  it('is late by no more than the time between two looks when growth ends', () => {
    const { trippedAt } = watch((now) => Math.min(now, 7 * MINUTE), 60 * MINUTE);
    expect(trippedAt).toBeGreaterThanOrEqual(17 * MINUTE);
    expect(trippedAt).toBeLessThanOrEqual(18 * MINUTE);
  });
  it('is fine again when the table grows after a warning', () => {
    const growth = noteEntries(startGrowth(0, 10), 6 * MINUTE, 10);
    expect(judgeGrowth(growth, runbook, 6 * MINUTE)).toEqual({ kind: 'warn', withoutGrowthMs: 6 * MINUTE });
    expect(judgeGrowth(noteEntries(growth, 7 * MINUTE, 11), runbook, 7 * MINUTE).kind).toBe('fine');
  });
  it('does not trip on a stale look, but asks for another', () => {
    const growth = noteEntries(startGrowth(0, 0), 8 * MINUTE, 0);
    expect(judgeGrowth(growth, runbook, 11 * MINUTE).kind).toBe('warn');
    expect(growthDue(growth, runbook, 11 * MINUTE)).toBe(true);
    expect(judgeGrowth(noteEntries(growth, 11 * MINUTE, 0), runbook, 11 * MINUTE).kind).toBe('trip');
  });
  it('trips when no look succeeds for ten minutes', () => {
    const { trippedAt, looks } = watch(() => 'fails', 60 * MINUTE);
    expect(trippedAt).toBe(10 * MINUTE);
    expect(looks).toBeLessThanOrEqual(11);
  });
  it('looks before it trips, however short the settings', () => {
    const short = { checkImages: 50, warnMs: 600, tripMs: 600 };
    const { trippedAt, looks } = watch(() => 0, MINUTE, short);
    expect(looks).toBeGreaterThanOrEqual(1);
    expect(trippedAt).toBeLessThanOrEqual(3_000);
  });
  it('takes the start of a run for no look at the table', () => {
    expect(judgeGrowth(startGrowth(0, 0), { checkImages: 50, warnMs: 600, tripMs: 600 }, 700).kind).toBe('warn');
  });
  it('never trips while some look within every ten minutes sees more', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 8 }), { minLength: 1, maxLength: 20 }), (gaps) => {
        const growsAt = gaps.map(
          (_, location) => gaps.slice(0, location + 1).reduce((sum, gap) => sum + gap, 0) * MINUTE,
        );
        const entriesAt = (now: number) => growsAt.filter((at) => at <= now).length;
        expect(watch(entriesAt, growsAt.at(-1) ?? 0).trippedAt).toBeUndefined();
      }),
    );
  });
  it('trips within eleven minutes of the last growth, whatever looks fail in between', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 20 }),
        fc.array(fc.boolean(), { minLength: 40, maxLength: 40 }),
        (lastGrowth, fails) => {
          let look = 0;
          const entriesAt = (now: number) =>
            fails[look++ % 40] ? ('fails' as const) : Math.min(now, lastGrowth * MINUTE);
          const { trippedAt } = watch(entriesAt, 120 * MINUTE);
          const lastSeen = lastGrowth * MINUTE;
          expect(trippedAt ?? 0).toBeGreaterThanOrEqual(Math.min(lastSeen, 10 * MINUTE));
          expect(trippedAt).toBeDefined();
        },
      ),
    );
  });
});

describe('a run that goes on', () => {
  const quiet = noteEntries(startGrowth(0, 10), 9 * MINUTE, 10);
  it('begins without time without growth when a person resumed it', () => {
    const growth = resumeGrowth(quiet, 100 * MINUTE);
    expect(judgeGrowth(growth, runbook, 100 * MINUTE)).toEqual({ kind: 'fine', withoutGrowthMs: 0 });
    expect(growth.highest).toBe(10);
  });
  it('keeps the time without growth from before it died, and no time of its death', () => {
    const growth = resumeGrowth(quiet, 100 * MINUTE, false);
    expect(judgeGrowth(growth, runbook, 100 * MINUTE)).toEqual({ kind: 'warn', withoutGrowthMs: 9 * MINUTE });
    const after = noteEntries(growth, 101 * MINUTE, 10);
    expect(judgeGrowth(after, runbook, 101 * MINUTE).kind).toBe('trip');
  });
  it('does not trip at once after a trip', () => {
    const { growth, trippedAt } = watch(() => 0, 60 * MINUTE);
    const now = (trippedAt ?? 0) + MINUTE;
    expect(judgeGrowth(resumeGrowth(growth, now), runbook, now).kind).toBe('fine');
  });
  it('looks again within a minute', () => {
    expect(growthDue(resumeGrowth(quiet, 100 * MINUTE), runbook, 101 * MINUTE)).toBe(true);
  });
});

it('what the watchdog remembers survives JSON', () => {
  for (const growth of [startGrowth(5), noteGrowthOutcome(startGrowth(5, 7)), noteEntries(startGrowth(1), 2, 3)])
    expect(growthSchema.parse(JSON.parse(JSON.stringify(growth)))).toEqual(growth);
  expect(growthSchema.safeParse({ ...startGrowth(5), outcomesSinceCheck: -1 }).success).toBe(false);
});
