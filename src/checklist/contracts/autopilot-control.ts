import type { Approval } from '../../approvals/approval.ts';
import type { Result } from '../../lib/result.ts';
import type { Fault } from '../../pipeline/invoke/invocation.ts';
import type { RunPlan } from '../../run/model/run-control.ts';
import type { Person, RunSnapshot } from '../../run/model/types.ts';
import type { WaitReason } from '../autopilot/autopilot-move.ts';
import type { AutopilotRecord } from '../autopilot/autopilot-store.ts';
import type { ChecklistView } from '../model/checklist-view.ts';
import type { StepName } from '../model/step.ts';
import type { StartRefusal } from '../steps/start-control.ts';
import type { Validation } from './result-control.ts';
import type { StepRefusal } from './step-control.ts';
import type { TableJob, TableRefusal } from './table-control.ts';

/** What keeps the autopilot from going on: a person is needed, or somebody refused what it was about to do. */
export type AutopilotBlocker =
  | { readonly kind: 'waiting'; readonly reason: WaitReason }
  | { readonly kind: 'table-refused'; readonly step: StepName; readonly refusal: TableRefusal }
  | { readonly kind: 'step-refused'; readonly step: StepName; readonly refusal: StepRefusal }
  | { readonly kind: 'start-refused'; readonly step: 'rescan'; readonly refusal: StartRefusal };

export type AutopilotEvent =
  | { readonly kind: 'started'; readonly record: AutopilotRecord }
  /** It goes on with another step, or a step came to something. */
  | { readonly kind: 'changed'; readonly record: AutopilotRecord; readonly view: ChecklistView }
  /** A flush waits for its second person: to be shown with its buttons, and its message noted. */
  | { readonly kind: 'approval-asked'; readonly record: AutopilotRecord; readonly approval: Approval }
  /** A run is about to start: to be shown, and its place noted. */
  | { readonly kind: 'run-planned'; readonly record: AutopilotRecord; readonly plan: RunPlan }
  | {
      readonly kind: 'needs-person';
      readonly record: AutopilotRecord;
      readonly view: ChecklistView;
      readonly blocker: AutopilotBlocker;
    }
  /** The table was held against manifest, outcomes and backup. */
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
  /** The plan was started, cancelled or replaced before. */
  | { readonly reason: 'plan-gone' }
  | { readonly reason: 'stop-file'; readonly path: string }
  | { readonly reason: 'start'; readonly refusal: StartRefusal }
  | { readonly reason: 'fault'; readonly fault: Fault };

/** What a stop of the autopilot ended besides itself. */
export interface AutopilotStopped {
  readonly record: AutopilotRecord;
  readonly withdrew: boolean;
  readonly job?: TableJob;
  readonly run?: RunSnapshot;
  /** What could not be done of it; it is tried again as long as a copy of the bot is up. */
  readonly faults: readonly Fault[];
}

/** The whole checklist done by itself, in order, with a person where one is needed. */
export interface AutopilotControl {
  /** Says what is to be expected; nothing begins. */
  plan(by: Person, location: { channel: string }): Promise<Result<AutopilotRecord, AutopilotRefusal>>;
  cancel(id: string, by: Person): Promise<Result<AutopilotRecord, AutopilotRefusal>>;
  /** Begins what was planned, once. */
  start(id: string, by: Person): Promise<Result<AutopilotRecord, AutopilotRefusal>>;
  /** What failed may be tried again. */
  retry(by: Person): Promise<Result<AutopilotRecord, AutopilotRefusal>>;
  /** Begins nothing more, takes back its request for approval, and stops the run, flush or restore that is under way. */
  stop(by: Person): Promise<Result<AutopilotStopped, AutopilotRefusal>>;
  current(): Promise<AutopilotRecord | undefined>;
  setLocation(id: string, location: { channel: string; ts: string }): Promise<void>;
  watch(listener: (event: AutopilotEvent) => void | Promise<void>): () => void;
}
