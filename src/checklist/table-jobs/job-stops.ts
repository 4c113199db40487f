import type { Clock } from '../../lib/clock.ts';
import type { ApprovedJob, TableJob } from '../contracts/table-control.ts';
import type { JobRecord } from './job-record.ts';

/** Where a stop of a job may be stored. */
export interface JobStopPorts<Job extends TableJob = ApprovedJob> {
  readonly clock: Clock;
  readonly record: Pick<JobRecord<Job>, 'read'>;
  readonly stopFileExists: () => Promise<boolean>;
  readonly stopFile: string;
  /** Who asked for a stop that the control table could not store; undefined where nobody did. @throws where that cannot be read */
  readonly storedStop: (job: Pick<TableJob, 'id' | 'startedAt'>) => Promise<string | undefined>;
  readonly warn: (message: string, cause: unknown) => void;
  readonly pollMs: number;
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
