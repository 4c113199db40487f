import { describe, expect, it } from 'vitest';
import { isActive, isOpen, type RunAction, transition } from '../../../src/run/model/run.ts';
import type { RunState } from '../../../src/run/model/types.ts';
import { runStateSchema } from '../../../src/run/model/types.ts';

const states: { readonly [K in RunState['kind']]: Extract<RunState, { kind: K }> } = {
  planned: { kind: 'planned' },
  running: { kind: 'running' },
  paused: { kind: 'paused', because: { kind: 'fault', fault: { reason: 'network', message: 'gone', fix: 'look' } } },
  stopped: { kind: 'stopped', by: { kind: 'stop-file', path: '/tmp/STOP_RESCAN' } },
  tripped: { kind: 'tripped', trippedBy: { kind: 'no-growth', minutes: 10, entries: 4 } },
  interrupted: { kind: 'interrupted' },
  completed: { kind: 'completed' },
  abandoned: { kind: 'abandoned', by: 'U1' },
};
const actions: { readonly [K in RunAction['kind']]: Extract<RunAction, { kind: K }> } = {
  start: { kind: 'start' },
  complete: { kind: 'complete' },
  pause: { kind: 'pause', because: { kind: 'person', by: 'U1' } },
  stop: { kind: 'stop', by: { kind: 'person', by: 'U1' } },
  trip: { kind: 'trip', trip: { kind: 'consecutive-failures', failures: 10 } },
  interrupt: { kind: 'interrupt' },
  resume: { kind: 'resume' },
  abandon: { kind: 'abandon', by: 'U2' },
};

/** Every possible change; all others are refused. */
const changes: Readonly<Record<string, RunState>> = {
  'planned start': { kind: 'running' },
  'planned abandon': { kind: 'abandoned', by: 'U2' },
  'running complete': { kind: 'completed' },
  'running pause': { kind: 'paused', because: { kind: 'person', by: 'U1' } },
  'running stop': { kind: 'stopped', by: { kind: 'person', by: 'U1' } },
  'running trip': { kind: 'tripped', trippedBy: { kind: 'consecutive-failures', failures: 10 } },
  'running interrupt': { kind: 'interrupted' },
  'paused resume': { kind: 'running' },
  'stopped resume': { kind: 'running' },
  'tripped resume': { kind: 'running' },
  'interrupted resume': { kind: 'running' },
  'paused abandon': { kind: 'abandoned', by: 'U2' },
  'stopped abandon': { kind: 'abandoned', by: 'U2' },
  'tripped abandon': { kind: 'abandoned', by: 'U2' },
  'interrupted abandon': { kind: 'abandoned', by: 'U2' },
};
const pairs = Object.values(states).flatMap((state) => Object.values(actions).map((action) => ({ state, action })));

describe('states of a run', () => {
  it.each(pairs.map(({ state, action }) => [state.kind, action.kind, state, action] as const))(
    'a run that is %s: %s is done or refused as designed',
    (stateKind, actionKind, state, action) => {
      const expected = changes[`${stateKind} ${actionKind}`];
      const answer = transition(state, action);
      if (expected) expect(answer).toEqual({ ok: true, value: expected });
      else expect(answer).toEqual({ ok: false, refusal: expect.stringContaining(`The run is ${stateKind}`) });
    },
  );

  it.each(Object.values(states).map((state) => [state.kind, state] as const))(
    'the state %s survives JSON',
    (_, state) => {
      expect(runStateSchema.parse(JSON.parse(JSON.stringify(state)))).toEqual(state);
    },
  );

  it('a run is open unless it is completed or abandoned', () => {
    const closed = Object.values(states).filter((state) => !isOpen(state));
    expect(closed.map((state) => state.kind)).toEqual(['completed', 'abandoned']);
  });

  it('a run is active only while it is running', () => {
    expect(Object.values(states).filter(isActive)).toEqual([{ kind: 'running' }]);
  });

  it.each([
    ['an unknown state', { kind: 'resting' }],
    ['tripped without a cause', { kind: 'tripped' }],
    ['paused without a reason', { kind: 'paused' }],
    [
      'paused by an unknown fault',
      { kind: 'paused', because: { kind: 'fault', fault: { reason: 'odd', message: '', fix: '' } } },
    ],
    ['abandoned without a person', { kind: 'abandoned' }],
    ['not an object', 'running'],
  ])('a state is refused: %s', (_, value) => {
    expect(runStateSchema.safeParse(value).success).toBe(false);
  });

  it.each([
    { kind: 'stopped', by: { kind: 'control-table' } },
    { kind: 'tripped', trippedBy: { kind: 'failure-rate', failed: 11, window: 20 } },
    { kind: 'tripped', trippedBy: { kind: 'no-growth', minutes: 10.2 } },
  ])('the state %j is valid', (value) => {
    expect(runStateSchema.parse(value)).toEqual(value);
  });
});
