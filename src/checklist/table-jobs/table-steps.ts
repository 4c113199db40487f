import type { LambdaClient } from '@aws-sdk/client-lambda';
import type { ApprovalPolicy } from '../../approvals/approval.ts';
import type { ApprovalStore } from '../../approvals/approval-store.ts';
import { lastVerified, listBackups, requireUsable } from '../../backup/catalogue/catalogue.ts';
import { clearUnfinished } from '../../backup/catalogue/clear-unfinished.ts';
import { compareWithBackup } from '../../backup/compare/compare.ts';
import type { BackupRecord } from '../../backup/format/backup-record.ts';
import { keyReader } from '../../backup/format/item-key.ts';
import { markEnded, markStarted, readEnded } from '../../backup/jobs/job-marker.ts';
import { previewRestore } from '../../backup/restore/restore.ts';
import { openBackup } from '../../backup/verify/open-backup.ts';
import { readSupplements } from '../../backup/write/supplement.ts';
import { createEmitter } from '../../lib/async/emitter.ts';
import { defined } from '../../lib/defined.ts';
import { refuse, succeed } from '../../lib/result.ts';
import { countByKind } from '../../pipeline/table/count.ts';
import { describeTable, shapeOf } from '../../pipeline/table/table.ts';
import { backupForCorrections, countCorrections } from '../../results/diff/corrections.ts';
import { referenceTo, type ScopeReference } from '../../run/scope/scope.ts';
import type { ScopeFilter } from '../../run/scope/scope-filter.ts';
import type { Lease } from '../../state/lease.ts';
import type { AuditWriter } from '../audit/audit-writer.ts';
import type { KnownCorrections } from '../contracts/table-action.ts';
import type {
  BackupJob,
  NotRebuildable,
  TableAnswer,
  TableControl,
  TableEvent,
  TableJob,
} from '../contracts/table-control.ts';
import type { Checklist } from '../steps/checklist.ts';
import { type ApprovalFactsPorts, createApprovalFacts } from './approval-facts.ts';
import { createApprovalRequests } from './approval-requests.ts';
import { createBackupJobs } from './backups/backup-jobs.ts';
import { type BackupRequestsPorts, createBackupRequests } from './backups/backup-requests.ts';
import { createPruning } from './backups/prune-backups.ts';
import { type CarryOutPorts, carryOut, isTableKept } from './carry-out.ts';
import { createJobDriver, type JobDriverPorts } from './job-driver.ts';
import { type JobRecord, parseEnd } from './job-record.ts';
import { askToStop } from './job-stops.ts';
import { createWorkFinder } from './look-for-work.ts';
import { startApproved } from './start-approved.ts';
import { refusalOrFault } from './table-errors.ts';
import { readRecreation, readTableNow } from './table-facts.ts';

export interface TableStepsPorts
  extends Omit<
      ApprovalFactsPorts,
      | 'record'
      | 'readTable'
      | 'readRecreation'
      | 'describe'
      | 'pruning'
      | 'activeBackup'
      | 'readScope'
      | 'countInScope'
      | 'readNotRebuildable'
    >,
    Omit<
      JobDriverPorts,
      | 'record'
      | 'jobs'
      | 'emit'
      | 'carryOut'
      | 'mayWaitUntil'
      | 'recordTableChange'
      | 'isTableKept'
      | 'markEnded'
      | 'recordResult'
      | 'isHarmless'
    >,
    Omit<BackupRequestsPorts, 'closing'>,
    CarryOutPorts {
  /** `only`: of these records; else of every record. */
  readonly readNotRebuildable: (only?: ScopeFilter) => Promise<NotRebuildable>;
  /** When the last run over all images ended, epoch ms; undefined where there was none. */
  readonly lastWholeRunEndedAt: () => Promise<number | undefined>;
  /** Fields that differ after every run. */
  readonly ignoredFields: readonly string[];
  readonly lambda: LambdaClient;
  readonly functionName: string;
  readonly record: JobRecord;
  readonly backupRecord: JobRecord<BackupJob>;
  /** Excludes other backups, and nothing else. */
  readonly backupLease: Lease;
  readonly approvals: ApprovalStore;
  readonly policy: ApprovalPolicy;
  readonly approvalMs: number;
  readonly audit: Pick<AuditWriter, 'enqueue' | 'record'>;
  readonly checklist: Pick<
    Checklist,
    'ensureOpen' | 'openId' | 'scope' | 'backupsOfOpen' | 'recordFlushRequest' | 'recordTableChange' | 'recordResult'
  >;
}

export interface TableSteps extends TableControl {
  /** Looks for work that was left and for requests whose time is over, now and from now on. */
  standBy(): void;
  shutDown(): Promise<void>;
}

/** Characters of the name of a field. */
const MAX_FIELD_NAME = 40;
const LOOK_EVERY_MS = 2_000;
/** A backup that is unfinished this long has no process any more, ms. */
const UNFINISHED_AFTER_MS = 24 * 60 * 60_000;

/** Backup, flush and restore as people ask for them, approve, watch and stop them (see TableControl). */
export function createTableSteps(ports: TableStepsPorts): TableSteps {
  const { dynamodb, location, clock, approvals, record, checklist } = ports;
  const closing = new AbortController();
  const { emit, watch } = createEmitter<TableEvent>((error, { kind }) =>
    ports.warn(`a listener failed on the event ${kind}`, error),
  );
  const readTable = () => readTableNow(dynamodb, ports.table, ports.profile);
  const open = (backupId: string) =>
    openBackup(location, backupId, () => clock.now(), { profile: ports.profile, signal: closing.signal });
  const recreation = () => readRecreation(ports, ports.table);
  const pruning = createPruning({ ...ports, checklistBackups: () => checklist.backupsOfOpen() });
  const readShape = async () => shapeOf(await describeTable(dynamodb, ports.table), ports.profile);
  async function withFilter<T>(scope: ScopeReference, work: (filter: ScopeFilter) => Promise<T>): Promise<T> {
    const filter = await ports.scopes.filter(scope, await readShape());
    return work(filter).finally(filter.dispose);
  }
  const countInScope = (scope: ScopeReference) =>
    withFilter(scope, async (filter) => {
      return (await countByKind(dynamodb, ports.table, { keys: await readShape(), only: filter })).total;
    });
  const readNotRebuildable = (scope?: ScopeReference) =>
    scope ? withFilter(scope, ports.readNotRebuildable) : ports.readNotRebuildable();
  const facts = createApprovalFacts({
    ...ports,
    activeBackup: () => backupJobs.active(),
    pruning,
    describe: () => describeTable(dynamodb, ports.table),
    readTable,
    readRecreation: recreation,
    readScope: checklist.scope,
    countInScope,
    readNotRebuildable,
  });
  const requests = createApprovalRequests({ ...ports, facts, emit });
  const backups = createBackupRequests({ ...ports, closing: closing.signal });
  const backupJobs = createBackupJobs({
    ...ports,
    emit,
    record: ports.backupRecord,
    lease: ports.backupLease,
    tableJob: record,
  });
  const driver = createJobDriver({
    ...ports,
    emit,
    carryOut: (job, limits, onProgress) =>
      job.work.kind === 'prune'
        ? pruning.carryOut(job, job.work, limits, onProgress)
        : carryOut(ports, { ...job, work: job.work }, limits, onProgress),
    mayWaitUntil: ({ approvedUntil = 0 }) => approvedUntil,
    isTableKept: (job) => isTableKept(ports, job),
    async recordTableChange(job) {
      const { work } = job;
      if (work.kind !== 'prune')
        await markStarted(location, work.backupId, { id: job.id, kind: work.kind, at: Math.round(clock.now()) });
      await checklist.recordTableChange(job);
    },
    async markEnded({ id, work }, end) {
      if (work.kind === 'prune') return;
      await markEnded(location, work.backupId, { id, at: Math.round(clock.now()), end: JSON.stringify(end) });
    },
    recordResult: (job, result) => checklist.recordResult(job, result),
  });
  const finder = createWorkFinder({
    ...ports,
    facts,
    requests,
    driver,
    emit,
    async readEnded({ id, work }) {
      const end = work.kind === 'prune' ? undefined : await readEnded(location, work.backupId, id);
      return end === undefined ? undefined : parseEnd(end);
    },
  });

  async function answer<T>(work: () => Promise<TableAnswer<T>>): Promise<TableAnswer<T>> {
    try {
      return await work();
    } catch (error) {
      ports.warn('a request for the table was refused', error);
      return refuse(refusalOrFault(error, ports.readFault));
    }
  }

  async function differenceFrom(backup: BackupRecord, failedOnly: boolean, covers?: ScopeFilter['covers']) {
    const overlay = await readSupplements(location, backup.id, keyReader(backup.table.keys), closing.signal);
    const kinds = failedOnly ? { kinds: ['failed'] as const } : {};
    const request = { record: backup, overlay, ...kinds, ...defined({ covers }) };
    const { added, changed, removed } = await compareWithBackup(ports, request);
    return { added, changed, removed };
  }

  /** For the people who decide about a flush: that it cannot be counted is no reason to refuse. */
  async function corrected(
    { id: flushBackupId, table: { arn: tableArn } }: BackupRecord,
    covers?: ScopeFilter['covers'],
  ): Promise<KnownCorrections> {
    if (ports.profile.record.writtenAt === undefined) return { kind: 'unknown', because: 'no-time' };
    try {
      const since = await ports.lastWholeRunEndedAt();
      const reference = { tableArn, flushBackupId, ...defined({ since }) };
      const backup = backupForCorrections(await listBackups(location), reference);
      if (!backup) return { kind: 'unknown', because: 'no-backup' };
      const { table, ignoredFields } = ports;
      const request = { table, ignoredFields, backupId: backup.id, signal: closing.signal, ...defined({ covers }) };
      const { rows, fields: found } = await countCorrections(ports, request);
      // The action passes through the metadata of a form, which is limited.
      const fields = found.map(({ name, records }) => ({ name: name.slice(0, MAX_FIELD_NAME), records }));
      return { kind: 'counted', rows, fields, since: backup.id };
    } catch (error) {
      ports.warn('corrections by hand could not be counted', error);
      return { kind: 'unknown', because: 'unreadable' };
    }
  }

  async function lookingForWork(): Promise<void> {
    await clearUnfinished(location, { now: clock.now(), olderThanMs: UNFINISHED_AFTER_MS }).catch((error) =>
      ports.warn('unfinished backups were not removed', error),
    );
    while (!closing.signal.aborted) {
      await backupJobs.lookForWork().catch((error) => ports.warn('could not look for a backup that was left', error));
      await finder.lookForWork().catch((error) => ports.warn('could not look for a job that was left', error));
      await requests.expire().catch((error) => ports.warn('could not look for expired requests', error));
      await requests.showEnded().catch((error) => ports.warn('the messages of requests were not edited', error));
      await clock.sleep(LOOK_EVERY_MS, closing.signal);
    }
  }

  return {
    backup: (request) => answer(() => backupJobs.backup(request)),
    nativeBackup: () => answer(backups.nativeBackup),
    backups: () => answer(backups.backups),
    verify: (backupId) => answer(() => backups.verify(backupId)),
    planPrune: (keep) => answer(async () => succeed(await pruning.plan(keep))),
    importLegacy: (request) => answer(() => backups.importLegacy(request)),
    planFlush: ({ failedOnly, recreate, backupId }) =>
      answer(async () => {
        const now = await readTable();
        const blocked = await facts.blocker(now);
        if (blocked) return refuse(blocked);
        const preconditions = await facts.preconditionsOf({ kind: 'flush', failedOnly });
        if (!preconditions.ok) return preconditions;
        const chosen = backupId ?? lastVerified(await listBackups(location), now.arn, clock.now())?.id;
        if (chosen === undefined) return refuse({ reason: 'no-backup' });
        const backup = await open(chosen);
        requireUsable(backup, now.arn);
        const unsuitable = facts.refusalOfBackup(backup, { failedOnly });
        if (unsuitable) return refuse(unsuitable);
        const scope = failedOnly ? undefined : await checklist.scope();
        if (scope && recreate) return refuse({ reason: 'recreate-with-scope', scope });
        const difference = scope
          ? await withFilter(referenceTo(scope), ({ covers }) => differenceFrom(backup, failedOnly, covers))
          : await differenceFrom(backup, failedOnly);
        if (difference.added + difference.changed + difference.removed > ports.maxDifference)
          return refuse({ reason: 'differs', backupId: backup.id, difference, most: ports.maxDifference });
        const whole = { kind: 'flush' as const, backupId: backup.id, failedOnly };
        if (scope) {
          const reference = referenceTo(scope);
          const recordsNow = await countInScope(reference);
          const corrections = await withFilter(reference, ({ covers }) => corrected(backup, covers));
          const action = { ...whole, scope: reference, corrections };
          const notRebuildable = await readNotRebuildable(reference);
          return succeed({ action, now, backup, difference, scope: { scope, recordsNow }, notRebuildable });
        }
        if (failedOnly) return succeed({ action: whole, now, backup, difference });
        const notRebuildable = await readNotRebuildable();
        const action = { ...whole, corrections: await corrected(backup) };
        if (!recreate) return succeed({ action, now, backup, difference, notRebuildable });
        const planned = { ...action, recreate: true as const };
        return succeed({ action: planned, now, backup, difference, notRebuildable, recreation: await recreation() });
      }),
    planRestore: ({ backupId, mode, onProgress }) =>
      answer(async () => {
        const now = await readTable();
        const blocked = await facts.blocker(now);
        if (blocked) return refuse(blocked);
        const backup = await open(backupId);
        requireUsable(backup, now.arn);
        const change = await previewRestore(ports, {
          ...{ table: ports.table, backupId: backup.id, mode },
          ...defined({ onProgress }),
        });
        return succeed({ action: { kind: 'restore', backupId: backup.id, mode }, now, backup, change });
      }),
    request: (request) => answer(() => requests.request(request)),
    addRequester: approvals.addRequester,
    async setMessage(approvalId, ts) {
      // Also of a request that a process before has left half created: the autopilot shows it.
      await approvals.complete(approvalId);
      await approvals.setMessage(approvalId, ts);
    },
    approval: (approvalId) => approvals.read(approvalId),
    openApprovals: requests.openApprovals,
    click: (approvalId, click) =>
      answer(async () => {
        const decided = await requests.decide(approvalId, click);
        if (!decided.ok) return decided;
        const approval = decided.value;
        if (approval.state.kind !== 'approved') return succeed({ approval });
        const started = await startApproved(
          { ...ports, facts, requests, driver, activeBackup: backupJobs.active },
          approval,
        );
        return succeed({
          approval: (await approvals.read(approvalId)) ?? approval,
          ...(started.ok ? { job: started.value } : { refused: started.refusal }),
        });
      }),
    withdraw: requests.withdraw,
    withdrawApproved: requests.withdrawApproved,
    async current() {
      const stored = await record.read();
      return driver.current() ?? (stored?.end ? undefined : stored?.job);
    },
    currentBackup: backupJobs.active,
    stop: (by) =>
      answer<TableJob>(async () => {
        const mine = driver.stop(by);
        if (mine) return succeed(mine);
        const stored = await record.read();
        if (stored && !stored.end) {
          await askToStop({ ...ports, record }, stored.job.id, by);
          return succeed(stored.job);
        }
        const backup = await backupJobs.stop(by);
        return backup ? succeed(backup) : refuse({ reason: 'no-job' });
      }),
    async setLiveMessage(jobId, message) {
      // Each record takes only the message of its own job.
      await record.setLiveMessage(jobId, message);
      await ports.backupRecord.setLiveMessage(jobId, message);
    },
    watch,
    standBy() {
      void lookingForWork();
    },
    async shutDown() {
      closing.abort(new Error('The bot shuts down'));
      await Promise.all([driver.shutDown(), backupJobs.shutDown()]);
    },
  };
}
