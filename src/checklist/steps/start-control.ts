import { type Result, refuse } from '../../lib/result.ts';
import type { Refusal, RunControl } from '../../run/model/run-control.ts';
import { ControlTableError } from '../../state/control-table.ts';
import type { AuditWriter } from '../audit/audit-writer.ts';
import type { StartControl, StartRefusal } from '../contracts/result-control.ts';
import type { Checklist } from './checklist.ts';

/** See StartControl for the guarantees. */
export function createStartControl(
  runs: Pick<RunControl, 'plan' | 'readPlan' | 'start' | 'resume' | 'current'>,
  checklist: Pick<Checklist, 'preconditions' | 'keepRecords'>,
  audit: Pick<AuditWriter, 'record'>,
): StartControl {
  async function whenMet<T>(
    step: 'start' | 'resume',
    keep: boolean,
    proceed: () => Promise<Result<T, Refusal>>,
  ): Promise<Result<T, StartRefusal>> {
    const check = await checklist.preconditions(step, { keep });
    return check.kind === 'pass' ? proceed() : refuse({ reason: 'preconditions', step, unmet: check.unmet });
  }
  return {
    plan: (request, onProgress) => whenMet('start', request.keep ?? false, () => runs.plan(request, onProgress)),
    async start(runId, by, options) {
      const plan = await runs.readPlan(runId);
      // The run control refuses a plan that is gone and says why.
      if (!plan) return runs.start(runId, by, options);
      const run = plan.selection.retry && (await runs.current());
      if (run?.startedAt !== undefined && run.startedAt > plan.plannedAt && run.runId !== runId)
        return refuse({ reason: 'retry-stale', run });
      const keep = plan.keep ?? false;
      const started = await whenMet('start', keep, async () => {
        const kept = keep ? ', the table keeps its records' : '';
        try {
          await audit.record({
            who: by,
            what: `run ${runId}`,
            outcome: `start requested: ${plan.total} images${kept}`,
          });
        } catch (error) {
          if (error instanceof ControlTableError) return refuse({ reason: 'fault', fault: error.fault });
          throw error;
        }
        return runs.start(runId, by, options);
      });
      if (started.ok && keep && !started.value.isPartial) await checklist.keepRecords(by);
      return started;
    },
    resume: (by) => whenMet('resume', false, () => runs.resume(by)),
  };
}
