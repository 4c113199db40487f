import { jitteredDelayMs } from '../../../lib/async/backoff.ts';
import {
  brokenOutcome,
  type Fault,
  type InvocationResult,
  type Outcome,
  throttledOutcome,
} from '../../../pipeline/invoke/invocation.ts';
import { noteThrottled } from '../../rules/pacer.ts';
import type { SuspicionFacts } from '../../rules/suspicion.ts';
import { doneCount, isDone } from '../../store/checkpoint.ts';
import type { CutOff } from '../step-functions/remote.ts';
import { type Attempts, type ConnectionFacts, type LiveRun, noAttempts, type RunDraft } from './live-run.ts';

/** What happens to an image after one attempt. */
export type AttemptVerdict =
  | { readonly kind: 'outcome'; readonly outcome: Outcome }
  | { readonly kind: 'retry'; readonly delayMs: number }
  /** The run pauses. The image waits and is not counted as failed. */
  | { readonly kind: 'fault'; readonly fault: Fault };

const RETRY_DELAY = { baseMs: 1_000, maxMs: 60_000 };
/** Broken connections of one image that are retried. The function may have run each time, so each one is announced. */
const BROKEN_LIMIT = 2;
/** Whether an image was invoked so often without a known outcome that it is not invoked again without a person. */
export const isUsedUp = ({ broken }: Pick<Attempts, 'broken'>): boolean => broken > BROKEN_LIMIT;

/** Unanswered attempts after the first one from which on the run pauses: within three images. */
const UNANSWERED_LIMIT = 2;
const NETWORK_FIX = 'Check the network between the bot and AWS, then `/rescan resume`.';

/**
 * Decides what a reply means for its image. Three things are retried: a throttled attempt, until `throttleLimit`
 * makes it a THROTTLING_ERROR; a broken connection, twice; and a problem that may be that of every image, once. A broken
 * connection makes an image fail only if other images got replies meanwhile; a fault never does. A problem that repeats is
 * a fault, except where the same image met it twice, other images were processed in between, and it can be the image's own.
 * @param attempts includes this attempt. @param random in [0, 1), for the delay of a retry.
 */
export function judgeAttempt(
  result: InvocationResult,
  attempts: Attempts,
  { connection, suspicion }: { readonly connection: ConnectionFacts; readonly suspicion: SuspicionFacts },
  throttleLimit: number,
  random: number,
): AttemptVerdict {
  const retry = (attempt: number): AttemptVerdict => ({
    kind: 'retry',
    delayMs: jitteredDelayMs(RETRY_DELAY, attempt, () => random),
  });
  const { unansweredInRow, repliesSinceBroken } = connection;
  switch (result.kind) {
    case 'outcome':
      return { kind: 'outcome', outcome: result.outcome };
    case 'throttled': {
      if (attempts.throttles < throttleLimit) return retry(attempts.throttles);
      return { kind: 'outcome', outcome: throttledOutcome(attempts.throttles, result) };
    }
    case 'broken': {
      const isDown =
        unansweredInRow >= UNANSWERED_LIMIT || (attempts.broken > BROKEN_LIMIT && repliesSinceBroken === 0);
      if (isDown) return { kind: 'fault', fault: { reason: 'network', message: result.message, fix: NETWORK_FIX } };
      if (attempts.broken <= BROKEN_LIMIT) return retry(attempts.broken);
      return { kind: 'outcome', outcome: brokenOutcome(attempts.broken, result) };
    }
    case 'suspected':
      if (suspicion.isOpen) return { kind: 'fault', fault: result.fault };
      if (attempts.suspected <= 1) return retry(1);
      return result.failure ? { kind: 'outcome', outcome: result.failure } : { kind: 'fault', fault: result.fault };
    case 'fault':
      return result.fault.reason === 'network' && unansweredInRow < UNANSWERED_LIMIT
        ? retry(unansweredInRow + 1)
        : { kind: 'fault', fault: result.fault };
  }
}

/** The outcome of an image that is used up when the bot resumes its run. */
export const usedUpOutcome = ({ broken }: Pick<Attempts, 'broken'>): Outcome => ({
  kind: 'failed',
  failureType: 'INVOCATION_ERROR',
  message: `Invoked ${broken} times, and each time the outcome was lost because the bot ended or the connection broke. The function may have processed it.`,
});

/**
 * Notes that the outcomes of the images in flight were lost when the drive before ended. They are invoked again
 * (`repeating`): the totals count that. When the bot resumes the run by itself, each of these images has one more attempt
 * without an outcome, and the pace falls. When a person resumes it (`fresh`) such attempts count anew. Takes the run over.
 */
export function noteLostOutcomes(run: LiveRun, repeating: number, fresh: boolean, now: number): LiveRun {
  const draft: RunDraft = run;
  if (fresh) {
    for (const [index, { throttles }] of draft.earlierAttempts)
      draft.earlierAttempts.set(index, { ...noAttempts, throttles });
    return countRepeats(draft, repeating);
  }
  let lost = 0;
  // Images start in order, so the first ones without an outcome were in flight. Behind them are images of a rerun.
  const { lowWater } = draft.progress;
  for (let index = lowWater; index <= draft.startedThrough && lost < draft.terms.maxInFlight; index++) {
    const { throttles, broken } = draft.earlierAttempts.get(index) ?? noAttempts;
    // A throttled image waits; nothing of it was lost.
    if (isDone(draft.progress, index) || (throttles > 0 && broken === 0)) continue;
    draft.earlierAttempts.set(index, { ...noAttempts, throttles, broken: broken + 1 });
    lost++;
  }
  if (lost > 0) noteThrottled(draft.pacer, now);
  return countRepeats(draft, lost);
}

/** Counts images that are invoked again because the outcome of an invocation is not known. */
export function countRepeats(run: RunDraft, repeats: number): RunDraft {
  if (repeats > 0) run.totals = { ...run.totals, repeats: (run.totals.repeats ?? 0) + repeats };
  return run;
}

/** Counts images that were in progress when an execution ended, once: they are invoked again. */
export function noteCutOff(run: RunDraft, cutOff: CutOff | undefined): RunDraft {
  const { remote, terms, progress } = run;
  if (!cutOff || !remote || remote.repeatsOf === cutOff.attempt) return run;
  remote.repeatsOf = cutOff.attempt;
  return countRepeats(run, Math.min(cutOff.images, terms.total - doneCount(progress)));
}
