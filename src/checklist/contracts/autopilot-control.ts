import type { Approval, ApprovalState } from '../../approvals/approval.ts';
import type { Result } from '../../lib/result.ts';
import type { Fault } from '../../pipeline/invoke/invocation.ts';
import type { RunPlan } from '../../run/model/run-control.ts';
import type { Person, RunSnapshot } from '../../run/model/types.ts';
import type { AutopilotRecord } from '../model/autopilot-record.ts';
import type { ChecklistView } from '../model/checklist-view.ts';
import type { StepFinding, StepName } from '../model/step.ts';
import type { StartRefusal, Validation } from './result-control.ts';
import type { StepRefusal } from './step-control.ts';
import type { TableJob, TableRefusal } from './table-control.ts';

/** Why the autopilot waits for a person. It continues when the reason is gone, or when someone retries. */
export type WaitReason =
  | { readonly kind: 'step-failed'; readonly step: StepName; readonly found?: StepFinding }
  /** `by`: who denied it or withdrew it. */
  | { readonly kind: 'flush-not-approved'; readonly state: ApprovalState['kind']; readonly by?: string }
  | {
      readonly kind: 'run-halted';
      readonly runId: string;
      readonly state: 'paused' | 'stopped' | 'tripped' | 'interrupted';
    };

/** Why the autopilot does not continue: it waits for a person, or what it requested was refused. */
export type AutopilotBlocker =
  | { readonly kind: 'waiting'; readonly reason: WaitReason }
  | { readonly kind: 'table-refused'; readonly step: StepName; readonly refusal: TableRefusal }
  | { readonly kind: 'step-refused'; readonly step: StepName; readonly refusal: StepRefusal }
  | { readonly kind: 'start-refused'; readonly step: 'rescan'; readonly refusal: StartRefusal };

export type AutopilotEvent =
  | { readonly kind: 'started'; readonly record: AutopilotRecord }
  /** It begins the next step, or a step ended. */
  | { readonly kind: 'changed'; readonly record: AutopilotRecord; readonly view: ChecklistView }
  /** It requested approval of a flush: show the request with its buttons and store its message. */
  | { readonly kind: 'approval-asked'; readonly record: AutopilotRecord; readonly approval: Approval }
  /** It is about to start a run: show the plan and store the location of its message. */
  | { readonly kind: 'run-planned'; readonly record: AutopilotRecord; readonly plan: RunPlan }
  | {
      readonly kind: 'needs-person';
      readonly record: AutopilotRecord;
      readonly view: ChecklistView;
      readonly blocker: AutopilotBlocker;
    }
  /** It validated the table against manifest, outcomes and backup. */
  | { readonly kind: 'validated'; readonly record: AutopilotRecord; readonly validation: Validation }
  | { readonly kind: 'stopped'; readonly record: AutopilotRecord; readonly view: ChecklistView }
  | {
      readonly kind: 'finished';
      readonly record: AutopilotRecord;
      readonly view: ChecklistView;
      readonly run?: RunSnapshot;
    };

export type AutopilotRefusal =
  | { readonly reason: 'active'; readonly record: AutopilotRecord }
  | { readonly reason: 'not-active' }
  /** The plan was started, cancelled or replaced. */
  | { readonly reason: 'plan-gone' }
  /** The scope of the checklist changed after the plan was made. */
  | { readonly reason: 'scope-changed' }
  | { readonly reason: 'stop-file'; readonly path: string }
  | { readonly reason: 'start'; readonly refusal: StartRefusal }
  | { readonly reason: 'fault'; readonly fault: Fault };

/** What a stop of the autopilot stopped or withdrew. */
export interface AutopilotStopped {
  readonly record: AutopilotRecord;
  /** Whether its request for approval was withdrawn. */
  readonly withdrew: boolean;
  readonly job?: TableJob;
  readonly run?: RunSnapshot;
  /** Why a part of the stop failed. It is repeated for as long as a process of the bot runs. */
  readonly faults: readonly Fault[];
}

/** Does the whole checklist in order, and asks a person where one has to decide. */
export interface AutopilotControl {
  /** Returns what to expect. Nothing begins. */
  plan(by: Person, location: { channel: string }): Promise<Result<AutopilotRecord, AutopilotRefusal>>;
  cancel(id: string, by: Person): Promise<Result<AutopilotRecord, AutopilotRefusal>>;
  /** Starts what was planned, once. */
  start(id: string, by: Person): Promise<Result<AutopilotRecord, AutopilotRefusal>>;
  /** Lets it try again what failed or was refused. */
  retry(by: Person): Promise<Result<AutopilotRecord, AutopilotRefusal>>;
  /**
   * Begins nothing more, withdraws its request for approval, and stops the run, flush or restore that is running. `now`: images in
   * flight are not waited for where the autopilot cannot be read.
   */
  stop(by: Person, options?: { now: boolean }): Promise<Result<AutopilotStopped, AutopilotRefusal>>;
  current(): Promise<AutopilotRecord | undefined>;
  setLocation(id: string, location: { channel: string; ts: string }): Promise<void>;
  watch(listener: (event: AutopilotEvent) => void | Promise<void>): () => void;
}
