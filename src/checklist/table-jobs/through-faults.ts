import { TableUnfinishedError } from '../../backup/errors.ts';
import { type DelayLimits, delayCeilingMs, isTransient } from '../../lib/async/backoff.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Fault } from '../../pipeline/invoke/invocation.ts';
import type { JobResult } from '../contracts/job-result.ts';
import type { JobProgress } from '../contracts/table-control.ts';
import { refusalOf } from './table-errors.ts';

/** How long to wait before work that met a fault is taken up again. */
const WAIT: DelayLimits = { baseMs: 2_000, maxMs: 30_000 };
/** How long at least the creation of a table that a job has deleted waits for a fault to pass, ms. */
const FINISH_WAIT_MS = 60 * 60_000;
/** Faults that may pass without a change of the bot's settings. */
const PASSING_FAULTS: ReadonlySet<Fault['reason']> = new Set(['credentials', 'network']);

/** Whether the work of a job met a fault that may pass by itself: rejected credentials, no network, throttling. */
export function mayPass(error: unknown, readFault: (error: unknown) => Fault): boolean {
  // After the deletion of the table the recreation reports every error as this one.
  const cause: unknown = error instanceof TableUnfinishedError ? error.cause : error;
  return refusalOf(cause) === undefined && (PASSING_FAULTS.has(readFault(cause).reason) || isTransient(cause));
}

/**
 * The result of the work. Where it meets a fault that may pass (rejected credentials, no network, throttling for longer than its own
 * retries), it is taken up again from where it was, until `until`, epoch ms. Once the table is deleted (`mustFinish`, or the error
 * says so) a stop does not end the wait, and it lasts an hour at least. `onWait` is called before each wait.
 * @throws what the work throws, `signal.reason`.
 */
export async function carryOutThroughFaults(
  carryOut: () => Promise<JobResult>,
  options: {
    readonly clock: Clock;
    readonly readFault: (error: unknown) => Fault;
    readonly until: number;
    readonly mustFinish: boolean;
    /** Aborted by a stop, or when the job is lost. */
    readonly signal: AbortSignal;
    /** Aborted when the job is lost. */
    readonly lost: AbortSignal;
    readonly onWait: (waiting: NonNullable<JobProgress['waiting']>, error: unknown) => void;
  },
): Promise<JobResult> {
  const { clock, readFault } = options;
  let finishUntil: number | undefined;
  for (let attempt = 1; ; attempt += 1) {
    const beganAt = clock.now();
    let { until, signal } = options;
    try {
      return await carryOut();
    } catch (error) {
      if (options.mustFinish || error instanceof TableUnfinishedError) {
        finishUntil ??= Math.max(until, clock.now() + FINISH_WAIT_MS);
        until = finishUntil;
        signal = options.lost;
      }
      if (signal.aborted || clock.now() >= until || !mayPass(error, readFault)) throw error;
      const cause = error instanceof TableUnfinishedError ? error.cause : error;
      options.onWait({ fault: readFault(cause), until }, error);
      // It worked for a while in between: another fault, or the same one again.
      if (clock.now() - beganAt > WAIT.maxMs) attempt = 1;
    }
    await clock.sleep(Math.min(delayCeilingMs(WAIT, attempt), until - clock.now()), signal);
    signal.throwIfAborted();
  }
}
