import type { Result } from '../../lib/result.ts';
import type { Refusal, RunControl, RunPlan } from '../../run/model/run-control.ts';
import type { RunSnapshot } from '../../run/model/types.ts';
import type { UnmetPrecondition } from '../model/preconditions.ts';

export type StartRefusal =
  | Refusal
  /** A run was started after this retry was planned, and may have processed the same images. */
  | { readonly reason: 'retry-stale'; readonly run: RunSnapshot }
  | {
      readonly reason: 'preconditions';
      readonly step: 'start' | 'resume';
      readonly unmet: readonly UnmetPrecondition[];
    };

/**
 * Plans, starts and resumes runs when the preconditions of the checklist are met: a start needs a flush of this
 * checklist, or `keep`; a resume needs that nobody flushed or restored the table since the run started. A retry is
 * refused if another run was started after it was planned, so that the same failures are not retried twice. A start is
 * in the audit log before it begins.
 */
export interface StartControl {
  plan(...request: Parameters<RunControl['plan']>): Promise<Result<RunPlan, StartRefusal>>;
  start(...request: Parameters<RunControl['start']>): Promise<Result<RunSnapshot, StartRefusal>>;
  resume(...request: Parameters<RunControl['resume']>): Promise<Result<RunSnapshot, StartRefusal>>;
}
