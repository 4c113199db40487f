import type { Clock } from '../../lib/clock.ts';
import { defined } from '../../lib/defined.ts';
import { type Result, refuse } from '../../lib/result.ts';
import { isOpen } from '../../run/model/run.ts';
import type { RunControl } from '../../run/model/run-control.ts';
import { coversEverything, describeScope, referenceTo } from '../../run/scope/scope.ts';
import type { ScopeManifests } from '../../run/scope/scope-manifests.ts';
import { isWhole } from '../../run/store/run-chain.ts';
import { ControlTableError } from '../../state/table/control-table.ts';
import type { AuditWriter } from '../audit/audit-writer.ts';
import type { StartControl, StartRefusal } from '../contracts/result-control.ts';
import type { Checklist } from './checklist.ts';

/** How long a plan may wait for its start. */
const MAX_PLAN_AGE_MS = 24 * 60 * 60_000;

/** See StartControl for the guarantees. */
export function createStartControl(
  runs: Pick<RunControl, 'plan' | 'readPlan' | 'start' | 'resume' | 'current' | 'knownHalts'>,
  checklist: Pick<Checklist, 'preconditions' | 'scope'>,
  audit: Pick<AuditWriter, 'record'>,
  scopes: Pick<ScopeManifests, 'images'>,
  clock: Pick<Clock, 'now'>,
): StartControl {
  async function whenMet<T>(
    step: 'start' | 'resume',
    keep: boolean,
    proceed: () => Promise<Result<T, StartRefusal>>,
  ): Promise<Result<T, StartRefusal>> {
    const check = await checklist.preconditions(step, { keep });
    return check.kind === 'pass' ? proceed() : refuse({ reason: 'preconditions', step, unmet: check.unmet });
  }
  return {
    plan: (request, onProgress) =>
      whenMet('start', request.keep ?? false, async () => {
        // A retry says itself which images it takes.
        const scope = request.images ? undefined : await checklist.scope();
        if (!scope || coversEverything(scope.criteria)) return runs.plan(request, onProgress);
        if (!isWhole(request.selection)) return refuse({ reason: 'scope-filters', scope });
        const selection = { scope: { id: scope.id, what: describeScope(scope.criteria) } };
        return runs.plan({ ...request, selection, images: scopes.images(referenceTo(scope)) }, onProgress);
      }),
    async start(runId, by, given) {
      // A halt that is requested during the checks refuses the start.
      const options = { since: runs.knownHalts(), ...given };
      const plan = await runs.readPlan(runId);
      // The run control refuses a plan that is gone and says why.
      if (!plan) return runs.start(runId, by, options);
      const { plannedAt } = plan;
      if (clock.now() - plannedAt > MAX_PLAN_AGE_MS) return refuse({ reason: 'plan-outdated', runId, plannedAt });
      const scope = await checklist.scope();
      // A plan lists the bucket under a scope of everything that can be read, as it does without a scope.
      const wanted = scope && !coversEverything(scope.criteria) ? scope.id : undefined;
      if (!plan.selection.retry && plan.selection.scope?.id !== wanted)
        return refuse({
          reason: 'scope-changed',
          ...defined({ asked: plan.selection.scope?.what }),
          ...defined({ scope }),
        });
      const run = plan.selection.retry && (await runs.current());
      if (run?.startedAt !== undefined && run.startedAt > plan.plannedAt && run.runId !== runId)
        return refuse({ reason: 'retry-stale', run });
      const keep = plan.keep ?? false;
      return whenMet('start', keep, async () => {
        const kept = keep ? ', the table keeps its records' : '';
        try {
          await audit.record({
            who: by,
            what: `run ${runId}`,
            outcome: `asked: start with ${plan.total} images${kept}`,
          });
        } catch (error) {
          if (error instanceof ControlTableError) return refuse({ reason: 'fault', fault: error.fault });
          throw error;
        }
        return runs.start(runId, by, options);
      });
    },
    async resume(by, since = runs.knownHalts()) {
      const resumed = await whenMet('resume', false, () => runs.resume(by, since));
      if (resumed.ok || resumed.refusal.reason !== 'preconditions') return resumed;
      // What came after a run that has ended does not matter: there is nothing to resume.
      const run = await runs.current();
      return run && isOpen(run.state) ? resumed : refuse({ reason: 'nothing-to-resume', ...defined({ run }) });
    },
  };
}
