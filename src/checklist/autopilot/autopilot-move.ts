import type { ApprovalState } from '../../approvals/approval.ts';
import { defined } from '../../lib/defined.ts';
import type { WaitReason } from '../contracts/autopilot-control.ts';
import type { ChecklistView, StepView } from '../model/checklist-view.ts';
import type { StepFinding, StepName } from '../model/step.ts';

/** The steps that the autopilot does without a person. */
export type OwnStep = 'backup' | 'quotas' | 'deploy' | 'test-logging' | 'sample' | 'validate';

export type Move =
  | { readonly kind: 'do'; readonly step: OwnStep }
  | { readonly kind: 'ask-flush' }
  | { readonly kind: 'start-run' }
  | { readonly kind: 'wait'; readonly for: 'step' | 'approval' | 'run' }
  | { readonly kind: 'needs-person'; readonly reason: WaitReason }
  | { readonly kind: 'finished' };

export interface AutopilotFacts {
  readonly view: ChecklistView;
  /** How often the autopilot did each step since someone last retried. */
  readonly attempts: Readonly<Partial<Record<OwnStep, number>>>;
  /** When the last of these attempts was counted, which is before its step began. */
  readonly attemptedAt?: Readonly<Partial<Record<OwnStep, number>>>;
  /** The state of the approval that the autopilot requested. */
  readonly approval?: ApprovalState['kind'];
  /** Who decided it. */
  readonly approvalBy?: string;
}

/** A backup can become stale while people decide; it is repeated this often at most. */
const MAX_BACKUPS = 3;
/** From then on an attempt counts whether or not its step began, so that nothing is repeated without end. */
const MAX_LOST_ATTEMPTS = 5;
/** An interrupted validation is repeated once. A validation that cannot be done does not prevent the end. */
const MAX_VALIDATIONS = 2;

/**
 * The next move, in the order of the checklist. Failure logging is tested before anything is deployed, so a function
 * that logs its failures is not changed. A step that failed is not repeated until someone retries.
 */
export function nextMove(facts: AutopilotFacts): Move {
  const { view, attempts } = facts;
  const stepOf = (name: StepName): StepView =>
    view.steps.find(({ step }) => step === name) ?? { step: name, state: 'to-do' };
  const timesTried = (step: OwnStep): number => {
    const times = attempts[step] ?? 0;
    // The process died before the step began: what the checklist knows of it is older, so the attempt does not count. Nor do those
    // before it, because a step that began is not attempted again.
    const hasBegun = (stepOf(step).at ?? 0) >= (facts.attemptedAt?.[step] ?? 0);
    return hasBegun || times > MAX_LOST_ATTEMPTS ? times : 0;
  };
  const closing = (): Move => {
    const { state } = stepOf('validate');
    if (state === 'running') return { kind: 'wait', for: 'step' };
    // A validation that cannot begin counts, too.
    return state === 'to-do' && (attempts.validate ?? 0) < MAX_VALIDATIONS
      ? { kind: 'do', step: 'validate' }
      : { kind: 'finished' };
  };
  if (view.outcome?.kind === 'completed') return closing();
  const isPast = (step: StepView) =>
    step.state === 'done' || step.state === 'skipped' || step.overriddenBy !== undefined;

  // After the request for a flush the earlier steps no longer matter: a table that is being emptied differs from its
  // backup.
  const flush = stepOf('flush');
  if (flush.state === 'running') return { kind: 'wait', for: facts.approval === 'pending' ? 'approval' : 'step' };
  if (isPast(flush)) return moveOfRun(view, stepOf('rescan'), closing);

  for (const name of ['backup', 'quotas'] as const) {
    const step = stepOf(name);
    if (isPast(step)) continue;
    return doOrReport(step, name, timesTried(name) < (name === 'backup' && step.state === 'stale' ? MAX_BACKUPS : 1));
  }

  const logging = stepOf('test-logging');
  if (!isPast(logging)) {
    const deploy = stepOf('deploy');
    if (deploy.state === 'running') return { kind: 'wait', for: 'step' };
    const isDeployed = timesTried('deploy') > 0;
    if (isDeployed && timesTried('test-logging') === 0 && deploy.state === 'failed')
      return doOrReport(deploy, 'deploy', false);
    if (!isDeployed && timesTried('test-logging') > 0 && logging.state === 'failed' && isFixedByDeploy(logging.found))
      return { kind: 'do', step: 'deploy' };
    return doOrReport(logging, 'test-logging', timesTried('test-logging') === 0);
  }

  const sample = stepOf('sample');
  if (!isPast(sample)) return doOrReport(sample, 'sample', timesTried('sample') === 0);

  if (facts.approval !== undefined && facts.approval !== 'used')
    return {
      kind: 'needs-person',
      reason: defined({ kind: 'flush-not-approved' as const, state: facts.approval, by: facts.approvalBy }),
    };
  return flush.state === 'failed' ? reportFailure(flush) : { kind: 'ask-flush' };
}

function moveOfRun(view: ChecklistView, rescan: StepView, closing: () => Move): Move {
  switch (rescan.state) {
    case 'done':
    case 'skipped':
      return closing();
    case 'running':
      return { kind: 'wait', for: 'run' };
    case 'failed': {
      const run = view.run;
      switch (run?.state.kind) {
        case 'paused':
        case 'stopped':
        case 'tripped':
        case 'interrupted':
          return { kind: 'needs-person', reason: { kind: 'run-halted', runId: run.runId, state: run.state.kind } };
        default:
          return reportFailure(rescan);
      }
    }
    case 'to-do':
    case 'stale':
      return { kind: 'start-run' };
  }
}

function doOrReport(view: StepView, step: OwnStep, mayDo: boolean): Move {
  if (view.state === 'running') return { kind: 'wait', for: 'step' };
  // A step that was only interrupted is repeated.
  if (mayDo || view.found?.kind === 'interrupted') return { kind: 'do', step };
  return reportFailure(view);
}

const reportFailure = ({ step, found }: StepView): Move => ({
  kind: 'needs-person',
  reason: defined({ kind: 'step-failed', step, found } as const),
});

/** Whether deploying our module fixes what the logging test found. */
const isFixedByDeploy = (found: StepFinding | undefined): boolean =>
  found?.kind === 'logging' && (found.result === 'nothing-logged' || found.result === 'missing-key');
