import { z } from 'zod';
import type { OverridableStep, Override, StepRecord } from './step.ts';

/** A proof that something worked on one code of the function. `at`: epoch ms. */
export const proofSchema = z.object({ codeSha256: z.string(), at: z.number(), by: z.string() });
type Proof = Readonly<z.infer<typeof proofSchema>>;

/**
 * The facts behind the preconditions, read just now. A fact that could not be read is undefined and meets no
 * precondition.
 */
export interface PreconditionFacts {
  readonly now: number;
  readonly codeSha256?: string;
  /** The last verified backup or checked export of this table. */
  readonly backup?: {
    readonly id: string;
    readonly startedAt: number;
    readonly records: number;
    /** Of an export that was not read in full: so many of its records were compared with the table. */
    readonly sampled?: number;
    /** When a flush of the whole table finished with it, unless it was restored since. */
    readonly usedAt?: number;
  };
  /** The number of records in the table now, unless it is too large to count. */
  readonly records?: number | 'not-counted';
  /** The quotas that block a rescan now. */
  readonly quotas?: { readonly blocking: readonly string[] };
  readonly logging?: Proof;
  /** `isAll`: the bucket contained no other images. */
  readonly sample?: Proof & { readonly images: number; readonly failed: number; readonly isAll?: boolean };
  readonly flush?: StepRecord;
  /** A flush or restore that is running now. `startedAt`: epoch ms. */
  readonly job?: { readonly kind: 'flush' | 'restore'; readonly by: string; readonly startedAt: number };
  /** A flush that was requested and has not begun. */
  readonly flushRequest?: FlushRequest;
  /** This start keeps the records of the table. */
  readonly keep?: boolean;
  /** The run that is driven now, or that will resume without a person. */
  readonly activeRun?: string;
  /** The last run that was started. `startedAt`: epoch ms. */
  readonly lastRun?: { readonly runId: string; readonly startedAt: number };
  /** The last flush or restore of the whole table that began. Earlier records may be gone. */
  readonly reset?: TableReset;
  readonly overrides: readonly Override[];
}

/** A request for a flush. `at`, `until`: epoch ms, when it was made and when it expires. */
export interface FlushRequest {
  readonly by: string;
  readonly at: number;
  readonly until: number;
  /** Nobody has decided it yet. */
  readonly isPending: boolean;
}

/** A flush or restore that began to change the whole table. `at`: epoch ms. */
export const tableResetSchema = z.object({ kind: z.enum(['flush', 'restore']), at: z.number() });
export type TableReset = Readonly<z.infer<typeof tableResetSchema>>;

export interface PreconditionRules {
  readonly maxBackupAgeMs: number;
  readonly maxDifference: number;
  readonly maxSampleAgeMs: number;
  /** How many images a sample needs; 0: no sample is needed. */
  readonly sampleImages: number;
  /** An interrupted run resumes without a person. */
  readonly autoResume: boolean;
}

/** An unmet precondition, and the command that fixes it. */
export type UnmetPrecondition =
  | { readonly reason: 'no-backup'; readonly fix: 'backup' }
  /** A flush of the whole table finished with this backup at `at`, epoch ms. */
  | { readonly reason: 'backup-used'; readonly fix: 'backup'; readonly backupId: string; readonly at: number }
  | {
      readonly reason: 'backup-old';
      readonly fix: 'backup';
      readonly backupId: string;
      /** Negative for a backup that is dated in the future. */
      readonly ageMs: number;
      readonly mostMs: number;
    }
  | {
      readonly reason: 'table-changed';
      readonly fix: 'backup';
      readonly backupId: string;
      readonly records: number;
      readonly saved: number;
    }
  | { readonly reason: 'table-unread'; readonly fix: 'table' }
  | { readonly reason: 'quotas-blocking'; readonly fix: 'quotas'; readonly blocking: readonly string[] }
  | { readonly reason: 'quotas-unknown'; readonly fix: 'quotas' }
  | { readonly reason: 'logging-unproven'; readonly fix: 'test-logging' }
  | { readonly reason: 'logging-stale'; readonly fix: 'test-logging'; readonly provenAt: number }
  | { readonly reason: 'sample-missing'; readonly fix: 'sample'; readonly images: number }
  | { readonly reason: 'sample-stale'; readonly fix: 'sample'; readonly because: 'old' | 'code' }
  | {
      readonly reason: 'sample-failed';
      readonly fix: 'sample';
      readonly failed: number;
      readonly images: number;
      /** When it was made, epoch ms. It identifies the sample. */
      readonly at: number;
    }
  | { readonly reason: 'not-flushed'; readonly fix: 'flush' }
  /** It runs now. `startedAt`: epoch ms. */
  | { readonly reason: 'flush-running'; readonly fix: 'wait'; readonly startedAt: number }
  /** It waits for its approval. `until`: epoch ms. */
  | { readonly reason: 'flush-unapproved'; readonly fix: 'approval'; readonly until: number }
  | { readonly reason: 'restored-since'; readonly fix: 'flush' }
  | { readonly reason: 'table-reset'; readonly fix: 'start'; readonly runId: string; readonly by: TableReset['kind'] }
  | { readonly reason: 'run-active'; readonly fix: 'stop'; readonly runId: string }
  | { readonly reason: 'function-unknown'; readonly fix: 'status' };

export type PreconditionCheck =
  | { readonly kind: 'pass'; readonly overridden: readonly Override[] }
  | { readonly kind: 'refuse'; readonly unmet: readonly UnmetPrecondition[]; readonly overridden: readonly Override[] };

/** The step that an approver can override to replace a precondition; undefined when nobody can. */
export function overridableStepOf({ reason }: UnmetPrecondition): OverridableStep | undefined {
  switch (reason) {
    case 'quotas-blocking':
    case 'quotas-unknown':
      return 'quotas';
    case 'logging-unproven':
    case 'logging-stale':
      return 'test-logging';
    case 'sample-missing':
    case 'sample-stale':
    case 'sample-failed':
      return 'sample';
    case 'no-backup':
    case 'backup-used':
    case 'backup-old':
    case 'table-changed':
    case 'table-unread':
    case 'not-flushed':
    case 'flush-running':
    case 'flush-unapproved':
    case 'restored-since':
    case 'table-reset':
    case 'run-active':
    case 'function-unknown':
      return;
  }
}

/** The keys by which an override stores what it covers: one key per precondition, and one per blocking limit. */
export function overrideKeysOf(unmet: UnmetPrecondition): string[] {
  switch (unmet.reason) {
    case 'quotas-blocking':
      return unmet.blocking.map((limit) => `${unmet.reason}:${limit}`);
    case 'sample-stale':
      return [`${unmet.reason}:${unmet.because}`];
    case 'sample-failed':
      return [`${unmet.reason}:${unmet.at}`];
    default:
      return [unmet.reason];
  }
}

/** Whether an override covers an unmet precondition: on the same code of the function, and unmet when it was given. */
export const isCovered = (override: Override, unmet: UnmetPrecondition, codeSha256: string | undefined): boolean =>
  codeSha256 !== undefined &&
  override.codeSha256 === codeSha256 &&
  override.step === overridableStepOf(unmet) &&
  overrideKeysOf(unmet).every((key) => override.covers.includes(key));

/** What has preconditions. */
export type GuardedStep = 'flush' | 'start' | 'resume' | 'restore';

/**
 * Whether a step may begin. The order comes from the runbook. A flush needs a recent verified backup, quotas that do
 * not block, failure logging proven on the deployed code, and a recent sample without failures. A start needs a flush
 * of this checklist that no restore undid, or `keep`. A resume needs that nobody flushed or restored the table since
 * the run started. A restore needs that no run is active. Fails closed: a fact that could not be read meets no
 * precondition.
 */
export function checkPreconditions(
  step: GuardedStep,
  facts: PreconditionFacts,
  rules: PreconditionRules,
): PreconditionCheck {
  const unmet = unmetPreconditions(step, facts, rules);
  const overridden: Override[] = [];
  const left = unmet.filter((item) => {
    const override = facts.overrides.find((candidate) => isCovered(candidate, item, facts.codeSha256));
    if (!override) return true;
    overridden.push(override);
    return false;
  });
  return left.length === 0 ? { kind: 'pass', overridden } : { kind: 'refuse', unmet: left, overridden };
}

/** The unmet preconditions that an override of the step would cover; empty when they are met. */
export const unmetPreconditionsOf = (
  step: OverridableStep,
  facts: PreconditionFacts,
  rules: PreconditionRules,
): UnmetPrecondition[] =>
  unmetPreconditions('flush', facts, rules).filter((unmet) => overridableStepOf(unmet) === step);

/** Whether a restore after the flush brought its records back. */
export const isUndone = (flush: Pick<StepRecord, 'at'>, reset: TableReset | undefined): boolean =>
  reset?.kind === 'restore' && reset.at >= flush.at;

function unmetPreconditions(
  step: GuardedStep,
  facts: PreconditionFacts,
  rules: PreconditionRules,
): UnmetPrecondition[] {
  const running: UnmetPrecondition[] =
    facts.activeRun === undefined ? [] : [{ reason: 'run-active', fix: 'stop', runId: facts.activeRun }];
  switch (step) {
    case 'restore':
      return running;
    case 'start':
      if (facts.keep) return [];
      if (facts.flush?.state !== 'done') return [notFlushed(facts)];
      return isUndone(facts.flush, facts.reset) ? [{ reason: 'restored-since', fix: 'flush' }] : [];
    case 'resume': {
      const { lastRun, reset } = facts;
      return lastRun && reset && reset.at > lastRun.startedAt
        ? [{ reason: 'table-reset', fix: 'start', runId: lastRun.runId, by: reset.kind }]
        : [];
    }
    case 'flush':
      return [
        ...running,
        ...checkBackup(facts, rules),
        ...checkQuotas(facts),
        ...(facts.codeSha256 === undefined
          ? [{ reason: 'function-unknown' as const, fix: 'status' as const }]
          : [...checkLogging(facts, facts.codeSha256), ...checkSample(facts, facts.codeSha256, rules)]),
      ];
  }
}

function notFlushed({ job, flushRequest }: PreconditionFacts): UnmetPrecondition {
  if (job?.kind === 'flush') return { reason: 'flush-running', fix: 'wait', startedAt: job.startedAt };
  if (flushRequest?.isPending) return { reason: 'flush-unapproved', fix: 'approval', until: flushRequest.until };
  return { reason: 'not-flushed', fix: 'flush' };
}

/** How much the clocks of two machines may differ, ms. */
const CLOCK_DIFFERENCE_MS = 5 * 60_000;

/** The preconditions of a flush that the backup does not meet. */
export function checkBackup(
  { now, backup, records }: PreconditionFacts,
  rules: PreconditionRules,
): UnmetPrecondition[] {
  if (!backup) return [{ reason: 'no-backup', fix: 'backup' }];
  if (backup.usedAt !== undefined)
    return [{ reason: 'backup-used', fix: 'backup', backupId: backup.id, at: backup.usedAt }];
  const ageMs = now - backup.startedAt;
  // A date in the future means that a clock is wrong, so the age is unknown. The clocks of two machines may differ a little.
  if (ageMs > rules.maxBackupAgeMs || ageMs < -CLOCK_DIFFERENCE_MS)
    return [{ reason: 'backup-old', fix: 'backup', backupId: backup.id, ageMs, mostMs: rules.maxBackupAgeMs }];
  // Only the counts are compared here; the flush itself compares every record.
  if (records === undefined) return [{ reason: 'table-unread', fix: 'table' }];
  if (records !== 'not-counted' && Math.abs(records - backup.records) > rules.maxDifference)
    return [{ reason: 'table-changed', fix: 'backup', backupId: backup.id, records, saved: backup.records }];
  return [];
}

function checkQuotas({ quotas }: PreconditionFacts): UnmetPrecondition[] {
  if (!quotas) return [{ reason: 'quotas-unknown', fix: 'quotas' }];
  return quotas.blocking.length === 0 ? [] : [{ reason: 'quotas-blocking', fix: 'quotas', blocking: quotas.blocking }];
}

/** The preconditions that the proof of the failure logging does not meet on this code. */
export function checkLogging({ logging }: Pick<PreconditionFacts, 'logging'>, codeSha256: string): UnmetPrecondition[] {
  if (!logging) return [{ reason: 'logging-unproven', fix: 'test-logging' }];
  return logging.codeSha256 === codeSha256
    ? []
    : [{ reason: 'logging-stale', fix: 'test-logging', provenAt: logging.at }];
}

/** The preconditions that the sample does not meet on this code now. */
export function checkSample(
  { now, sample }: Pick<PreconditionFacts, 'now' | 'sample'>,
  codeSha256: string,
  rules: PreconditionRules,
): UnmetPrecondition[] {
  if (rules.sampleImages === 0) return [];
  const isShort = !sample?.isAll && (sample?.images ?? 0) < rules.sampleImages;
  if (!sample || sample.images < 1 || isShort)
    return [{ reason: 'sample-missing', fix: 'sample', images: rules.sampleImages }];
  if (sample.codeSha256 !== codeSha256) return [{ reason: 'sample-stale', fix: 'sample', because: 'code' }];
  if (Math.abs(now - sample.at) > rules.maxSampleAgeMs)
    return [{ reason: 'sample-stale', fix: 'sample', because: 'old' }];
  return sample.failed > 0
    ? [{ reason: 'sample-failed', fix: 'sample', failed: sample.failed, images: sample.images, at: sample.at }]
    : [];
}
