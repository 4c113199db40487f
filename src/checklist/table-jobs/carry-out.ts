import { flushTable } from '../../backup/flush/flush.ts';
import type { JobPorts } from '../../backup/ports.ts';
import { restoreBackup } from '../../backup/restore/restore.ts';
import { restoreRows } from '../../backup/restore/restore-rows.ts';
import { type ApprovedJob, type JobResult, progressIdOf } from '../contracts/table-control.ts';
import type { WorkLimits } from './job-driver.ts';
import type { ProgressUpdate } from './progress-meter.ts';

export interface CarryOutPorts extends JobPorts {
  readonly table: string;
  /** FLUSH_MAX_DIFFERENCE. */
  readonly maxDifference: number;
}

/** Does the work of a job, from where it was left. @throws the errors of the backup and of AWS, and what `limits` throw. */
export async function carryOut(
  ports: CarryOutPorts,
  job: ApprovedJob,
  { signal, mayWrite }: WorkLimits,
  onProgress: (update: ProgressUpdate) => void,
): Promise<JobResult> {
  const { work } = job;
  const common = { jobId: progressIdOf(job), table: ports.table, backupId: work.backupId, signal, mayWrite };
  if (work.kind === 'flush') {
    const { deleted, supplemented, remaining, newRows } = await flushTable(ports, {
      ...common,
      ...(work.failedOnly ? { kinds: ['failed'] as const } : {}),
      maxDifference: ports.maxDifference,
      onProgress,
    });
    return { kind: 'flush', deleted, supplemented, remaining, newRows };
  }
  if (work.mode === 'rows') {
    const entries = work.entries ?? [];
    const done = await restoreRows(ports, {
      ...common,
      entries,
      onProgress: (count) => onProgress({ stage: 'writing', done: count, total: entries.length }),
    });
    return { kind: 'restore-rows', ...done };
  }
  const { written, unchanged, removed, safetyBackupId, proof } = await restoreBackup(ports, {
    ...common,
    mode: work.mode,
    by: job.by,
    onProgress,
  });
  const { sum: digest, items } = proof.tableDigest;
  return { kind: 'restore', written, unchanged, removed, safetyBackupId, digest, items };
}
