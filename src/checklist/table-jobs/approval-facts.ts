import type { Fingerprint } from '../../approvals/fingerprint.ts';
import { findBackup, isDatedAhead, requireUsable } from '../../backup/catalogue/catalogue.ts';
import type { BackupLocation } from '../../backup/catalogue/location.ts';
import type { BackupRecord } from '../../backup/format/backup-record.ts';
import type { Clock } from '../../lib/clock.ts';
import { defined } from '../../lib/defined.ts';
import { type Result, refuse, succeed } from '../../lib/result.ts';
import type { Profile } from '../../pipeline/profile/profile.ts';
import type { Scope, ScopeReference } from '../../run/scope/scope.ts';
import type { TableAction } from '../contracts/table-action.ts';
import type {
  FlushPlan,
  NotRebuildable,
  RecreationFacts,
  TableJob,
  TableNow,
  TableRefusal,
} from '../contracts/table-control.ts';
import type { PreconditionCheck } from '../model/preconditions.ts';
import type { Override } from '../model/step.ts';
import type { Pruning } from './backups/prune-backups.ts';
import type { JobRecord } from './job-record.ts';
import { CHECKLIST, fingerprintOf, NO_CHECKLIST } from './table-facts.ts';

/** Of a flush: its scope with the records that it has now, and what it loses. */
type AboutScope = Pick<FlushPlan, 'scope' | 'notRebuildable'>;

export interface ApprovalFactsPorts {
  readonly location: BackupLocation;
  readonly profile: Profile;
  readonly clock: Clock;
  readonly record: Pick<JobRecord, 'read'>;
  readonly maxBackupAgeMs: number;
  /** The hash of the function's code: an approval is bound to it. */
  readonly codeSha256: () => Promise<string>;
  /** Whether the checklist allows the step, with everything gathered again. */
  readonly preconditions: (step: Exclude<TableAction, { kind: 'prune' }>['kind']) => Promise<PreconditionCheck>;
  readonly readTable: () => Promise<TableNow>;
  /** The same without a count of its records. */
  readonly describe: () => Promise<Pick<TableNow, 'name' | 'status'>>;
  readonly pruning: Pick<Pruning, 'gather'>;
  readonly readRecreation: () => Promise<RecreationFacts>;
  /** The scope of the open checklist. */
  readonly readScope: () => Promise<Scope | undefined>;
  /** How many records of the table belong to a scope now. @throws ManifestError */
  readonly countInScope: (scope: ScopeReference) => Promise<number>;
  /** Of the records of a scope, or of every record. @throws ManifestError */
  readonly readNotRebuildable: (scope?: ScopeReference) => Promise<NotRebuildable>;
  /** The backup in progress, if there is one: it would be a copy of no state that the table ever had. */
  readonly activeBackup: () => Promise<TableJob | undefined>;
  /** The run that is active on this pipeline, if there is one. */
  readonly activeRun: () => Promise<string | undefined>;
}

/** What an approval is given on. */
export interface FactsForApproval {
  readonly fingerprint: Fingerprint;
  readonly checklistId?: string;
}

/** Gathers what a flush or restore depends on: when it is asked for, again before it starts, and again before it resumes. */
export interface ApprovalFacts {
  /** What blocks every flush and restore at the moment, apart from the job `except`. */
  blocker(now: Pick<TableNow, 'name' | 'status'>, except?: string): Promise<TableRefusal | undefined>;
  /** The overridden preconditions of an action, or those that do not hold. */
  preconditionsOf(action: {
    readonly kind: Exclude<TableAction, { kind: 'prune' }>['kind'];
    readonly failedOnly?: boolean;
  }): Promise<Result<readonly Override[], TableRefusal>>;
  /**
   * Refuses a backup that is too old to flush with, dated in the future, or used by an earlier flush of the whole table: what came
   * after that flush would be saved beside the backup, and a restore would take it in place of the backup's own records.
   * The flush of job `except`, and the one that this flush continues, are not earlier ones.
   */
  refusalOfBackup(
    backup: BackupRecord,
    flush: { readonly failedOnly?: boolean; readonly continues?: string },
    except?: string,
  ): TableRefusal | undefined;
  /**
   * Why a flush may not start although its facts were as approved: its scope or its checklist changed since they were gathered.
   * Asked when its job is stored: whoever changes the scope looks for the job after the change, so one of both sees the other.
   */
  changedSince(
    action: TableAction,
    checklistId: string | undefined,
    openId: () => Promise<string | undefined>,
  ): Promise<TableRefusal | undefined>;
  /**
   * The facts for this action now, or why it may not be asked for or start. `checklistId` is asked only for a flush.
   * @throws the errors of the backup and of AWS.
   */
  gather(
    action: TableAction,
    checklistId: () => Promise<string | undefined>,
    except?: string,
  ): Promise<Result<FactsForApproval, TableRefusal>>;
}

export function createApprovalFacts(ports: ApprovalFactsPorts): ApprovalFacts {
  const { clock } = ports;

  async function blocker(now: Pick<TableNow, 'name' | 'status'>, except?: string): Promise<TableRefusal | undefined> {
    if (now.status !== 'ACTIVE') return { reason: 'table-not-active', table: now.name, status: now.status };
    const runId = await ports.activeRun();
    if (runId !== undefined) return { reason: 'run-active', runId };
    const other = await ports.record.read();
    if (other && !other.end && other.job.id !== except) return { reason: 'job-active', job: other.job };
    // A job that resumes has excluded backups since it began.
    const backup = except === undefined ? await ports.activeBackup() : undefined;
    return backup && { reason: 'job-active', job: backup };
  }

  const preconditionsOf: ApprovalFacts['preconditionsOf'] = async ({ kind, failedOnly = false }) => {
    // A flush of failed-image records needs only the backup.
    if (failedOnly) return succeed([]);
    const checked = await ports.preconditions(kind);
    if (checked.kind === 'pass') return succeed(checked.overridden);
    // A missing backup has a refusal of its own, with the digest and the differences. The table of a flush that resumes differs from it.
    if (checked.unmet.every(({ fix }) => fix === 'backup')) return succeed(checked.overridden);
    return refuse({ reason: 'preconditions', step: kind, unmet: checked.unmet });
  };

  const refusalOfBackup: ApprovalFacts['refusalOfBackup'] = (backup, { failedOnly = false, continues }, except) => {
    const { usedBy } = backup;
    // A flush that was continued has marked the backup with the id of the first job.
    if (!failedOnly && usedBy !== undefined && usedBy.jobId !== except && usedBy.jobId !== continues)
      return { reason: 'backup-used', backupId: backup.id, at: usedBy.at };
    const ageMs = clock.now() - backup.startedAt;
    return ageMs > ports.maxBackupAgeMs || isDatedAhead(backup, clock.now())
      ? { reason: 'backup-too-old', backupId: backup.id, ageMs, mostMs: ports.maxBackupAgeMs }
      : undefined;
  };

  const refusalOfScope = (asked: ScopeReference | undefined, now: Scope | undefined): TableRefusal | undefined =>
    now?.id === asked?.id ? undefined : { reason: 'scope-changed', ...defined({ asked: asked?.id, now: now?.id }) };

  /** What a flush deletes and cannot bring back: it must have the scope that the checklist has now. */
  async function scopeOf({
    scope,
  }: Extract<TableAction, { kind: 'flush' }>): Promise<Result<AboutScope, TableRefusal>> {
    const now = await ports.readScope();
    const changed = refusalOfScope(scope, now);
    if (changed) return refuse(changed);
    // Images may be gone since the scope was set.
    const notRebuildable = await ports.readNotRebuildable(scope);
    if (!now || !scope) return succeed({ notRebuildable });
    return succeed({ scope: { scope: now, recordsNow: await ports.countInScope(scope) }, notRebuildable });
  }

  return {
    blocker,
    preconditionsOf,
    refusalOfBackup,
    async changedSince(action, checklistId, openId) {
      if (action.kind !== 'flush') return;
      const now = await openId();
      if (now !== checklistId) {
        const changed = [{ name: CHECKLIST, before: checklistId ?? NO_CHECKLIST, after: now ?? NO_CHECKLIST }];
        return { reason: 'use', refusal: { reason: 'changed', changed } };
      }
      return action.failedOnly ? undefined : refusalOfScope(action.scope, await ports.readScope());
    },
    async gather(action, checklistId, except) {
      if (action.kind === 'prune') {
        const blocked = await blocker(await ports.describe(), except);
        return blocked
          ? refuse(blocked)
          : ports.pruning.gather(action, except !== undefined || action.continues !== undefined);
      }
      const table = await ports.readTable();
      const blocked = await blocker(table, except);
      if (blocked) return refuse(blocked);
      const overridden = await preconditionsOf(action);
      if (!overridden.ok) return overridden;
      const backup = await findBackup(ports.location, action.backupId);
      requireUsable(backup, table.arn);
      const unsuitable = action.kind === 'flush' ? refusalOfBackup(backup, action, except) : undefined;
      if (unsuitable) return refuse(unsuitable);
      const about = action.kind === 'flush' && !action.failedOnly ? await scopeOf(action) : succeed({});
      if (!about.ok) return about;
      const id = action.kind === 'flush' ? await checklistId() : undefined;
      const recreation = action.kind === 'flush' && action.recreate ? await ports.readRecreation() : undefined;
      const fingerprint = fingerprintOf(table, backup, action, {
        codeSha256: await ports.codeSha256(),
        checklistId: id,
        overridden: overridden.value,
        profile: ports.profile,
        ...defined({ recreation }),
        ...about.value,
      });
      return succeed({ fingerprint, ...defined({ checklistId: id }) });
    },
  };
}
