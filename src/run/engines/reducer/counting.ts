import { type FailureType, failureOf } from '../../../pipeline/invoke/invocation.ts';
import type { OutcomeRecord, Trip } from '../../model/types.ts';
import { claimOf, claimsRows } from '../../proof/row-proof.ts';
import { advanceBreaker } from '../../rules/breaker.ts';
import { noteGrowthOutcome } from '../../rules/growth.ts';
import { noteDone } from '../../rules/rate.ts';
import { awaitsRowsBelow, noteClaim } from '../../rules/row-watch.ts';
import { addCall, addOutcome, noteCause } from '../../rules/totals.ts';
import { judgeCanary } from '../../rules/warnings.ts';
import { isDone, markDone } from '../../store/checkpoint.ts';
import { isOfMachine, startOfNextGeneration } from '../../store/lanes.ts';
import type { JournalChunk } from '../../store/run-store.ts';
import { noneSinceGrowth, noteSinceGrowth, progressWithout, totalsWithout } from '../../store/since-growth.ts';
import { createRemote } from '../step-functions/remote.ts';
import type { LiveRun, RunDraft } from './live-run.ts';

/** What follows from an outcome that was counted. */
export interface Counted {
  readonly trip: Trip | undefined;
  readonly firstOfType: FailureType | undefined;
}

/**
 * Counts an outcome that is on record, once: undefined where its image was counted before. `no-rows` corrects an outcome
 * that was counted.
 */
export function countOutcome(run: RunDraft, record: OutcomeRecord, now: number): Counted | undefined {
  if (record.outcome.kind === 'no-rows') return countMissingRows(run, record);
  if (isDone(run.progress, record.index)) return;
  markDone(run.progress, record.index);
  run.earlierAttempts.delete(record.index);
  run.totals = addOutcome(run.totals, record);
  run.rate = noteDone(run.rate, now);
  run.growth = noteGrowthOutcome(run.growth);
  const { breaker, trip } = advanceBreaker(run.breaker, run.rules.breaker, record.outcome.kind);
  run.breaker = breaker;
  run.lastProcessed = claimOf(record) ?? run.lastProcessed;
  if (record.outcome.kind === 'rejected') run.rejectedSinceCheck = true;
  run.sinceGrowth = noteSinceGrowth(run.sinceGrowth, record);
  run.sinceCheck = noteSinceGrowth(run.sinceCheck, record);
  return { trip: canaryTrip(run) ?? trip, firstOfType: countFailure(run, record) };
}

function countMissingRows(run: RunDraft, record: OutcomeRecord): Counted | undefined {
  if (!isDone(run.progress, record.index)) return;
  run.totals = addOutcome(run.totals, record);
  const { breaker, trip } = advanceBreaker(run.breaker, run.rules.breaker, record.outcome.kind);
  run.breaker = breaker;
  run.sinceGrowth = noteSinceGrowth(run.sinceGrowth, record);
  run.sinceCheck = noteSinceGrowth(run.sinceCheck, record);
  const withoutRows = run.totals.noRows;
  const ofRows = trip?.kind === 'failure-rate' ? { ...trip, withoutRows } : trip;
  return { trip: canaryTrip(run) ?? ofRows, firstOfType: countFailure(run, record) };
}

/** Counts a failure; its type where it is the first of that type. */
function countFailure(run: RunDraft, { outcome, key }: OutcomeRecord): FailureType | undefined {
  const failure = failureOf(outcome);
  if (failure === undefined) return;
  const { failureType, message } = failure;
  run.causes = noteCause(run.causes, failureType, message);
  run.lastFailure = { failureType, message, key };
  if (run.firstFailures.has(failureType)) return;
  run.firstFailures = new Set([...run.firstFailures, failureType]);
  return failureType;
}

/**
 * The trip by the canary images so far, while no other image was started, so that the totals are theirs. Also one whose
 * outcomes are on record while the run's state is not: the process died in between.
 */
export function canaryTrip(run: LiveRun): Trip | undefined {
  const { canary, total } = run.terms;
  if (!canary || run.canaryPassed) return;
  const before = run.failuresBeforeResume;
  const failed = run.totals.failed - before.failed;
  return judgeCanary(canary, total, { failed, withoutRows: run.totals.noRows - before.withoutRows });
}

/** Whether canary images whose outcome is on record wait for their rows. */
export const canaryAwaitsRows = ({ canaryPassed, rowWatch, terms }: LiveRun): boolean =>
  !canaryPassed && terms.canary !== undefined && awaitsRowsBelow(rowWatch, terms.canary.images);

/** Whether the canary passes now: each of its images has an outcome, and the rows that they claim. */
export function canaryPasses(run: LiveRun): boolean {
  const { canary, total } = run.terms;
  if (!canary || run.canaryPassed || total <= canary.images) return false;
  return run.progress.lowWater >= canary.images && !canaryAwaitsRows(run);
}

/** Has the rows of a processed image looked up, if it claims any: those of a canary image in any case. */
export function watchRows(run: RunDraft, record: OutcomeRecord): void {
  if (!claimsRows(record)) return;
  const { canary } = run.terms;
  run.rowWatch = noteClaim(run.rowWatch, record, !run.canaryPassed && record.index < (canary?.images ?? 0));
}

/**
 * The run in which the processed images since the table last grew have no outcome, so that they are processed again.
 * Takes the run over: use the one returned. @throws FaultError where the journal has no numbers for it
 */
export function rerunSinceGrowth(run: LiveRun): LiveRun {
  const progress = progressWithout(run.progress, run.sinceGrowth.images);
  const { mayBeOpen = false, isFresh, repeatsOf } = run.remote ?? {};
  const remote = run.remote && { ...createRemote(progress, isFresh, repeatsOf), mayBeOpen };
  const draft: RunDraft = { ...run, progress, remote };
  draft.totals = totalsWithout(run.totals, run.sinceGrowth);
  draft.sinceGrowth = noneSinceGrowth();
  draft.sinceCheck = noneSinceGrowth();
  draft.lastProcessed = undefined;
  // The machine must not find the outcomes that do not count any more.
  if (run.remote) draft.journalSeq = startOfNextGeneration(run.journalSeq);
  return draft;
}

/** Counts a chunk of the journal that came after the run's checkpoint. Takes the run over: use the one returned. */
export function applyChunk(run: LiveRun, chunk: JournalChunk, now: number): LiveRun {
  const draft: RunDraft = run;
  if (run.remote) return applyRemoteChunk(draft, chunk, now);
  for (const record of chunk.records) draft.tripOnRecord ??= countOutcome(draft, record, now)?.trip;
  draft.journalSeq = chunk.seq;
  draft.startedThrough = Math.max(draft.startedThrough, chunk.startedThrough);
  return draft;
}

/** The same for Step Functions: what the bot added may be read before the outcome that the machine recorded. */
function applyRemoteChunk(draft: RunDraft, { seq, records }: JournalChunk, now: number): RunDraft {
  for (const record of records) {
    const { outcome, index } = record;
    if (outcome.kind === 'no-rows' && !isDone(draft.progress, index))
      countOutcome(draft, { ...record, outcome: { ...outcome, kind: 'processed' } }, now);
    if (outcome.kind !== 'no-rows' && !isDone(draft.progress, index)) countCalls(draft, record);
    countOutcome(draft, record, now);
    draft.startedThrough = Math.max(draft.startedThrough, index);
  }
  if (!isOfMachine(seq)) draft.journalSeq = seq;
  return draft;
}

/** Counts the calls that led to an outcome, where this process did not make them. */
export function countCalls(run: RunDraft, { throttles }: OutcomeRecord): void {
  for (let call = 0; call < throttles; call++) run.totals = addCall(run.totals, { throttled: true });
  run.totals = addCall(run.totals, { throttled: false });
}
