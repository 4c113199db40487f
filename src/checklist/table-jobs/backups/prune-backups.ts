import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { isWaiting } from '../../../approvals/approval.ts';
import type { ApprovalStore } from '../../../approvals/approval-store.ts';
import type { Fingerprint } from '../../../approvals/fingerprint.ts';
import { listBackups } from '../../../backup/catalogue/catalogue.ts';
import type { BackupLocation } from '../../../backup/catalogue/location.ts';
import { deleteBackup, type PrunePlan, planPrune } from '../../../backup/catalogue/prune.ts';
import { BackupKeptError } from '../../../backup/errors.ts';
import { type CatalogueEntry, contentOf } from '../../../backup/format/export-record.ts';
import type { JobStore } from '../../../backup/jobs/job.ts';
import { lastStartedAt } from '../../../backup/jobs/job-marker.ts';
import { workThrough } from '../../../lib/async/workers.ts';
import type { Clock } from '../../../lib/clock.ts';
import { type Result, refuse, succeed } from '../../../lib/result.ts';
import { describeTable, type TableFacts } from '../../../pipeline/table/table.ts';
import type { AuditWriter } from '../../audit/audit-writer.ts';
import type { JobResult } from '../../contracts/job-result.ts';
import { MAX_PRUNED, type PruneAction } from '../../contracts/table-action.ts';
import type { ApprovedJob, TableRefusal } from '../../contracts/table-control.ts';
import type { JobRecord } from '../job-record.ts';
import type { WorkLimits } from '../job-stops.ts';
import type { ProgressUpdate } from '../progress-meter.ts';

export interface PruningPorts {
  readonly dynamodb: DynamoDBClient;
  readonly location: BackupLocation;
  readonly clock: Clock;
  readonly table: string;
  readonly approvals: Pick<ApprovalStore, 'open'>;
  readonly jobs: Pick<JobStore, 'list'>;
  readonly record: Pick<JobRecord, 'read'>;
  /** The backups that the open checklist relies on. */
  readonly checklistBackups: () => Promise<readonly string[]>;
  /** A backup is in the audit before it is deleted. */
  readonly audit: Pick<AuditWriter, 'record'>;
}

/** Deleting backups: which ones may be deleted, what an approval of that is given on, and the deletion itself. */
export interface Pruning {
  /** `action`: what an approval can be asked for; absent where nothing is to be deleted. The methods throw the errors of AWS. */
  plan(keep: number): Promise<PrunePlan & { readonly action?: PruneAction }>;
  /** The facts that an approval is given on. `isResumed`: listed backups that are gone were deleted by this job. */
  gather(action: PruneAction, isResumed: boolean): Promise<Result<{ readonly fingerprint: Fingerprint }, TableRefusal>>;
  carryOut(
    job: ApprovedJob,
    action: PruneAction,
    limits: Pick<WorkLimits, 'mayWrite'>,
    onProgress: (update: ProgressUpdate) => void,
  ): Promise<JobResult>;
}

const READS_AT_ONCE = 16;

export function createPruning(ports: PruningPorts): Pruning {
  const { location, clock } = ports;
  const describe = () => describeTable(ports.dynamodb, ports.table);

  /** The backups that a request, a job or its progress refers to. @throws when one of these cannot be read: it may need a backup */
  async function inUse(): Promise<Set<string>> {
    const ids = new Set<string>();
    for await (const approval of ports.approvals.open({ strict: true }))
      if (approval.backupId !== undefined && isWaiting(approval, clock.now())) ids.add(approval.backupId);
    for (const job of await ports.jobs.list({ strict: true })) {
      if (job.kind !== 'hold' && job.kind !== 'export') ids.add(job.backupId);
      // What a restore removes is saved next to it.
      if (job.kind === 'restore' && job.safetyBackupId !== undefined) ids.add(job.safetyBackupId);
    }
    const stored = await ports.record.read();
    if (stored && stored.job.work.kind !== 'prune') ids.add(stored.job.work.backupId);
    return ids;
  }

  async function planOf(table: TableFacts, keep: number): Promise<PrunePlan & { records: readonly CatalogueEntry[] }> {
    const records = (await listBackups(location)).filter((record) => record.table.arn === table.arn);
    const namedAt = new Map<string, number>();
    await workThrough(records, READS_AT_ONCE, async ({ id }) => {
      const at = await lastStartedAt(location, id);
      if (at !== undefined) namedAt.set(id, at);
    });
    const [used, checklist] = await Promise.all([inUse(), ports.checklistBackups()]);
    const rule = { tableArn: table.arn, keep, now: clock.now(), inUse: used, checklist: new Set(checklist), namedAt };
    return { ...planPrune(records, rule), records };
  }

  /** Why this backup may not be deleted; undefined where it may. */
  const refusalOf = ({ remove, spared }: PrunePlan, backupId: string) =>
    remove.some(({ id }) => id === backupId)
      ? undefined
      : {
          reason: 'backup-in-use' as const,
          backupId,
          because: spared.find(({ record }) => record.id === backupId)?.because ?? ('newest' as const),
        };

  return {
    async plan(keep) {
      const { remove, spared } = await planOf(await describe(), keep);
      if (remove.length === 0) return { remove, spared };
      const backups = remove.slice(-MAX_PRUNED).map(listed);
      return { remove, spared, action: { kind: 'prune', keep, backups } };
    },
    async gather(action, isResumed) {
      const table = await describe();
      const plan = await planOf(table, action.keep);
      const facts: { name: string; value: string }[] = [];
      for (const wanted of action.backups) {
        const record = plan.records.find(({ id }) => id === wanted.id);
        if (!record && !isResumed) return refuse({ reason: 'backup-not-found', backupId: wanted.id });
        const refusal = record && refusalOf(plan, wanted.id);
        if (refusal) return refuse(refusal);
        const fact = factOf(record ? listed(record) : wanted);
        const before = factOf(wanted).value;
        if (fact.value !== before) {
          const changed = [{ name: fact.name, before, after: fact.value }];
          return refuse({ reason: 'use', refusal: { reason: 'changed', changed } });
        }
        facts.push(fact);
      }
      return succeed({
        fingerprint: [
          { name: 'action', value: action.kind },
          ...(action.continues === undefined ? [] : [{ name: 'continues', value: action.continues }]),
          { name: 'account', value: table.account },
          { name: 'region', value: table.region },
          { name: 'table', value: table.arn },
          { name: 'newest backups that stay', value: String(action.keep) },
          ...facts,
        ],
      });
    },
    async carryOut(job, action, { mayWrite }, onProgress) {
      const table = await describe();
      const total = action.backups.reduce((sum, { records }) => sum + records, 0);
      let done = 0;
      for (const { id, records } of action.backups) {
        mayWrite();
        // Before each one: a request may have come meanwhile.
        const plan = await planOf(table, action.keep);
        const isThere = plan.records.some((record) => record.id === id);
        const refusal = isThere ? refusalOf(plan, id) : undefined;
        if (refusal) throw new BackupKeptError(id, refusal.because);
        onProgress({ stage: 'pruning', done, total });
        const outcome = 'begun: its deletion';
        if (isThere) await ports.audit.record({ who: job.approvedBy ?? job.by, what: `backup ${id}`, outcome });
        await deleteBackup(location, id, mayWrite);
        done += records;
        onProgress({ stage: 'pruning', done, total });
      }
      return { kind: 'prune', backups: action.backups.length, records: total };
    },
  };
}

const listed = (entry: CatalogueEntry): PruneAction['backups'][number] => ({
  id: entry.id,
  records: entry.counts.total,
  digest: contentOf(entry),
});

const factOf = ({ id, records, digest }: PruneAction['backups'][number]) => ({
  name: `backup ${id}`,
  value: `${records.toLocaleString('en-US')} records, checksum ${digest}`,
});
