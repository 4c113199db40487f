import { type Result, refuse, succeed } from '../../lib/result.ts';
import type { Person, RunState, StopSource, Trip } from './types.ts';

/** What can happen to a run. */
export type RunAction =
  | { readonly kind: 'start' }
  | { readonly kind: 'complete' }
  | { readonly kind: 'pause'; readonly because: Extract<RunState, { kind: 'paused' }>['because'] }
  | { readonly kind: 'stop'; readonly by: StopSource }
  | { readonly kind: 'trip'; readonly trip: Trip }
  /** Its process crashed or was shut down. */
  | { readonly kind: 'interrupt' }
  | { readonly kind: 'resume' }
  /** Cancels a plan, or closes a run that is not running. */
  | { readonly kind: 'abandon'; readonly by: Person };

/**
 * The state of a run after an action, or why the action is not possible. A plan is started or abandoned. A running run
 * completes, or is paused, stopped, tripped or interrupted; from these four it is resumed or abandoned. Completed and
 * abandoned runs are closed.
 */
export function transition(state: RunState, action: RunAction): Result<RunState, string> {
  switch (state.kind) {
    case 'planned':
      if (action.kind === 'start') return succeed({ kind: 'running' });
      if (action.kind === 'abandon') return succeed({ kind: 'abandoned', by: action.by });
      return refused(state, action);
    case 'running':
      return fromRunning(state, action);
    case 'paused':
    case 'stopped':
    case 'tripped':
    case 'interrupted':
      if (action.kind === 'resume') return succeed({ kind: 'running' });
      if (action.kind === 'abandon') return succeed({ kind: 'abandoned', by: action.by });
      return refused(state, action);
    case 'completed':
    case 'abandoned':
      return refused(state, action);
  }
}

function fromRunning(state: RunState, action: RunAction): Result<RunState, string> {
  switch (action.kind) {
    case 'complete':
      return succeed({ kind: 'completed' });
    case 'pause':
      return succeed({ kind: 'paused', because: action.because });
    case 'stop':
      return succeed({ kind: 'stopped', by: action.by });
    case 'trip':
      return succeed({ kind: 'tripped', trippedBy: action.trip });
    case 'interrupt':
      return succeed({ kind: 'interrupted' });
    case 'start':
    case 'resume':
    case 'abandon':
      return refused(state, action);
  }
}

const refused = (state: RunState, action: RunAction): Result<RunState, string> =>
  refuse(`The run is ${state.kind}, so ${action.kind} is not possible.`);

/** Whether the run is neither completed nor abandoned. A plan is open, too. */
export function isOpen(state: RunState): boolean {
  switch (state.kind) {
    case 'completed':
    case 'abandoned':
      return false;
    case 'planned':
    case 'running':
    case 'paused':
    case 'stopped':
    case 'tripped':
    case 'interrupted':
      return true;
  }
}

/** Whether a process drives the run, or should drive it. */
export const isActive = (state: RunState): boolean => state.kind === 'running';
