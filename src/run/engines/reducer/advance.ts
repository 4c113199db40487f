import { defined } from '../../../lib/defined.ts';
import type { Fault } from '../../../pipeline/invoke/invocation.ts';
import type { ManifestEntry } from '../../model/types.ts';
import { growthDue, judgeGrowth, noteEntries, noteFailedCheck, noteProbe, noteWait } from '../../rules/growth.ts';
import { inFlightLimit, nextStartAt, noteStart, setPaceSetting } from '../../rules/pacer.ts';
import { noteFailedLookup } from '../../rules/row-watch.ts';
import { mayStart, warningChanges } from '../../rules/warnings.ts';
import { doneCount, isDone } from '../../store/checkpoint.ts';
import { copySinceGrowth, noneSinceGrowth } from '../../store/since-growth.ts';
import { isAtRest, steer, takeRemoteEvent } from '../step-functions/steer.ts';
import { isUsedUp, usedUpOutcome } from './attempt.ts';
import { canaryTrip } from './counting.ts';
import type { EngineEffect, EngineEvent, GrowthAnswer } from './engine-events.ts';
import { announceDrainIfDue, emit, endHaltWrite, haltRun, repeatHaltWrite } from './halts.ts';
import { type LiveRun, noAttempts, noteEntriesCount, type RunDraft } from './live-run.ts';
import {
  APPEND_FAILURES_TO_PAUSE,
  append,
  recordOutcomes,
  retryAppend,
  saveCheckpointIfDue,
  takeBack,
  takeReply,
} from './outcomes.ts';
import { checkAllRows, lookUpRows, passCanary, takeMissingRows, takeProofs } from './rows.ts';
import { currentWarnings, withoutOutcome } from './run-views.ts';

/** Waiting images from which on nothing new is taken from the manifest. It bounds the memory of a run. */
const WAITING_LIMIT = 1_000;
/** Fewer upcoming images than this: more are read. */
const UPCOMING_LOW = 50;
/** Time between two reviews: growth, warnings, checkpoint, progress. */
const REVIEW_MS = 250;
const MINUTE_MS = 60_000;

/**
 * The run after an event, and what has to be done next. It decides everything about a drive: which image is started
 * when, what a reply means, when outcomes and checkpoints are written, and what halts the run.
 *
 * - An image is in flight at most once, and until its outcome is on record: a crash can repeat no other image.
 * - Nothing is started after a halt. A halt is replaced only by one of higher rank.
 * - It reads no clock, no network and no random source: the event holds the time and the random number.
 *
 * It changes `run` in place, for speed, and returns it: use only the returned run afterwards. The same run and the same
 * events always give the same result.
 */
export function advance(run: LiveRun, event: EngineEvent): { run: LiveRun; effects: readonly EngineEffect[] } {
  const effects: EngineEffect[] = [];
  apply(run, event, effects);
  return { run, effects };
}

function apply(run: RunDraft, event: EngineEvent, effects: EngineEffect[]): void {
  const { now } = event;
  switch (event.kind) {
    case 'started': {
      const trip = canaryTrip(run) ?? run.tripOnRecord;
      if (trip) haltRun(run, { kind: 'trip', trip }, now, effects);
      return;
    }
    case 'tick':
      return tick(run, now, event.holdsLease, effects);
    case 'manifest-read':
      run.upcoming.push(...event.entries);
      run.manifest =
        event.end === undefined
          ? { kind: 'open' }
          : event.end === 'exhausted'
            ? { kind: 'exhausted' }
            : { kind: 'failed', fault: event.end };
      return;
    case 'replied':
      return takeReply(run, event, effects);
    case 'not-sent':
      return takeBack(run, event.index, now);
    case 'outcomes-recorded':
      return recordOutcomes(run, event, effects);
    case 'append-failed':
      return retryAppend(run, event, effects);
    case 'checkpoint-ended':
      run.checkpointing = false;
      return;
    case 'growth-checked':
      return noteGrowthAnswer(run, event.answer, now);
    case 'growth-check-failed':
      noteGrowthNotChecked(run, now);
      if (haltsReads(event.fault)) haltRun(run, { kind: 'fault', fault: event.fault }, now, effects);
      return;
    case 'rows-looked-up':
      return takeProofs(run, event.proofs, now, effects);
    case 'row-lookup-failed':
      run.rowWatch = noteFailedLookup(run.rowWatch, now);
      if (haltsReads(event.fault)) haltRun(run, { kind: 'fault', fault: event.fault }, now, effects);
      return;
    case 'missing-rows-read':
      return takeMissingRows(run, event, effects);
    case 'halted':
      return haltRun(run, event.halt, now, effects);
    case 'halt-write-ended':
      return endHaltWrite(run, event.ok, now, effects);
    case 'pace-set': {
      const from = run.paceSetting;
      run.paceSetting = event.paceSetting;
      setPaceSetting(run.pacer, event.paceSetting, now);
      run.changed = true;
      return emit(run, { kind: 'pace-changed', by: event.by, from, to: event.paceSetting }, now, effects);
    }
    case 'execution-opened':
    case 'no-execution':
    case 'execution-failed':
    case 'execution-followed':
    case 'throttle-set':
    case 'execution-stopped':
      if (run.remote) takeRemoteEvent(run, run.remote, event, effects);
      return;
    case 'entries-counted':
      return noteEntriesCount(run, event.entries, now);
    case 'ended':
      run.phase = 'ended';
      run.driveEndedAt = now;
      return;
  }
}

function noteGrowthAnswer(run: RunDraft, answer: GrowthAnswer, now: number): void {
  run.changed = true;
  const { grewAt, outcomesSinceGrowth } = run.growth;
  const { outcomesBefore = 0, question: asked } = run.checkingGrowth ?? {};
  run.checkingGrowth = undefined;
  // Rows that were not found are asked for again, so that a rejected sheet, which proves nothing of them, is not taken for growth.
  if (answer.kind === 'probe' && !answer.fresh) run.lastProcessed ??= asked?.lastProcessed;
  if (answer.kind === 'count') run.growth = noteEntries(run.growth, now, answer.entries);
  else run.growth = noteProbe(run.growth, now, answer.kind === 'probe' && answer.fresh);
  if (run.growth.grewAt !== grewAt) {
    // What was stored after the check began is not proven by it.
    run.growth = { ...run.growth, outcomesSinceGrowth: outcomesSinceGrowth - outcomesBefore };
    run.sinceGrowth = run.sinceCheck;
    run.sinceCheck = copySinceGrowth(run.sinceCheck);
  }
  if (answer.kind !== 'nothing' && answer.entries !== undefined) noteEntriesCount(run, answer.entries, now);
}

/** The next check asks what this one could not. */
function noteGrowthNotChecked(run: RunDraft, now: number): void {
  const asked = run.checkingGrowth?.question;
  run.checkingGrowth = undefined;
  run.growth = noteFailedCheck(run.growth, now);
  run.lastProcessed ??= asked?.lastProcessed;
  run.rejectedSinceCheck ||= asked?.rejectedSinceCheck ?? false;
}

/** Other faults of a read of the table may pass; the watchdog trips if they do not. */
const haltsReads = ({ reason }: Fault): boolean =>
  reason === 'credentials' || reason === 'access-denied' || reason === 'table-missing';

/** Starts one image if one may start; ends with the time of the next tick. */
function tick(run: RunDraft, now: number, holdsLease: boolean, effects: EngineEffect[]): void {
  if (run.phase !== 'driving') return;
  noteWaiting(run, now, holdsLease);
  if (now >= run.reviewAt) {
    run.reviewAt = now + REVIEW_MS;
    review(run, now, effects);
  }
  append(run, now, effects);
  repeatHaltWrite(run, now, effects);
  run.withoutLeaseSince = holdsLease ? undefined : (run.withoutLeaseSince ?? now);
  passCanary(run, now, effects);
  // Without the lease nothing starts. Images in flight continue: if a renewal succeeds, nobody held the lease in between.
  const startAt = run.remote
    ? steer(run, run.remote, now, holdsLease, effects)
    : run.halt || !holdsLease
      ? Number.POSITIVE_INFINITY
      : startNext(run, now, effects);
  const lookupAt = run.halt || !holdsLease ? Number.POSITIVE_INFINITY : lookUpRows(run, now, effects);
  const isDrained = run.remote
    ? isAtRest(run, run.remote)
    : run.inFlight.size === 0 || run.abandoned || now >= run.drainUntil || waitsForJournal(run);
  if (run.halt && isDrained) {
    run.phase = 'drained';
    if (!run.abandoned) effects.push({ kind: 'abandon' });
    run.abandoned = true;
  }
  const untilMs = Math.min(startAt, lookupAt, run.reviewAt, run.appendRetryAt, run.haltRetryAt, run.drainUntil);
  effects.push({ kind: 'sleep', untilMs: run.phase === 'drained' ? now : untilMs });
}

/**
 * While the control table cannot be written, and while an execution is prepared and started, no image is processed, so the table of
 * the pipeline need not grow.
 */
function noteWaiting(run: RunDraft, now: number, holdsLease: boolean): void {
  const since = run.waitingSince;
  const isOpening = run.remote?.stage === 'opening';
  if (!holdsLease || run.appendFailures > 0 || isOpening) run.waitingSince = since ?? now;
  else if (since !== undefined) {
    run.waitingSince = undefined;
    run.growth = noteWait(run.growth, now - since, now);
  }
}

/** Every invocation has ended, and the journal cannot be written: the driver of the run saves what is left. */
const waitsForJournal = (run: RunDraft): boolean =>
  run.appendFailures >= APPEND_FAILURES_TO_PAUSE && withoutOutcome(run) === 0;

/** Starts an image, completes the run, or neither. When to ask again: `now` after a start. */
function startNext(run: RunDraft, now: number, effects: EngineEffect[]): number {
  while (run.upcoming[0] && isDone(run.progress, run.upcoming[0].index)) run.upcoming.shift();
  if (run.manifest.kind === 'open' && run.upcoming.length < UPCOMING_LOW) {
    run.manifest = { kind: 'reading' };
    effects.push({ kind: 'read-manifest', from: run.progress.lowWater });
  }
  const retry = run.waiting.find((image) => image.notBefore <= now && !isHeld(run, image.entry));
  const entry = retry ? retry.entry : nextUpcoming(run);
  if (!entry) {
    if (run.upcoming.length === 0) endOfManifest(run, now, effects);
    return Number.POSITIVE_INFINITY;
  }
  if (run.inFlight.size >= inFlightLimit(run.pacer, now) || run.appendFailures > 0) return Number.POSITIVE_INFINITY;
  const startAt = nextStartAt(run.pacer, now);
  if (startAt > now) return startAt;

  const { index, key } = entry;
  const attempts = retry ?? run.earlierAttempts.get(index);
  if (retry) run.waiting = run.waiting.filter((image) => image !== retry);
  else run.upcoming.shift();
  run.earlierAttempts.delete(index);
  const { throttles, broken, suspected } = attempts ?? noAttempts;
  const usedUp = isUsedUp({ broken });
  run.inFlight.set(index, { entry, startedAt: now, throttles, broken, suspected, hasOutcome: usedUp });
  run.startedThrough = Math.max(run.startedThrough, index);
  if (usedUp) {
    const outcome = usedUpOutcome({ broken });
    run.unsaved.push({ index, key, outcome, startedAt: now, durationMs: 0, throttles });
    append(run, now, effects);
    return now;
  }
  noteStart(run.pacer, now);
  effects.push({ kind: 'invoke', index, key });
  return now;
}

/** Whether an image of the same person and week is in flight: the function would store one of the two weeks twice. */
const isHeld = (run: RunDraft, { group }: ManifestEntry): boolean =>
  group !== undefined && run.inFlight.entries().some(([, { entry }]) => entry.group === group);

/** The next image of the manifest, where one may start: the canary images go first and alone. */
function nextUpcoming(run: RunDraft): ManifestEntry | undefined {
  const [entry] = run.upcoming;
  if (!entry || run.waiting.length >= WAITING_LIMIT || isHeld(run, entry)) return;
  return mayStart(run.terms.canary, run.canaryPassed, entry.index) ? entry : undefined;
}

function endOfManifest(run: RunDraft, now: number, effects: EngineEffect[]): void {
  const { manifest, terms, progress } = run;
  if (manifest.kind === 'failed') return haltRun(run, { kind: 'fault', fault: manifest.fault }, now, effects);
  if (manifest.kind !== 'exhausted' || run.inFlight.size > 0 || run.waiting.length > 0) return;
  const missing = terms.total - doneCount(progress);
  if (missing === 0) return checkAllRows(run, now, effects);
  const fault: Fault = {
    reason: 'manifest',
    message: `The manifest of ${terms.runId} has ${missing} images fewer than the ${terms.total} of its plan.`,
    fix: 'Check whether objects under CONTROL_BUCKET were deleted. No image was marked as done.',
  };
  haltRun(run, { kind: 'fault', fault }, now, effects);
}

/** What is due a few times a second: growth check, warnings, checkpoint, progress event. */
function review(run: RunDraft, now: number, effects: EngineEffect[]): void {
  if (!run.halt) {
    // While all rows are checked no image is processed, so neither speed nor growth means anything.
    if (run.rowCheck === 'not-begun') {
      checkGrowth(run, now, effects);
      updateWarnings(run, now, effects);
    }
    saveCheckpointIfDue(run, now, effects);
  }
  announceDrainIfDue(run, now, effects);
  if (run.changed) emit(run, { kind: 'progress' }, now, effects);
  run.changed = false;
}

function checkGrowth(run: RunDraft, now: number, effects: EngineEffect[]): void {
  const isOwed = run.provesEarlier && run.sinceGrowth.processed > 0;
  run.provesEarlier = false;
  if (!run.checkingGrowth && (isOwed || growthDue(run.growth, run.rules.growth, now))) {
    const { lastProcessed, rejectedSinceCheck } = run;
    const question = { growthKind: run.terms.growthKind, lastProcessed, rejectedSinceCheck };
    run.checkingGrowth = { question, outcomesBefore: run.growth.outcomesSinceGrowth };
    effects.push({ kind: 'check-growth', question });
    run.sinceCheck = noneSinceGrowth();
    run.lastProcessed = undefined;
    run.rejectedSinceCheck = false;
  }
  const verdict = judgeGrowth(run.growth, run.rules.growth, run.waitingSince ?? now);
  if (verdict.kind !== 'trip') return;
  const minutes = verdict.withoutGrowthMs / MINUTE_MS;
  const images = run.growth.outcomesSinceGrowth;
  const trip = defined({ kind: 'no-growth' as const, minutes, entries: run.entries, images });
  haltRun(run, { kind: 'trip', trip }, now, effects);
}

function updateWarnings(run: RunDraft, now: number, effects: EngineEffect[]): void {
  const warnings = currentWarnings(run, now);
  const { began, ended } = warningChanges(run.warnings, warnings);
  run.warnings = warnings;
  for (const warning of began) emit(run, { kind: 'warning-began', warning }, now, effects);
  for (const warning of ended) emit(run, { kind: 'warning-ended', warning }, now, effects);
}
