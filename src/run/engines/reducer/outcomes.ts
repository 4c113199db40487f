import { delayCeilingMs } from '../../../lib/async/backoff.ts';
import { defined } from '../../../lib/defined.ts';
import { failureOf, type InvocationResult, type Outcome } from '../../../pipeline/invoke/invocation.ts';
import type { OutcomeRecord, RunEvent, Trip } from '../../model/types.ts';
import { noteOutcome, noteThrottled } from '../../rules/pacer.ts';
import { noteSuspicion } from '../../rules/suspicion.ts';
import { addCall } from '../../rules/totals.ts';
import { doneCount } from '../../store/checkpoint.ts';
import type { JournalChunk } from '../../store/run-store.ts';
import { countRepeats, judgeAttempt } from './attempt.ts';
import { countOutcome, watchRows } from './counting.ts';
import type { EngineEffect, EngineEvent } from './engine-events.ts';
import { emit, haltRun } from './halts.ts';
import { type Attempts, type InFlightImage, type LiveRun, noAttempts, type RunDraft } from './live-run.ts';
import { takeCheckpoint } from './run-views.ts';

/** Outcomes in one write: well below the 400 KB of a DynamoDB item. */
const APPEND_LIMIT = 200;
const APPEND_DELAY = { baseMs: 500, maxMs: 5_000 };
/** Appends that fail in a row before the run pauses, where the reason does not pass by itself. */
export const APPEND_FAILURES_TO_PAUSE = 2;
/** How long a run waits for a control table that refuses connections, answers 5xx or does not answer, before it pauses. */
export const JOURNAL_WAIT_MS = 10 * 60_000;
const CHECKPOINT_MIN_MS = 250;
const BROKEN_PER_MINUTE = 5;
const CALLS_REMEMBERED = 2_000;

type Event<Kind extends EngineEvent['kind']> = Extract<EngineEvent, { kind: Kind }>;

/** Decides what a reply means for its image: an outcome to be recorded, a retry, or a fault of the environment. */
export function takeReply(run: RunDraft, event: Event<'replied'>, effects: EngineEffect[]): void {
  const { now, result } = event;
  const image = run.inFlight.get(event.index);
  if (!image || image.hasOutcome || run.abandoned) return;
  noteConnection(run, image, result, now);
  if (result.kind === 'outcome') noteOutcome(run.pacer, now, now - image.startedAt);
  if (result.kind === 'throttled') noteThrottled(run.pacer, now);
  const attempts: Attempts = {
    throttles: image.throttles + (result.kind === 'throttled' ? 1 : 0),
    broken: image.broken + (result.kind === 'broken' ? 1 : 0),
    suspected: image.suspected + (result.kind === 'suspected' ? 1 : 0),
  };
  const verdict = judgeAttempt(result, attempts, run, run.rules.throttleLimit, event.random);
  if (result.kind === 'broken') {
    const broken = { key: image.entry.key, attempt: attempts.broken, message: result.message, next: verdict.kind };
    announceBroken(run, broken, now, effects);
  }
  run.suspicion = noteSuspicion(run.suspicion, result, image.startedAt, now);
  switch (verdict.kind) {
    case 'outcome':
      run.inFlight.set(event.index, { ...image, hasOutcome: true });
      run.unsaved.push(recordOf(image, attempts, verdict.outcome, event));
      return append(run, now, effects);
    case 'retry':
      // The function may have run: the image is invoked again without knowing.
      if (result.kind === 'broken') {
        countRepeats(run, 1);
        noteThrottled(run.pacer, now);
      }
      return putBack(run, image, attempts, now + verdict.delayMs);
    case 'fault':
      putBack(run, image, result.kind === 'broken' ? noAttempts : attempts, now);
      return haltRun(run, { kind: 'fault', fault: verdict.fault }, now, effects);
  }
}

/** The image was not invoked: it waits as before. */
export function takeBack(run: RunDraft, index: number, now: number): void {
  const image = run.inFlight.get(index);
  if (image && !image.hasOutcome && !run.abandoned) putBack(run, image, image, now);
}

/** Announces a broken connection, but few in a minute: an alert about the run must not wait behind one for each image. */
function announceBroken(
  run: RunDraft,
  broken: Pick<Extract<RunEvent, { kind: 'connection-broken' }>, 'key' | 'attempt' | 'message' | 'next'>,
  now: number,
  effects: EngineEffect[],
): void {
  const { others } = run.brokenAnnounced;
  const at = run.brokenAnnounced.at.filter((each) => now - each < 60_000);
  const isAnnounced = at.length < BROKEN_PER_MINUTE;
  run.brokenAnnounced = isAnnounced ? { at: [...at, now], others: 0 } : { at, others: others + 1 };
  if (isAnnounced) emit(run, { kind: 'connection-broken', ...broken, others }, now, effects);
}

function noteConnection(run: RunDraft, image: InFlightImage, result: InvocationResult, now: number): void {
  const { unansweredSince, unansweredInRow, repliesSinceBroken } = run.connection;
  if (result.kind === 'outcome' || result.kind === 'throttled' || result.kind === 'suspected') {
    const throttled = result.kind === 'throttled';
    run.connection = {
      unansweredSince: undefined,
      unansweredInRow: 0,
      repliesSinceBroken: repliesSinceBroken + 1,
    };
    run.totals = addCall(run.totals, { throttled });
    run.recentCalls.push({ at: now, throttled });
    if (run.recentCalls.length > CALLS_REMEMBERED) run.recentCalls.splice(0, CALLS_REMEMBERED / 2);
    return;
  }
  if (result.kind === 'fault' && result.fault.reason !== 'network') return;
  const beganAfter = unansweredSince !== undefined && image.startedAt >= unansweredSince;
  run.connection = {
    unansweredSince: unansweredSince ?? now,
    unansweredInRow: unansweredInRow + (beganAfter ? 1 : 0),
    repliesSinceBroken: result.kind === 'broken' && image.broken === 0 ? 0 : repliesSinceBroken,
  };
}

function recordOf(
  { entry, startedAt }: InFlightImage,
  { throttles }: Attempts,
  outcome: Outcome,
  { now, requestId }: Event<'replied'>,
): OutcomeRecord {
  const durationMs = Math.round(now - startedAt);
  const record = { index: entry.index, key: entry.key, outcome, startedAt, durationMs, throttles };
  // Not defined(): this runs for every image.
  return requestId === undefined ? record : { ...record, requestId };
}

function putBack(run: RunDraft, image: InFlightImage, attempts: Attempts, notBefore: number): void {
  run.inFlight.delete(image.entry.index);
  run.waiting = [...run.waiting, { entry: image.entry, notBefore, ...attempts }];
  run.changed = true;
}

/**
 * Has the unsaved outcomes appended to the journal, one write at a time: outcomes that arrive during a write go with
 * the next one. So every outcome is durable after one or two writes, at any speed.
 */
export function append(run: RunDraft, now: number, effects: EngineEffect[]): void {
  if (run.appending || run.abandoned || run.unsaved.length === 0) return;
  if (run.appendFailures > 0 && now < run.appendRetryAt) return;
  run.appending = true;
  if (run.appendFailures === 0) run.appendingSince = now;
  run.appendRetryAt = Number.POSITIVE_INFINITY;
  effects.push({ kind: 'append', chunk: nextChunk(run) });
}

/** The next chunk of the journal: the oldest outcomes that are not on record. */
export const nextChunk = (run: LiveRun): Omit<JournalChunk, 'writer'> => ({
  seq: run.journalSeq + 1,
  startedThrough: run.startedThrough,
  records: run.unsaved.slice(0, APPEND_LIMIT),
});

/**
 * An append failed: it is repeated after a delay, and nothing starts meanwhile. After two in a row the run pauses, where
 * the reason may pass only after some minutes.
 */
export function retryAppend(
  run: RunDraft,
  { fault, mayPass, now }: Event<'append-failed'>,
  effects: EngineEffect[],
): void {
  run.appending = false;
  run.appendFailures++;
  run.appendRetryAt = now + delayCeilingMs(APPEND_DELAY, run.appendFailures);
  if (run.appendFailures < APPEND_FAILURES_TO_PAUSE) return;
  if (!mayPass || now - run.appendingSince >= JOURNAL_WAIT_MS) haltRun(run, { kind: 'fault', fault }, now, effects);
}

/** Counts the outcomes of a chunk that is on record; those of this process are no longer in flight. */
export function recordOutcomes(run: RunDraft, event: Event<'outcomes-recorded'>, effects: EngineEffect[]): void {
  const { records, now } = event;
  run.appending = false;
  run.appendFailures = 0;
  run.journalSeq = event.seq;
  if (event.isOwn) {
    run.unsaved.splice(0, records.length);
    for (const { index } of records) run.inFlight.delete(index);
  } else run.unsaved = withoutKnown(run.unsaved, records);
  countRecords(run, records, now, effects);
  saveCheckpointIfDue(run, now, effects);
  append(run, now, effects);
}

/** Counts outcomes that are on record: each image once. */
export function countRecords(
  run: RunDraft,
  records: readonly OutcomeRecord[],
  now: number,
  effects: EngineEffect[],
): void {
  for (const record of records) {
    const counted = countOutcome(run, record, now);
    if (!counted) continue;
    run.outcomesSinceCheckpoint++;
    run.changed = true;
    watchRows(run, record);
    const { firstOfType, trip } = counted;
    const failure = failureOf(record.outcome);
    if (firstOfType && failure) {
      const { key, requestId } = record;
      const { message } = failure;
      emit(
        run,
        { kind: 'first-failure', failureType: firstOfType, key, message, ...defined({ requestId }) },
        now,
        effects,
      );
    }
    if (trip && !isTooLate(run, trip)) haltRun(run, { kind: 'trip', trip }, now, effects);
  }
}

/** When every image has an outcome, missing rows have nothing to stop but the check that finds all of them. */
const isTooLate = (run: RunDraft, trip: Trip): boolean =>
  run.rowCheck !== 'not-begun' ||
  (trip.kind === 'failure-rate' && trip.withoutRows !== undefined && doneCount(run.progress) >= run.terms.total);

/** The unsaved outcomes without the missing rows that another process has put on record. */
function withoutKnown(unsaved: OutcomeRecord[], records: readonly OutcomeRecord[]): OutcomeRecord[] {
  const known = new Set(records.flatMap(({ index, outcome }) => (outcome.kind === 'no-rows' ? [index] : [])));
  return known.size === 0
    ? unsaved
    : unsaved.filter(({ index, outcome }) => outcome.kind !== 'no-rows' || !known.has(index));
}

/** Has a checkpoint saved, where enough outcomes or time passed since the last one. */
export function saveCheckpointIfDue(run: RunDraft, now: number, effects: EngineEffect[]): void {
  const { rules, outcomesSinceCheckpoint } = run;
  const ageMs = now - run.checkpointAt;
  const isDue =
    outcomesSinceCheckpoint > 0 &&
    (ageMs >= rules.checkpointMs ||
      (outcomesSinceCheckpoint >= rules.checkpointOutcomes && ageMs >= CHECKPOINT_MIN_MS));
  // The state after a halt is written with a checkpoint. One without it would hide from the next process why the run halted.
  if (!isDue || run.checkpointing || run.halt) return;
  run.outcomesSinceCheckpoint = 0;
  run.checkpointAt = now;
  run.checkpointing = true;
  effects.push({ kind: 'save-checkpoint', checkpoint: takeCheckpoint(run, now) });
}
