import type { Answer, Refusal, RunControl, RunPlan } from '../rescan/run-control.ts';
import type { RunSnapshot } from '../rescan/types.ts';
import type { Checklist } from './checklist.ts';
import type { Missing } from './gates.ts';

export type StartRefusal =
  | Refusal
  | { readonly reason: 'gate'; readonly step: 'start'; readonly missing: readonly Missing[] };
export type StartAnswer<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly refusal: StartRefusal };

/** Planning and starting runs, as far as the checklist lets them: after a flush of this rescan, or where `keep` is said. */
export interface StartControl {
  plan(...request: Parameters<RunControl['plan']>): Promise<StartAnswer<RunPlan>>;
  start(...request: Parameters<RunControl['start']>): Promise<StartAnswer<RunSnapshot>>;
}

export function createStartControl(
  runs: Pick<RunControl, 'plan' | 'readPlan' | 'start'>,
  checklist: Pick<Checklist, 'gate' | 'keep'>,
): StartControl {
  async function gated<T>(keep: boolean, go: () => Promise<Answer<T>>): Promise<StartAnswer<T>> {
    const gate = await checklist.gate('start', { keep });
    return gate.kind === 'pass'
      ? go()
      : { ok: false, refusal: { reason: 'gate', step: 'start', missing: gate.missing } };
  }
  return {
    plan: (request, onProgress) => gated(request.keep ?? false, () => runs.plan(request, onProgress)),
    async start(runId, by, options) {
      const plan = await runs.readPlan(runId);
      // A plan that is gone is refused by the runs themselves, in their words.
      if (!plan) return runs.start(runId, by, options);
      const keep = plan.keep ?? false;
      const started = await gated(keep, () => runs.start(runId, by, options));
      if (started.ok && keep && !started.value.isPartial) await checklist.keep(by);
      return started;
    },
  };
}
