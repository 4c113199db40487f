import { type DelayLimits, delayCeilingMs, isTransient } from '../../lib/async/backoff.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Fault } from '../../pipeline/invoke/invocation.ts';
import type { JobProgress, JobResult } from '../contracts/table-control.ts';
import { refusalOf } from './table-errors.ts';

/** How long to wait before work that met a fault is taken up again. */
const WAIT: DelayLimits = { baseMs: 2_000, maxMs: 30_000 };
/** Faults that may pass without a change of the bot's settings. */
const PASSING_FAULTS: ReadonlySet<Fault['reason']> = new Set(['credentials', 'network']);

/**
 * The result of the work. Where it meets a fault that may pass (rejected credentials, no network, throttling for longer than its own
 * retries), it is taken up again from where it was, until `until`, epoch ms. `onWait` is called before each wait.
 * @throws what the work throws, `signal.reason`.
 */
export async function carryOutThroughFaults(
  carryOut: () => Promise<JobResult>,
  options: {
    readonly clock: Clock;
    readonly readFault: (error: unknown) => Fault;
    readonly until: number;
    readonly signal: AbortSignal;
    readonly onWait: (waiting: NonNullable<JobProgress['waiting']>, error: unknown) => void;
  },
): Promise<JobResult> {
  const { clock, until, signal } = options;
  for (let attempt = 1; ; attempt += 1) {
    const beganAt = clock.now();
    try {
      return await carryOut();
    } catch (error) {
      if (signal.aborted || clock.now() >= until || refusalOf(error) !== undefined) throw error;
      const fault = options.readFault(error);
      if (!PASSING_FAULTS.has(fault.reason) && !isTransient(error)) throw error;
      options.onWait({ fault, until }, error);
      // It worked for a while in between: another fault, or the same one again.
      if (clock.now() - beganAt > WAIT.maxMs) attempt = 1;
    }
    await clock.sleep(Math.min(delayCeilingMs(WAIT, attempt), until - clock.now()), signal);
    signal.throwIfAborted();
  }
}
