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

  it.each([
    ['more than a minute old', { starts: [[61, 1]] }],
    ['none at all', { starts: [[3, 0]] }],
    ['a negative pace', { targetPerMinute: -1 }],
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
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('crash' as const),
      blindMs: fc.integer({ min: 0, max: 10_000 }),
      deadMs: fc.integer({ min: 0, max: 30_000 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('idle' as const), ms: fc.integer({ min: 0, max: 90_000 }) }) },
);

describe('the ceiling', () => {
  it('the ceiling holds in every 60 s, with throttles, changes of pace, late timers and crashes', () => {
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
          const starts: number[] = [];
          for (const action of steps) {
            switch (action.do) {
              case 'wait':
                starts.push(...startAll(pacer, now, now + action.ms, () => lateMs));
                now += action.ms;
                break;
              case 'idle':
                now += action.ms;
                break;
              case 'throttled':
                noteThrottled(pacer, now);
                break;
              case 'setting':
                paceSetting = action.perMinute === 0 ? auto : fixed(action.perMinute);
                setPaceSetting(pacer, paceSetting, now);
                break;
              case 'crash': {
                const saved = savePacer(pacer, now);
                starts.push(...startAll(pacer, now, now + action.blindMs, () => lateMs));
                now += action.blindMs + action.deadMs;
                pacer = createPacer({ paceSetting, ...settings }, now, saved);
                break;
              }
            }
          }
          expect(worstWindow(starts)).toBeLessThanOrEqual(ceiling);
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

  it('the pacer keeps the starts of one window only', () => {
    const pacer = pacerOf(fixed(1_000));
    startAll(pacer, 0, 600_000);
    expect(pacer.starts.length).toBeLessThan(2_200);
  });
});
