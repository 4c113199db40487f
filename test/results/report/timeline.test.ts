import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createTimeline } from '../../../src/results/report/timeline.ts';

describe('the timeline of a run', () => {
  test('counts every outcome once, whenever it came', () => {
    const kinds = fc.constantFrom('processed', 'failed', 'rejected');
    const records = fc.array(fc.record({ at: fc.integer({ min: -10_000, max: 200_000 }), kind: kinds }));
    fc.assert(
      fc.property(records, fc.integer({ min: 1, max: 20 }), (given, most) => {
        const timeline = createTimeline({ from: 0, most });
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
        const stretches = timeline.stretches();
        const sum = (of: 'images' | 'failed' | 'entries') => stretches.reduce((all, stretch) => all + stretch[of], 0);
        expect(stretches.length).toBeLessThanOrEqual(most);
        expect(sum('images')).toBe(given.length);
        expect(sum('failed')).toBe(given.filter(({ kind }) => kind === 'failed').length);
        expect(sum('entries')).toBe(2 * given.filter(({ kind }) => kind === 'processed').length);
      }),
    );
  });

  test('puts an outcome where its invocation ended', () => {
    const timeline = createTimeline({ from: 0, most: 6 });
    timeline.add({ startedAt: 1_000, durationMs: 2_000, outcome: { kind: 'rejected', reason: 'Draft' } });
    expect(timeline.stretches().map(({ images }) => images)).toEqual([0, 0, 0, 1]);
    expect(timeline.stretches().at(3)).toMatchObject({ from: 3_000, to: 4_000 });
  });

  test('ends with the last outcome, not with the day on which it is looked at', () => {
    const timeline = createTimeline({ from: 0, most: 20 });
    for (let at = 0; at < 600_000; at += 5_000)
      timeline.add({ startedAt: at, durationMs: 0, outcome: { kind: 'rejected', reason: 'Draft' } });
    const stretches = timeline.stretches();
    expect(stretches.length).toBeGreaterThan(9);
    expect(stretches.every(({ images }) => images > 0)).toBe(true);
    expect(stretches.at(-1)?.to).toBe(595_000);
  });

  test('has nothing to show of a run without an outcome', () => {
    expect(createTimeline({ from: 0, most: 20 }).stretches()).toEqual([]);
  });
});
