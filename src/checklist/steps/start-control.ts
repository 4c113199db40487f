import type { Result } from '../../lib/result.ts';
import type { Refusal, RunControl, RunPlan } from '../../run/model/run-control.ts';
import type { RunSnapshot } from '../../run/model/types.ts';
import { ControlTableError } from '../../state/control-table.ts';
import type { AuditWriter } from '../audit/audit-writer.ts';
import type { UnmetPrecondition } from '../model/preconditions.ts';
import type { Checklist } from './checklist.ts';

export type StartRefusal =
  | Refusal
  /** A run was started after the plan of this retry was made: its images may have been done by it. */
  | { readonly reason: 'retry-stale'; readonly run: RunSnapshot }
  | {
      readonly reason: 'preconditions';
      readonly step: 'start' | 'resume';
      readonly unmet: readonly UnmetPrecondition[];
    };

/**
 * Planning, starting and resuming runs, as far as the checklist lets them: after a flush of this rescan, or where `keep` is said;
 * and no run goes on whose work was flushed or overwritten since. A retry starts only if no run was started since it was planned,
 * so that of two plans over the same failures one is carried out. A start is in the audit before it begins.
 */
export interface StartControl {
  plan(...request: Parameters<RunControl['plan']>): Promise<Result<RunPlan, StartRefusal>>;
  start(...request: Parameters<RunControl['start']>): Promise<Result<RunSnapshot, StartRefusal>>;
  resume(...request: Parameters<RunControl['resume']>): Promise<Result<RunSnapshot, StartRefusal>>;
}

export function createStartControl(
  runs: Pick<RunControl, 'plan' | 'readPlan' | 'start' | 'resume' | 'current'>,
  checklist: Pick<Checklist, 'preconditions' | 'keepRecords'>,
  audit: Pick<AuditWriter, 'record'>,
): StartControl {
  async function gated<T>(
    step: 'start' | 'resume',
    keep: boolean,
    go: () => Promise<Result<T, Refusal>>,
  ): Promise<Result<T, StartRefusal>> {
    const preconditions = await checklist.preconditions(step, { keep });
    return preconditions.kind === 'pass'
      ? go()
      : { ok: false, refusal: { reason: 'preconditions', step, unmet: preconditions.unmet } };
  }
  return {
    plan: (request, onProgress) => gated('start', request.keep ?? false, () => runs.plan(request, onProgress)),
    async start(runId, by, options) {
      const plan = await runs.readPlan(runId);
      // A plan that is gone is refused by the runs themselves, in their words.
      if (!plan) return runs.start(runId, by, options);
      const run = plan.selection.retry && (await runs.current());
      if (run?.startedAt !== undefined && run.startedAt > plan.plannedAt && run.runId !== runId)
        return { ok: false, refusal: { reason: 'retry-stale', run } };
      const keep = plan.keep ?? false;
      const started = await gated('start', keep, async () => {
        const outcome = `about to start over ${plan.total} images${keep ? ', the table keeps what it holds' : ''}`;
        try {
          await audit.record({ who: by, what: `run ${runId}`, outcome });
        } catch (error) {
          if (error instanceof ControlTableError)
            return { ok: false, refusal: { reason: 'fault', fault: error.fault } };
          throw error;
        }
        return runs.start(runId, by, options);
      });
      if (started.ok && keep && !started.value.isPartial) await checklist.keepRecords(by);
      return started;
    },
    resume: (by) => gated('resume', false, () => runs.resume(by)),
  };
}
