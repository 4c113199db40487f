import { defined } from '../../lib/defined.ts';
import type { Fault } from '../../pipeline/invoke/invocation.ts';
import type { RunSnapshot } from '../../run/model/types.ts';
import type { Scope } from '../../run/scope/scope.ts';
import type { ChecklistOutcome } from './checklist-record.ts';
import {
  checkBackup,
  checkLogging,
  checkSample,
  isCovered,
  isUndone,
  type PreconditionFacts,
  type PreconditionRules,
  type UnmetPrecondition,
} from './preconditions.ts';
import { type ClosedStep, STEPS, type StepFinding, type StepName, type StepRecord } from './step.ts';

/** A step as it is now. `by` and `at`: who did it last, and when (epoch ms). */
export interface StepView extends Readonly<ClosedStep> {
  /** Why it is stale. */
  readonly stale?: UnmetPrecondition;
  /** It waits for an approval that expires at this time, epoch ms. */
  readonly approvalUntil?: number;
}

/** The checklist of one rescan, from its first step to its end. */
export interface ChecklistView {
  /** Undefined before the first step. */
  readonly id?: string;
  readonly openedBy?: string;
  readonly openedAt?: number;
  /** What its flush and its run cover; everything when absent. */
  readonly scope?: Scope;
  readonly steps: readonly StepView[];
  /** The next step; undefined when one is running or all are done. */
  readonly next?: StepName;
  readonly run?: RunSnapshot;
  /** How it was closed; undefined while it is open. */
  readonly outcome?: ChecklistOutcome;
  readonly closedAt?: number;
  /** The faults of facts that could not be read. The steps that need them are shown as not done. */
  readonly unread: readonly Fault[];
}

export interface ViewFacts extends PreconditionFacts {
  readonly stepRecords: readonly StepRecord[];
  /** Someone decided that the table keeps its records. */
  readonly keptBy?: { readonly by: string; readonly at: number };
  /** The last run of this checklist. */
  readonly run?: RunSnapshot;
  /** Whether that run is over all images. */
  readonly runIsWhole?: boolean;
}

/** Every step as it is now, by its record and whether that still holds. */
export function viewSteps(facts: ViewFacts, rules: PreconditionRules): StepView[] {
  return STEPS.map((step) => withOverride(viewStep(step, facts, rules), facts, rules));
}

/** The first step that is neither done, skipped nor overridden; undefined while a step is running. */
export function nextStep(steps: readonly StepView[]): StepName | undefined {
  if (steps.some(({ state }) => state === 'running')) return;
  return steps.find(({ state, overriddenBy }) => state !== 'done' && state !== 'skipped' && !overriddenBy)?.step;
}

function withOverride(view: StepView, facts: ViewFacts, rules: PreconditionRules): StepView {
  if (view.state === 'done' || view.state === 'skipped') return view;
  const unmet = unmetNow(view, facts, rules);
  const override = facts.overrides.find(
    (candidate) => candidate.step === view.step && unmet.every((item) => isCovered(candidate, item, facts.codeSha256)),
  );
  return override ? { ...view, overriddenBy: { by: override.by, reason: override.reason } } : view;
}

/** What an override of the step has to cover, by stored facts: for the quotas, by their last reading. */
function unmetNow({ step, found }: StepView, facts: ViewFacts, rules: PreconditionRules): UnmetPrecondition[] {
  switch (step) {
    case 'quotas':
      return found?.kind === 'quotas' && found.blocking.length > 0
        ? [{ reason: 'quotas-blocking', fix: 'quotas', blocking: found.blocking }]
        : [{ reason: 'quotas-unknown', fix: 'quotas' }];
    case 'test-logging':
      return loggingOn(facts);
    case 'sample':
      return facts.codeSha256 === undefined ? [] : checkSample(facts, facts.codeSha256, rules);
    default:
      return [{ reason: 'no-backup', fix: 'backup' }];
  }
}

/** A running step renews its record. When it was not renewed for this long, its process has died, ms. */
export const SILENT_AFTER_MS = 45_000;

function viewStep(step: StepName, facts: ViewFacts, rules: PreconditionRules): StepView {
  const stored = facts.stepRecords.find((candidate) => candidate.step === step);
  const isSilent = stored?.state === 'running' && facts.now - stored.at > SILENT_AFTER_MS;
  const record: StepRecord | undefined = isSilent
    ? { ...stored, state: 'failed', found: { kind: 'interrupted' } }
    : stored;
  const recorded: StepView = record
    ? defined({ step, state: record.state, by: record.by, at: record.at, found: record.found })
    : { step, state: 'to-do' };
  switch (step) {
    case 'backup':
      return viewBackup(recorded, facts, rules);
    case 'quotas':
    case 'validate':
      return recorded;
    case 'deploy':
      return viewDeploy(recorded, facts);
    case 'test-logging':
      return viewProof(recorded, facts.logging, loggingOn(facts));
    case 'sample':
      if (rules.sampleImages === 0) return { ...recorded, state: 'skipped' };
      return viewProof(
        recorded,
        facts.sample,
        facts.codeSha256 === undefined ? [] : checkSample(facts, facts.codeSha256, rules),
      );
    case 'flush':
      return viewFlush(recorded, facts);
    case 'rescan':
      return viewRescan(recorded, facts, rules);
  }
}

const loggingOn = (facts: ViewFacts) => (facts.codeSha256 === undefined ? [] : checkLogging(facts, facts.codeSha256));

/**
 * Whether the flush that the backup was made for has begun. From then on the table differs from the backup as intended.
 */
export const isBackupUsed = ({ flush, job, reset }: Pick<ViewFacts, 'flush' | 'job' | 'reset'>): boolean =>
  job?.kind === 'flush' || flush?.state === 'running' || (flush?.state === 'done' && !isUndone(flush, reset));

function viewBackup(recorded: StepView, facts: ViewFacts, rules: PreconditionRules): StepView {
  const { backup } = facts;
  if (recorded.state === 'running' || !backup) return recorded;
  const { id: backupId, records, sampled } = backup;
  const found: StepFinding = { kind: 'backup', backupId, records, ...defined({ sampled }) };
  const by = recorded.found?.kind === 'backup' && recorded.found.backupId === backup.id ? recorded.by : undefined;
  const done = defined({ step: 'backup', at: backup.startedAt, found, by } as const);
  if (isBackupUsed(facts)) return { ...done, state: 'done' };
  const [stale] = checkBackup(facts, rules);
  if (!stale) return { ...done, state: 'done' };
  return recorded.state === 'failed' && (recorded.at ?? 0) > backup.startedAt
    ? recorded
    : { ...done, state: 'stale', stale };
}

function viewDeploy(recorded: StepView, facts: ViewFacts): StepView {
  if (recorded.state === 'running' || recorded.state === 'failed') return recorded;
  const isOurs = recorded.found?.kind === 'deploy' && recorded.found.codeSha256 === facts.codeSha256;
  if (recorded.state === 'done' && isOurs) return recorded;
  if (facts.logging && facts.codeSha256 !== undefined && loggingOn(facts).length === 0)
    return { step: 'deploy', state: 'skipped', because: 'logging-proven' };
  return recorded.state === 'done' ? { ...recorded, state: 'stale' } : recorded;
}

function viewProof(
  recorded: StepView,
  proof: { readonly at: number; readonly by: string } | undefined,
  unmet: readonly UnmetPrecondition[],
): StepView {
  if (recorded.state === 'running') return recorded;
  // A failure after the proof invalidates it.
  if (!proof || (recorded.state === 'failed' && (recorded.at ?? 0) >= proof.at)) return recorded;
  const [stale] = unmet;
  const known = defined({ step: recorded.step, by: proof.by, at: proof.at, found: recorded.found });
  return stale ? { ...known, state: 'stale', stale } : { ...known, state: 'done' };
}

function viewFlush(recorded: StepView, { job, keptBy, flushRequest, reset }: ViewFacts): StepView {
  if (job?.kind === 'flush') return { step: 'flush', state: 'running', by: job.by, at: job.startedAt };
  const isBack = recorded.at !== undefined && isUndone({ at: recorded.at }, reset);
  if (recorded.state === 'done' && !isBack) return recorded;
  if (keptBy) return { step: 'flush', state: 'skipped', because: 'keep', by: keptBy.by, at: keptBy.at };
  if (flushRequest) {
    const { by, at, until, isPending } = flushRequest;
    return { step: 'flush', state: 'running', by, at, ...defined({ approvalUntil: isPending ? until : undefined }) };
  }
  if (recorded.state === 'done')
    return { ...recorded, state: 'stale', stale: { reason: 'restored-since', fix: 'flush' } };
  return recorded.state === 'running' ? { step: 'flush', state: 'to-do' } : recorded;
}

/** What a run that is complete says about its step: it failed where images have no rows. */
export const rescanResult = ({ totals }: Pick<RunSnapshot, 'totals'>): 'done' | 'failed' =>
  totals.noRows > 0 ? 'failed' : 'done';

export const rescanFinding = ({ runId, totals }: RunSnapshot): Extract<StepFinding, { kind: 'rescan' }> =>
  defined({ kind: 'rescan' as const, runId, noRows: totals.noRows === 0 ? undefined : totals.noRows });

/** The steps that failed and that nobody skipped. */
export const failedSteps = (steps: readonly ClosedStep[]): StepName[] =>
  steps.filter(({ state, overriddenBy }) => state === 'failed' && !overriddenBy).map(({ step }) => step);

function viewRescan(
  recorded: StepView,
  { run, runIsWhole = true }: ViewFacts,
  { autoResume }: PreconditionRules,
): StepView {
  if (!run || run.state.kind === 'planned' || run.state.kind === 'abandoned') return recorded;
  const state = run.state.kind;
  const known = {
    step: 'rescan' as const,
    by: run.startedBy,
    at: run.endedAt ?? run.startedAt ?? 0,
    found: rescanFinding(run),
  };
  switch (state) {
    case 'running':
      return { ...known, state: 'running' };
    case 'interrupted':
      if (autoResume) return { ...known, state: 'running' };
      return runIsWhole ? { ...known, state: 'failed' } : recorded;
    case 'completed':
      return runIsWhole ? { ...known, state: rescanResult(run) } : recorded;
    case 'paused':
    case 'stopped':
    case 'tripped':
      // A run over a part of the images does not fail the step.
      return runIsWhole ? { ...known, state: 'failed' } : recorded;
  }
}
