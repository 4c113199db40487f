import type { ApprovalState } from '../../approvals/approval.ts';
import type { ChecklistView, StepView } from '../model/checklist-view.ts';
import type { StepFinding, StepName } from '../model/step.ts';

/** The steps that the autopilot does by itself. */
export type OwnStep = 'backup' | 'quotas' | 'deploy' | 'test-logging' | 'sample' | 'validate';

/** Why the autopilot waits for somebody. It goes on by itself when that is mended, or when somebody says so. */
export type WaitReason =
  | { readonly kind: 'step-failed'; readonly step: StepName; readonly found?: StepFinding }
  | { readonly kind: 'flush-not-approved'; readonly state: ApprovalState['kind'] }
  | {
      readonly kind: 'run-rests';
      readonly runId: string;
      readonly state: 'paused' | 'stopped' | 'tripped' | 'interrupted';
    };

export type Move =
  | { readonly kind: 'do'; readonly step: OwnStep }
  | { readonly kind: 'ask-flush' }
  | { readonly kind: 'start-run' }
  | { readonly kind: 'wait'; readonly for: 'step' | 'approval' | 'run' }
  | { readonly kind: 'needs-person'; readonly reason: WaitReason }
  | { readonly kind: 'finished' };

export interface AutopilotFacts {
  readonly view: ChecklistView;
  /** How often the autopilot did a step since somebody last told it to go on. */
  readonly attempts: Readonly<Partial<Record<OwnStep, number>>>;
  /** The state of the approval that the autopilot asked for. */
  readonly approval?: ApprovalState['kind'];
}

/** A backup may grow stale while people take their time; it is made again this often. */
const MOST_BACKUPS = 3;
/** A validation that broke off is done once more; one that cannot be done does not keep the autopilot from its end. */
const MOST_VALIDATIONS = 2;

/**
 * What comes next, in the order of the checklist. Failure logging is tried before anything is deployed: a function that
 * logs is left as it is. What failed is not tried again before somebody says so.
 */
export function nextMove(facts: AutopilotFacts): Move {
  const { view, attempts } = facts;
  const of = (name: StepName): StepView =>
    view.steps.find(({ step }) => step === name) ?? { step: name, state: 'to-do' };
  const tried = (step: OwnStep) => attempts[step] ?? 0;
  const closing = (): Move => {
    const { state } = of('validate');
    if (state === 'running') return { kind: 'wait', for: 'step' };
    return state === 'to-do' && tried('validate') < MOST_VALIDATIONS
      ? { kind: 'do', step: 'validate' }
      : { kind: 'finished' };
  };
  if (view.outcome?.kind === 'completed') return closing();
  const isPast = (step: StepView) =>
    step.state === 'done' || step.state === 'skipped' || step.overriddenBy !== undefined;

  // Once the flush was asked for, what comes before it is past: a table that is being emptied differs from its backup.
  const flush = of('flush');
  if (flush.state === 'running') return { kind: 'wait', for: facts.approval === 'pending' ? 'approval' : 'step' };
  if (isPast(flush)) return runMove(view, of('rescan'), closing);

  for (const step of ['backup', 'quotas'] as const) {
    const seen = of(step);
    if (isPast(seen)) continue;
    return own(seen, step, tried(step) < (step === 'backup' && seen.state === 'stale' ? MOST_BACKUPS : 1));
  }

  const logging = of('test-logging');
  if (!isPast(logging)) {
    const deploy = of('deploy');
    if (deploy.state === 'running') return { kind: 'wait', for: 'step' };
    const isDeployed = tried('deploy') > 0;
    if (isDeployed && tried('test-logging') === 0 && deploy.state === 'failed') return own(deploy, 'deploy', false);
    if (!isDeployed && tried('test-logging') > 0 && logging.state === 'failed' && deployMends(logging.found))
      return { kind: 'do', step: 'deploy' };
    return own(logging, 'test-logging', tried('test-logging') === 0);
  }

  const sample = of('sample');
  if (!isPast(sample)) return own(sample, 'sample', tried('sample') === 0);

  if (facts.approval !== undefined && facts.approval !== 'used')
    return { kind: 'needs-person', reason: { kind: 'flush-not-approved', state: facts.approval } };
  return flush.state === 'failed' ? failed(flush) : { kind: 'ask-flush' };
}

function runMove(view: ChecklistView, rescan: StepView, closing: () => Move): Move {
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
          return { kind: 'needs-person', reason: { kind: 'run-rests', runId: run.runId, state: run.state.kind } };
        default:
          return failed(rescan);
      }
    }
    case 'to-do':
    case 'stale':
      return { kind: 'start-run' };
  }
}

function own(seen: StepView, step: OwnStep, may: boolean): Move {
  if (seen.state === 'running') return { kind: 'wait', for: 'step' };
  // What only broke off with its process is done again.
  if (may || seen.found?.kind === 'interrupted') return { kind: 'do', step };
  return failed(seen);
}

const failed = ({ step, found }: StepView): Move => ({
  kind: 'needs-person',
  reason: { kind: 'step-failed', step, ...(found ? { found } : {}) },
});

/** Whether a deploy of our module mends what the test of the logging found. */
const deployMends = (found: StepFinding | undefined): boolean =>
  found?.kind === 'logging' && (found.result === 'nothing-logged' || found.result === 'missing-key');
