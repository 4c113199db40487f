import { describe, expect, test } from 'vitest';
import { type AutopilotFacts, nextMove } from '../../../src/checklist/autopilot/autopilot-move.ts';
import type { StepView } from '../../../src/checklist/model/checklist-view.ts';
import { STEPS, type StepName } from '../../../src/checklist/model/step.ts';
import { runSnapshot } from '../../support/memory/scripted-run-control.ts';

type Changed = Partial<Record<StepName, Partial<StepView>>>;
const ORDER = ['backup', 'quotas', 'test-logging', 'sample', 'flush', 'rescan'] as const;

/** The facts with all steps before `upTo` done, and with changes. */
function at(upTo: StepName | 'end', changed: Changed = {}, facts: Partial<AutopilotFacts> = {}): AutopilotFacts {
  const past = upTo === 'end' ? ORDER : ORDER.slice(0, ORDER.indexOf(upTo as (typeof ORDER)[number]));
  const steps = STEPS.map((step): StepView => {
    const isPast = past.some((name) => name === step);
    return { step, state: isPast ? 'done' : 'to-do', ...changed[step] };
  });
  return { view: { id: 'c-0001', steps, unread: [] }, attempts: {}, ...facts };
}
const failedLogging = (result: string): Changed => ({
  'test-logging': { state: 'failed', found: { kind: 'logging', result } },
});

describe('the next move', () => {
  test('the autopilot does the steps in their order, one at a time', () => {
    expect(nextMove(at('backup'))).toEqual({ kind: 'do', step: 'backup' });
    expect(nextMove(at('quotas'))).toEqual({ kind: 'do', step: 'quotas' });
    expect(nextMove(at('test-logging'))).toEqual({ kind: 'do', step: 'test-logging' });
    expect(nextMove(at('sample'))).toEqual({ kind: 'do', step: 'sample' });
    expect(nextMove(at('flush'))).toEqual({ kind: 'ask-flush' });
    expect(nextMove(at('rescan'))).toEqual({ kind: 'start-run' });
    expect(nextMove(at('end'))).toEqual({ kind: 'do', step: 'validate' });
    expect(nextMove(at('end', { validate: { state: 'done' } }))).toEqual({ kind: 'finished' });
  });

  test('the autopilot waits for a running step, whoever began it', () => {
    for (const step of ['backup', 'quotas', 'test-logging', 'sample'] as const)
      expect(nextMove(at(step, { [step]: { state: 'running' } }))).toEqual({ kind: 'wait', for: 'step' });
    expect(nextMove(at('flush', { flush: { state: 'running' } }, { approval: 'pending' }))).toEqual({
      kind: 'wait',
      for: 'approval',
    });
    expect(nextMove(at('rescan', { rescan: { state: 'running' } }))).toEqual({ kind: 'wait', for: 'run' });
  });

  test('the autopilot makes no backup of a table that its flush empties', () => {
    for (const state of ['stale', 'failed', 'to-do'] as const) {
      const changed = { backup: { state }, sample: { state: 'stale' } } as const;
      const flushing = at('flush', { ...changed, flush: { state: 'running' } }, { approval: 'used' });
      expect(nextMove(flushing)).toEqual({ kind: 'wait', for: 'step' });
      expect(nextMove(at('rescan', changed, { approval: 'used' }))).toEqual({ kind: 'start-run' });
    }
  });

  test('an attempt whose process died before the step began does not count, whatever the checklist knows from before', () => {
    for (const step of ['quotas', 'sample'] as const) {
      const facts = { attempts: { [step]: 1 }, attemptedAt: { [step]: 50 } };
      expect(nextMove(at(step, { [step]: { state: 'to-do' } }, facts))).toEqual({ kind: 'do', step });
      expect(nextMove(at(step, { [step]: { state: 'failed', at: 49 } }, facts))).toEqual({ kind: 'do', step });
      for (const later of [50, 60])
        expect(nextMove(at(step, { [step]: { state: 'failed', at: later } }, facts)).kind).toBe('needs-person');
      const often = { ...facts, attempts: { [step]: 6 } };
      expect(nextMove(at(step, { [step]: { state: 'failed', at: 49 } }, often)).kind).toBe('needs-person');
    }
  });

  test('a validation that cannot begin is repeated once, and then the autopilot has finished', () => {
    const attemptedAt = { validate: 50 };
    const moveAfter = (times: number) => nextMove(at('end', {}, { attempts: { validate: times }, attemptedAt }));
    expect(moveAfter(1)).toEqual({ kind: 'do', step: 'validate' });
    expect(moveAfter(2)).toEqual({ kind: 'finished' });
  });

  test('a logging test from before the deploy is repeated after it, also where the process died before the repetition began', () => {
    const before = { ...failedLogging('missing-key')['test-logging'], at: 10 };
    const facts = { attempts: { deploy: 1, 'test-logging': 1 }, attemptedAt: { deploy: 15, 'test-logging': 30 } };
    const deployed = at('test-logging', { 'test-logging': before, deploy: { state: 'done', at: 20 } }, facts);
    expect(nextMove(deployed)).toEqual({ kind: 'do', step: 'test-logging' });
  });

  test('a deploy that was lost with its process is made after the next failed test, also where that was lost twice', () => {
    // From before the autopilot began.
    const deploy = { state: 'failed', at: 5, found: { kind: 'rollback', codeSha256: 'C 1' } } as const;
    for (const deploys of [1, 2, 3]) {
      const lost = {
        attempts: { deploy: deploys, 'test-logging': 0 },
        attemptedAt: { 'test-logging': 10, deploy: 20 },
      };
      const tested = { ...failedLogging('missing-key')['test-logging'], at: 11 };
      const afterCrash = at('test-logging', { deploy, 'test-logging': tested }, lost);
      expect(nextMove(afterCrash)).toEqual({ kind: 'do', step: 'test-logging' });
      const again = {
        attempts: { deploy: deploys, 'test-logging': 1 },
        attemptedAt: { 'test-logging': 30, deploy: 20 },
      };
      const failedAgain = at('test-logging', { deploy, 'test-logging': { ...tested, at: 31 } }, again);
      expect(nextMove(failedAgain)).toEqual({ kind: 'do', step: 'deploy' });
    }
  });

  test('the autopilot does not repeat a failed step, and asks a person', () => {
    for (const step of ['backup', 'quotas', 'sample'] as const)
      expect(nextMove(at(step, { [step]: { state: 'failed' } }, { attempts: { [step]: 1 } }))).toMatchObject({
        kind: 'needs-person',
        reason: { kind: 'step-failed', step },
      });
  });

  test('the autopilot repeats an interrupted step', () => {
    const broken = { state: 'failed', found: { kind: 'interrupted' } } as const;
    expect(nextMove(at('sample', { sample: broken }, { attempts: { sample: 1 } }))).toEqual({
      kind: 'do',
      step: 'sample',
    });
  });

  test('the autopilot continues after a person fixed or overrode a failed step', () => {
    expect(nextMove(at('sample', { sample: { state: 'done' } }, { attempts: { sample: 1 } })).kind).toBe('ask-flush');
    const overriddenBy = { by: 'U2', reason: 'known' };
    expect(
      nextMove(at('sample', { sample: { state: 'failed', overriddenBy } }, { attempts: { sample: 1 } })).kind,
    ).toBe('ask-flush');
  });

  test('the autopilot repeats a stale backup, but not without end', () => {
    const stale = { backup: { state: 'stale' } } as const;
    expect(nextMove(at('flush', stale, { attempts: { backup: 1 } }))).toEqual({ kind: 'do', step: 'backup' });
    expect(nextMove(at('flush', stale, { attempts: { backup: 3 } })).kind).toBe('needs-person');
  });

  describe('failure logging', () => {
    test('the autopilot deploys failure logging when that fixes the test, and tests again', () => {
      for (const result of ['nothing-logged', 'missing-key']) {
        const tested = at('test-logging', failedLogging(result), { attempts: { 'test-logging': 1 } });
        expect(nextMove(tested)).toEqual({ kind: 'do', step: 'deploy' });
      }
      const deployed = at(
        'test-logging',
        { ...failedLogging('missing-key'), deploy: { state: 'done' } },
        { attempts: { 'test-logging': 0, deploy: 1 } },
      );
      expect(nextMove(deployed)).toEqual({ kind: 'do', step: 'test-logging' });
    });

    test('the autopilot does not deploy when that would fix nothing', () => {
      for (const result of ['access-denied', 'did-not-fail', 'no-answer', 'throttled'])
        expect(nextMove(at('test-logging', failedLogging(result), { attempts: { 'test-logging': 1 } }))).toMatchObject({
          kind: 'needs-person',
          reason: { step: 'test-logging' },
        });
    });

    test('the autopilot asks a person when the test fails after the deploy, or the deploy fails', () => {
      const still = at(
        'test-logging',
        { ...failedLogging('missing-key'), deploy: { state: 'done' } },
        { attempts: { 'test-logging': 1, deploy: 1 } },
      );
      expect(nextMove(still)).toMatchObject({ kind: 'needs-person', reason: { step: 'test-logging' } });
      const broken = at(
        'test-logging',
        { ...failedLogging('missing-key'), deploy: { state: 'failed' } },
        { attempts: { 'test-logging': 0, deploy: 1 } },
      );
      expect(nextMove(broken)).toMatchObject({ kind: 'needs-person', reason: { step: 'deploy' } });
    });
  });

  test('a flush that was denied, expired or became void is not requested again without a person', () => {
    for (const approval of ['denied', 'expired', 'void', 'withdrawn'] as const)
      expect(nextMove(at('flush', {}, { approval }))).toEqual({
        kind: 'needs-person',
        reason: { kind: 'flush-not-approved', state: approval },
      });
  });

  test('the autopilot asks a person to resume a halted run', () => {
    const facts = at('rescan', { rescan: { state: 'failed' } });
    const run = runSnapshot({
      runId: 'r-0007',
      state: { kind: 'tripped', trippedBy: { kind: 'no-growth', minutes: 10 } },
    });
    expect(nextMove({ ...facts, view: { ...facts.view, run } })).toEqual({
      kind: 'needs-person',
      reason: { kind: 'run-halted', runId: 'r-0007', state: 'tripped' },
    });
  });

  test('the autopilot is finished when the checklist was closed with its run', () => {
    const facts = at('backup');
    const outcome = { kind: 'completed', runId: 'r-1' } as const;
    const closed = { ...facts.view, outcome };
    expect(nextMove({ ...facts, view: closed })).toEqual({ kind: 'do', step: 'validate' });
    // A validation that cannot be done does not prevent the end.
    expect(nextMove({ ...facts, view: closed, attempts: { validate: 2 } })).toEqual({ kind: 'finished' });
  });
});
