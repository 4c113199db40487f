import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Trip } from '../../../src/run/model/types.ts';
import {
  advanceBreaker,
  type Breaker,
  breakerSchema,
  closedBreaker,
  copyBreaker,
} from '../../../src/run/rules/breaker.ts';

const runbook = { consecutive: 10, window: 20, percent: 50 };
type Kind = 'processed' | 'rejected' | 'failed';
const kinds = { p: 'processed', r: 'rejected', f: 'failed' } as const;

/** The breaker after outcomes given as letters (p, r, f), with the first trip and the number of outcomes before it. */
function play(letters: string, settings = runbook): { trip?: Trip; after: number; breaker: Breaker } {
  let breaker = closedBreaker();
  let after = 0;
  for (const letter of letters) {
    after++;
    const next = advanceBreaker(breaker, settings, letter === 'f' ? kinds.f : letter === 'r' ? kinds.r : kinds.p);
    breaker = next.breaker;
    if (next.trip) return { trip: next.trip, after, breaker };
  }
  return { after, breaker };
}

describe('failures in a row', () => {
  it('the tenth failure in a row trips the breaker', () => {
    expect(play('f'.repeat(30))).toMatchObject({ after: 10, trip: { kind: 'consecutive-failures', failures: 10 } });
  });
  it('nine failures in a row do not trip the breaker', () => {
    expect(play('f'.repeat(9)).trip).toBeUndefined();
  });
  it.each(['p', 'r'])('an outcome %s between failures starts the count again', (between) => {
    expect(play(`${'f'.repeat(9)}${between}${'f'.repeat(9)}`).trip).toBeUndefined();
    expect(play(`${'f'.repeat(9)}${between}`).breaker.consecutive).toBe(0);
  });
  it('each further failure in a row trips the breaker again', () => {
    const { breaker } = play('f'.repeat(10));
    expect(advanceBreaker(breaker, runbook, 'failed').trip).toEqual({ kind: 'consecutive-failures', failures: 11 });
  });
});

describe('missing rows', () => {
  const withoutRows = (breaker: Breaker, times: number) => {
    let next: ReturnType<typeof advanceBreaker> = { breaker: copyBreaker(breaker) };
    for (let at = 0; at < times; at++) next = advanceBreaker(next.breaker, runbook, 'no-rows');
    return next;
  };
  it('turn processed images of the window into failures, until more than half of it failed', () => {
    const { breaker } = play('p'.repeat(20));
    expect(withoutRows(breaker, 10).trip).toBeUndefined();
    expect(withoutRows(breaker, 11).trip).toEqual({ kind: 'failure-rate', failed: 11, window: 20 });
  });
  it('do not lengthen the window, and neither begin nor end a row of failures', () => {
    const { breaker } = play(`${'p'.repeat(5)}${'f'.repeat(3)}`);
    expect(withoutRows(breaker, 2).breaker).toMatchObject({ consecutive: 3, recent: { length: 8 } });
    expect(withoutRows(breaker, 9).breaker.recent).toEqual(Array(8).fill(true));
  });
  it('change nothing before the first outcome of a window', () => {
    expect(withoutRows(closedBreaker(), 1)).toEqual({ breaker: closedBreaker() });
  });
});

describe('the share of failures', () => {
  it('failures of exactly half of the last 20 outcomes do not trip the breaker', () => {
    expect(play('fp'.repeat(100)).trip).toBeUndefined();
  });
  it('11 failures of the last 20 outcomes trip the breaker', () => {
    expect(play(`${'pf'.repeat(9)}fp`).trip).toBeUndefined();
    expect(play(`${'pf'.repeat(9)}ff`).trip).toEqual({ kind: 'failure-rate', failed: 11, window: 20 });
  });
  it('the share of failures does not count before there are 20 outcomes', () => {
    expect(play('ffffpffffpffffpffff').trip).toBeUndefined();
    expect(play('ffffpffffpffffpffffp').trip).toEqual({ kind: 'failure-rate', failed: 16, window: 20 });
  });
  it('rejected sheets are not counted as failures', () => {
    expect(play('r'.repeat(200)).trip).toBeUndefined();
    expect(play('fr'.repeat(100)).trip).toBeUndefined();
  });
  it('outcomes before the window do not count', () => {
    expect(play(`${'ffffffffp'}${'p'.repeat(40)}${'fp'.repeat(20)}`).trip).toBeUndefined();
  });
  it('the breaker uses the limits of its settings', () => {
    expect(play('pfpf', { consecutive: 100, window: 4, percent: 49 }).trip).toMatchObject({ failed: 2, window: 4 });
    expect(play('pfpf', { consecutive: 100, window: 4, percent: 50 }).trip).toBeUndefined();
  });
});

it('the breaker agrees with its rules applied to the whole history', () => {
  const settings = fc.record({
    consecutive: fc.integer({ min: 1, max: 12 }),
    window: fc.integer({ min: 2, max: 25 }),
    percent: fc.integer({ min: 1, max: 99 }),
  });
  fc.assert(
    fc.property(
      settings,
      fc.array(fc.constantFrom<Kind>('processed', 'rejected', 'failed', 'failed'), { maxLength: 80 }),
      (rules, history) => {
        let breaker = closedBreaker();
        history.forEach((kind, index) => {
          const { breaker: next, trip } = advanceBreaker(breaker, rules, kind);
          breaker = next;
          const soFar = history.slice(0, index + 1);
          const lastGood = soFar.findLastIndex((one) => one !== 'failed');
          const inRow = soFar.length - 1 - lastGood;
          const recent = soFar.slice(-rules.window);
          const failed = recent.filter((one) => one === 'failed').length;
          const rate = recent.length === rules.window && failed / recent.length > rules.percent / 100;
          const expected = inRow >= rules.consecutive ? 'consecutive-failures' : rate ? 'failure-rate' : undefined;
          expect(trip?.kind).toBe(expected);
          expect(next.recent.length).toBeLessThanOrEqual(rules.window);
        });
        expect(breakerSchema.parse(JSON.parse(JSON.stringify(breaker)))).toEqual(breaker);
      },
    ),
  );
});

it('a breaker from a checkpoint with a longer window is cut to the present window', () => {
  const saved: Breaker = { consecutive: 0, recent: Array(100).fill(false) };
  expect(advanceBreaker(saved, runbook, 'failed').breaker.recent).toHaveLength(20);
});

it('a copy of a breaker does not change with it', () => {
  const { breaker } = play('fpf');
  const copy = copyBreaker(breaker);
  advanceBreaker(breaker, runbook, 'failed');
  advanceBreaker(breaker, runbook, 'no-rows');
  expect(copy).toEqual({ consecutive: 1, recent: [true, false, true] });
});

it.each([
  {},
  { consecutive: -1, recent: [] },
  { consecutive: 0.5, recent: [] },
  { consecutive: 1, recent: ['x'] },
  null,
])('%j is not a valid breaker', (value) => {
  expect(breakerSchema.safeParse(value).success).toBe(false);
});

it('an image that is gone neither counts as a failure nor ends failures in a row', () => {
  const { breaker } = play('f'.repeat(9));
  const gone = advanceBreaker(breaker, runbook, 'gone');
  expect(gone).toEqual({ breaker });
  expect(advanceBreaker(gone.breaker, runbook, 'failed').trip).toMatchObject({ failures: 10 });
});
