import { defined } from '../../../lib/defined.ts';
import { type RunAction, transition } from '../../model/run.ts';
import type { Person, RunEvent, RunState } from '../../model/types.ts';
import type { EngineEffect, Halt } from './engine-events.ts';
import type { RunDraft } from './live-run.ts';
import { isWritten, takeCheckpoint, takeSnapshot } from './run-views.ts';

/**
 * A halt replaces one of lower rank: a stop is not lost behind a pause that drains, and a trip stays a trip. A lost
 * lease ends the wait for images in flight, but never replaces another halt.
 */
const RANK: Readonly<Record<Halt['kind'], number>> = {
  completed: 0,
  'lease-lost': 0,
  shutdown: 1,
  pause: 1,
  fault: 2,
  stop: 3,
  trip: 3,
};

/** Whether a halt replaces an earlier one. */
export const outranks = (halt: Halt, earlier: Halt | undefined): boolean =>
  earlier === undefined || RANK[halt.kind] > RANK[earlier.kind];

/** What a halt does to a run; undefined where the process that takes over writes the state. */
function actionOf(halt: Halt): RunAction | undefined {
  switch (halt.kind) {
    case 'completed':
      return { kind: 'complete' };
    case 'pause':
      return { kind: 'pause', because: { kind: 'person', by: halt.by } };
    case 'fault':
      return { kind: 'pause', because: { kind: 'fault', fault: halt.fault } };
    case 'stop':
      return { kind: 'stop', by: halt.by };
    case 'trip':
      return { kind: 'trip', trip: halt.trip };
    case 'shutdown':
      return { kind: 'interrupt' };
    case 'lease-lost':
      return undefined;
  }
}

/** The state of a running run after a halt; undefined where the process that takes over writes it. */
export function stateAfter(halt: Halt): RunState | undefined {
  const action = actionOf(halt);
  if (!action) return;
  const next = transition({ kind: 'running' }, action);
  if (!next.ok) throw new Error(`Defect: a running run cannot ${action.kind}. ${next.refusal}`);
  return next.value;
}

type DistributiveOmit<T, Name extends PropertyKey> = T extends unknown ? Omit<T, Name> : never;

/** Adds the effect that emits an event of the run. */
export function emit(
  run: RunDraft,
  event: DistributiveOmit<RunEvent, 'snapshot'>,
  now: number,
  effects: EngineEffect[],
): void {
  effects.push({ kind: 'emit', event: { ...event, snapshot: takeSnapshot(run, { kind: 'running' }, now) } });
}

/** Nothing is started from now on. Images in flight are waited for, except after a stop `now` and without the lease. */
export function haltRun(run: RunDraft, halt: Halt, now: number, effects: EngineEffect[]): void {
  if (run.phase === 'ended') return;
  if (halt.kind === 'lease-lost' || (halt.kind === 'stop' && halt.now)) abandon(run, effects);
  // The process ends in any case: a pause that drains does not keep it.
  if (halt.kind === 'shutdown') run.drainUntil = Math.min(run.drainUntil, now + run.rules.shutdownDrainMs);
  if (halt.kind === 'lease-lost') run.leaseLost = true;
  if (!outranks(halt, run.halt)) return;
  if (!run.halt && !isWritten(run, halt)) run.drainAnnounced = true;
  if (!run.halt) run.haltedAt = now;
  run.halt = halt;
  run.changed = true;
  if (!run.writingHalt) writeHalt(run, now, effects);
}

/** Images in flight are not waited for any more. */
export function abandon(run: RunDraft, effects: EngineEffect[]): void {
  if (run.abandoned) return;
  run.abandoned = true;
  effects.push({ kind: 'abandon' });
}

/** How long after a failed write of a halt it is repeated, ms. */
const WRITE_RETRY_MS = 1_000;

/** Has the state that follows from the halt written, one write at a time. */
function writeHalt(run: RunDraft, now: number, effects: EngineEffect[]): void {
  const { halt } = run;
  if (!halt || !isWritten(run, halt) || (halt === run.writtenHalt && now < run.haltRetryAt)) return;
  run.haltRetryAt = Number.POSITIVE_INFINITY;
  run.writtenHalt = halt;
  run.writingHalt = true;
  effects.push({ kind: 'write-halt', halt, checkpoint: takeCheckpoint(run, now) });
}

/**
 * A halt was written, or could not be. The first one is announced; a halt that replaced it meanwhile is written. A write that
 * failed is repeated while the drive lasts: at Step Functions the state on the run's record is what keeps images from starting.
 */
export function endHaltWrite(run: RunDraft, ok: boolean, now: number, effects: EngineEffect[]): void {
  run.writingHalt = false;
  if (ok) run.haltSaved = true;
  else if (!run.leaseLost) run.haltRetryAt = now + WRITE_RETRY_MS;
  // At Step Functions the announcement waits for the repetition a little: until then images may start.
  if (ok || !run.remote) announceDrain(run, now, effects);
  writeHalt(run, now, effects);
}

/** Repeats a failed write of the halt when that is due. */
export function repeatHaltWrite(run: RunDraft, now: number, effects: EngineEffect[]): void {
  if (now >= run.haltRetryAt && !run.leaseLost) writeHalt(run, now, effects);
}

/** A halt that takes longer to write is announced before it is written, ms. */
const ANNOUNCE_AFTER_MS = 2_000;

/** Announces a halt that the control table does not store in time. */
export function announceDrainIfDue(run: RunDraft, now: number, effects: EngineEffect[]): void {
  if (run.halt && now - run.haltedAt >= ANNOUNCE_AFTER_MS) announceDrain(run, now, effects);
}

/** Announces the first halt of this drive, once. */
function announceDrain(run: RunDraft, now: number, effects: EngineEffect[]): void {
  const { writtenHalt: halt } = run;
  const next = halt && stateAfter(halt);
  if (!halt || !next || !isWritten(run, halt) || run.drainAnnounced) return;
  run.drainAnnounced = true;
  emit(run, { kind: 'draining', why: halt.kind, next, ...defined({ by: requesterOf(halt) }) }, now, effects);
}

function requesterOf(halt: Halt): Person | undefined {
  if (halt.kind === 'pause') return halt.by;
  return halt.kind === 'stop' && halt.by.kind === 'person' ? halt.by.by : undefined;
}
