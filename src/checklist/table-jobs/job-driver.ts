import { TableInUseError, TableUnfinishedError } from '../../backup/errors.ts';
import type { JobStore } from '../../backup/jobs/job.ts';
import type { Clock } from '../../lib/clock.ts';
import { defined } from '../../lib/defined.ts';
import { keepNewest } from '../../lib/memory/newest.ts';
import { type Result, refuse, succeed } from '../../lib/result.ts';
import { nameOfFault } from '../../pipeline/fault.ts';
import type { Fault } from '../../pipeline/invoke/invocation.ts';
import type { Lease } from '../../state/lease.ts';
import type { JobResult } from '../contracts/job-result.ts';
import {
  type ApprovedJob,
  type JobEnd,
  type JobProgress,
  type JobReach,
  type JobStage,
  progressIdOf,
  READING_STAGES,
  type TableEvent,
  type TableJob,
  type TableRefusal,
} from '../contracts/table-control.ts';
import type { JobRecord } from './job-record.ts';
import {
  askToStop,
  createWriteGuard,
  JobLost,
  type JobStopPorts,
  JobStopped,
  type WorkLimits,
  watchStops,
} from './job-stops.ts';
import { createProgressMeter, type ProgressUpdate } from './progress-meter.ts';
import { refusalOrFault } from './table-errors.ts';
import { carryOutThroughFaults } from './through-faults.ts';

export interface JobDriverPorts<Job extends TableJob = ApprovedJob> extends JobStopPorts<Job> {
  readonly clock: Clock;
  readonly record: JobRecord<Job>;
  /** The lease on the pipeline, under a holder name of its own: while it is held no run and no other job works on the table. */
  readonly lease: Lease;
  /**
   * The job writes nothing that another process could be hurt by: it goes on while the lease cannot be renewed, as long as nobody
   * else takes it.
   */
  readonly isHarmless?: true;
  /** The progress of jobs. */
  readonly jobs: Pick<JobStore, 'read' | 'remove'>;
  /** Does the work of a job from where it was left. */
  readonly carryOut: (job: Job, limits: WorkLimits, onProgress: (update: ProgressUpdate) => void) => Promise<JobResult>;
  /** Until when the job waits for a fault to pass, epoch ms; 0: it does not. */
  readonly mayWaitUntil: (job: Job) => number;
  readonly readFault: (error: unknown) => Fault;
  /** Records that the table is about to change. Nothing is written to the table before it resolves. */
  readonly recordTableChange: (job: Job) => Promise<void>;
  /** Whether a job that recreates the table has not deleted it. @throws where that cannot be read. */
  readonly isTableKept?: (job: Job) => Promise<boolean>;
  /** Stores how a job ended outside the control table: one that is restored from an earlier time must not run it again. */
  readonly markEnded: (job: Job, end: JobEnd) => Promise<void>;
  /** Records the result as a step of the checklist, before the job is forgotten. */
  readonly recordResult: (job: Job, result: JobResult) => Promise<void>;
  /** Resolves to whether everything that people must hear is stored. */
  readonly emit: (event: TableEvent) => Promise<boolean>;
  readonly warn: (message: string, cause: unknown) => void;
}

/** What is decided under the lease: the job to drive from now on without a gap, or a value for the caller. */
export type Decision<T, Job extends TableJob = ApprovedJob> =
  | {
      readonly drive: Job;
      readonly isResumed: boolean;
      /** It has deleted the table and must create it again, stopped or not. */
      readonly mustFinish?: true;
    }
  | { readonly drive?: undefined; readonly value: T };

export interface JobDriver<Job extends TableJob = ApprovedJob> {
  /** The job that this process starts or drives. */
  current(): Job | undefined;
  /**
   * Takes the lease, and calls `decide` under it. The job that `decide` returns is driven under the same lease; in every
   * other case, an exception included, the lease is released. `lost` is aborted when the lease is lost meanwhile. `starting` is
   * the job that `decide` may return: a stop finds it.
   */
  underLease<T>(
    decide: (lost: AbortSignal) => Promise<Decision<T, Job>>,
    starting?: Job,
  ): Promise<Result<T | undefined, TableRefusal>>;
  /** Stops the job between two writes, or before its first one; the job, if this process starts or drives one. */
  stop(by: string): Job | undefined;
  /**
   * Decides by `settle` about a job whose process died. @throws its error, after which the caller looks at the job again; each distinct
   * error that lasts is reported once.
   */
  settleLeft<T>(job: Job, settle: () => Promise<Decision<T, Job>>): Promise<Decision<T, Job>>;
  /** Reports how a job ended that another process drove, and forgets the job. */
  reportEnd(job: Job, end: JobEnd): Promise<void>;
  /** Releases the job: another process, or the next start of this one, resumes it. */
  shutDown(): Promise<void>;
}

/** How long to wait after a failed write of a job's end, ms. */
const RETRY_END_MS = 1_000;
/** After so many failures to store a result in the checklist, or to report an end, the job is forgotten without that. */
const MAX_END_TRIES = 10;
/** After so many failures the end is not stored beside the backup: the bucket may be what the job failed on. */
const MAX_MARK_TRIES = 3;
/** A job that cannot be settled because of the same error for this long is reported, ms. */
const UNSETTLED_MS = 60_000;
const MOST_ERRORS = 20;

/** What a job does first, where it met a fault before it could say so itself. */
const FIRST_STAGE: Readonly<Record<TableJob['work']['kind'], JobStage>> = {
  backup: 'reading',
  flush: 'comparing',
  restore: 'checking',
  prune: 'pruning',
};

interface Driven<Job> {
  readonly job: Job;
  readonly over: AbortController;
  readonly finished: Promise<void>;
}

/** Drives flushes and restores, one at a time on a pipeline, under the lease that also excludes runs. */
export function createJobDriver<Job extends TableJob = ApprovedJob>(ports: JobDriverPorts<Job>): JobDriver<Job> {
  const { clock, record, lease } = ports;
  const closing = new AbortController();
  let driven: Driven<Job> | undefined;
  let starting: { readonly job: Job; stopBy?: string } | undefined;
  /** Jobs whose end is stored: they block nothing any more. */
  const ended = new WeakSet<Job>();
  /** One at a time in this process: the lease object is shared, so one exit would release it under the other. */
  let turn: Promise<unknown> = Promise.resolve();
  function inTurn<T>(change: () => Promise<T>): Promise<T> {
    const next = turn.then(change, change);
    turn = next.catch(() => {});
    return next;
  }

  function drive(job: Job, over: AbortController, how: { isResumed: boolean; mustFinish?: true }): void {
    const finished = work(job, over, how).finally(() => {
      if (driven?.job === job) driven = undefined;
    });
    driven = { job, over, finished };
  }

  async function work(
    job: Job,
    over: AbortController,
    { isResumed, mustFinish }: { isResumed: boolean; mustFinish?: true },
  ): Promise<void> {
    const working = new AbortController();
    void watchStops(ports, job, over, working.signal);
    const { lost, ...guard } = createWriteGuard({ ...ports, closing: closing.signal }, over, working.signal);
    const limits = { signal: over.signal, ...guard };
    const measure = createProgressMeter(clock);
    let progress: JobProgress | undefined;
    let isChangeRecorded = false;
    // The end of a job whose lease is over by the clock belongs to the next holder, even if no timer has fired yet.
    const giveUpExpired = () => {
      if (!lease.holds() && !ports.isHarmless) over.abort(new JobLost());
    };
    await ports.emit({ kind: isResumed ? 'resumed' : 'started', job });
    try {
      if (!mustFinish) over.signal.throwIfAborted();
      const show = (shown: JobProgress) => void ports.emit({ kind: 'progress', job, progress: shown });
      const recordChange = () =>
        ports.recordTableChange(job).catch((error: unknown) => {
          // Recorded before the table was deleted, and a pipeline without its table must not wait for this.
          if (!mustFinish) throw error;
          ports.warn(
            `${job.work.kind} ${job.id} goes on although its change of the table was not recorded again`,
            error,
          );
        });
      const carryOut = async () => {
        if (!isChangeRecorded) await recordChange();
        isChangeRecorded = true;
        return ports.carryOut(job, limits, (update) => {
          progress = measure(update);
          show(progress);
        });
      };
      const result = await carryOutThroughFaults(carryOut, {
        clock,
        readFault: ports.readFault,
        until: ports.mayWaitUntil(job),
        mustFinish: mustFinish === true,
        signal: over.signal,
        lost,
        onWait(waiting, error) {
          ports.warn(`${job.work.kind} ${job.id} waits`, error);
          const stage = mustFinish ? 'recreating' : FIRST_STAGE[job.work.kind];
          show({ ...(progress ?? measure({ stage, done: 0, total: 0 })), waiting });
        },
      });
      working.abort();
      giveUpExpired();
      if (over.signal.reason instanceof JobLost) throw over.signal.reason;
      await conclude(job, { kind: 'finished', result, elapsedMs: clock.now() - job.startedAt });
    } catch (error) {
      working.abort();
      giveUpExpired();
      // A stop does not explain how a table was left.
      const isItself =
        !(over.signal.reason instanceof JobLost) &&
        [JobLost, TableUnfinishedError, TableInUseError].some((kind) => error instanceof kind);
      const cause: unknown = over.signal.aborted && !isItself ? over.signal.reason : error;
      // The record stays: whoever gets the lease next decides whether the job resumes.
      if (cause instanceof JobLost) return lease.release();
      const isTableKept = await isKept(job, error);
      // It stays also where the table is deleted, or may be: the job ends when the table is created, or cannot be.
      if (isTableKept === false && !(error instanceof TableUnfinishedError)) {
        ports.warn(`${job.work.kind} ${job.id} has deleted the table, or may have, and is resumed`, error);
        return lease.release();
      }
      if (cause instanceof JobStopped)
        return conclude(job, {
          kind: 'stopped',
          by: cause.by,
          ...(await reachOf(job, isResumed, progress, isTableKept)),
        });
      ports.warn(`${job.work.kind} ${job.id} failed`, error);
      return conclude(job, {
        kind: 'failed',
        refusal: refusalOrFault(error, ports.readFault),
        ...(await reachOf(job, isResumed, progress, isTableKept)),
      });
    }
  }

  /** Whether the table itself is known to be still there; undefined for a job that does not delete it. Never throws. */
  async function isKept(job: Job, error: unknown): Promise<boolean | undefined> {
    if (job.work.kind !== 'flush' || !job.work.recreate || !ports.isTableKept) return;
    return error instanceof TableInUseError || (await ports.isTableKept(job).catch(() => false));
  }

  /** How far a job came that this process has driven, and perhaps others before. Never throws. */
  async function reachOf(
    job: Job,
    isResumed: boolean,
    progress?: JobProgress,
    isTableKept?: boolean,
  ): Promise<JobReach> {
    const hasWritten = progress !== undefined && !READING_STAGES.has(progress.stage);
    const isUntouched = !hasWritten && (await isUntouchedBefore(ports.jobs, job, isResumed));
    const yes = (is: boolean | undefined) => (is ? (true as const) : undefined);
    return defined({ progress, isUntouched: yes(isUntouched), isTableKept: yes(isTableKept) });
  }

  /**
   * Stores how the job ended, reports it, and forgets the job, in this order: a process that dies in between leaves a job that
   * is not resumed, and whose end the next one reports. Retried until it is stored; after the first failure it is reported
   * at once.
   */
  async function conclude(job: Job, end: JobEnd): Promise<void> {
    let reports = 0;
    let isReported = false;
    const report = async (): Promise<void> => {
      if (isReported || reports === MAX_END_TRIES) return;
      reports += 1;
      isReported = await ports.emit({ ...end, job });
    };
    for (let failures = 0; ; failures += 1)
      try {
        if (failures < MAX_MARK_TRIES) await ports.markEnded(job, end);
        if (end.kind === 'finished' && failures < MAX_END_TRIES) await ports.recordResult(job, end.result);
        await record.setEnd(job.id, end);
        await ports.jobs.remove(progressIdOf(job));
        await lease.release();
        ended.add(job);
        await report();
        if (!isReported && reports < MAX_END_TRIES) throw new Error('The end of the job could not be reported.');
        await record.remove(job.id);
        return;
      } catch (error) {
        ports.warn(`the end of ${job.work.kind} ${job.id} is not stored yet`, error);
        if (reports === 0) await report();
        if (closing.signal.aborted) return;
        await clock.sleep(RETRY_END_MS, closing.signal);
      }
  }

  async function decideUnderLease<T>(
    decide: (lost: AbortSignal) => Promise<Decision<T, Job>>,
  ): Promise<Result<T | undefined, TableRefusal>> {
    // Its end is stored and only being reported: a moment.
    if (driven && ended.has(driven.job)) await driven.finished;
    if (driven) return refuse({ reason: 'job-active', job: driven.job });
    if (closing.signal.aborted) return refuse({ reason: 'shutting-down' });
    const taken = await lease.acquire();
    if (!taken.ok) return refuse({ reason: 'busy', holder: taken.holder, waitMs: taken.waitMs });
    const over = new AbortController();
    let isDriven = false;
    try {
      // Renewed from here on: counting a large table takes longer than a lease lasts.
      lease.start(() => over.abort(new JobLost()), { regains: ports.isHarmless === true });
      const decision = await decide(over.signal);
      if (!('isResumed' in decision)) return succeed(decision.value);
      if (starting?.stopBy !== undefined) over.abort(new JobStopped(starting.stopBy));
      drive(decision.drive, over, decision);
      isDriven = true;
      return succeed(undefined);
    } finally {
      if (!isDriven) await lease.release();
    }
  }

  /** Why the stored job could not be settled since it last could. */
  const unsettled = new Map<string, { readonly since: number; isReported: boolean }>();

  /** Counts an error of settling a job, and reports it where it has lasted. */
  async function noteUnsettled(job: Job, error: unknown): Promise<void> {
    const fault = ports.readFault(error);
    const name = `${job.id} ${nameOfFault(fault)}`;
    const known = unsettled.get(name) ?? { since: clock.now(), isReported: false };
    unsettled.set(name, known);
    keepNewest(unsettled, MOST_ERRORS);
    if (known.isReported || clock.now() - known.since < UNSETTLED_MS) return;
    known.isReported = await ports.emit({ kind: 'unsettled', job, fault });
  }

  const current = () => (driven && !ended.has(driven.job) ? driven.job : starting?.job);

  return {
    current,
    async underLease(decide, job) {
      const other = current();
      if (other) return refuse({ reason: 'job-active', job: other });
      if (!job) return inTurn(() => decideUnderLease(decide));
      const mine = { job };
      starting = mine;
      try {
        return await inTurn(() => decideUnderLease(decide));
      } finally {
        if (starting === mine) starting = undefined;
      }
    },
    stop(by) {
      const job = current();
      if (driven?.job === job) driven?.over.abort(new JobStopped(by));
      else if (starting) starting.stopBy = by;
      // Stored as well: a process that dies before it has stopped must not resume.
      if (job)
        askToStop(ports, job.id, by).catch((error) => ports.warn('the stop of a job is not in the bucket', error));
      return job;
    },
    async settleLeft(job, settle) {
      try {
        const settled = await settle();
        unsettled.clear();
        return settled;
      } catch (error) {
        await noteUnsettled(job, error);
        throw error;
      }
    },
    async reportEnd(job, end) {
      await ports.markEnded(job, end).catch((error) => ports.warn(`the end of job ${job.id} is not marked`, error));
      if (end.kind === 'finished') await ports.recordResult(job, end.result);
      await ports.jobs.remove(progressIdOf(job));
      if (!(await ports.emit({ ...end, job }))) throw new Error(`The end of job ${job.id} could not be reported.`);
      await record.remove(job.id);
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

/**
 * Whether no process has changed the table for this job, as far as its progress tells, which is stored before the first write.
 * A restore of rows and a prune store none: of one that other processes have driven nothing is known. False where it cannot be read.
 */
export async function isUntouchedBefore(
  jobs: Pick<JobStore, 'read'>,
  job: TableJob,
  isResumed: boolean,
): Promise<boolean> {
  if (job.work.kind === 'backup') return true;
  if (job.work.kind === 'prune' || (job.work.kind === 'restore' && job.work.mode === 'rows')) return !isResumed;
  return jobs.read(progressIdOf(job)).then(
    (kept) => kept === undefined,
    () => false,
  );
}
