import type { OverridableStep, Override, StepRecord } from './step.ts';

/** Proof that something worked on a code of the function. `at`: epoch ms. */
export interface Proof {
  readonly codeSha256: string;
  readonly at: number;
  readonly by: string;
}

/** What the gates look at, gathered just now. What could not be read is undefined, and that never passes a gate. */
export interface PreconditionFacts {
  readonly now: number;
  readonly codeSha256?: string;
  /** The last verified backup of this table. */
  readonly backup?: { readonly id: string; readonly startedAt: number; readonly records: number };
  /** Records in the table now, unless it is too large to count for this. */
  readonly records?: number | 'not-counted';
  /** What blocks, by the quotas as they are now; empty: nothing does. */
  readonly quotas?: { readonly blocking: readonly string[] };
  readonly logging?: Proof;
  /** `isAll`: the bucket held no more images than these. */
  readonly sample?: Proof & { readonly images: number; readonly failed: number; readonly isAll?: boolean };
  readonly flush?: StepRecord;
  /** A flush or restore that is running now. `startedAt`: epoch ms. */
  readonly job?: { readonly kind: 'flush' | 'restore'; readonly by: string; readonly startedAt: number };
  /** A flush that was requested and has not begun. */
  readonly flushAsked?: FlushAsked;
  /** Somebody said, for this very start, that the table keeps what it holds. */
  readonly keep?: boolean;
  /** A run that is driven, or that will go on by itself. */
  readonly activeRun?: string;
  /** The last run that was started, and when. */
  readonly lastRun?: { readonly runId: string; readonly startedAt: number };
  /** When a flush or a restore of the table last began: what stood there before it may be gone. */
  readonly reset?: TableReset;
  readonly overrides: readonly Override[];
}

/** A request for a flush. `at`, `until`: epoch ms, when it was made and when it expires. */
export interface FlushAsked {
  readonly by: string;
  readonly at: number;
  readonly until: number;
  /** Nobody has decided it yet. */
  readonly isPending: boolean;
}

/** A flush or restore that began to change the whole table. `at`: epoch ms. */
export interface TableReset {
  readonly kind: 'flush' | 'restore';
  readonly at: number;
}

export interface PreconditionRules {
  readonly maxBackupAgeMs: number;
  readonly maxDifference: number;
  readonly maxSampleAgeMs: number;
  /** Images that must have been proven; 0: no sample is asked for. */
  readonly sampleImages: number;
  /** A run that broke off with its process goes on by itself. */
  readonly autoResume: boolean;
}

/** What a gate misses, and the command that mends it. */
export type UnmetPrecondition =
  | { readonly reason: 'no-backup'; readonly fix: 'backup' }
  | {
      readonly reason: 'backup-old';
      readonly fix: 'backup';
      readonly backupId: string;
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
      /** When it was tried: which sample it is. */
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
  | { readonly kind: 'refuse'; readonly unmet: readonly UnmetPrecondition[] };

/** The step whose gate an approver may override, of a thing that is missing; undefined where nobody may. */
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

/** What an override has to cover of a thing that is missing, as marks that can be kept: one for each limit that blocks. */
export function overrideKeysOf(missing: UnmetPrecondition): string[] {
  switch (missing.reason) {
    case 'quotas-blocking':
      return missing.blocking.map((limit) => `${missing.reason}:${limit}`);
    case 'sample-stale':
      return [`${missing.reason}:${missing.because}`];
    case 'sample-failed':
      return [`${missing.reason}:${missing.at}`];
    default:
      return [missing.reason];
  }
}

/** Whether an override holds: the function is the one that the approver knew, and nothing is missing that was not then. */
export const isCovered = (override: Override, missing: UnmetPrecondition, codeSha256: string | undefined): boolean =>
  codeSha256 !== undefined &&
  override.codeSha256 === codeSha256 &&
  override.step === overridableStepOf(missing) &&
  overrideKeysOf(missing).every((mark) => override.covers.includes(mark));

/** What the checklist can keep from beginning. */
export type GuardedStep = 'flush' | 'start' | 'resume' | 'restore';

/**
 * Whether a step may begin (runbook: its order). A flush needs a fresh verified backup, quotas that do not block, failure
 * logging proven on the code that is deployed, and a sample of images that worked today; a start needs a flush of this
 * rescan that no restore undid, or somebody's word to keep what is there; going on with a run needs that what it did was not
 * flushed or overwritten since; a restore needs that no run is active. Fails closed: what could not be read is missing.
 */
export function checkPreconditions(
  step: GuardedStep,
  facts: PreconditionFacts,
  rules: PreconditionRules,
): PreconditionCheck {
  const missing = unmetPreconditions(step, facts, rules);
  const overridden: Override[] = [];
  const left = missing.filter((item) => {
    const override = facts.overrides.find((candidate) => isCovered(candidate, item, facts.codeSha256));
    if (!override) return true;
    overridden.push(override);
    return false;
  });
  return left.length === 0 ? { kind: 'pass', overridden } : { kind: 'refuse', unmet: left };
}

/** What an approver would have to pass over for a step of the checklist, as things stand; empty: it holds. */
export const unmetPreconditionsOf = (
  step: OverridableStep,
  facts: PreconditionFacts,
  rules: PreconditionRules,
): UnmetPrecondition[] =>
  unmetPreconditions('flush', facts, rules).filter((missing) => overridableStepOf(missing) === step);

/** Whether a restore put back what the flush had deleted. */
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

function notFlushed({ job, flushAsked }: PreconditionFacts): UnmetPrecondition {
  if (job?.kind === 'flush') return { reason: 'flush-running', fix: 'wait', startedAt: job.startedAt };
  if (flushAsked?.isPending) return { reason: 'flush-unapproved', fix: 'approval', until: flushAsked.until };
  return { reason: 'not-flushed', fix: 'flush' };
}

/** What is wrong with the backup as ground for a flush; empty: nothing. */
export function checkBackup(
  { now, backup, records }: PreconditionFacts,
  rules: PreconditionRules,
): UnmetPrecondition[] {
  if (!backup) return [{ reason: 'no-backup', fix: 'backup' }];
  const ageMs = now - backup.startedAt;
  // A date that lies ahead tells of a clock that is wrong: then nobody knows how old it is.
  if (Math.abs(ageMs) > rules.maxBackupAgeMs)
    return [{ reason: 'backup-old', fix: 'backup', backupId: backup.id, ageMs, mostMs: rules.maxBackupAgeMs }];
  // The count alone: the flush itself compares record by record.
  if (records === undefined) return [{ reason: 'table-unread', fix: 'table' }];
  if (records !== 'not-counted' && Math.abs(records - backup.records) > rules.maxDifference)
    return [{ reason: 'table-changed', fix: 'backup', backupId: backup.id, records, saved: backup.records }];
  return [];
}

function checkQuotas({ quotas }: PreconditionFacts): UnmetPrecondition[] {
  if (!quotas) return [{ reason: 'quotas-unknown', fix: 'quotas' }];
  return quotas.blocking.length === 0 ? [] : [{ reason: 'quotas-blocking', fix: 'quotas', blocking: quotas.blocking }];
}

/** What is missing of the proof of failure logging on this code. */
export function checkLogging({ logging }: Pick<PreconditionFacts, 'logging'>, codeSha256: string): UnmetPrecondition[] {
  if (!logging) return [{ reason: 'logging-unproven', fix: 'test-logging' }];
  return logging.codeSha256 === codeSha256
    ? []
    : [{ reason: 'logging-stale', fix: 'test-logging', provenAt: logging.at }];
}

/** What is missing of the sample on this code, today. */
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
