import { type InvocationResult, isRead } from '../../pipeline/invoke/invocation.ts';

/** Whether a reply of this drive hinted at a problem that every image meets, and nothing has refuted it since. */
export interface SuspicionFacts {
  /** An image met such a problem, and no image that was started later was processed or rejected. */
  readonly isOpen: boolean;
  /** When the last such reply came, epoch ms. */
  readonly since: number;
}

export const noSuspicion: SuspicionFacts = { isOpen: false, since: 0 };

/**
 * The suspicion after a reply to an image that was started at `startedAt`. What was started before the problem proves nothing:
 * Lambda runs it with the code of before a deploy.
 */
export function noteSuspicion(
  suspicion: SuspicionFacts,
  result: InvocationResult,
  startedAt: number,
  now: number,
): SuspicionFacts {
  if (result.kind === 'suspected') return { isOpen: true, since: now };
  const isSuccess = result.kind === 'outcome' && isRead(result.outcome);
  return isSuccess && suspicion.isOpen && startedAt >= suspicion.since ? { ...suspicion, isOpen: false } : suspicion;
}
