import { z } from 'zod';
import { FAULT_REASONS, type Fault } from '../../pipeline/invoke/invocation.ts';
import type { Person, RunState, StopSource, Trip } from './types.ts';

/** What may happen to a run. */
export type RunAction =
  | { readonly kind: 'start' }
  | { readonly kind: 'complete' }
  | {
      readonly kind: 'pause';
      readonly because:
        | { readonly kind: 'person'; readonly by: Person }
        | { readonly kind: 'fault'; readonly fault: Fault };
    }
  | { readonly kind: 'stop'; readonly by: StopSource }
  | { readonly kind: 'trip'; readonly trip: Trip }
  /** Its process died, or was shut down. */
  | { readonly kind: 'interrupt' }
  | { readonly kind: 'resume' }
  /** Cancels a plan; closes a run that came to rest. */
  | { readonly kind: 'abandon'; readonly by: Person };

export type Transition =
  | { readonly ok: true; readonly state: RunState }
  | { readonly ok: false; readonly reason: string };

/**
 * The state of a run after an action (design, "States of a run"), or why the action does not apply to it. A plan starts
 * or is abandoned; a running run completes or comes to rest (paused, stopped, tripped, interrupted); from rest it is
 * resumed or abandoned; completed and abandoned runs are closed.
 */
export function transition(state: RunState, action: RunAction): Transition {
  switch (state.kind) {
    case 'planned':
      if (action.kind === 'start') return went({ kind: 'running' });
      if (action.kind === 'abandon') return went({ kind: 'abandoned', by: action.by });
      return refused(state, action);
    case 'running':
      return fromRunning(state, action);
    case 'paused':
    case 'stopped':
    case 'tripped':
    case 'interrupted':
      if (action.kind === 'resume') return went({ kind: 'running' });
      if (action.kind === 'abandon') return went({ kind: 'abandoned', by: action.by });
      return refused(state, action);
    case 'completed':
    case 'abandoned':
      return refused(state, action);
  }
}

function fromRunning(state: RunState, action: RunAction): Transition {
  switch (action.kind) {
    case 'complete':
      return went({ kind: 'completed' });
    case 'pause':
      return went({ kind: 'paused', because: action.because });
    case 'stop':
      return went({ kind: 'stopped', by: action.by });
    case 'trip':
      return went({ kind: 'tripped', trippedBy: action.trip });
    case 'interrupt':
      return went({ kind: 'interrupted' });
    case 'start':
    case 'resume':
    case 'abandon':
      return refused(state, action);
  }
}

const went = (state: RunState): Transition => ({ ok: true, state });
const refused = (state: RunState, action: RunAction): Transition => ({
  ok: false,
  reason: `The run is ${state.kind}: ${inText[action.kind]} does not apply to it.`,
});

const inText: Readonly<Record<RunAction['kind'], string>> = {
  start: 'start',
  complete: 'completion',
  pause: 'pause',
  stop: 'stop',
  trip: 'a trip',
  interrupt: 'an interruption',
  resume: 'resume',
  abandon: 'abandoning it',
};

/** Whether the run is not closed: neither completed nor abandoned. A plan is open too. */
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

/** Whether the run is being driven, or ought to be: it is running. */
export const isActive = (state: RunState): boolean => state.kind === 'running';

const faultSchema: z.ZodType<Fault> = z.object({
  reason: z.enum(FAULT_REASONS),
  message: z.string(),
  fix: z.string(),
});
const stopSourceSchema: z.ZodType<StopSource> = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('person'), by: z.string() }),
  z.object({ kind: z.literal('stop-file'), path: z.string() }),
  z.object({ kind: z.literal('control-table') }),
]);
const tripSchema: z.ZodType<Trip> = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('consecutive-failures'), failures: z.number() }),
  z.object({ kind: z.literal('failure-rate'), failed: z.number(), window: z.number() }),
  z.object({ kind: z.literal('no-growth'), minutes: z.number(), entries: z.number().exactOptional() }),
  z.object({ kind: z.literal('canary'), failed: z.number(), images: z.number(), percent: z.number() }),
]);

/** A state as the control table holds it. */
export const runStateSchema: z.ZodType<RunState> = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('planned') }),
  z.object({ kind: z.literal('running') }),
  z.object({
    kind: z.literal('paused'),
    because: z.discriminatedUnion('kind', [
      z.object({ kind: z.literal('person'), by: z.string() }),
      z.object({ kind: z.literal('fault'), fault: faultSchema }),
    ]),
  }),
  z.object({ kind: z.literal('stopped'), by: stopSourceSchema }),
  z.object({ kind: z.literal('tripped'), trippedBy: tripSchema }),
  z.object({ kind: z.literal('interrupted') }),
  z.object({ kind: z.literal('completed') }),
  z.object({ kind: z.literal('abandoned'), by: z.string() }),
]);
