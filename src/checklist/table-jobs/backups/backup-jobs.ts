import { randomUUID } from 'node:crypto';
import { listBackups } from '../../../backup/catalogue/catalogue.ts';
import { exportBackup } from '../../../backup/native/export-backup.ts';
import { PointInTimeRecoveryOffError, readPointInTimeRecovery } from '../../../backup/native/native.ts';
import type { JobPorts } from '../../../backup/ports.ts';
import { makeBackup } from '../../../backup/write/make-backup.ts';
import { defined } from '../../../lib/defined.ts';
import { refuse, succeed } from '../../../lib/result.ts';
import { describeTable } from '../../../pipeline/table/table.ts';
import type { JobResult } from '../../contracts/job-result.ts';
import type { BackupJob, JobEnd, TableControl, TableJob, TableRefusal } from '../../contracts/table-control.ts';
import { createJobDriver, type Decision, type JobDriverPorts } from '../job-driver.ts';
import type { JobRecord } from '../job-record.ts';
import { askToStop } from '../job-stops.ts';

export interface BackupJobsPorts
  extends JobPorts,
    Pick<JobDriverPorts, 'lease' | 'readFault' | 'warn' | 'pollMs' | 'emit' | 'storedStop' | 'storeStop'> {
  readonly table: string;
  readonly record: JobRecord<BackupJob>;
  /** The flush or restore in progress: a copy of a table that is being emptied or filled is of no state that it ever had. */
  readonly tableJob: Pick<JobRecord, 'read'>;
}

/** Backups as jobs: each has a record before its first message, and an end whichever process finds it. */
export interface BackupJobs extends Pick<TableControl, 'backup'> {
  /** The backup in progress in any process. @throws ControlTableError */
  active(): Promise<BackupJob | undefined>;
  stop(by: string): Promise<BackupJob | undefined>;
  /** Ends or restarts a backup whose process died. */
  lookForWork(): Promise<void>;
  shutDown(): Promise<void>;
}

/** A backup of ours that met a fault, or whose process died, is made again from the beginning for this long after it was asked for, ms. */
const RESTART_WITHIN_MS = 60 * 60_000;
/** DynamoDB goes on with an export without the bot, and one of a large table takes hours: it is followed for this long, ms. */
const FOLLOW_WITHIN_MS = 7 * 24 * 60 * 60_000;
/** How often the state of an export is read, ms. */
const EXPORT_POLL_MS = 15_000;

const continuesUntil = ({ startedAt, work }: BackupJob): number =>
  startedAt + (work.export ? FOLLOW_WITHIN_MS : RESTART_WITHIN_MS);

export function createBackupJobs(ports: BackupJobsPorts): BackupJobs {
  const { clock, location, record } = ports;
  const driver = createJobDriver<BackupJob>({
    ...ports,
    isHarmless: true,
    // A backup destroys nothing: the stop file does not keep anybody from making one.
    stopFile: '',
    stopFileExists: async () => false,
    carryOut,
    mayWaitUntil: continuesUntil,
    recordTableChange: async () => {},
    markEnded: async () => {},
    recordResult: async () => {},
  });

  async function carryOut(
    { id: jobId, by, startedAt, work: { note, export: isExport } }: BackupJob,
    { signal }: { readonly signal: AbortSignal },
    onProgress: Parameters<JobDriverPorts['carryOut']>[2],
  ): Promise<JobResult> {
    if (isExport) {
      const request = {
        table: ports.table,
        by,
        jobId,
        startedAt,
        everyMs: EXPORT_POLL_MS,
        signal,
        ...defined({ note }),
      };
      const exported = await exportBackup(ports, {
        ...request,
        onProgress: (stage) => onProgress({ stage, done: 0, total: 0 }),
      });
      return { kind: 'backup', ...exported };
    }
    const made = await makeBackup(ports, {
      table: ports.table,
      by,
      jobId,
      signal,
      ...defined({ note }),
      onProgress({ stage, items, plainBytes, approximateItems }) {
        const isApproximate = stage === 'reading';
        onProgress({ stage, done: items, total: approximateItems, isApproximate, bytes: plainBytes });
      },
    });
    return { kind: 'backup', ...made };
  }

  async function tableJobInProgress(): Promise<TableJob | undefined> {
    const stored = await ports.tableJob.read();
    return stored && !stored.end && stored.job.work.kind !== 'prune' ? stored.job : undefined;
  }

  async function active(): Promise<BackupJob | undefined> {
    const stored = await record.read();
    return stored && !stored.end ? stored.job : undefined;
  }

  /** Before there is a job: what an export lacks is said at once. DynamoDB refuses it itself where this cannot be read. */
  async function requireRecovery(): Promise<void> {
    const { arn } = await describeTable(ports.dynamodb, ports.table);
    if ((await readPointInTimeRecovery(ports.dynamodb, ports.table)) === 'off')
      throw new PointInTimeRecoveryOffError(arn);
  }

  /** What is decided about a backup that no process makes any more. */
  async function settle(): Promise<Decision<undefined, BackupJob>> {
    const stored = await record.read();
    if (!stored) return { value: undefined };
    const { job, stopBy } = stored;
    return driver.settleLeft(job, async (): Promise<Decision<undefined, BackupJob>> => {
      const end = stored.end ?? (await endOf(job, stopBy));
      if (!end) return { drive: job, isResumed: true };
      await driver.reportEnd(job, end);
      return { value: undefined };
    });
  }

  /** How a backup ended whose process died; undefined where it is to be made again. */
  async function endOf(job: BackupJob, stopBy: string | undefined): Promise<JobEnd | undefined> {
    const made = (await listBackups(location)).find(({ jobId }) => jobId === job.id);
    if (made) {
      const result = { kind: 'backup', record: made, versioning: 'unknown' } as const;
      return { kind: 'finished', result, elapsedMs: Math.max(0, made.endedAt - job.startedAt) };
    }
    const stop = stopBy ?? (await ports.storedStop(job));
    if (stop !== undefined) return { kind: 'stopped', by: stop };
    const other = await tableJobInProgress();
    if (other) return { kind: 'failed', refusal: { reason: 'job-active', job: other } };
    return clock.now() < continuesUntil(job) ? undefined : { kind: 'failed', refusal: { reason: 'interrupted' } };
  }

  return {
    active,
    async backup({ by, note, export: isExport, location: shownIn }) {
      const before = await tableJobInProgress();
      if (before) return refuse({ reason: 'job-active', job: before });
      if (isExport) await requireRecovery();
      const job: BackupJob = {
        id: `backup-${randomUUID().slice(0, 8)}`,
        work: { kind: 'backup', ...defined({ note, export: isExport }) },
        by,
        location: shownIn,
        startedAt: Math.round(clock.now()),
      };
      const decided = await driver.underLease(async (): Promise<Decision<TableRefusal, BackupJob>> => {
        const stored = await record.read();
        if (stored?.end) await driver.reportEnd(stored.job, stored.end);
        if (!(await record.claim(job))) return { value: { reason: 'job-active', job: stored?.job ?? job } };
        // Read after the claim: a flush reads the record of the backup after its own claim, so one of both sees the other.
        const other = await tableJobInProgress();
        if (!other) return { drive: job, isResumed: false };
        await record.remove(job.id);
        return { value: { reason: 'job-active', job: other } };
      }, job);
      if (decided.ok) return decided.value ? refuse(decided.value) : succeed(job);
      const made = decided.refusal.reason === 'busy' ? await active() : undefined;
      return made ? refuse({ reason: 'job-active', job: made }) : decided;
    },
    async stop(by) {
      const mine = driver.stop(by);
      if (mine) return mine;
      const job = await active();
      return job && (await askToStop(ports, job.id, by)) ? job : undefined;
    },
    async lookForWork() {
      if (!driver.current() && (await record.read())) await driver.underLease(settle);
    },
    shutDown: driver.shutDown,
  };
}
