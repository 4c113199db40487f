import { randomUUID } from 'node:crypto';
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { isWaiting } from '../../approvals/approval.ts';
import type { ApprovalStore } from '../../approvals/approval-store.ts';
import { findBackup, listBackups } from '../../backup/catalogue/catalogue.ts';
import type { BackupLocation } from '../../backup/catalogue/location.ts';
import { deleteBackup, planPrune } from '../../backup/catalogue/prune.ts';
import type { JobStore } from '../../backup/jobs/job.ts';
import { importLegacy, refuseLegacy } from '../../backup/legacy/legacy.ts';
import { createNativeBackup, followExport, readPointInTimeRecovery, startExport } from '../../backup/native/native.ts';
import { verifyBackup } from '../../backup/verify/verify.ts';
import { makeBackup } from '../../backup/write/make-backup.ts';
import type { Clock, Random } from '../../lib/clock.ts';
import { defined } from '../../lib/defined.ts';
import { refuse, succeed } from '../../lib/result.ts';
import type { Fault } from '../../pipeline/invoke/invocation.ts';
import { describeTable } from '../../pipeline/table/table.ts';
import type { AuditWriter } from '../audit/audit-writer.ts';
import type { TableControl, TableEvent, TableJob } from '../contracts/table-control.ts';
import type { JobRecord } from './job-record.ts';
import { createProgressMeter } from './progress-meter.ts';
import { refusalOrFault } from './table-errors.ts';

export interface BackupRequestsPorts {
  readonly dynamodb: DynamoDBClient;
  readonly location: BackupLocation;
  readonly clock: Clock;
  readonly random: Random;
  readonly table: string;
  readonly approvals: Pick<ApprovalStore, 'open'>;
  readonly jobs: Pick<JobStore, 'list'>;
  readonly record: Pick<JobRecord, 'read'>;
  /** A backup is in the audit before it is deleted. */
  readonly audit: Pick<AuditWriter, 'record'>;
  readonly readFault: (error: unknown) => Fault;
  readonly warn: (message: string, cause: unknown) => void;
  readonly emit: (event: TableEvent) => Promise<unknown>;
  /** Aborted when the bot shuts down. */
  readonly closing: AbortSignal;
}

export type BackupRequests = Pick<
  TableControl,
  'backup' | 'nativeBackup' | 'exportTable' | 'backups' | 'verify' | 'planPrune' | 'prune' | 'importLegacy'
>;

const EXPORT_POLL_MS = 15_000;

/** Making, reading and deleting backups: what needs neither an approval nor the lease. The methods throw the errors of AWS. */
export function createBackupRequests(ports: BackupRequestsPorts): BackupRequests {
  const { dynamodb, location, clock, emit, closing } = ports;
  let current: TableJob | undefined;

  /** The backups that a request, a job or its progress refers to. @throws when one of these cannot be read: it may need a backup */
  async function inUse(): Promise<Set<string>> {
    const ids = new Set<string>();
    for await (const approval of ports.approvals.open({ strict: true }))
      if (approval.backupId !== undefined && isWaiting(approval, clock.now())) ids.add(approval.backupId);
    for (const job of await ports.jobs.list({ strict: true })) {
      if (job.kind !== 'hold') ids.add(job.backupId);
      // What a restore removes is saved next to it.
      if (job.kind === 'restore' && job.safetyBackupId !== undefined) ids.add(job.safetyBackupId);
    }
    const stored = await ports.record.read();
    if (stored) ids.add(stored.job.work.backupId);
    return ids;
  }

  async function make(job: TableJob, note: string | undefined): Promise<void> {
    const measure = createProgressMeter(clock);
    await emit({ kind: 'started', job });
    try {
      const { record, versioning } = await makeBackup(ports, {
        table: ports.table,
        by: job.by,
        ...defined({ note }),
        signal: closing,
        onProgress({ stage, items, plainBytes, approximateItems }) {
          const isApproximate = stage === 'reading';
          const progress = measure({ stage, done: items, total: approximateItems, isApproximate, bytes: plainBytes });
          void emit({ kind: 'progress', job, progress });
        },
      });
      const result = { kind: 'backup' as const, record, versioning };
      await emit({ kind: 'finished', job, result, elapsedMs: clock.now() - job.startedAt });
    } catch (error) {
      if (closing.aborted) {
        await emit({ kind: 'stopped', job, by: 'the shutdown of the bot' });
        return;
      }
      ports.warn(`backup ${job.id} failed`, error);
      await emit({ kind: 'failed', job, refusal: refusalOrFault(error, ports.readFault) });
    } finally {
      current = undefined;
    }
  }

  return {
    async backup({ by, note, location: shownIn }) {
      if (current) return refuse({ reason: 'job-active', job: current });
      // A copy of a table that is being emptied or filled is of no state that the table ever had.
      const stored = await ports.record.read();
      if (stored && !stored.end) return refuse({ reason: 'job-active', job: stored.job });
      const job: TableJob = {
        id: `backup-${randomUUID().slice(0, 8)}`,
        work: { kind: 'backup', ...defined({ note }) },
        by,
        location: shownIn,
        startedAt: Math.round(clock.now()),
      };
      current = job;
      void make(job, note);
      return succeed(job);
    },
    async nativeBackup() {
      const stamp = new Date(clock.now()).toISOString().replace(/[-:]|\..*/g, '');
      const made = await createNativeBackup(dynamodb, ports.table, `rescan-bot-${stamp}`);
      const recovery = await readPointInTimeRecovery(dynamodb, ports.table);
      return succeed({ ...made, pointInTimeRecovery: recovery });
    },
    async exportTable() {
      const { arn: tableArn } = await describeTable(dynamodb, ports.table);
      const { bucket, prefix } = location;
      const arn = await startExport(dynamodb, { tableArn, bucket, prefix: `${prefix}native/` });
      const followed = followExport(dynamodb, arn, { clock, everyMs: EXPORT_POLL_MS, signal: closing })
        .then(({ items, billedBytes }) => succeed({ items, bytes: billedBytes }))
        .catch((error: unknown) => refuse(refusalOrFault(error, ports.readFault)));
      return succeed({ arn, followed });
    },
    backups: async () => succeed(await listBackups(location)),
    verify: async (backupId) =>
      succeed(await verifyBackup(location, await findBackup(location, backupId), () => clock.now())),
    async planPrune(keep) {
      const { arn: tableArn } = await describeTable(dynamodb, ports.table);
      return succeed(planPrune(await listBackups(location), { tableArn, keep, inUse: await inUse() }));
    },
    async prune(backupIds, by) {
      const { arn: tableArn } = await describeTable(dynamodb, ports.table);
      let deleted = 0;
      for (const id of new Set(backupIds)) {
        // Checked before each deletion: a request may have come meanwhile, or a backup have become the last verified one.
        const { remove } = planPrune(await listBackups(location), { tableArn, keep: 0, inUse: await inUse() });
        if (!remove.some((record) => record.id === id)) continue;
        await ports.audit.record({ who: by, what: `backup ${id}`, outcome: 'about to be deleted' });
        await deleteBackup(location, id);
        deleted += 1;
      }
      return succeed(deleted);
    },
    async importLegacy({ uri, typesFrom, by }) {
      const [, bucket = '', key = ''] = /^s3:\/\/([^/]+)\/(.+)$/.exec(uri) ?? [];
      const fileName = key.split('/').at(-1) ?? key;
      const body = await location.s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
      const text = (await body.Body?.transformToString('utf8')) ?? '';
      try {
        if (typesFrom === undefined) refuseLegacy(fileName, text);
        return succeed((await importLegacy(ports, { fileName, text, table: ports.table, typesFrom, by })).record);
      } catch (error) {
        if (!(error instanceof SyntaxError) && !(error instanceof Error && error.name === 'ZodError')) throw error;
        return refuse({ reason: 'legacy-unreadable', fileName, why: 'it is not a list of records in JSON' });
      }
    },
  };
}
