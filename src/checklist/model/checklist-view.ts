import type { Fault } from '../../pipeline/invoke/invocation.ts';
import type { RunSnapshot } from '../../run/model/types.ts';
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

/** A step as it stands. `by` and `at`: who did it last, and when. */
export interface StepView extends Readonly<ClosedStep> {
  /** Why it is stale. */
  readonly stale?: UnmetPrecondition;
  /** It waits for an approval that expires at this time, epoch ms. */
  readonly approvalUntil?: number;
}

/** One rescan, from its first step to its end. */
export interface ChecklistView {
  /** Undefined before the first step of a rescan. */
  readonly id?: string;
  readonly openedBy?: string;
  readonly openedAt?: number;
  readonly steps: readonly StepView[];
  /** The step whose turn it is; undefined where one is running or all are done. */
  readonly next?: StepName;
  readonly run?: RunSnapshot;
  /** How it ended; undefined while it is open. */
  readonly outcome?: ChecklistOutcome;
  readonly closedAt?: number;
  /** What could not be read, so that steps are shown as not done. */
  readonly unread: readonly Fault[];
}

export interface ViewFacts extends PreconditionFacts {
  readonly stepRecords: readonly StepRecord[];
  /** Somebody said that this rescan keeps what the table holds. */
  readonly keptBy?: { readonly by: string; readonly at: number };
  /** The last run of this rescan. */
  readonly run?: RunSnapshot;
  /** Whether it was over all images. */
  readonly runIsWhole?: boolean;
}

/** Every step as it stands now: what is on record, and whether it still holds. */
export function viewSteps(facts: ViewFacts, rules: PreconditionRules): StepView[] {
  return STEPS.map((step) => withOverride(viewStep(step, facts, rules), facts, rules));
}

/** The first step that is neither done nor passed over, unless one is under way. */
export function nextStep(steps: readonly StepView[]): StepName | undefined {
  if (steps.some(({ state }) => state === 'running')) return;
  return steps.find(({ state, overriddenBy }) => state !== 'done' && state !== 'skipped' && !overriddenBy)?.step;
}

function withOverride(view: StepView, facts: ViewFacts, rules: PreconditionRules): StepView {
  if (view.state === 'done' || view.state === 'skipped') return view;
  const missing = unmetNow(view, facts, rules);
  const override = facts.overrides.find(
    (candidate) =>
      candidate.step === view.step && missing.every((item) => isCovered(candidate, item, facts.codeSha256)),
  );
  return override ? { ...view, overriddenBy: { by: override.by, reason: override.reason } } : view;
}

/** What an override of the step has to cover, as far as it can be seen here: the quotas as they were read last. */
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

/** Who works on a step renews its record; one that is silent this long has no process any more, ms. */
export const SILENT_AFTER_MS = 45_000;

function viewStep(step: StepName, facts: ViewFacts, rules: PreconditionRules): StepView {
  const stored = facts.stepRecords.find((candidate) => candidate.step === step);
  const isSilent = stored?.state === 'running' && facts.now - stored.at > SILENT_AFTER_MS;
  const record: StepRecord | undefined = isSilent
    ? { ...stored, state: 'failed', found: { kind: 'interrupted' } }
    : stored;
  const seen: StepView = record
    ? {
        step,
        state: record.state,
        by: record.by,
        at: record.at,
        ...(record.found ? { found: record.found } : {}),
      }
    : { step, state: 'to-do' };
  switch (step) {
    case 'backup':
      return viewBackup(seen, facts, rules);
    case 'quotas':
    case 'validate':
      return seen;
    case 'deploy':
      return viewDeploy(seen, facts);
    case 'test-logging':
      return viewProof(seen, facts.logging, loggingOn(facts));
    case 'sample':
      if (rules.sampleImages === 0) return { ...seen, state: 'skipped' };
      return viewProof(
        seen,
        facts.sample,
        facts.codeSha256 === undefined ? [] : checkSample(facts, facts.codeSha256, rules),
      );
    case 'flush':
      return viewFlush(seen, facts);
    case 'rescan':
      return viewRescan(seen, facts, rules);
  }
}

const loggingOn = (facts: ViewFacts) => (facts.codeSha256 === undefined ? [] : checkLogging(facts, facts.codeSha256));

/** Whether the flush that the backup was made for has begun: since then the table is meant to differ from it. */
export const isBackupUsed = ({ flush, job, reset }: Pick<ViewFacts, 'flush' | 'job' | 'reset'>): boolean =>
  job?.kind === 'flush' || flush?.state === 'running' || (flush?.state === 'done' && !isUndone(flush, reset));

function viewBackup(seen: StepView, facts: ViewFacts, rules: PreconditionRules): StepView {
  const { backup } = facts;
  if (seen.state === 'running' || !backup) return seen;
  const found: StepFinding = { kind: 'backup', backupId: backup.id, records: backup.records };
  const by = seen.found?.kind === 'backup' && seen.found.backupId === backup.id ? seen.by : undefined;
  const done = { step: 'backup', at: backup.startedAt, found, ...(by === undefined ? {} : { by }) } as const;
  if (isBackupUsed(facts)) return { ...done, state: 'done' };
  const [stale] = checkBackup(facts, rules);
  if (!stale) return { ...done, state: 'done' };
  return seen.state === 'failed' && (seen.at ?? 0) > backup.startedAt ? seen : { ...done, state: 'stale', stale };
}

function viewDeploy(seen: StepView, facts: ViewFacts): StepView {
  if (seen.state === 'running' || seen.state === 'failed') return seen;
  const isOurs = seen.found?.kind === 'deploy' && seen.found.codeSha256 === facts.codeSha256;
  if (seen.state === 'done' && isOurs) return seen;
  if (facts.logging && facts.codeSha256 !== undefined && loggingOn(facts).length === 0)
    return { step: 'deploy', state: 'skipped', because: 'logging-proven' };
  return seen.state === 'done' ? { ...seen, state: 'stale' } : seen;
}

function viewProof(
  seen: StepView,
  proof: { readonly at: number; readonly by: string } | undefined,
  missing: readonly UnmetPrecondition[],
): StepView {
  if (seen.state === 'running') return seen;
  // A failure after the proof counts: what worked then does not work now.
  if (!proof || (seen.state === 'failed' && (seen.at ?? 0) >= proof.at)) return seen;
  const [stale] = missing;
  const known = { step: seen.step, by: proof.by, at: proof.at, ...(seen.found ? { found: seen.found } : {}) };
  return stale ? { ...known, state: 'stale', stale } : { ...known, state: 'done' };
}

function viewFlush(seen: StepView, { job, keptBy, flushAsked, reset }: ViewFacts): StepView {
  if (job?.kind === 'flush') return { step: 'flush', state: 'running', by: job.by, at: job.startedAt };
  const isBack = seen.at !== undefined && isUndone({ at: seen.at }, reset);
  if (seen.state === 'done' && !isBack) return seen;
  if (keptBy) return { step: 'flush', state: 'skipped', because: 'keep', by: keptBy.by, at: keptBy.at };
  if (flushAsked) {
    const { by, at, until, isPending } = flushAsked;
    return { step: 'flush', state: 'running', by, at, ...(isPending ? { approvalUntil: until } : {}) };
  }
  if (seen.state === 'done') return { ...seen, state: 'stale', stale: { reason: 'restored-since', fix: 'flush' } };
  return seen.state === 'running' ? { step: 'flush', state: 'to-do' } : seen;
}

function viewRescan(
  seen: StepView,
  { run, runIsWhole = true }: ViewFacts,
  { autoResume }: PreconditionRules,
): StepView {
  if (!run || run.state.kind === 'planned' || run.state.kind === 'abandoned') return seen;
  const state = run.state.kind;
  const known = {
    step: 'rescan' as const,
    by: run.startedBy,
    at: run.endedAt ?? run.startedAt ?? 0,
    found: { kind: 'rescan' as const, runId: run.runId },
  };
  switch (state) {
    case 'running':
      return { ...known, state: 'running' };
    case 'interrupted':
      if (autoResume) return { ...known, state: 'running' };
      return runIsWhole ? { ...known, state: 'failed' } : seen;
    case 'completed':
      return runIsWhole ? { ...known, state: 'done' } : seen;
    case 'paused':
    case 'stopped':
    case 'tripped':
      // What some of the images came to is not what all of them did.
      return runIsWhole ? { ...known, state: 'failed' } : seen;
  }
}
