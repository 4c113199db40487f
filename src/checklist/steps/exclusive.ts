import type { Lease } from '../../state/lease.ts';
import type { TableJob } from '../contracts/table-control.ts';

/** Why work that must be alone on the pipeline cannot begin. */
export type PipelineBusy =
  | { readonly reason: 'run-active'; readonly runId: string }
  | { readonly reason: 'job-active'; readonly job: TableJob }
  | { readonly reason: 'stop-file'; readonly path: string }
  | { readonly reason: 'busy'; readonly holder: string }
  /** Other such work of this very copy. */
  | { readonly reason: 'step-active' };

export interface ExclusivePorts {
  /** The lease of the runs, held under a name of its own: while it is held no run is driven, nothing flushed or restored. */
  readonly lease: Lease;
  readonly activeRun: () => Promise<string | undefined>;
  readonly currentJob: () => Promise<TableJob | undefined>;
  readonly stopFile: string;
  readonly stopFileExists: () => Promise<boolean>;
}

/** The right to the pipeline was lost in mid-work: another copy of the bot has it. */
export class ExclusiveLostError extends Error {
  override readonly name = 'ExclusiveLostError';
  constructor() {
    super('Another copy of the bot took the pipeline over. Look with /rescan checklist what was done.');
  }
}

/** A holder may take its own lease again, and would free it under other work of this process: that is kept apart here. */
const inUse = new WeakSet<Lease>();

/**
 * Does work while no run, flush, restore or other such work is on the pipeline; answers what is in the way where there is.
 * `signal` says that the right to it was lost.
 */
export async function exclusively<T>(
  ports: ExclusivePorts,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<{ readonly done: T } | { readonly inTheWay: PipelineBusy }> {
  if (await ports.stopFileExists()) return { inTheWay: { reason: 'stop-file', path: ports.stopFile } };
  const before = await inTheWayNow(ports);
  if (before) return { inTheWay: before };
  if (inUse.has(ports.lease)) return { inTheWay: { reason: 'step-active' } };
  inUse.add(ports.lease);
  try {
    const taken = await ports.lease.acquire();
    if (!taken.ok) return { inTheWay: { reason: 'busy', holder: taken.holder } };
    const lost = new AbortController();
    ports.lease.start(() => lost.abort(new ExclusiveLostError()));
    const since = await inTheWayNow(ports);
    return since ? { inTheWay: since } : { done: await work(lost.signal) };
  } finally {
    await ports.lease.release();
    inUse.delete(ports.lease);
  }
}

async function inTheWayNow(ports: ExclusivePorts): Promise<PipelineBusy | undefined> {
  const runId = await ports.activeRun();
  if (runId !== undefined) return { reason: 'run-active', runId };
  const job = await ports.currentJob();
  return job ? { reason: 'job-active', job } : undefined;
}
