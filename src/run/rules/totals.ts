import type { FailureType } from '../../pipeline/invoke/invocation.ts';
import type { OutcomeRecord, RunTotals } from '../model/types.ts';

export const noTotals: RunTotals = {
  processed: 0,
  rejected: 0,
  failed: 0,
  failedByType: {},
  throttles: 0,
  calls: 0,
  entriesStored: 0,
  costUsd: 0,
  invokeMs: 0,
};

/** The totals with one more image that has an outcome. Its pushbacks are counted call by call (`addCall`), not here. */
export function addOutcome(totals: RunTotals, record: OutcomeRecord): RunTotals {
  const { outcome } = record;
  const next = { ...totals, invokeMs: totals.invokeMs + record.durationMs };
  switch (outcome.kind) {
    case 'processed':
      return {
        ...next,
        processed: totals.processed + 1,
        entriesStored: totals.entriesStored + (outcome.entriesStored ?? 0),
        costUsd: totals.costUsd + (outcome.costUsd ?? 0),
      };
    case 'rejected':
      return { ...next, rejected: totals.rejected + 1 };
    case 'failed': {
      const { failureType } = outcome;
      const failedByType = { ...totals.failedByType, [failureType]: (totals.failedByType[failureType] ?? 0) + 1 };
      return { ...next, failed: totals.failed + 1, failedByType };
    }
  }
}

/** The totals with one more call of the function that was answered, with an outcome or with pushback. */
export const addCall = (totals: RunTotals, call: { throttled: boolean }): RunTotals => ({
  ...totals,
  calls: totals.calls + 1,
  throttles: totals.throttles + (call.throttled ? 1 : 0),
});

/** Images with an outcome. */
export const doneOf = (totals: RunTotals): number => totals.processed + totals.rejected + totals.failed;

/** Failures that say the same but for ids, numbers and names; `message` is the first of them as it was. */
export interface Cause {
  readonly failureType: FailureType;
  readonly message: string;
  readonly count: number;
}

/** The most causes that are kept apart. */
export const MOST_CAUSES = 20;
const LONGEST_MESSAGE = 500;

/** What stays of a message when everything that differs between like errors is taken out of it. */
export function normaliseMessage(message: string): string {
  return message
    .slice(0, LONGEST_MESSAGE)
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
 * The causes with one more failure. Never more than `MOST_CAUSES`: a new one then takes the place of the rarest (the
 * oldest of them), so a count is what was seen since its cause was last new. A long message is cut to 500 characters.
 */
export function noteCause(causes: readonly Cause[], failureType: FailureType, message: string): Cause[] {
  const normal = normaliseMessage(message);
  const at = causes.findIndex(
    (cause) => cause.failureType === failureType && normaliseMessage(cause.message) === normal,
  );
  if (at >= 0) return causes.map((cause, location) => (location === at ? { ...cause, count: cause.count + 1 } : cause));
  const added: Cause = { failureType, message: message.slice(0, LONGEST_MESSAGE), count: 1 };
  if (causes.length < MOST_CAUSES) return [...causes, added];
  const fewest = Math.min(...causes.map((cause) => cause.count));
  const rarest = causes.findIndex((cause) => cause.count === fewest);
  return [...causes.filter((_, location) => location !== rarest), added];
}
