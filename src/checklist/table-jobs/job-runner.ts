import type { LambdaClient } from '@aws-sdk/client-lambda';
import { type FlushPorts, flushTable } from '../../backup/flush/flush.ts';
import { releaseHeldFunction } from '../../backup/jobs/release-held-function.ts';
import { restoreBackup } from '../../backup/restore/restore.ts';
import { restoreRows } from '../../backup/restore/restore-rows.ts';
import type { Fault } from '../../pipeline/invoke/invocation.ts';
import type { Lease } from '../../state/lease.ts';
import type {
  JobProgress,
  JobResult,
  TableAction,
  TableEvent,
  TableJob,
  TableRefusal,
} from '../contracts/table-control.ts';
import type { JobRecord } from './job-record.ts';
import { refusalOrFault } from './table-errors.ts';

export interface JobRunnerPorts extends FlushPorts {
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
  /** Whether a job that was left by another process may go on: its approval was used up for it. */
  readonly mayGoOn: (job: TableJob) => Promise<boolean>;
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

export interface BeginChecks {
  /** Asked once the lease is held. */
  readonly check: () => Promise<TableRefusal | undefined>;
  /** Asked once the job is on record, where a stop finds it, through whichever copy. */
  readonly confirm: () => Promise<TableRefusal | undefined>;
}

export interface JobRunner {
  /** The job in this process's hands. */
  current(): TableJob | undefined;
  /** Takes the lease and begins, unless one of the checks still refuses. */
  begin(job: TableJob, checks: BeginChecks): Promise<TableRefusal | undefined>;
  /** Breaks the job off between two batches, or before its first one; the job, if there is one in this process's hands. */
  stop(by: string): TableJob | undefined;
  /** Goes on with a job whose process died, if there is one and nobody drives it; puts a function back that was left held. */
  lookForWork(): Promise<void>;
  /** Lets go of the job: another process, or the next start, goes on with it. */
  shutDown(): Promise<void>;
}

type ActJob = TableJob & { readonly work: TableAction };

/** How long after a failed write of a job's end it is tried again, ms. */
const AGAIN_MS = 1_000;
/** How often it is tried to note a result before the job ends without that. */
const NOTE_TRIES = 10;

/** Drives flushes and restores, one at a time on a pipeline, under the lease that also keeps runs out. */
export function createJobRunner(ports: JobRunnerPorts): JobRunner {
  const { clock, record, lease } = ports;
  const closing = new AbortController();
  let driven: { job: ActJob; over: AbortController; finished: Promise<void> } | undefined;
  /** A job that has been approved and is not driven yet. */
  let beginning: { readonly job: TableJob; stopBy?: string } | undefined;
  /** One change of who drives at a time in this process: its lease is one, and would be given free under the other. */
  let turn: Promise<unknown> = Promise.resolve();
  function inTurn<T>(change: () => Promise<T>): Promise<T> {
    const next = turn.then(change, change);
    turn = next.catch(() => {});
    return next;
  }

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
      over.signal.throwIfAborted();
      const result = await carryOut(job, over.signal, show);
      watched.abort();
      const elapsedMs = clock.now() - job.startedAt;
      await conclude(
        job,
        () => ports.noteDone(job, result),
        () => ports.emit({ kind: 'finished', job, result, elapsedMs }),
      );
    } catch (error) {
      watched.abort();
      const why: unknown = over.signal.aborted ? over.signal.reason : error;
      // The record stays: whoever has the lease next goes on with the job.
      if (why instanceof JobLost) return lease.release();
      if (why instanceof JobStopped)
        return conclude(
          job,
          // Should another copy have taken the job over by now, it hears of the stop.
          () => record.askStop(job.id, why.by).then(() => {}),
          () => ports.emit({ kind: 'stopped', job, by: why.by, ...seen() }),
        );
      ports.warn(`${job.work.kind} ${job.id} failed`, error);
      const refusal = refusalOrFault(error, ports.readFault);
      await conclude(
        job,
        async () => {},
        () => ports.emit({ kind: 'failed', job, refusal, ...seen() }),
      );
    }
  }

  /**
   * The end of a job: noted, forgotten by the control table, told. Until it is forgotten there it would be taken up again, a
   * stopped one too: so it is tried until it is done. Where the first try fails people are told at once.
   */
  async function conclude(job: ActJob, note: () => Promise<void>, tell: () => Promise<void>): Promise<void> {
    for (let failures = 0; ; failures++)
      try {
        if (failures < NOTE_TRIES) await note();
        await record.remove(job.id);
        // Last: a job that was done and is taken up again must find how far it was.
        await ports.jobs.remove(job.id);
        await lease.release();
        if (failures === 0) await tell();
        return;
      } catch (error) {
        ports.warn(`the end of ${job.work.kind} ${job.id} is not on record yet`, error);
        if (failures === 0) await tell();
        if (closing.signal.aborted) return;
        await clock.sleep(AGAIN_MS, closing.signal);
      }
  }

  async function carryOut(
    job: ActJob,
    signal: AbortSignal,
    show: (progress: Omit<JobProgress, 'elapsedMs' | 'isApproximate'>) => void,
  ): Promise<JobResult> {
    const { work: act, id: jobId } = job;
    const mayWrite = () => {
      signal.throwIfAborted();
      if (!lease.holds()) throw new JobLost();
    };
    const common = { jobId, table: ports.table, backupId: act.backupId, mayWrite, signal };
    if (act.kind === 'restore' && act.mode === 'put-back') {
      const entries = act.entries ?? [];
      const onProgress = (done: number) => show({ stage: 'writing', done, total: entries.length });
      return { kind: 'put-back', ...(await restoreRows(ports, { ...common, entries, onProgress })) };
    }
    if (act.kind === 'restore') {
      const done = await restoreBackup(ports, {
        ...common,
        mode: act.mode === 'replace' ? 'replace' : 'merge',
        by: job.by,
        onProgress: ({ stage, done, total }) => show({ stage, done, total }),
      });
      const { written, removed, safetyBackupId, proof } = done;
      const { sum: digest, items } = proof.tableDigest;
      return { kind: 'restore', written, removed, safetyBackupId, digest, items };
    }
    const done = await flushTable(ports, {
      ...common,
      ...(act.failedOnly ? { kinds: ['failed'] as const } : {}),
      maxDifference: ports.maxDifference,
      onProgress: ({ stage, done, total, supplemented }) => show({ stage, done, total, supplemented }),
    });
    const { deleted, supplemented, remaining, newRows } = done;
    return { kind: 'flush', deleted, supplemented, remaining, newRows };
  }

  /** The stop file, and a stop asked for through another copy of the bot; a job that is on record no more is over as well. */
  async function watchStops(job: TableJob, over: AbortController, ended: AbortSignal): Promise<void> {
    while (!ended.aborted) {
      try {
        if (await ports.stopFileExists()) over.abort(new JobStopped(`the stop file ${ports.stopFile}`));
        const seen = await record.read();
        if (ended.aborted) return;
        if (seen?.job.id !== job.id) over.abort(new JobLost());
        else if (seen.stopBy !== undefined) over.abort(new JobStopped(seen.stopBy));
      } catch (error) {
        ports.warn('a stop of the job was not looked for', error);
      }
      await clock.sleep(ports.pollMs, ended);
    }
  }

  /** Takes the lease, asks `check` under it, puts the job on record, asks `confirm` and drives it. */
  async function take(job: ActJob, { check, confirm }: BeginChecks): Promise<TableRefusal | undefined> {
    if (driven) return { reason: 'job-active', job: driven.job };
    if (await ports.stopFileExists()) return { reason: 'stop-file', path: ports.stopFile };
    const there = await record.read();
    if (there) return { reason: 'job-active', job: there.job };
    const taken = await lease.acquire();
    if (!taken.ok) return { reason: 'busy', holder: taken.holder };
    // Renewed meanwhile: a large table takes longer to count than a lease lasts.
    const over = heldLease();
    const asked = (what: () => Promise<TableRefusal | undefined>) =>
      what().catch((error: unknown) => refusalOrFault(error, ports.readFault));
    const refusal = await asked(check);
    if (refusal) {
      await lease.release();
      return refusal;
    }
    if (over.signal.aborted) return { reason: 'busy', holder: 'another copy of the bot' };
    if (closing.signal.aborted || !(await record.claim(job))) {
      await lease.release();
      const other = await record.read();
      return other ? { reason: 'job-active', job: other.job } : { reason: 'busy', holder: 'another copy of the bot' };
    }
    const late = await asked(confirm);
    if (late) {
      await record.remove(job.id);
      await lease.release();
      return late;
    }
    if (beginning?.stopBy !== undefined) over.abort(new JobStopped(beginning.stopBy));
    drive(job, false, over);
    return;
  }

  async function goOn(): Promise<void> {
    if (driven || closing.signal.aborted) return;
    const there = await record.read();
    if (!there) return tidy();
    const { job, stopBy } = there;
    const { work: act } = job;
    if (act.kind === 'backup') return;
    const taken = await lease.acquire();
    if (!taken.ok) return;
    // It was put on record and never begun: nothing was deleted under it.
    if (!(await ports.mayGoOn(job))) {
      await record.remove(job.id);
      return lease.release();
    }
    await releaseHeldFunction(ports, ports.functionName);
    if (stopBy === undefined && !(await ports.stopFileExists())) return drive({ ...job, work: act }, true);
    await record.remove(job.id);
    await ports.jobs.remove(job.id);
    await lease.release();
    await ports.emit({ kind: 'stopped', job, by: stopBy ?? `the stop file ${ports.stopFile}` });
  }

  /** What a process that died left beside a job that is over. */
  async function tidy(): Promise<void> {
    const left = await ports.jobs.list();
    if (left.length === 0) return;
    // Read after the list: a job holds the function, and writes its progress, only once it is on record. One that began meanwhile
    // may be another copy's, and what it holds is not to be released under it.
    const begun = await record.read();
    if (!begun && left.some(({ kind }) => kind === 'hold')) await releaseHeldFunction(ports, ports.functionName);
    for (const { id, kind } of left) if (kind !== 'hold' && id !== begun?.job.id) await ports.jobs.remove(id);
  }

  return {
    current: () => driven?.job,
    async begin(job, checks) {
      const { work: act } = job;
      if (act.kind === 'backup') throw new Error('A backup needs no lease: this is a defect.');
      const other = beginning?.job ?? driven?.job;
      if (other) return { reason: 'job-active', job: other };
      beginning = { job };
      try {
        return await inTurn(() => take({ ...job, work: act }, checks));
      } finally {
        beginning = undefined;
      }
    },
    stop(by) {
      if (driven) driven.over.abort(new JobStopped(by));
      else if (beginning) beginning.stopBy = by;
      return driven?.job ?? beginning?.job;
    },
    async lookForWork() {
      if (!driven && !beginning) await inTurn(goOn);
    },
    async shutDown() {
      closing.abort();
      await turn;
      const mine = driven;
      if (!mine) return;
      mine.over.abort(new JobLost());
      await mine.finished;
      await lease.release();
    },
  };
}
