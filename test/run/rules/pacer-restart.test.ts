import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PaceSetting } from '../../../src/run/model/types.ts';
import {
  createPacer,
  inFlightLimit,
  nextStartAt,
  noteOutcome,
  noteStart,
  noteThrottled,
  pacePerMinute,
  savedPacerSchema,
  savePacer,
  setPaceSetting,
} from '../../../src/run/rules/pacer.ts';
import { auto, fixed, pacerOf, startAll, worstWindow } from './pacing.ts';

describe('a saved pacer', () => {
  it('a saved pacer survives JSON and its schema, in at most 61 buckets', () => {
    const pacer = pacerOf(fixed(900));
    startAll(pacer, 0, 100_000);
    const saved = savePacer(pacer, 100_000);
    expect(saved.starts.length).toBeLessThanOrEqual(61);
    expect(savedPacerSchema.parse(JSON.parse(JSON.stringify(saved)))).toEqual(saved);
  });

  it('a restored pacer keeps the pace, the lowering and the mean duration', () => {
    const pacer = pacerOf(fixed(100));
    noteOutcome(pacer, 0, 2_000);
    noteThrottled(pacer, 0);
    const next = createPacer(
      { paceSetting: fixed(100), ceilingPerMinute: 1_000, maxInFlight: 500 },
      20,
      savePacer(pacer, 10),
    );
    expect(pacePerMinute(next)).toBe(pacePerMinute(pacer));
    expect(inFlightLimit(next)).toBe(inFlightLimit(pacer));
  });

  it('a lowered pacer is still lowered after a second restart', () => {
    const settings = { paceSetting: fixed(100), ceilingPerMinute: 1_000, maxInFlight: 500 };
    const pacer = createPacer(settings, 0);
    noteThrottled(pacer, 0);
    const once = createPacer(settings, 10, savePacer(pacer, 10));
    expect(pacePerMinute(createPacer(settings, 20, savePacer(once, 20)))).toBeCloseTo(70);
  });

  it.each([
    ['steadily', 0],
    ['after a second without starts', 1_000],
    ['after nine seconds without starts', 9_000],
  ])('the ceiling holds when the process dies every ten seconds and started images %s before', (_, idleMs) => {
    const settings = { paceSetting: fixed(600), ceilingPerMinute: 600, maxInFlight: 500 };
    const starts: number[] = [];
    let pacer = createPacer(settings, 0);
    for (let now = 0; now < 300_000; now += 15_000) {
      starts.push(...startAll(pacer, now, now + 5_000));
      const saved = savePacer(pacer, now + 5_000);
      starts.push(...startAll(pacer, now + 5_000 + idleMs, now + 15_000 - 1));
      pacer = createPacer(settings, now + 15_000, saved);
    }
    expect(worstWindow(starts)).toBeLessThanOrEqual(600);
    expect(starts.length).toBeGreaterThan(1_000);
  });

  it('a restored pacer counts each start for at least a minute', () => {
    const settings = { paceSetting: fixed(600), ceilingPerMinute: 600, maxInFlight: 500 };
    const pacer = createPacer(settings, 0);
    const starts = startAll(pacer, 0, 50_000);
    const next = createPacer(settings, 50_050, savePacer(pacer, 50_050));
    for (let now = 51_050; now < 120_000; now += 1_000) starts.push(...startAll(next, now, now + 1));
    expect(worstWindow(starts)).toBeLessThanOrEqual(600);
    const first = createPacer(settings, 0);
    noteStart(first, 999);
    expect(createPacer(settings, 1_999, savePacer(first, 1_999)).starts).toEqual([999]);
    expect(createPacer(settings, 1_998, savePacer(first, 1_998)).starts[0]).toBe(1_998);
  });

  it('a pacer of 1,000,000 images a minute is restored after a crash', () => {
    const settings = { paceSetting: fixed(1_000_000), ceilingPerMinute: 1_000_000, maxInFlight: 500 };
    const pacer = createPacer(settings, 0);
    noteStart(pacer, 1_000);
    const restored = createPacer(settings, 60_000, savePacer(pacer, 1_000));
    expect(pacePerMinute(restored)).toBe(1_000_000);
  });

  it('a restored pacer continues its slow start', () => {
    const pacer = pacerOf(auto);
    startAll(pacer, 0, 25_000);
    const next = createPacer(
      { paceSetting: auto, ceilingPerMinute: 1_000, maxInFlight: 500 },
      25_000,
      savePacer(pacer, 25_000),
    );
    expect(pacePerMinute(next)).toBe(80);
    startAll(next, 25_000, 40_000);
    expect(pacePerMinute(next)).toBe(160);
  });

  it('a higher fixed pace that was set meanwhile holds at once', () => {
    const next = createPacer(
      { paceSetting: fixed(200), ceilingPerMinute: 1_000, maxInFlight: 500 },
      10,
      savePacer(pacerOf(fixed(100)), 0),
    );
    expect(pacePerMinute(next)).toBe(200);
  });

  it('starts before a lower fixed pace was set do not delay the next start', () => {
    const pacer = pacerOf(auto, 600);
    startAll(pacer, 0, 180_000);
    const saved = savePacer(pacer, 180_000);
    const next = createPacer({ paceSetting: fixed(60), ceilingPerMinute: 600, maxInFlight: 500 }, 190_000, saved);
    expect(nextStartAt(next, 190_000)).toBeLessThan(195_000);
  });

  it('a pacer that was saved by a clock ahead delays the next start by at most a minute', () => {
    const pacer = pacerOf(fixed(60), 60, 50, 3_600_000);
    startAll(pacer, 3_600_000, 3_660_000);
    const next = createPacer(
      { paceSetting: fixed(60), ceilingPerMinute: 60, maxInFlight: 50 },
      10_000,
      savePacer(pacer, 3_660_000),
    );
    expect(nextStartAt(next, 10_000)).toBeLessThanOrEqual(10_000 + 61_000);
  });

  it('a pacer that was saved more than a minute ago delays nothing', () => {
    const pacer = pacerOf(fixed(60), 60);
    startAll(pacer, 0, 60_000);
    const next = createPacer(
      { paceSetting: fixed(60), ceilingPerMinute: 60, maxInFlight: 50 },
      140_000,
      savePacer(pacer, 60_000),
    );
    expect(nextStartAt(next, 140_000)).toBe(140_000);
  });

  it('a pacer that is saved long after its last start has no starts of the last minute', () => {
    const pacer = pacerOf(fixed(60));
    startAll(pacer, 0, 60_000);
    expect(savePacer(pacer, 140_000).starts).toEqual([]);
    // The last second of the minute is 60 s ago.
    expect(savePacer(pacer, 119_500).starts).toEqual([[60, 1]]);
  });

  it('a restored pacer keeps the interval to the last start', () => {
    const pacer = pacerOf(fixed(60));
    noteStart(pacer, 0);
    const next = createPacer(
      { paceSetting: fixed(60), ceilingPerMinute: 1_000, maxInFlight: 500 },
      10,
      savePacer(pacer, 10),
    );
    expect(nextStartAt(next, 10)).toBe(1_000);
  });

  it('a restored pacer that knows no duration has the limit of images in flight of a new one', () => {
    const saved = savePacer(pacerOf(fixed(60)), 10);
    const settings = { paceSetting: fixed(60), ceilingPerMinute: 1_000, maxInFlight: 500 };
    expect(inFlightLimit(createPacer(settings, 10, saved))).toBe(inFlightLimit(createPacer(settings, 10)));
  });

  it('a restored pacer that was throttled does not double its pace again', () => {
    const pacer = pacerOf(auto);
    noteThrottled(pacer, 0);
    const next = createPacer(
      { paceSetting: auto, ceilingPerMinute: 1_000, maxInFlight: 500 },
      10,
      savePacer(pacer, 10),
    );
    noteOutcome(next, 20_000, 500);
    expect(pacePerMinute(next)).toBe(14 + 20);
  });

  it.each([
    ['counts the starts since the same fixed pace was set', 600],
    ['does not count starts before another fixed pace holds', 500],
  ])('a restored pacer %s', (_, perMinute) => {
    const pacer = pacerOf(fixed(600));
    startAll(pacer, 0, 60_000);
    const settings = { paceSetting: fixed(perMinute), ceilingPerMinute: 1_000, maxInFlight: 500 };
    const next = createPacer(settings, 60_000, savePacer(pacer, 60_000));
    expect(nextStartAt(next, 60_000)).toBe(perMinute === 600 ? 60_250 : 60_020);
  });

  it('a restored pacer does not count starts before its fixed pace was set', () => {
    const pacer = pacerOf(fixed(1_000));
    startAll(pacer, 0, 50_000);
    setPaceSetting(pacer, fixed(600), 50_000);
    const settings = { paceSetting: fixed(600), ceilingPerMinute: 1_000, maxInFlight: 500 };
    expect(nextStartAt(createPacer(settings, 50_000, savePacer(pacer, 50_000)), 50_000)).toBe(
      nextStartAt(pacer, 50_000),
    );
  });

  it('a restored pacer starts one interval after the last start that it cannot know of', () => {
    const pacer = pacerOf(fixed(60));
    noteStart(pacer, 0);
    const settings = { paceSetting: fixed(60), ceilingPerMinute: 1_000, maxInFlight: 500 };
    expect(nextStartAt(createPacer(settings, 5_500, savePacer(pacer, 0)), 5_500)).toBe(6_500);
  });

  it.each([
    [600, 60],
    [60, 600],
  ])(
    'the starts that a restored pacer cannot know of are those of the highest pace: %i before, %i now',
    (before, now) => {
      const settings = { paceSetting: fixed(now), ceilingPerMinute: 1_000, maxInFlight: 500 };
      expect(createPacer(settings, 30_000, savePacer(pacerOf(fixed(before)), 0)).starts).toHaveLength(111);
    },
  );

  it('a pacer whose clock is behind counts the starts since its fixed pace was set', () => {
    const pacer = pacerOf(fixed(300));
    setPaceSetting(pacer, fixed(600), 1_000);
    startAll(pacer, 1_000, 61_000);
    const settings = { paceSetting: fixed(600), ceilingPerMinute: 1_000, maxInFlight: 500 };
    // 111 starts are added, so the 111th of the minute is the one that must leave the window.
    expect(nextStartAt(createPacer(settings, 41_000, savePacer(pacer, 61_000)), 41_000)).toBeGreaterThan(50_000);
  });

  it('a pacer whose clock is behind counts the starts of ten seconds that it cannot know of', () => {
    const pacer = pacerOf(fixed(60), 60, 50, 100_000);
    startAll(pacer, 100_000, 140_000);
    const settings = { paceSetting: fixed(60), ceilingPerMinute: 60, maxInFlight: 50 };
    const next = createPacer(settings, 139_999, savePacer(pacer, 140_000));
    // 40 that are known, and 11 at most since the last one, which was a second before the pacer was saved.
    expect(next.starts).toHaveLength(51);
    expect(next.starts.at(-1)).toBe(139_999);
  });

  it.each([
    ['more than a minute old', { starts: [[61, 1]] }],
    ['in the future', { starts: [[-1, 1]] }],
    ['between two seconds', { starts: [[1.5, 1]] }],
    ['none at all', { starts: [[3, 0]] }],
    ['half a start', { starts: [[3, 0.5]] }],
    ['more buckets than seconds', { starts: Array.from({ length: 62 }, () => [3, 1]) }],
    ['a negative pace', { targetPerMinute: -1 }],
    ['a negative highest pace', { topPerMinute: -1 }],
    ['a negative duration', { durationMs: -1 }],
  ])('a saved pacer with invalid values is refused: %s', (_, wrong) => {
    expect(savedPacerSchema.safeParse({ ...savePacer(pacerOf(auto), 0), ...wrong }).success).toBe(false);
  });
});

const step = fc.oneof(
  { weight: 10, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 20_000 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('throttled' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('setting' as const), perMinute: fc.integer({ min: 0, max: 400 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('crash' as const),
      blindMs: fc.integer({ min: 0, max: 10_000 }),
      deadMs: fc.integer({ min: 0, max: 30_000 }),
      /** By how much the clock of the next process is behind the one of this process when it saved the pacer. */
      behindMs: fc.option(fc.integer({ min: 1, max: 120_000 }), { nil: undefined, freq: 2 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('idle' as const), ms: fc.integer({ min: 0, max: 90_000 }) }) },
);

describe('the ceiling', () => {
  it('the ceiling and a fixed pace hold in every 60 s, with throttles, changes of pace, late timers, crashes and clocks behind', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 300 }),
        fc.array(step, { maxLength: 30 }),
        fc.integer({ min: 0, max: 60 }),
        (ceiling, steps, lateMs) => {
          const settings = { ceilingPerMinute: ceiling, maxInFlight: 500 };
          let paceSetting: PaceSetting = auto;
          let pacer = createPacer({ paceSetting, ...settings }, 0);
          let now = 0;
          /** Real time minus the clock of the process. */
          let offset = 0;
          const starts: number[] = [];
          let sinceSetting: number[] = [];
          const start = (ms: number) => {
            const more = startAll(pacer, now, now + ms, () => lateMs).map((at) => at + offset);
            starts.push(...more);
            sinceSetting.push(...more);
            now += ms;
          };
          const check = () => {
            expect(worstWindow(starts)).toBeLessThanOrEqual(ceiling);
            if (paceSetting.kind === 'fixed')
              expect(worstWindow(sinceSetting)).toBeLessThanOrEqual(paceSetting.perMinute);
          };
          for (const action of steps) {
            switch (action.do) {
              case 'wait':
                start(action.ms);
                break;
              case 'idle':
                now += action.ms;
                break;
              case 'throttled':
                noteThrottled(pacer, now);
                break;
              case 'setting':
                check();
                sinceSetting = [];
                paceSetting = action.perMinute === 0 ? auto : fixed(action.perMinute);
                setPaceSetting(pacer, paceSetting, now);
                break;
              case 'crash': {
                const saved = savePacer(pacer, now);
                start(action.blindMs);
                const real = now + action.deadMs + offset;
                now = action.behindMs === undefined ? now + action.deadMs : saved.at - action.behindMs;
                offset = real - now;
                pacer = createPacer({ paceSetting, ...settings }, now, saved);
                break;
              }
            }
          }
          check();
        },
      ),
      { numRuns: 150 },
    );
  });

  it('the ceiling and a fixed pace hold from one change of pace to the next', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 0, max: 150_000 })), {
          minLength: 1,
          maxLength: 5,
        }),
        (changes) => {
          const pacer = pacerOf(auto, 150);
          let now = 0;
          for (const [perMinute, ms] of changes) {
            setPaceSetting(pacer, fixed(perMinute), now);
            const starts = startAll(pacer, now, now + ms);
            expect(worstWindow(starts)).toBeLessThanOrEqual(Math.min(150, perMinute));
            now += ms;
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it('a pacer that is saved and restored at once starts the next image when the saved one would, or up to 1.25 s later', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 300 }), fc.array(step, { maxLength: 15 }), (ceiling, steps) => {
        const settings = { ceilingPerMinute: ceiling, maxInFlight: 500 };
        let paceSetting: PaceSetting = auto;
        const pacer = createPacer({ paceSetting, ...settings }, 0);
        let now = 0;
        for (const action of steps) {
          if (action.do === 'wait') startAll(pacer, now, now + action.ms);
          if (action.do === 'throttled') noteThrottled(pacer, now);
          if (action.do === 'setting') {
            paceSetting = action.perMinute === 0 ? auto : fixed(action.perMinute);
            setPaceSetting(pacer, paceSetting, now);
          }
          now += 'ms' in action ? action.ms : 0;
        }
        const next = createPacer({ paceSetting, ...settings }, now, savePacer(pacer, now));
        expect(pacePerMinute(next)).toBe(pacePerMinute(pacer));
        const laterMs = nextStartAt(next, now) - nextStartAt(pacer, now);
        expect(laterMs).toBeGreaterThanOrEqual(0);
        // Starts are saved by the second, and one that is thereby after a change of the setting is in its window of 60.25 s.
        expect(laterMs).toBeLessThanOrEqual(1_250);
      }),
      { numRuns: 100 },
    );
  });

  it('the pacer keeps the starts of one window only', () => {
    const pacer = pacerOf(fixed(1_000));
    startAll(pacer, 0, 600_000);
    expect(pacer.starts.length).toBeLessThan(2_200);
  });
});
