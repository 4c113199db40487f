import { describe, expect, test } from 'vitest';
import { type AutopilotFacts, nextMove } from '../../../src/checklist/autopilot/autopilot-move.ts';
import type { StepView } from '../../../src/checklist/model/checklist-view.ts';
import { STEPS, type StepName } from '../../../src/checklist/model/step.ts';
import { runSnapshot } from '../../support/scripted-run-control.ts';

type Changed = Partial<Record<StepName, Partial<StepView>>>;
const ORDER = ['backup', 'quotas', 'test-logging', 'sample', 'flush', 'rescan'] as const;

/** All steps before `upTo` done, with changes. */
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

describe('what the autopilot does next', () => {
  test('the steps in their order, one at a time', () => {
    expect(nextMove(at('backup'))).toEqual({ kind: 'do', step: 'backup' });
    expect(nextMove(at('quotas'))).toEqual({ kind: 'do', step: 'quotas' });
    expect(nextMove(at('test-logging'))).toEqual({ kind: 'do', step: 'test-logging' });
    expect(nextMove(at('sample'))).toEqual({ kind: 'do', step: 'sample' });
    expect(nextMove(at('flush'))).toEqual({ kind: 'ask-flush' });
    expect(nextMove(at('rescan'))).toEqual({ kind: 'start-run' });
    expect(nextMove(at('end'))).toEqual({ kind: 'do', step: 'validate' });
    expect(nextMove(at('end', { validate: { state: 'done' } }))).toEqual({ kind: 'finished' });
  });

  test('waits for what is under way, whoever began it', () => {
    for (const step of ['backup', 'quotas', 'test-logging', 'sample'] as const)
      expect(nextMove(at(step, { [step]: { state: 'running' } }))).toEqual({ kind: 'wait', for: 'step' });
    expect(nextMove(at('flush', { flush: { state: 'running' } }, { approval: 'pending' }))).toEqual({
      kind: 'wait',
      for: 'approval',
    });
    expect(nextMove(at('rescan', { rescan: { state: 'running' } }))).toEqual({ kind: 'wait', for: 'run' });
  });

  test('makes no backup of a table that is being emptied, or is empty: it differs from its backup, as it should', () => {
    for (const state of ['stale', 'failed', 'to-do'] as const) {
      const changed = { backup: { state }, sample: { state: 'stale' } } as const;
      const flushing = at('flush', { ...changed, flush: { state: 'running' } }, { approval: 'used' });
      expect(nextMove(flushing)).toEqual({ kind: 'wait', for: 'step' });
      expect(nextMove(at('rescan', changed, { approval: 'used' }))).toEqual({ kind: 'start-run' });
    }
  });

  test('does nothing twice that failed: a person is needed', () => {
    for (const step of ['backup', 'quotas', 'sample'] as const)
      expect(nextMove(at(step, { [step]: { state: 'failed' } }, { attempts: { [step]: 1 } }))).toMatchObject({
        kind: 'needs-person',
        reason: { kind: 'step-failed', step },
      });
  });

  test('does again what only broke off with the bot', () => {
    const broken = { state: 'failed', found: { kind: 'interrupted' } } as const;
    expect(nextMove(at('sample', { sample: broken }, { attempts: { sample: 1 } }))).toEqual({
      kind: 'do',
      step: 'sample',
    });
  });

  test('goes on after a person mended or passed over what failed', () => {
    expect(nextMove(at('sample', { sample: { state: 'done' } }, { attempts: { sample: 1 } })).kind).toBe('ask-flush');
    const overriddenBy = { by: 'U2', reason: 'known' };
    expect(
      nextMove(at('sample', { sample: { state: 'failed', overriddenBy } }, { attempts: { sample: 1 } })).kind,
    ).toBe('ask-flush');
  });

  test('makes a new backup when people took so long that it grew stale, but not for ever', () => {
    const stale = { backup: { state: 'stale' } } as const;
    expect(nextMove(at('flush', stale, { attempts: { backup: 1 } }))).toEqual({ kind: 'do', step: 'backup' });
    expect(nextMove(at('flush', stale, { attempts: { backup: 3 } })).kind).toBe('needs-person');
  });

  describe('failure logging', () => {
    test('is deployed where the test shows that a deploy mends it, and is tested again', () => {
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

    test('is not deployed where a deploy would mend nothing', () => {
      for (const result of ['access-denied', 'did-not-fail', 'no-answer', 'throttled'])
        expect(nextMove(at('test-logging', failedLogging(result), { attempts: { 'test-logging': 1 } }))).toMatchObject({
          kind: 'needs-person',
          reason: { step: 'test-logging' },
        });
    });

    test('needs a person where it fails after the deploy too, or the deploy fails', () => {
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

  test('a flush that was denied, expired or void is asked for again only when somebody says so', () => {
    for (const approval of ['denied', 'expired', 'void', 'withdrawn'] as const)
      expect(nextMove(at('flush', {}, { approval }))).toEqual({
        kind: 'needs-person',
        reason: { kind: 'flush-not-approved', state: approval },
      });
  });

  test('a run that rests waits for the person who resumes it', () => {
    const facts = at('rescan', { rescan: { state: 'failed' } });
    const run = runSnapshot({
      runId: 'r-0007',
      state: { kind: 'tripped', trippedBy: { kind: 'no-growth', minutes: 10 } },
    });
    expect(nextMove({ ...facts, view: { ...facts.view, run } })).toEqual({
      kind: 'needs-person',
      reason: { kind: 'run-rests', runId: 'r-0007', state: 'tripped' },
    });
  });

  test('is through when the checklist was closed with its run', () => {
    const facts = at('backup');
    const outcome = { kind: 'completed', runId: 'r-1' } as const;
    const closed = { ...facts.view, outcome };
    expect(nextMove({ ...facts, view: closed })).toEqual({ kind: 'do', step: 'validate' });
    // A validation that cannot be done keeps nobody from the end.
    expect(nextMove({ ...facts, view: closed, attempts: { validate: 2 } })).toEqual({ kind: 'finished' });
  });
});
