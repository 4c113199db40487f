import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createTimeline } from '../../../src/results/report/timeline.ts';

describe('the timeline of a run', () => {
  test('counts every outcome once, whenever it arrived', () => {
    const kinds = fc.constantFrom('processed', 'failed', 'rejected');
    const records = fc.array(fc.record({ at: fc.integer({ min: -10_000, max: 200_000 }), kind: kinds }));
    fc.assert(
      fc.property(records, fc.integer({ min: 1, max: 20 }), (given, most) => {
        const timeline = createTimeline({ from: 0, maxIntervals: most });
        for (const { at, kind } of given)
          timeline.add({
            startedAt: at - 5,
            durationMs: 5,
            outcome:
              kind === 'processed'
                ? { kind, entriesStored: 2 }
                : kind === 'failed'
                  ? { kind, failureType: 'OCR_ERROR', message: 'm' }
                  : { kind: 'rejected', reason: 'Draft' },
          });
        const intervals = timeline.intervals();
        const sum = (of: 'images' | 'failed' | 'entries') => intervals.reduce((all, interval) => all + interval[of], 0);
        expect(intervals.length).toBeLessThanOrEqual(most);
        expect(sum('images')).toBe(given.length);
        expect(sum('failed')).toBe(given.filter(({ kind }) => kind === 'failed').length);
        expect(sum('entries')).toBe(2 * given.filter(({ kind }) => kind === 'processed').length);
      }),
    );
  });

  test('counts an outcome at the end of its invocation', () => {
    const timeline = createTimeline({ from: 0, maxIntervals: 6 });
    timeline.add({ startedAt: 1_000, durationMs: 2_000, outcome: { kind: 'rejected', reason: 'Draft' } });
    expect(timeline.intervals().map(({ images }) => images)).toEqual([0, 0, 0, 1]);
    expect(timeline.intervals().at(3)).toMatchObject({ from: 3_000, to: 4_000 });
  });

  test('ends with the last outcome, not at the current time', () => {
    const timeline = createTimeline({ from: 0, maxIntervals: 20 });
    for (let at = 0; at < 600_000; at += 5_000)
      timeline.add({ startedAt: at, durationMs: 0, outcome: { kind: 'rejected', reason: 'Draft' } });
    const intervals = timeline.intervals();
    expect(intervals.length).toBeGreaterThan(9);
    expect(intervals.every(({ images }) => images > 0)).toBe(true);
    expect(intervals.at(-1)?.to).toBe(595_000);
  });

  test('has no interval when the run has no outcome', () => {
    expect(createTimeline({ from: 0, maxIntervals: 20 }).intervals()).toEqual([]);
  });
});
