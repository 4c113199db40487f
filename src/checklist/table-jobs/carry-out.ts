import { setUsedBy } from '../../backup/catalogue/catalogue.ts';
import { flushTable } from '../../backup/flush/flush.ts';
import { isDeleted, type RecreatePorts, recreateTable } from '../../backup/recreate/recreate.ts';
import { restoreBackup } from '../../backup/restore/restore.ts';
import { restoreRows } from '../../backup/restore/restore-rows.ts';
import { defined } from '../../lib/defined.ts';
import type { Fault } from '../../pipeline/invoke/invocation.ts';
import { describeTable, shapeOf } from '../../pipeline/table/table.ts';
import type { ScopeManifests } from '../../run/scope/scope-manifests.ts';
import type { JobResult } from '../contracts/job-result.ts';
import { rowsOf, type TableAction } from '../contracts/table-action.ts';
import { type ApprovedJob, progressIdOf } from '../contracts/table-control.ts';
import type { WorkLimits } from './job-stops.ts';
import type { ProgressUpdate } from './progress-meter.ts';
import { TABLE_DESCRIPTION } from './table-facts.ts';
import { mayPass } from './through-faults.ts';

export interface CarryOutPorts extends RecreatePorts {
  readonly table: string;
  /** FLUSH_MAX_DIFFERENCE. */
  readonly maxDifference: number;
  readonly scopes: Pick<ScopeManifests, 'filter'>;
  /** How often the state of a table that is deleted or created is read, ms. */
  readonly pollMs: number;
  readonly readFault: (error: unknown) => Fault;
}

const readShape = async ({ dynamodb, table, profile }: CarryOutPorts) =>
  shapeOf(await describeTable(dynamodb, table), profile);

/** Whether a job that recreates the table has not deleted it. @throws the SDK's error, ControlTableError. */
export async function isTableKept(
  ports: Pick<RecreatePorts, 'jobs' | 'dynamodb' | 'clock' | 'random'>,
  job: ApprovedJob,
): Promise<boolean> {
  const progress = await ports.jobs.read(progressIdOf(job));
  return progress?.kind !== 'recreate' || !(await isDeleted(ports, progress));
}

/** Does the work of a job, from where it was left. @throws the errors of the backup and of AWS, and what `limits` throw. */
export async function carryOut(
  ports: CarryOutPorts,
  job: ApprovedJob & { readonly work: Exclude<TableAction, { kind: 'prune' }> },
  { signal, mayWrite, mayFinish }: WorkLimits,
  onProgress: (update: ProgressUpdate) => void,
): Promise<JobResult> {
  const { work } = job;
  const common = { jobId: progressIdOf(job), table: ports.table, backupId: work.backupId, signal, mayWrite };
  if (work.kind === 'flush' && work.recreate) {
    const approvedDigest = job.fingerprint?.find(({ name }) => name === TABLE_DESCRIPTION)?.value ?? '';
    const { maxDifference, pollMs } = ports;
    const request = { ...common, approvedDigest, maxDifference, pollMs, mayFinish, onProgress };
    const { deleted, supplemented, remaining, digest, descriptionUri, safeguard } = await recreateTable(ports, request);
    const notMarked = await markUsed(ports, job, work.backupId, { signal, mayFinish });
    const nativeBackupArn = safeguard.kind === 'native-backup' ? safeguard.arn : undefined;
    const recreated = { digest, descriptionUri, ...defined({ nativeBackupArn, notMarked }) };
    return { kind: 'flush', deleted, supplemented, remaining, newRows: remaining.total, recreated };
  }
  if (work.kind === 'flush') {
    const filter = work.scope && (await ports.scopes.filter(work.scope, await readShape(ports)));
    try {
      const { deleted, supplemented, remaining, newRows } = await flushTable(ports, {
        ...common,
        ...(work.failedOnly ? { kinds: ['failed'] as const } : {}),
        ...(filter && work.scope ? { scope: { covers: filter.covers, records: work.scope.records } } : {}),
        maxDifference: ports.maxDifference,
        onProgress,
      });
      return { kind: 'flush', deleted, supplemented, remaining, newRows, ...defined({ scope: work.scope }) };
    } finally {
      await filter?.dispose();
    }
  }
  if (work.mode === 'rows') {
    const { entries = [], overwrites = [] } = work;
    const done = await restoreRows(ports, {
      ...common,
      entries,
      overwrites,
      onProgress: (count) => onProgress({ stage: 'writing', done: count, total: rowsOf(work) }),
    });
    return { kind: 'restore-rows', ...done };
  }
  const { proof, ...done } = await restoreBackup(ports, {
    ...common,
    mode: work.mode,
    by: job.by,
    onProgress,
  });
  const { sum: digest, items } = proof.tableDigest;
  return { kind: 'restore', ...done, digest, items };
}

/**
 * Notes that the flush of the whole table has used the backup. Why it could not, where that does not pass within the time of the
 * approval: the table is created anew by then, so the job is done all the same.
 * @throws the error while it may pass and the job may wait for that; what `mayFinish` throws.
 */
async function markUsed(
  ports: Pick<CarryOutPorts, 'location' | 'clock' | 'readFault'>,
  job: ApprovedJob,
  backupId: string,
  { signal, mayFinish }: Pick<WorkLimits, 'signal' | 'mayFinish'>,
): Promise<Fault | undefined> {
  const { clock, readFault } = ports;
  mayFinish();
  try {
    await setUsedBy(ports.location, backupId, { jobId: progressIdOf(job), at: clock.now() });
    return;
  } catch (error) {
    mayFinish();
    const mayWait = !signal.aborted && clock.now() < (job.approvedUntil ?? 0);
    if (mayWait && mayPass(error, readFault)) throw error;
    return readFault(error);
  }
}
