import type { Clock } from '../../lib/clock.ts';
import type { Lease } from '../../state/lease.ts';
import type { StopLocation } from '../../state/stops/stored-stops.ts';
import type { ApprovedJob, TableJob } from '../contracts/table-control.ts';
import type { JobRecord } from './job-record.ts';

/** Where a stop of a job may be stored. */
export interface JobStopPorts<Job extends TableJob = ApprovedJob> {
  readonly clock: Clock;
  readonly record: Pick<JobRecord<Job>, 'read' | 'askStop'>;
  readonly stopFileExists: () => Promise<boolean>;
  readonly stopFile: string;
  /** Who asked for a stop that the control table could not store; undefined where nobody did. @throws where that cannot be read */
  readonly storedStop: (job: Pick<TableJob, 'id' | 'startedAt'>) => Promise<string | undefined>;
  /** Stores a stop outside the control table. Never throws. */
  readonly storeStop: (jobId: string, by: string) => Promise<StopLocation | undefined>;
  readonly warn: (message: string, cause: unknown) => void;
  readonly pollMs: number;
}

/** What the work on the table must respect. */
export interface WorkLimits {
  /** Aborted when the job is stopped or its lease is lost. */
  readonly signal: AbortSignal;
  /**
   * Asked immediately before every call that writes to the table.
   * @throws where this process may not write any more; the job then ends or is resumed by whoever holds the lease.
   */
  readonly mayWrite: () => void;
  /**
   * Asked in place of `mayWrite` where a stop would leave the pipeline without its table.
   * @throws only where the lease is lost or the bot shuts down.
   */
  readonly mayFinish: () => void;
}

export class JobStopped extends Error {
  override readonly name = 'JobStopped';
  readonly by: string;
  constructor(by: string) {
    super(`Stopped by ${by}`);
    this.by = by;
  }
}

/** This process may not work on the job any more, but another one may. */
export class JobLost extends Error {
  override readonly name = 'JobLost';
}

/** How often a stop outside the control table is looked for, ms. */
const STORED_STOP_POLL_MS = 5_000;
const PULSE_MS = 1_000;
/**
 * A process that stood still longer than this, ms, does not use what it read before: it gives the job up, and the job reads
 * everything again when it resumes.
 */
const MAX_STANDSTILL_MS = 10_000;

/**
 * Asks the process that drives the job to stop it: by its record, and where that cannot be written by the control bucket, where
 * every copy of the bot looks. False where the job is gone. @throws the error of the record where neither can be written.
 */
export async function askToStop<Job extends TableJob>(
  { record, storeStop, warn }: Pick<JobStopPorts<Job>, 'record' | 'storeStop' | 'warn'>,
  jobId: string,
  by: string,
): Promise<boolean> {
  try {
    return await record.askStop(jobId, by);
  } catch (error) {
    warn('the control table does not store the stop of a job', error);
    if ((await storeStop(jobId, by))?.kind !== 'bucket') throw error;
    return true;
  }
}

/**
 * Looks for the stop file and for a stop that another process asked for, until `done`; aborts `over` with what it finds. A job whose
 * record is gone is over, too.
 */
export async function watchStops<Job extends TableJob>(
  ports: JobStopPorts<Job>,
  job: Job,
  over: AbortController,
  done: AbortSignal,
): Promise<void> {
  void watchStoredStops(ports, job, over, done);
  while (!done.aborted) {
    try {
      if (await ports.stopFileExists()) over.abort(new JobStopped(`the stop file ${ports.stopFile}`));
      const stored = await ports.record.read();
      if (done.aborted) return;
      if (stored?.job.id !== job.id || stored.end) over.abort(new JobLost());
      else if (stored.stopBy !== undefined) over.abort(new JobStopped(stored.stopBy));
    } catch (error) {
      ports.warn('could not look for a stop of the job', error);
    }
    await ports.clock.sleep(ports.pollMs, done);
  }
}

/** Another process may have stored a stop elsewhere, because it cannot reach the control table. */
async function watchStoredStops(
  ports: Pick<JobStopPorts, 'clock' | 'storedStop' | 'warn'>,
  job: TableJob,
  over: AbortController,
  done: AbortSignal,
): Promise<void> {
  while (!done.aborted) {
    const by = await ports.storedStop(job).catch((error: unknown) => {
      ports.warn('could not look for a stop outside the control table', error);
      return undefined;
    });
    if (done.aborted) return;
    if (by !== undefined) over.abort(new JobStopped(by));
    await ports.clock.sleep(STORED_STOP_POLL_MS, done);
  }
}

/**
 * The limits of the work until `done`. They throw where the lease is not valid any more by the clock, where the job is stopped, and
 * where the process stood still: a timer that is overdue may come after the replies that were queued meanwhile, so the clock itself
 * is asked. `lost` is aborted when this process may not work on the job any more, which a stop does not do.
 */
export function createWriteGuard(
  ports: {
    readonly clock: Clock;
    readonly lease: Pick<Lease, 'holds'>;
    /** See JobDriverPorts. */
    readonly isHarmless?: true;
    /** Aborted when the bot shuts down. */
    readonly closing: AbortSignal;
  },
  over: AbortController,
  done: AbortSignal,
): Pick<WorkLimits, 'mayWrite' | 'mayFinish'> & { readonly lost: AbortSignal } {
  const { clock } = ports;
  let pulseAt = clock.now();
  const losing = new AbortController();
  const mayFinish = () => {
    if (over.signal.reason instanceof JobLost) losing.abort(over.signal.reason);
    // A signal that a stop has aborted does not show the shutdown.
    const isTooLate = !ports.isHarmless && (!ports.lease.holds() || clock.now() - pulseAt > MAX_STANDSTILL_MS);
    if (ports.closing.aborted || isTooLate) losing.abort(new JobLost());
    losing.signal.throwIfAborted();
  };
  const check = () => {
    try {
      mayFinish();
    } catch (error) {
      over.abort(error);
    }
  };
  for (const signal of [over.signal, ports.closing]) signal.addEventListener('abort', check, { signal: done });
  void (async () => {
    // Also after a stop, which a job that has deleted the table outlives.
    while (!done.aborted && !losing.signal.aborted) {
      check();
      pulseAt = clock.now();
      await clock.sleep(PULSE_MS, done);
    }
  })();
  const mayWrite = () => {
    if (!over.signal.aborted) check();
    over.signal.throwIfAborted();
  };
  return { mayWrite, mayFinish, lost: losing.signal };
}
