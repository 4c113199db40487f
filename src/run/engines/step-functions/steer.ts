import type { Fault } from '../../../pipeline/invoke/invocation.ts';
import { noteOutcome, noteThrottled } from '../../rules/pacer.ts';
import { noteSuspicion } from '../../rules/suspicion.ts';
import { copyProgress, doneCount, isDone } from '../../store/checkpoint.ts';
import { generationOf, nextGeneration } from '../../store/lanes.ts';
import type { MachineEntry } from '../../store/machine-entry.ts';
import { noteCutOff } from '../reducer/attempt.ts';
import { countCalls } from '../reducer/counting.ts';
import type { EngineEffect, EngineEvent } from '../reducer/engine-events.ts';
import { abandon, haltRun } from '../reducer/halts.ts';
import { noAttempts, type RunDraft } from '../reducer/live-run.ts';
import { append, countRecords, saveCheckpointIfDue } from '../reducer/outcomes.ts';
import { checkAllRows } from '../reducer/rows.ts';
import { gateAfterHalt, takeCheckpoint } from '../reducer/run-views.ts';
import { isOff, type Remote, STOPPED_BY_BOT, type Throttle, throttleFor } from './remote.ts';
import { isDoneBelow, lookAt, moveWindow, nextOpen } from './window.ts';

/** How often an execution is followed, ms. With the calls of one look it bounds the calls a minute, however many images there are. */
export const FOLLOW_MS = 3_000;
/** How long an execution may be out of sight (no network, throttling, 5xx) before the run pauses. */
const BLIND_MS = 5 * 60_000;
const RETRY_MS = 2_000;
/** Executions in a row without a new outcome before the run pauses. */
const MOST_FRUITLESS = 2;
const MOST_STOPS = 3;

type Event<Kind extends EngineEvent['kind']> = Extract<EngineEvent, { kind: Kind }>;

/** The images up to which an execution may go now: the canary images, and all when these have passed. */
const endOfSlice = ({ terms, canaryPassed }: RunDraft): number =>
  terms.canary && !canaryPassed ? Math.min(terms.canary.images, terms.total) : terms.total;

/**
 * Decides what is next for a run on Step Functions: opens an execution for the images without an outcome, follows it, holds the
 * pace, and ends it after a halt. When to ask again.
 */
export function steer(
  run: RunDraft,
  remote: Remote,
  now: number,
  holdsLease: boolean,
  effects: EngineEffect[],
): number {
  if (run.halt) return endExecution(run, remote, now, holdsLease, effects);
  if (!holdsLease) return Number.POSITIVE_INFINITY;
  if (remote.stage === 'none') return openNext(run, remote, now, effects);
  if (remote.stage !== 'open') return Number.POSITIVE_INFINITY;
  holdPace(remote, throttleFor(run.pacer), now, effects);
  return follow(run, remote, now, effects);
}

/** Opens the execution of the next images, or completes the run. */
function openNext(run: RunDraft, remote: Remote, now: number, effects: EngineEffect[]): number {
  const below = endOfSlice(run);
  if (isDoneBelow(run.progress, below)) {
    if (below >= run.terms.total) checkAllRows(run, now, effects);
    return Number.POSITIVE_INFINITY;
  }
  if (run.unsaved.length > 0 || run.appending) return Number.POSITIVE_INFINITY;
  if (now < remote.retryAt) return remote.retryAt;
  if (run.canaryPassed && run.terms.canary) run.startedThrough = Math.max(run.startedThrough, run.terms.canary.images);
  remote.stage = 'opening';
  remote.throttle = throttleFor(run.pacer);
  remote.doneAtOpening = doneCount(run.progress);
  effects.push({
    kind: 'open-execution',
    below,
    progress: copyProgress(run.progress),
    generation: generationOf(run.journalSeq),
    throttle: remote.throttle,
    ended: remote.wasOpen ? 'replace' : remote.isFresh ? 'redrive' : 'follow',
    checkpoint: takeCheckpoint(run, now),
  });
  return Number.POSITIVE_INFINITY;
}

function holdPace(remote: Remote, wanted: Throttle, now: number, effects: EngineEffect[]): void {
  if (remote.settingThrottle || now < remote.retryAt || remote.ending || !isOff(remote.throttle, wanted)) return;
  remote.settingThrottle = true;
  remote.throttle = wanted;
  effects.push({ kind: 'set-throttle', throttle: wanted });
}

function follow(run: RunDraft, remote: Remote, now: number, effects: EngineEffect[]): number {
  if (remote.following) return Number.POSITIVE_INFINITY;
  if (now < remote.followAt) return remote.followAt;
  remote.following = true;
  remote.looksAfterHalt = run.haltSaved;
  remote.followAt = now + FOLLOW_MS;
  const { progress } = run;
  effects.push({
    kind: 'follow-execution',
    look: lookAt(remote.window, progress, remote.inFlight),
    sweepFrom: nextOpen(progress, remote.sweptTo),
    generation: generationOf(run.journalSeq),
  });
  return Number.POSITIVE_INFINITY;
}

/** How long the state after a halt may take to be on the run's record before the execution is stopped at once, ms. */
const GATE_WAIT_MS = 5_000;

/**
 * After a halt the state on the run's record stops the children: no image begins any more. The rows in progress are waited for,
 * with one row at a time in the place of those that end; then the execution is stopped. While that state cannot be written
 * images go on to begin, so the execution is stopped without waiting for those in progress.
 */
function endExecution(
  run: RunDraft,
  remote: Remote,
  now: number,
  holdsLease: boolean,
  effects: EngineEffect[],
): number {
  if (!leavesRunning(run) && remote.stage === 'none' && remote.mayBeOpen) return find(remote, now, effects);
  if (leavesRunning(run) || remote.stage !== 'open') return run.drainUntil;
  // Another process may follow the execution now.
  if (!holdsLease) {
    // Nor can it be stopped where no call succeeds: nobody hears of the halt as long as this waits.
    if (now >= run.drainUntil || isBlind(remote, now, FOLLOW_MS * 5)) remote.stage = 'none';
    return run.drainUntil;
  }
  if (remote.isStopped) return readTheRest(run, remote, now, effects);
  const gateWaitUntil = gateAfterHalt(run) === undefined ? Number.POSITIVE_INFINITY : run.haltedAt + GATE_WAIT_MS;
  if (now >= gateWaitUntil) abandon(run, effects);
  const isDue = run.abandoned || now >= run.drainUntil || isDrained(remote) || isBlind(remote, now, FOLLOW_MS * 5);
  if (isDue && now >= remote.retryAt) {
    remote.stage = 'stopping';
    effects.push({ kind: 'stop-execution', isDrained: isDrained(remote) });
    return Number.POSITIVE_INFINITY;
  }
  if (isDue) return remote.retryAt;
  holdPace(remote, { rows: 1, waitSeconds: 0 }, now, effects);
  return Math.min(follow(run, remote, now, effects), run.drainUntil, gateWaitUntil);
}

/** Another process opened the execution, and the run was halted before this one looked. */
function find(remote: Remote, now: number, effects: EngineEffect[]): number {
  if (isBlind(remote, now, FOLLOW_MS * 5)) {
    remote.mayBeOpen = false;
    return now;
  }
  if (now < remote.retryAt) return remote.retryAt;
  remote.stage = 'opening';
  effects.push({ kind: 'find-execution' });
  return Number.POSITIVE_INFINITY;
}

/** Reads what the execution recorded before it was stopped. */
function readTheRest(run: RunDraft, remote: Remote, now: number, effects: EngineEffect[]): number {
  if (!isBlind(remote, now, FOLLOW_MS * 5)) return follow(run, remote, now, effects);
  remote.stage = 'none';
  return now;
}

/** Whether the run goes on at AWS without this process. */
export const leavesRunning = ({ halt, leaseLost }: Pick<RunDraft, 'halt' | 'leaseLost'>): boolean =>
  leaseLost || halt?.kind === 'shutdown';

/** Whether nothing is left that the end of the drive has to wait for. */
export const isAtRest = (run: Pick<RunDraft, 'halt' | 'leaseLost'>, remote: Remote): boolean =>
  leavesRunning(run) || (remote.stage === 'none' && !remote.mayBeOpen);

/**
 * All rows that were in progress when the halt was on the run's record have ended: with one row at a time, another one began in the place of the last of
 * them. That one invokes nothing, because the gate is closed.
 */
const isDrained = ({ ending, inFlight, pending, pendingAtLast }: Remote): boolean =>
  ending === undefined && inFlight <= 1 && pendingAtLast !== undefined && pending < pendingAtLast;

const isBlind = ({ blindSince }: Remote, now: number, ms: number): boolean =>
  blindSince !== undefined && now - blindSince >= ms;

type RemoteEvent = Event<
  'execution-opened' | 'no-execution' | 'execution-failed' | 'execution-followed' | 'throttle-set' | 'execution-stopped'
>;

/** Notes what came of a call about the execution. */
export function takeRemoteEvent(run: RunDraft, remote: Remote, event: RemoteEvent, effects: EngineEffect[]): void {
  switch (event.kind) {
    case 'execution-opened':
      return noteOpened(remote, event);
    case 'no-execution':
      remote.stage = 'none';
      remote.mayBeOpen = false;
      return;
    case 'execution-failed':
      return noteRemoteFailure(run, remote, event, effects);
    case 'execution-followed':
      return takeFollowed(run, remote, event, effects);
    case 'throttle-set':
      remote.settingThrottle = false;
      return;
    case 'execution-stopped':
      return noteStopped(run, remote, event.now);
  }
}

/** An execution is under way. */
function noteOpened(remote: Remote, { isNew, now }: Event<'execution-opened'>): void {
  // A drain lowered it before it was stopped, or another process set it.
  if (!isNew) remote.throttle = NOT_SET;
  remote.stage = 'open';
  remote.wasOpen = true;
  remote.mayBeOpen = false;
  remote.isRunning = true;
  remote.isStopped = false;
  remote.ending = undefined;
  remote.sweptTo = 0;
  remote.blindSince = undefined;
  remote.followAt = now;
}

/** A call about the execution failed. What may pass is repeated; anything else pauses the run. */
function noteRemoteFailure(
  run: RunDraft,
  remote: Remote,
  { step, fault, mayPass, now }: Event<'execution-failed'>,
  effects: EngineEffect[],
): void {
  remote.blindSince ??= now;
  remote.retryAt = now + RETRY_MS;
  switch (step) {
    case 'open':
      remote.stage = 'none';
      // Perhaps only the reply was lost: a halt looks for it.
      if (mayPass) remote.mayBeOpen = true;
      break;
    case 'follow':
      remote.following = false;
      break;
    case 'stop':
      remote.stopsTried += 1;
      // The state on the run's record stops every child that begins, as soon as it can be written.
      remote.stage = remote.stopsTried >= MOST_STOPS ? 'none' : 'open';
      return;
    case 'set-throttle':
      remote.settingThrottle = false;
      // Set again at the next look.
      remote.throttle = NOT_SET;
      break;
  }
  if (!mayPass || isBlind(remote, now, BLIND_MS)) haltRun(run, { kind: 'fault', fault }, now, effects);
}

/** The execution is stopped: what it recorded last is read, except where nobody waits for it. */
function noteStopped(run: RunDraft, remote: Remote, now: number): void {
  remote.isStopped = true;
  remote.stage = run.abandoned ? 'none' : 'open';
  remote.followAt = now;
}

/** Counts the outcomes that were found, and notes how far the execution is. */
function takeFollowed(
  run: RunDraft,
  remote: Remote,
  event: Event<'execution-followed'>,
  effects: EngineEffect[],
): void {
  const { now, look, found, stragglers, counts } = event;
  remote.following = false;
  remote.blindSince = undefined;
  countFound(run, [...found, ...stragglers], now, effects);
  const last = stragglers.at(-1)?.index;
  const indices = found.map(({ index }) => index);
  remote.window = moveWindow(remote.window, look, run.progress, indices, last, remote.inFlight);
  if (counts) {
    if (counts.running !== remote.inFlight) run.changed = true;
    remote.inFlight = counts.running;
    remote.pending = counts.pending;
    const isLast = remote.looksAfterHalt && counts.running <= 1;
    remote.pendingAtLast = isLast ? (remote.pendingAtLast ?? counts.pending) : undefined;
  }
  if (event.ending === undefined) return;
  // At the first look after the end, and over several looks where there is more.
  if (!remote.ending) remote.followAt = now;
  remote.ending = event.ending;
  remote.inFlight = 0;
  remote.pending = 0;
  remote.sweptTo = (indices.at(-1) ?? remote.sweptTo - 1) + 1;
  const isAllRead = event.isAllRead || nextOpen(run.progress, remote.sweptTo) >= run.terms.total;
  if (isAllRead) noteEnd(run, remote, event.ending, now, effects);
}

/** Judges what was found in the order in which the images ended, as if this process had seen each reply. */
function countFound(run: RunDraft, found: readonly MachineEntry[], now: number, effects: EngineEffect[]): void {
  const entries = newOnes(run, found).sort((a, b) => a.endedAt - b.endedAt);
  for (const entry of entries) {
    if (!entry.record) noteNoOutcome(run, entry, now, effects);
    run.suspicion = noteSuspicion(run.suspicion, entry.result, entry.startedAt, entry.endedAt);
  }
  const fresh = entries.flatMap(({ record }) => record ?? []);
  for (const record of fresh) {
    noteOutcome(run.pacer, now, record.durationMs);
    run.startedThrough = Math.max(run.startedThrough, record.index);
    countCalls(run, record);
    for (let call = 0; call <= record.throttles; call++) run.recentCalls.push({ at: now, throttled: call > 0 });
  }
  if (run.recentCalls.length > CALLS_REMEMBERED) run.recentCalls.splice(0, run.recentCalls.length - CALLS_REMEMBERED);
  if (fresh.some(({ throttles }) => throttles > 0)) noteThrottled(run.pacer, now);
  countRecords(run, fresh, now, effects);
  saveCheckpointIfDue(run, now, effects);
}

const CALLS_REMEMBERED = 2_000;
const NOT_SET: Throttle = { rows: 0, waitSeconds: 0 };

/** Each image once, without those that were counted or judged before. */
function newOnes(run: RunDraft, found: readonly MachineEntry[]): MachineEntry[] {
  const fresh = new Map<number, MachineEntry>();
  for (const entry of found)
    if (!isDone(run.progress, entry.index) && !isJudged(run, entry.index)) fresh.set(entry.index, entry);
  return [...fresh.values()];
}

/**
 * The image has an entry in this generation that is no outcome. The machine skips it, so that it is processed again in the next
 * generation. Kept in the checkpoint among the attempts: `broken` is the generation, from 1.
 */
const isJudged = (run: RunDraft, index: number): boolean =>
  run.earlierAttempts.get(index)?.broken === generationOf(run.journalSeq) + 1;

/** A reply that is no outcome: a fault pauses the run; what may be that of every image is one when it repeats. */
function noteNoOutcome(run: RunDraft, entry: MachineEntry, now: number, effects: EngineEffect[]): void {
  const { index, key, result, startedAt, endedAt } = entry;
  const isSecond = run.earlierAttempts.has(index);
  run.earlierAttempts.set(index, { ...noAttempts, broken: generationOf(run.journalSeq) + 1 });
  run.changed = true;
  run.outcomesSinceCheckpoint++;
  if (result.kind === 'outcome') return;
  if (isSecond && result.kind === 'suspected' && result.failure && !run.suspicion.isOpen) {
    const durationMs = endedAt - startedAt;
    run.unsaved.push({ index, key, outcome: result.failure, startedAt, durationMs, throttles: 0 });
    return append(run, now, effects);
  }
  const isFault = result.kind === 'fault' || run.suspicion.isOpen || isSecond;
  if (isFault) haltRun(run, { kind: 'fault', fault: result.fault }, now, effects);
}

/** The execution ended and everything that it recorded is counted. */
function noteEnd(
  run: RunDraft,
  remote: Remote,
  ending: NonNullable<Remote['ending']>,
  now: number,
  effects: EngineEffect[],
): void {
  remote.stage = 'none';
  remote.isRunning = false;
  remote.ending = undefined;
  if (run.halt || isDoneBelow(run.progress, endOfSlice(run))) {
    remote.fruitless = 0;
    return;
  }
  noteCutOff(run, ending.cutOff);
  remote.fruitless = doneCount(run.progress) > remote.doneAtOpening ? 0 : remote.fruitless + 1;
  // The machine skips an image that has an entry.
  if (run.earlierAttempts.keys().some((index) => isJudged(run, index))) {
    const next = nextGeneration(run.journalSeq);
    if ('fault' in next) return haltRun(run, { kind: 'fault', fault: next.fault }, now, effects);
    run.journalSeq = next.seq;
  }
  const isStopped = ending.status === 'ABORTED' && ending.error !== STOPPED_BY_BOT;
  if (isStopped || ending.status === 'deleted' || remote.fruitless >= MOST_FRUITLESS)
    haltRun(run, { kind: 'fault', fault: endedTooEarly(run, ending) }, now, effects);
}

function endedTooEarly({ terms, progress }: RunDraft, { status, error, cause }: NonNullable<Remote['ending']>): Fault {
  const left = terms.total - doneCount(progress);
  const details = [error, cause].filter((text) => text !== undefined && text !== '').join(': ');
  const how =
    status === 'deleted'
      ? 'does not exist any more: it or its state machine was deleted'
      : status === 'ABORTED' && error !== STOPPED_BY_BOT
        ? 'was stopped in AWS, and not by the bot'
        : `ended (${status})`;
  return {
    reason: 'state-machine',
    message: `The execution of ${terms.runId} ${how}. ${left} of ${terms.total} images have no outcome.${details === '' ? '' : ` ${details}`}`,
    fix: 'Look at the execution in the Step Functions console, then `/rescan resume`: it starts the images that have no outcome.',
  };
}
