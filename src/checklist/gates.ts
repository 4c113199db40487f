import type { OverridableStep, Override, StepRecord } from './step.ts';

/** Proof that something worked on a code of the function. `at`: epoch ms. */
export interface Proof {
  readonly codeSha256: string;
  readonly at: number;
  readonly by: string;
}

/** What the gates look at, gathered just now. What could not be read is undefined, and that never passes a gate. */
export interface GateFacts {
  readonly now: number;
  readonly codeSha256?: string;
  /** The last verified backup of this table. */
  readonly backup?: { readonly id: string; readonly startedAt: number; readonly records: number };
  /** Records in the table now; undefined where it is too large to count for this. */
  readonly records?: number;
  /** What blocks, by the quotas as they are now; empty: nothing does. */
  readonly quotas?: { readonly blocking: readonly string[] };
  readonly logging?: Proof;
  readonly sample?: Proof & { readonly images: number; readonly failed: number };
  readonly flush?: StepRecord;
  /** Somebody said, for this very start, that the table keeps what it holds. */
  readonly keep?: boolean;
  readonly activeRun?: string;
  readonly overrides: readonly Override[];
}

export interface GateRules {
  readonly maxBackupAgeMs: number;
  readonly maxDifference: number;
  readonly maxSampleAgeMs: number;
  /** Images that must have been proven; 0: no sample is asked for. */
  readonly sampleImages: number;
}

/** What a gate misses, and the command that mends it. */
export type Missing =
  | { readonly reason: 'no-backup'; readonly mend: 'backup' }
  | {
      readonly reason: 'backup-old';
      readonly mend: 'backup';
      readonly backupId: string;
      readonly ageMs: number;
      readonly mostMs: number;
    }
  | {
      readonly reason: 'table-changed';
      readonly mend: 'backup';
      readonly backupId: string;
      readonly records: number;
      readonly saved: number;
    }
  | { readonly reason: 'quotas-blocking'; readonly mend: 'quotas'; readonly blocking: readonly string[] }
  | { readonly reason: 'quotas-unknown'; readonly mend: 'quotas' }
  | { readonly reason: 'logging-unproven'; readonly mend: 'test-logging' }
  | { readonly reason: 'logging-stale'; readonly mend: 'test-logging'; readonly provenAt: number }
  | { readonly reason: 'sample-missing'; readonly mend: 'sample'; readonly images: number }
  | { readonly reason: 'sample-stale'; readonly mend: 'sample'; readonly because: 'old' | 'code' }
  | { readonly reason: 'sample-failed'; readonly mend: 'sample'; readonly failed: number; readonly images: number }
  | { readonly reason: 'not-flushed'; readonly mend: 'flush' }
  | { readonly reason: 'run-active'; readonly mend: 'stop'; readonly runId: string }
  | { readonly reason: 'function-unknown'; readonly mend: 'status' };

export type Gate =
  | { readonly kind: 'pass'; readonly overridden: readonly Override[] }
  | { readonly kind: 'refuse'; readonly missing: readonly Missing[] };

/** The step whose gate an approver may override, of a thing that is missing; undefined where nobody may. */
export function overridableOf({ reason }: Missing): OverridableStep | undefined {
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
    case 'backup-old':
    case 'table-changed':
    case 'not-flushed':
    case 'run-active':
    case 'function-unknown':
      return;
  }
}

/** Whether an override holds: the function is the one that the approver knew. */
export const holds = (override: Override, codeSha256: string | undefined): boolean =>
  codeSha256 !== undefined && override.codeSha256 === codeSha256;

/**
 * Whether a step may begin (runbook: its order). A flush needs a fresh verified backup, quotas that do not block, failure
 * logging proven on the code that is deployed, and a sample of images that worked today; a start needs a flush of this
 * rescan, or somebody's word to keep what is there; a restore needs that no run is active. Fails closed: what could not be
 * read is missing.
 */
export function evaluateGate(step: 'flush' | 'start' | 'restore', facts: GateFacts, rules: GateRules): Gate {
  const missing = misses(step, facts, rules);
  const overridden: Override[] = [];
  const left = missing.filter((item) => {
    const able = overridableOf(item);
    const override = facts.overrides.find(({ step: of }) => of === able);
    if (able === undefined || !override || !holds(override, facts.codeSha256)) return true;
    overridden.push(override);
    return false;
  });
  return left.length === 0 ? { kind: 'pass', overridden } : { kind: 'refuse', missing: left };
}

function misses(step: 'flush' | 'start' | 'restore', facts: GateFacts, rules: GateRules): Missing[] {
  const running: Missing[] =
    facts.activeRun === undefined ? [] : [{ reason: 'run-active', mend: 'stop', runId: facts.activeRun }];
  switch (step) {
    case 'restore':
      return running;
    case 'start':
      return facts.keep || facts.flush?.state === 'done' ? [] : [{ reason: 'not-flushed', mend: 'flush' }];
    case 'flush':
      return [
        ...running,
        ...backupMisses(facts, rules),
        ...quotaMisses(facts),
        ...(facts.codeSha256 === undefined
          ? [{ reason: 'function-unknown' as const, mend: 'status' as const }]
          : [...loggingMisses(facts, facts.codeSha256), ...sampleMisses(facts, facts.codeSha256, rules)]),
      ];
  }
}

/** What is wrong with the backup as ground for a flush; empty: nothing. */
export function backupMisses({ now, backup, records }: GateFacts, rules: GateRules): Missing[] {
  if (!backup) return [{ reason: 'no-backup', mend: 'backup' }];
  const ageMs = now - backup.startedAt;
  if (ageMs > rules.maxBackupAgeMs)
    return [{ reason: 'backup-old', mend: 'backup', backupId: backup.id, ageMs, mostMs: rules.maxBackupAgeMs }];
  // The count alone: the flush itself compares record by record.
  if (records !== undefined && Math.abs(records - backup.records) > rules.maxDifference)
    return [{ reason: 'table-changed', mend: 'backup', backupId: backup.id, records, saved: backup.records }];
  return [];
}

function quotaMisses({ quotas }: GateFacts): Missing[] {
  if (!quotas) return [{ reason: 'quotas-unknown', mend: 'quotas' }];
  return quotas.blocking.length === 0 ? [] : [{ reason: 'quotas-blocking', mend: 'quotas', blocking: quotas.blocking }];
}

/** What is missing of the proof of failure logging on this code. */
export function loggingMisses({ logging }: Pick<GateFacts, 'logging'>, codeSha256: string): Missing[] {
  if (!logging) return [{ reason: 'logging-unproven', mend: 'test-logging' }];
  return logging.codeSha256 === codeSha256
    ? []
    : [{ reason: 'logging-stale', mend: 'test-logging', provenAt: logging.at }];
}

/** What is missing of the sample on this code, today. */
export function sampleMisses(
  { now, sample }: Pick<GateFacts, 'now' | 'sample'>,
  codeSha256: string,
  rules: GateRules,
): Missing[] {
  if (rules.sampleImages === 0) return [];
  if (!sample) return [{ reason: 'sample-missing', mend: 'sample', images: rules.sampleImages }];
  if (sample.codeSha256 !== codeSha256) return [{ reason: 'sample-stale', mend: 'sample', because: 'code' }];
  if (now - sample.at > rules.maxSampleAgeMs) return [{ reason: 'sample-stale', mend: 'sample', because: 'old' }];
  return sample.failed > 0
    ? [{ reason: 'sample-failed', mend: 'sample', failed: sample.failed, images: sample.images }]
    : [];
}
