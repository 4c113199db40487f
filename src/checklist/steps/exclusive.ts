import { type Result, refuse, succeed } from '../../lib/result.ts';
import type { RunControl } from '../../run/model/run-control.ts';
import type { Lease } from '../../state/lease.ts';
import type { PipelineBusy } from '../contracts/step-control.ts';
import type { TableJob } from '../contracts/table-control.ts';

export interface ExclusivePorts {
  /** The lease of the runs, for a holder of its own. While it is held, no run and no table job is active. */
  readonly lease: Lease;
  readonly activeRun: () => Promise<string | undefined>;
  readonly currentJob: () => Promise<TableJob | undefined>;
  readonly stopFile: string;
  readonly stopFileExists: () => Promise<boolean>;
}

/** The lease was lost while the work was running: another process of the bot has it. */
export class ExclusiveLostError extends Error {
  override readonly name = 'ExclusiveLostError';
  constructor() {
    super('Another process of the bot took over the pipeline. `/rescan checklist` shows what was done.');
  }
}

/**
 * The leases that this process uses now. A holder can acquire its own lease again, and the first work to end would
 * release it under the other.
 */
const inUse = new WeakSet<Lease>();

/**
 * Does the work while no run, flush, restore or other exclusive work is active; refuses when one is.
 * `signal` aborts when the lease is lost.
 */
export async function exclusively<T>(
  ports: ExclusivePorts,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<Result<T, PipelineBusy>> {
  if (await ports.stopFileExists()) return refuse({ reason: 'stop-file', path: ports.stopFile });
  const before = await findActiveWork(ports);
  if (before) return refuse(before);
  if (inUse.has(ports.lease)) return refuse({ reason: 'step-active' });
  inUse.add(ports.lease);
  try {
    const taken = await ports.lease.acquire();
    if (!taken.ok) return refuse({ reason: 'busy', holder: taken.holder, waitMs: taken.waitMs });
    const lost = new AbortController();
    ports.lease.start(() => lost.abort(new ExclusiveLostError()));
    const since = await findActiveWork(ports);
    return since ? refuse(since) : succeed(await work(lost.signal));
  } finally {
    await ports.lease.release();
    inUse.delete(ports.lease);
  }
}

async function findActiveWork(ports: ExclusivePorts): Promise<PipelineBusy | undefined> {
  const runId = await ports.activeRun();
  if (runId !== undefined) return { reason: 'run-active', runId };
  const job = await ports.currentJob();
  return job ? { reason: 'job-active', job } : undefined;
}

/** The id of the run that is running now; undefined when none is. */
export async function activeRunId(runs: Pick<RunControl, 'current'>): Promise<string | undefined> {
  const run = await runs.current();
  return run?.state.kind === 'running' ? run.runId : undefined;
}
