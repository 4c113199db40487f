import type { LambdaClient } from '@aws-sdk/client-lambda';
import { type FlushDeps, flushTable } from '../backup/flush.ts';
import { functionsLeftHeld, releaseFunction, whileHeld } from '../backup/hold.ts';
import { putBack } from '../backup/put-back.ts';
import { restoreBackup } from '../backup/restore.ts';
import type { Fault } from '../pipeline/reading.ts';
import type { Lease } from '../state/lease.ts';
import type { JobRecord } from './job-record.ts';
import type { JobProgress, JobResult, TableAct, TableEvent, TableJob, TableRefusal } from './table-control.ts';
import { refusalOrFault } from './table-errors.ts';

export interface JobRunnerPorts extends FlushDeps {
  readonly lambda: LambdaClient;
  readonly record: JobRecord;
  /** A lease of its own holder on the pipeline's name: no run is driven and no other job runs while it is held. */
  readonly lease: Lease;
  readonly table: string;
  readonly functionName: string;
  /** The function's timeout, ms: how long what is under way may still write. */
  readonly functionTimeoutMs: () => Promise<number>;
  readonly maxDifference: number;
  readonly stopFileExists: () => Promise<boolean>;
  readonly stopFile: string;
  readonly readFault: (error: unknown) => Fault;
  /** What ended well is on record as a step when this resolves: before the job is forgotten. */
  readonly noteDone: (job: TableJob, result: JobResult) => Promise<void>;
  /** Resolves when what people must be told is on record. */
  readonly emit: (event: TableEvent) => Promise<void>;
  readonly warn: (message: string, cause: unknown) => void;
  readonly pollMs: number;
}

/** Why a job was broken off. */
class JobStopped extends Error {
  override readonly name = 'JobStopped';
  readonly by: string;
  constructor(by: string) {
    super(`Stopped by ${by}`);
    this.by = by;
  }
}
class JobLost extends Error {
  override readonly name = 'JobLost';
}

export interface JobRunner {
  /** The job in this process's hands. */
  current(): TableJob | undefined;
  /** Takes the lease and begins; `check` is asked once the lease is held, and may still refuse. */
  begin(job: TableJob, check: () => Promise<TableRefusal | undefined>): Promise<TableRefusal | undefined>;
  /** Breaks the job off between two batches. */
  stop(by: string): void;
  /** Goes on with a job whose process died, if there is one and nobody drives it; puts a function back that was left held. */
  lookForWork(): Promise<void>;
  /** Lets go of the job: another process, or the next start, goes on with it. */
  shutDown(): Promise<void>;
}

type ActJob = TableJob & { readonly work: TableAct };

/** Drives flushes and restores, one at a time on a pipeline, under the lease that also keeps runs out. */
export function createJobRunner(ports: JobRunnerPorts): JobRunner {
  const { clock, record, lease } = ports;
  let driven: { job: ActJob; over: AbortController; finished: Promise<void> } | undefined;

  function drive(job: ActJob, resumed: boolean, over = heldLease()): void {
    const finished = work(job, over, resumed).finally(() => {
      if (driven?.job === job) driven = undefined;
    });
    driven = { job, over, finished };
  }

  /** Renews the lease from now on; aborted when it is lost. */
  function heldLease(): AbortController {
    const over = new AbortController();
    lease.start(() => over.abort(new JobLost()));
    return over;
  }

  async function work(job: ActJob, over: AbortController, resumed: boolean): Promise<void> {
    const watched = new AbortController();
    void watchStops(job, over, watched.signal);
    await ports.emit({ kind: resumed ? 'resumed' : 'started', job });
    let progress: JobProgress | undefined;
    const begun = clock.now();
    const show = (next: Omit<JobProgress, 'elapsedMs' | 'isApproximate'>) => {
      progress = { ...next, isApproximate: false, elapsedMs: clock.now() - begun };
      void ports.emit({ kind: 'progress', job, progress });
    };
    const seen = () => (progress ? { progress } : {});
    try {
      const result = await carryOut(job, over.signal, show);
      watched.abort();
      await ports.noteDone(job, result);
      await record.remove(job.id);
      await lease.release();
      await ports.emit({ kind: 'finished', job, result, elapsedMs: clock.now() - job.startedAt });
    } catch (error) {
      watched.abort();
      const why: unknown = over.signal.aborted ? over.signal.reason : error;
      // The record stays: whoever has the lease next goes on with the job.
      if (why instanceof JobLost) return;
      await record.remove(job.id);
      await ports.jobs.remove(job.id);
      await lease.release();
      if (why instanceof JobStopped) return ports.emit({ kind: 'stopped', job, by: why.by, ...seen() });
      ports.warn(`${job.work.kind} ${job.id} failed`, error);
      await ports.emit({ kind: 'failed', job, refusal: refusalOrFault(error, ports.readFault), ...seen() });
    }
  }

  async function carryOut(
    job: ActJob,
    signal: AbortSignal,
    show: (progress: Omit<JobProgress, 'elapsedMs' | 'isApproximate'>) => void,
  ): Promise<JobResult> {
    const { work: act, id: jobId } = job;
    const common = { jobId, table: ports.table, backupId: act.backupId, signal };
    if (act.kind === 'restore' && act.mode === 'put-back') {
      const entries = act.entries ?? [];
      const onProgress = (done: number) => show({ stage: 'writing', done, total: entries.length });
      return { kind: 'put-back', ...(await putBack(ports, { ...common, entries, onProgress })) };
    }
    if (act.kind === 'restore') {
      const done = await restoreBackup(ports, {
        ...common,
        mode: act.mode === 'replace' ? 'replace' : 'merge',
        by: job.by,
        onProgress: ({ stage, written, total }) => show({ stage, done: written, total }),
      });
      const { written, removed, safetyBackupId, proof } = done;
      const { sum: digest, items } = proof.tableDigest;
      return { kind: 'restore', written, removed, safetyBackupId, digest, items };
    }
    const flush = () =>
      flushTable(ports, {
        ...common,
        ...(act.failedOnly ? { kinds: ['failed'] as const } : {}),
        maxDifference: ports.maxDifference,
        writers: act.hold ? 'held' : 'active',
        onProgress: ({ stage, deleted, total, supplemented }) => show({ stage, done: deleted, total, supplemented }),
      });
    const done = act.hold ? await holding(signal, show, flush) : await flush();
    const { deleted, supplemented, remaining, newRows } = done;
    return { kind: 'flush', deleted, supplemented, remaining, newRows };
  }

  async function holding<T>(
    signal: AbortSignal,
    show: (progress: { stage: string; done: number; total: number }) => void,
    flush: () => Promise<T>,
  ): Promise<T> {
    const drainMs = await ports.functionTimeoutMs();
    show({ stage: 'holding', done: 0, total: Math.round(drainMs / 1000) });
    return whileHeld(ports, { functionName: ports.functionName, drainMs, signal }, flush);
  }

  /** The stop file, and a stop asked for through another copy of the bot. */
  async function watchStops(job: TableJob, over: AbortController, ended: AbortSignal): Promise<void> {
    while (!ended.aborted) {
      try {
        if (await ports.stopFileExists()) over.abort(new JobStopped(`the stop file ${ports.stopFile}`));
        const seen = await record.read();
        if (seen?.job.id === job.id && seen.stopBy !== undefined) over.abort(new JobStopped(seen.stopBy));
      } catch (error) {
        ports.warn('a stop of the job was not looked for', error);
      }
      await clock.sleep(ports.pollMs, ended);
    }
  }

  return {
    current: () => driven?.job,
    async begin(job, check) {
      const { work: act } = job;
      if (act.kind === 'backup') throw new Error('A backup needs no lease: this is a defect.');
      if (await ports.stopFileExists()) return { reason: 'stop-file', path: ports.stopFile };
      const there = await record.read();
      if (there) return { reason: 'job-active', job: there.job };
      const taken = await lease.acquire();
      if (!taken.ok) return { reason: 'busy', holder: taken.holder };
      // Renewed meanwhile: a large table takes longer to count than a lease lasts.
      const over = heldLease();
      const refusal = await check().catch(async (error: unknown) => refusalOrFault(error, ports.readFault));
      if (refusal) {
        await lease.release();
        return refusal;
      }
      if (over.signal.aborted) return { reason: 'busy', holder: 'another copy of the bot' };
      if (!(await record.claim(job))) {
        await lease.release();
        const other = await record.read();
        return other ? { reason: 'job-active', job: other.job } : { reason: 'busy', holder: 'another copy of the bot' };
      }
      drive({ ...job, work: act }, false, over);
      return;
    },
    stop(by) {
      driven?.over.abort(new JobStopped(by));
    },
    async lookForWork() {
      if (driven) return;
      const there = await record.read();
      if (!there) {
        if ((await functionsLeftHeld(ports.jobs)).length > 0) await releaseFunction(ports, ports.functionName);
        return;
      }
      const { job, stopBy } = there;
      if (job.work.kind === 'backup') return;
      const taken = await lease.acquire();
      if (!taken.ok) return;
      await releaseFunction(ports, ports.functionName);
      if (stopBy === undefined && !(await ports.stopFileExists())) return drive({ ...job, work: job.work }, true);
      await record.remove(job.id);
      await ports.jobs.remove(job.id);
      await lease.release();
      await ports.emit({ kind: 'stopped', job, by: stopBy ?? `the stop file ${ports.stopFile}` });
    },
    async shutDown() {
      const mine = driven;
      if (!mine) return;
      mine.over.abort(new JobLost());
      await mine.finished;
      await lease.release();
    },
  };
}
