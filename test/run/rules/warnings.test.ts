import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Warning } from '../../../src/run/model/types.ts';
import {
  judgeCanary,
  judgeWarnings,
  mayStart,
  type WarningFacts,
  warningChanges,
} from '../../../src/run/rules/warnings.ts';

const MINUTE = 60_000;
const limits = { imagesPerMinute: 10, failurePercent: 10, throttlePercent: 20, withoutGrowthMs: 5 * MINUTE };
const outcomes = (failed: number, of: number) => Array.from({ length: of }, (_, index) => index < failed);
const factsOf = (over: Partial<WarningFacts> = {}): WarningFacts => ({
  imagesPerMinute: 30,
  runningMs: 10 * MINUTE,
  pacePerMinute: 40,
  recentFailures: outcomes(0, 20),
  throttlePercent: 0,
  calls: 100,
  withoutGrowthMs: 0,
  ...over,
});
const kindsOf = (over: Partial<WarningFacts>, before: readonly Warning[] = []) =>
  judgeWarnings(factsOf(over), limits, before).map((warning) => warning.kind);

describe('a warning', () => {
  it.each<[string, Partial<WarningFacts>, string[]]>([
    ['no warning when all is well', {}, []],
    ['slow under 10 a minute', { imagesPerMinute: 9.9 }, ['slow']],
    ['no warning at 10 a minute', { imagesPerMinute: 10 }, []],
    ['no warning about speed in the first two minutes', { imagesPerMinute: 1, runningMs: 1.9 * MINUTE }, []],
    ['slow from two minutes on', { imagesPerMinute: 1, runningMs: 2 * MINUTE }, ['slow']],
    ['no warning about speed at a pace below the limit', { imagesPerMinute: 5, pacePerMinute: 6 }, []],
    ['no warning about speed at a pace of exactly the limit', { imagesPerMinute: 9.7, pacePerMinute: 10 }, []],
    [
      'slow when throttling lowered the pace',
      { imagesPerMinute: 5, pacePerMinute: 6, paceSetting: { kind: 'auto' } },
      ['slow'],
    ],
    [
      'no warning about speed at a fixed pace below the limit',
      { imagesPerMinute: 5, pacePerMinute: 4, paceSetting: { kind: 'fixed', perMinute: 6 } },
      [],
    ],
    [
      'slow far below a fixed pace',
      { imagesPerMinute: 5, pacePerMinute: 4, paceSetting: { kind: 'fixed', perMinute: 60 } },
      ['slow'],
    ],
    ['no warning about failures at 10 %', { recentFailures: outcomes(2, 20) }, []],
    ['failures over 10 %', { recentFailures: outcomes(3, 20) }, ['failures']],
    ['no warning about two failures of four', { recentFailures: outcomes(2, 4) }, []],
    ['failures when three of four failed', { recentFailures: outcomes(3, 4) }, ['failures']],
    ['no warning about failures without outcomes', { recentFailures: [] }, []],
    ['failures when two of ten failed', { recentFailures: outcomes(2, 10) }, ['failures']],
    ['throttling with ten calls', { throttlePercent: 100, calls: 10 }, ['throttling']],
    ['no warning about speed at a pace of a fifth above the limit', { imagesPerMinute: 5, pacePerMinute: 12 }, []],
    [
      'no warning about speed at such a fixed pace',
      { imagesPerMinute: 5, pacePerMinute: 4, paceSetting: { kind: 'fixed', perMinute: 12 } },
      [],
    ],
    ['no warning about growth before 5 minutes', { withoutGrowthMs: 4.99 * MINUTE }, []],
    ['no growth at 5 minutes', { withoutGrowthMs: 5 * MINUTE }, ['no-growth']],
    ['no warning about throttling at 20 %', { throttlePercent: 20 }, []],
    ['throttling over 20 %', { throttlePercent: 20.5 }, ['throttling']],
    ['no warning about throttling with few calls', { throttlePercent: 100, calls: 9 }, []],
    [
      'all four warnings at once',
      { imagesPerMinute: 0, recentFailures: outcomes(20, 20), withoutGrowthMs: 6 * MINUTE, throttlePercent: 50 },
      ['slow', 'failures', 'no-growth', 'throttling'],
    ],
  ])('judgeWarnings gives: %s', (_, over, kinds) => {
    expect(kindsOf(over)).toEqual(kinds);
  });

  it('a run without any outcome is slow with the value 0', () => {
    const { imagesPerMinute: _, ...nothing } = factsOf();
    expect(judgeWarnings(nothing, limits)).toEqual([{ kind: 'slow', value: 0, limit: 10 }]);
  });

  it('a warning has its value and its limit', () => {
    const over = { recentFailures: outcomes(3, 20), throttlePercent: 33, withoutGrowthMs: 7 * MINUTE };
    expect(judgeWarnings(factsOf(over), limits)).toEqual([
      { kind: 'failures', value: 15, limit: 10 },
      { kind: 'no-growth', value: 7, limit: 5 },
      { kind: 'throttling', value: 33, limit: 20 },
    ]);
  });
});

describe('the canary', () => {
  const canary = { images: 20, percent: 25 };
  it.each([
    [undefined, false, 500, true],
    [canary, false, 19, true],
    [canary, false, 20, false],
    [canary, true, 20, true],
  ] as const)('with the canary %j, passed: %s, image %i may start: %s', (given, hasPassed, index, may) => {
    expect(mayStart(given, hasPassed, index)).toBe(may);
  });
  it('more failures than its share trip the run, and exactly its share does not', () => {
    expect(judgeCanary(canary, 1_000, { failed: 5, withoutRows: 0 })).toBeUndefined();
    expect(judgeCanary(canary, 1_000, { failed: 6, withoutRows: 0 })).toStrictEqual({
      kind: 'canary',
      failed: 6,
      images: 20,
      percent: 25,
    });
  });
  it('images without rows count as failures, and are named', () => {
    expect(judgeCanary(canary, 1_000, { failed: 4, withoutRows: 1 })).toBeUndefined();
    expect(judgeCanary(canary, 1_000, { failed: 4, withoutRows: 2 })).toMatchObject({ failed: 6, withoutRows: 2 });
  });
  it('a run of fewer images is all canary', () => {
    expect(judgeCanary(canary, 4, { failed: 1, withoutRows: 0 })).toBeUndefined();
    expect(judgeCanary(canary, 4, { failed: 2, withoutRows: 0 })).toMatchObject({ failed: 2, images: 4 });
  });
});

describe('a warning that holds', () => {
  const slow: Warning[] = [{ kind: 'slow', value: 9, limit: 10 }];
  const failures: Warning[] = [{ kind: 'failures', value: 15, limit: 10 }];
  const throttling: Warning[] = [{ kind: 'throttling', value: 25, limit: 20 }];
  it.each<[string, Partial<WarningFacts>, Warning[], string[]]>([
    ['slow holds at 11.9', { imagesPerMinute: 11.9 }, slow, ['slow']],
    ['slow ends at 12', { imagesPerMinute: 12 }, slow, []],
    ['slow ends when a person slows the pace', { imagesPerMinute: 5, pacePerMinute: 5 }, slow, []],
    ['failures hold at 10 %', { recentFailures: outcomes(2, 20) }, failures, ['failures']],
    ['failures end at 5 %', { recentFailures: outcomes(1, 20) }, failures, []],
    ['throttling holds at 16.1 %', { throttlePercent: 16.1 }, throttling, ['throttling']],
    ['throttling ends at 16 %', { throttlePercent: 16 }, throttling, []],
    ['one does not hold another', { throttlePercent: 18, recentFailures: outcomes(2, 20) }, slow, []],
  ])('%s', (_, over, before, kinds) => {
    expect(kindsOf(over, before)).toEqual(kinds);
  });

  it('a value that varies around the limit causes one warning', () => {
    const near = fc.array(fc.double({ min: 8.1, max: 11.9, noNaN: true }), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(near, (rates) => {
        let held: Warning[] = [];
        let said = 0;
        for (const imagesPerMinute of rates) {
          const after = judgeWarnings(factsOf({ imagesPerMinute }), limits, held);
          const { began, ended } = warningChanges(held, after);
          said += began.length;
          expect(ended).toEqual([]);
          held = after;
        }
        expect(said).toBeLessThanOrEqual(1);
      }),
    );
  });
});

describe('changes of warnings', () => {
  const at = (kind: Warning['kind'], value = 1): Warning => ({ kind, value, limit: 1 });
  it.each<[string, Warning[], Warning[], Warning[], Warning[]]>([
    ['no warning before and after', [], [], [], []],
    ['one that began', [], [at('slow')], [at('slow')], []],
    ['one that ended', [at('slow')], [], [], [at('slow')]],
    ['no change when only a value changed', [at('slow', 1)], [at('slow', 2)], [], []],
    ['one that replaced another', [at('slow')], [at('failures')], [at('failures')], [at('slow')]],
  ])('warningChanges finds %s', (_, before, after, began, ended) => {
    expect(warningChanges(before, after)).toEqual({ began, ended });
  });
});
