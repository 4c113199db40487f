import type { Result } from '../../lib/result.ts';
import type { Fault } from '../../pipeline/invoke/invocation.ts';
import type { DeployRefusal } from '../../pipeline/package/deploy-errors.ts';
import type { DeployPlan, GivenPackage, RollbackView } from '../../pipeline/package/function-package.ts';
import type { Deployed, DeployStage } from '../../pipeline/package/function-update.ts';
import type { Person } from '../../run/model/types.ts';
import type { LoggingResult } from '../logging-test/logging-test.ts';
import type { PipelineBusy } from '../steps/exclusive.ts';
import type { SampleResult } from '../steps/sample.ts';
import type { QuotaReport } from './quota-report.ts';

/** Why a step was not done. Nothing was changed then, unless `reached` says how far a deploy or a rollback had come. */
export type StepRefusal =
  | { readonly reason: 'deploy'; readonly refusal: DeployRefusal; readonly reached?: DeployStage }
  /** The plan was carried out before, or there is none of that id. */
  | { readonly reason: 'deploy-gone' }
  | { readonly reason: 'nothing-deployed' }
  | PipelineBusy
  | { readonly reason: 'no-images' }
  | { readonly reason: 'fault'; readonly fault: Fault; readonly reached?: DeployStage };

/** The steps on the function and its surroundings; each goes on record in the checklist with what it found. */
export interface StepControl {
  /** Reads every limit and judges what it means for a rescan. */
  quotas(by: Person): Promise<Result<QuotaReport, StepRefusal>>;
  /** Invokes the function with a key that does not exist, and looks for the record of that failure. */
  testLogging(by: Person): Promise<Result<LoggingResult, StepRefusal>>;
  /** Invokes the function for a few images that exist, while nothing else is on the pipeline. */
  sample(by: Person): Promise<Result<SampleResult, StepRefusal>>;
}

/** A deploy or a rollback as it was planned: `id` is what is confirmed. */
export interface PlannedDeploy {
  readonly id: string;
  readonly plan: DeployPlan;
}

/** A rollback as it is shown; with `keeps`, code that somebody deployed since stays where it is. */
export interface PlannedRollback extends PlannedDeploy, RollbackView {}

/** Failure logging around the function, without touching its source; and the way back. */
export interface DeployControl {
  /** Says exactly what a deploy would change; nothing is changed. */
  plan(by: Person, given?: GivenPackage): Promise<Result<PlannedDeploy, StepRefusal>>;
  /** Carries a plan out, once, while nothing else is on the pipeline. `channel` hears its end should this process die. */
  deploy(id: string, by: Person, channel?: string): Promise<Result<Deployed, StepRefusal>>;
  /** The deploy that a rollback would undo, and what it finds. */
  planRollback(): Promise<Result<PlannedRollback, StepRefusal>>;
  /** Undoes it, once. `keeps` is the later code that was shown to stay. */
  rollback(
    id: string,
    by: Person,
    about?: { readonly keeps?: string; readonly channel?: string },
  ): Promise<Result<Deployed, StepRefusal>>;
}
