import type { FailureType } from '../../pipeline/invoke/invocation.ts';
import type { OutcomeRecord, RunTotals } from '../model/types.ts';

export const noTotals: RunTotals = {
  processed: 0,
  rejected: 0,
  failed: 0,
  noRows: 0,
  failedByType: {},
  throttles: 0,
  calls: 0,
  entriesStored: 0,
  costUsd: 0,
  invokeMs: 0,
};

/**
 * The totals with one more outcome. `no-rows` moves its image from `processed` to `noRows`: the entries and the cost of
 * the invocation are counted already. Throttled calls are counted one by one by `addCall`, not here.
 */
export function addOutcome(totals: RunTotals, record: OutcomeRecord): RunTotals {
  const { outcome } = record;
  if (outcome.kind === 'no-rows')
    return { ...totals, processed: Math.max(0, totals.processed - 1), noRows: totals.noRows + 1 };
  const next = { ...totals, invokeMs: totals.invokeMs + record.durationMs };
  switch (outcome.kind) {
    case 'processed':
      return {
        ...next,
        processed: totals.processed + 1,
        entriesStored: totals.entriesStored + (outcome.entriesStored ?? 0),
        costUsd: totals.costUsd + (outcome.costUsd ?? 0),
        ...(outcome.review && { needsReview: (totals.needsReview ?? 0) + 1 }),
      };
    case 'gone':
      return { ...next, gone: (totals.gone ?? 0) + 1 };
    case 'rejected':
      return { ...next, rejected: totals.rejected + 1 };
    case 'failed': {
      const { failureType } = outcome;
      const failedByType = { ...totals.failedByType, [failureType]: (totals.failedByType[failureType] ?? 0) + 1 };
      return { ...next, failed: totals.failed + 1, failedByType };
    }
  }
}

/** The totals with one more call that got a reply: an outcome or a throttle. */
export const addCall = (totals: RunTotals, call: { throttled: boolean }): RunTotals => ({
  ...totals,
  calls: totals.calls + 1,
  throttles: totals.throttles + (call.throttled ? 1 : 0),
});

/**
 * What the repeated invocations cost, in USD, at the mean cost of an image. It is an estimate, and not part of `costUsd`:
 * nobody got their replies. Undefined where the function reports no costs, and where nothing was repeated.
 */
export function repeatCostUsd(totals: RunTotals): number | undefined {
  const { repeats = 0, costUsd } = totals;
  const done = doneOf(totals);
  return repeats === 0 || costUsd === 0 || done === 0 ? undefined : (repeats * costUsd) / done;
}

/** Images with an outcome. */
export const doneOf = ({ processed, rejected, failed, noRows, gone = 0 }: RunTotals): number =>
  processed + rejected + failed + noRows + gone;

/** Failures whose messages differ only in ids, numbers and names. `message`: the first of them, unchanged. */
export interface Cause {
  readonly failureType: FailureType;
  readonly message: string;
  readonly count: number;
}

/** Causes that are counted separately. */
export const MAX_CAUSES = 20;
const MESSAGE_LENGTH = 500;

/** The message without the parts that differ between similar errors: quoted texts, file names, ids, numbers. */
export function normaliseMessage(message: string): string {
  return message
    .slice(0, MESSAGE_LENGTH)
    .replace(/"[^"]*"|`[^`]*`|(?<!\w)'[^']*'(?!\w)/g, '…')
    .replace(/\S*\/\S*|\S+\.(?:png|jpe?g)\b/gi, '…')
    .replace(/\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/gi, '#')
    .replace(/\b(?=[a-f]*\d)[0-9a-f]{6,}\b/gi, '#')
    .replace(/\d+(?:[.,:]\d+)*/g, '#')
    .replace(/\s+/g, ' ')
    .trim()
    .toLowerCase();
}

/**
 * The causes with one more failure. Never more than `MAX_CAUSES`: beyond that a new cause replaces the rarest one (the
 * oldest of the rarest), so a count starts again when its cause was replaced. A long message is cut to 500 characters.
 */
export function noteCause(causes: readonly Cause[], failureType: FailureType, message: string): Cause[] {
  const normal = normaliseMessage(message);
  const at = causes.findIndex(
    (cause) => cause.failureType === failureType && normaliseMessage(cause.message) === normal,
  );
  if (at >= 0) return causes.map((cause, index) => (index === at ? { ...cause, count: cause.count + 1 } : cause));
  const added: Cause = { failureType, message: message.slice(0, MESSAGE_LENGTH), count: 1 };
  if (causes.length < MAX_CAUSES) return [...causes, added];
  const fewest = Math.min(...causes.map((cause) => cause.count));
  const rarest = causes.findIndex((cause) => cause.count === fewest);
  return [...causes.filter((_, index) => index !== rarest), added];
}
