import type { Approval, Click, ClickRefusal, UseRefusal } from '../../approvals/approval.ts';
import type { Result } from '../../lib/result.ts';
import type { Fault, Outcome } from '../../pipeline/invoke/invocation.ts';
import type { DeployRefusal } from '../../pipeline/package/deploy-errors.ts';
import type { DeployPlan, GivenPackage, RollbackView, WrapperState } from '../../pipeline/package/function-package.ts';
import type { Deployed, DeployStage } from '../../pipeline/package/function-update.ts';
import type { Person } from '../../run/model/types.ts';
import type { QuotaReport } from './quota-report.ts';
import type { TableJob } from './table-control.ts';

/** Why work that needs the pipeline for itself cannot begin. */
export type PipelineBusy =
  | { readonly reason: 'run-active'; readonly runId: string }
  | { readonly reason: 'job-active'; readonly job: TableJob }
  | { readonly reason: 'stop-file'; readonly path: string }
  /** `waitMs`: as in the refusal `lease-held` of a run. */
  | { readonly reason: 'busy'; readonly holder: string; readonly waitMs?: number }
  /** This process already does such work. */
  | { readonly reason: 'step-active' };

/**
 * Why a step was not done. Nothing was changed, unless `reached` names the stage at which a deploy or rollback failed.
 * `undone`: the bot rolled a package back that cannot be loaded; or why it could not.
 */
export type StepRefusal =
  | {
      readonly reason: 'deploy';
      readonly refusal: DeployRefusal;
      readonly reached?: DeployStage;
      readonly undone?: 'undone' | { readonly failed: StepRefusal };
    }
  /** A deploy of code that is not the running one, without an approval. */
  | { readonly reason: 'approval-needed' }
  /** The approval does not cover the deploy: it was not given, or what it was given on has changed. */
  | { readonly reason: 'approval'; readonly refusal: UseRefusal }
  | { readonly reason: 'approval-gone'; readonly approvalId: string }
  | { readonly reason: 'click'; readonly refusal: ClickRefusal; readonly approval: Approval }
  /** The plan was carried out before, or there is no plan with that id. */
  | { readonly reason: 'deploy-gone' }
  /** `rolledBackAt`: when the last rollback ended, epoch ms. Absent when there was none. */
  | { readonly reason: 'nothing-deployed'; readonly rolledBackAt?: number }
  /** A deploy or rollback has begun and did not end here. A process that stands by finishes it. */
  | { readonly reason: 'interrupted' }
  /** The control table failed, and it is not known whether the deploy or rollback has begun. */
  | { readonly reason: 'deploy-unclear'; readonly fault: Fault }
  | { readonly reason: 'shutting-down' }
  | PipelineBusy
  | { readonly reason: 'no-images' }
  | { readonly reason: 'fault'; readonly fault: Fault; readonly reached?: DeployStage };

/** A failure record in the table, as it is shown. */
export interface FailureRecordView {
  /** The key attributes with their values: `ResourceName FAILED_IMAGE, DateProjectCode …`. */
  readonly key: string;
  /** The attributes worth showing, in order. */
  readonly attributes: readonly (readonly [name: string, value: string])[];
}

/** Why the function could not write the record, by the answer of DynamoDB; `unreachable`: DynamoDB did not answer. */
export type WriteRefusal = 'missing-key' | 'access-denied' | 'table-missing' | 'throttled' | 'unreachable' | 'other';

/** The result of a test of the failure logging: proven, or exactly which part does not work. */
export type LoggingResult =
  | {
      readonly kind: 'proven';
      readonly imageKey: string;
      readonly record: FailureRecordView;
      /** From the reply of the function until the record was found. */
      readonly afterMs: number;
      /** Why the record could not be removed again; undefined when it was removed. */
      readonly leftBecause?: string;
    }
  | { readonly kind: 'did-not-fail'; readonly imageKey: string; readonly reply: string }
  | { readonly kind: 'nothing-logged'; readonly imageKey: string; readonly failure: string }
  | {
      readonly kind: 'write-refused';
      readonly imageKey: string;
      readonly failure: string;
      readonly line: string;
      readonly refusal: WriteRefusal;
    }
  /** No record was found and the log could not be read, so the cause is unknown. */
  | { readonly kind: 'log-unread'; readonly imageKey: string; readonly failure: string; readonly fault: Fault }
  /** The function logged that it wrote the record, but the record is not in the bot's table. */
  | { readonly kind: 'written-elsewhere'; readonly imageKey: string; readonly failure: string; readonly line: string }
  /** No record was found and the log does not contain the end of the invocation, so the cause is unknown. */
  | { readonly kind: 'log-silent'; readonly imageKey: string; readonly failure: string; readonly group: string }
  /** The invocation was throttled or the connection broke, so it proves nothing. */
  | { readonly kind: 'no-answer'; readonly imageKey: string; readonly message: string };

/** The outcome of one image of the sample. An image that was throttled to the last attempt counts as failed. */
export interface SampledImage {
  readonly key: string;
  readonly outcome: Outcome;
}

export interface SampleResult {
  readonly images: readonly SampledImage[];
  /** Those without rows in the table, though they claim some, are among them. */
  readonly failed: number;
  /** Images that claim rows which cannot be looked up by the key of the table. */
  readonly unproven: number;
  /** The bucket contains no other images. */
  readonly isAll: boolean;
}

/** The steps that work on the function and its surroundings. Each is recorded in the checklist with its finding. */
export interface StepControl {
  /** Reads every limit and judges what it means for a rescan. */
  quotas(by: Person): Promise<Result<QuotaReport, StepRefusal>>;
  /** Invokes the function with a key that does not exist, and looks for the failure record. */
  testLogging(by: Person): Promise<Result<LoggingResult, StepRefusal>>;
  /** Invokes the function for a few images of the bucket and looks for their rows, while no run or table job is active. */
  sample(by: Person): Promise<Result<SampleResult, StepRefusal>>;
}

/** A planned deploy or rollback. `id` identifies it when it is confirmed. */
export interface PlannedDeploy {
  readonly id: string;
  readonly plan: DeployPlan;
}

/** A rollback as it is shown before it is confirmed. With `keeps`, code that was deployed later stays in place. */
export interface PlannedRollback extends PlannedDeploy, RollbackView {}

/** A deploy or rollback that began, as it is shown. */
export interface DeployView {
  readonly id: string;
  readonly kind: 'deploy' | 'rollback';
  readonly by: string;
  /** When it began, epoch ms. It tells a deploy and each of its rollbacks apart. */
  readonly at: number;
  readonly plan: DeployPlan;
  /** Where it is shown; absent for a deploy of the autopilot, which shows it itself. */
  readonly channel?: string;
  /** The message that shows it. */
  readonly message?: { readonly channel: string; readonly ts: string };
  /** The approval of a deploy of new code, and who gave it. */
  readonly approvalId?: string;
  readonly approvedBy?: string;
}

/** How a deploy or rollback ended. */
export type DeployEnd =
  | { readonly kind: 'finished'; readonly deployed: Deployed }
  | { readonly kind: 'failed'; readonly refusal: StepRefusal };

/** Why an end comes late: another process had to finish the deploy; or it ended before, and could not be shown then. */
export type LateEnd = 'interrupted' | 'not-shown';

export type DeployEvent =
  | { readonly kind: 'begun'; readonly deploy: DeployView }
  | { readonly kind: 'stage'; readonly deploy: DeployView; readonly stage: DeployStage | 'undoing' }
  /** It did not end: its process stopped, or could not store the end. It is finished as soon as nothing prevents that. */
  | { readonly kind: 'interrupted'; readonly deploy: DeployView; readonly until?: PipelineBusy }
  /** Emitted until every listener has succeeded. */
  | { readonly kind: 'ended'; readonly deploy: DeployView; readonly end: DeployEnd; readonly late?: LateEnd }
  /** An approval was used or ended. Emitted until every listener has succeeded. */
  | { readonly kind: 'approval-changed'; readonly approval: Approval }
  /** Somebody removed our handler by a deploy of their own. Emitted by one process, until every listener has succeeded. */
  | {
      readonly kind: 'wrapper-removed';
      readonly deployId: string;
      readonly functionName: string;
      readonly removed: Extract<WrapperState, { kind: 'removed' }>;
    }
  /** What was approved did not begin. */
  | { readonly kind: 'not-started'; readonly approval: Approval; readonly refusal: StepRefusal };

/** `isShown`: it began, so an event shows how it ended. */
export type DeployAnswer = Result<Deployed, StepRefusal> & { readonly isShown?: true };

/** Deploys failure logging around the function without changing its source, and rolls that back. */
export interface DeployControl {
  /** Returns exactly what a deploy would change. Nothing is changed. */
  plan(by: Person, given?: GivenPackage): Promise<Result<PlannedDeploy, StepRefusal>>;
  /**
   * Carries out a plan once, while no run or table job is active. A package that cannot be loaded afterwards is rolled back. If
   * this process stops before the end, another process finishes the deploy. Events show it in `channel`.
   */
  deploy(id: string, by: Person, channel?: string): Promise<DeployAnswer>;
  /**
   * Asks a second person for approval of a plan that brings new code: bound to the SHA-256 of the zip and to what the function
   * is now. `deploy` refuses such a plan.
   */
  request(
    id: string,
    by: Person,
    about: { readonly channel: string; readonly reason?: string },
  ): Promise<Result<Approval, StepRefusal>>;
  /** Stores the message of an approval; only clicks on that message count. */
  setApprovalMessage(approvalId: string, ts: string): Promise<void>;
  approval(approvalId: string): Promise<Approval | undefined>;
  /** Requests of deploys that wait for a decision or for their start, oldest first. */
  openApprovals(): Promise<readonly Approval[]>;
  /** Withdraws every deploy that is approved and has not begun; returns those requests. */
  withdrawApproved(by: Person): Promise<readonly Approval[]>;
  /** The deploy or rollback that has begun and has not ended, also one that waits for a process to finish it. */
  inProgress(): Promise<DeployView | undefined>;
  /** A click on Approve or Deny. An approved deploy starts at once, if everything is still as it was; events show it. */
  click(approvalId: string, click: Click): Promise<Result<Approval, StepRefusal>>;
  /** The deploy that a rollback would undo, and the present state of the function. */
  planRollback(): Promise<Result<PlannedRollback, StepRefusal>>;
  /** Undoes a deploy once. `keeps`: the hash of the later code that the preview said would stay. */
  rollback(
    id: string,
    by: Person,
    about?: { readonly keeps?: string; readonly channel?: string },
  ): Promise<DeployAnswer>;
  /** Stores the message that shows a deploy, so that the next process can edit it. Not once a rollback of it has begun. */
  setMessage(
    deploy: Pick<DeployView, 'id' | 'at'>,
    message: { readonly channel: string; readonly ts: string },
  ): Promise<void>;
  watch(listener: (event: DeployEvent) => void | Promise<void>): () => void;
}
