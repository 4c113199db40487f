import { defined } from '../../lib/defined.ts';
import type { JobResult } from '../contracts/job-result.ts';
import type { TableEvent, TableJob } from '../contracts/table-control.ts';
import type { StepFinding, StepName } from '../model/step.ts';
import type { ChecklistStore } from './checklist-store.ts';
import type { RunningStep } from './step-recorder.ts';

/** Records backups, flushes and restores as steps of the checklist. */
export interface TableJobRecorder {
  onTableEvent(event: TableEvent): Promise<void>;
  /** Call this before a flush or restore changes the table. Resolves when it is stored. */
  recordTableChange(job: TableJob): Promise<void>;
  /** Call this when a table job succeeded. Resolves when its result is stored. */
  recordResult(job: TableJob, result: JobResult): Promise<void>;
}

export function createTableJobRecorder(ports: {
  readonly store: Pick<ChecklistStore, 'setStep' | 'setReset'>;
  /** Epoch ms. */
  readonly now: () => number;
  readonly begin: (step: StepName, by: string) => Promise<RunningStep>;
  readonly ensureOpen: (by: string) => Promise<string>;
}): TableJobRecorder {
  const { store, now } = ports;
  /** The backups that this process makes, by the id of their job. */
  const backups = new Map<string, RunningStep>();

  /** Records the flush in the checklist that the job belongs to, which may be closed. */
  async function recordFlush(job: TableJob, state: 'done' | 'failed', found: StepFinding): Promise<void> {
    const id = job.checklistId ?? (await ports.ensureOpen(job.by));
    await store.setStep(id, { step: 'flush', state, by: job.by, at: now(), found });
  }

  async function recordBackup(event: Extract<TableEvent, { job: TableJob }>): Promise<void> {
    const { job } = event;
    if (event.kind === 'progress') return;
    // A backup that another process began has no step here.
    const step = backups.get(job.id) ?? (await ports.begin('backup', job.by));
    if (event.kind === 'started' || event.kind === 'resumed') return void backups.set(job.id, step);
    backups.delete(job.id);
    if (event.kind === 'finished' && event.result.kind === 'backup') {
      const { id: backupId, counts, verification } = event.result.record;
      const sampled = verification.kind === 'sampled' ? verification.sampled : undefined;
      return step.end('done', { kind: 'backup', backupId, records: counts.total, ...defined({ sampled }) });
    }
    return step.end('failed', { kind: 'error', message: 'It did not finish.' });
  }

  return {
    async onTableEvent(event) {
      if (!('job' in event)) return;
      const { job } = event;
      if (job.work.kind === 'backup') return recordBackup(event);
      if (event.kind !== 'failed' && event.kind !== 'stopped' && event.kind !== 'interrupted') return;
      if (job.work.kind !== 'flush' || job.work.failedOnly) return;
      return recordFlush(job, 'failed', { kind: 'error', message: whyFlushFailed(event) });
    },
    async recordTableChange({ work }) {
      if (work.kind === 'backup' || work.kind === 'prune') return;
      if (work.kind === 'flush' ? !work.failedOnly : work.mode !== 'rows')
        await store.setReset({ kind: work.kind, at: now() });
    },
    async recordResult(job, result) {
      if (job.work.kind !== 'flush' || job.work.failedOnly || result.kind !== 'flush') return;
      const { deleted, remaining } = result;
      const { backupId } = job.work;
      await recordFlush(job, 'done', { kind: 'flush', deleted, remaining: remaining.total, backupId });
    },
  };
}

/** Why a flush failed, in one sentence. Its own message in the channel says more. */
function whyFlushFailed(event: Extract<TableEvent, { kind: 'failed' | 'stopped' | 'interrupted' }>): string {
  if (event.kind === 'stopped') return 'It was stopped before the end.';
  if (event.kind === 'interrupted') return 'It was interrupted and needs a new approval to continue.';
  const { refusal } = event;
  switch (refusal.reason) {
    case 'fault':
      return `It failed: ${refusal.fault.message}`;
    case 'differs':
      return 'It failed: the table differs too much from its backup.';
    case 'backup-damaged':
      return `It failed: backup ${refusal.backupId} is damaged.`;
    case 'backup-not-found':
      return `It failed: backup ${refusal.backupId} does not exist.`;
    default:
      return `It failed (${refusal.reason}).`;
  }
}
