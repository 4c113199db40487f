import { APPROVED_ACTIONS, type Approval } from '../../approvals/approval.ts';
import type { DeployControl } from '../../checklist/contracts/step-control.ts';
import type { JobProgress, TableControl, TableEvent, TableJob } from '../../checklist/contracts/table-control.ts';
import { createSampler, type Sampler } from '../../lib/async/sampler.ts';
import type { Clock } from '../../lib/clock.ts';
import { FAILURE_TYPES } from '../../pipeline/invoke/invocation.ts';
import type { RunControl } from '../../run/model/run-control.ts';
import type { RunEvent, RunSnapshot, RunState, WarningKind } from '../../run/model/types.ts';
import type { Lease } from '../../state/lease.ts';
import type { Outbox } from '../../state/outbox.ts';
import type { LeaseState, PipelineReadiness } from '../health.ts';
import type { Metrics } from './metrics.ts';

const RUN_STATES: readonly RunState['kind'][] = [
  'planned',
  'running',
  'paused',
  'stopped',
  'tripped',
  'interrupted',
  'completed',
  'abandoned',
];
const WARNINGS: readonly WarningKind[] = ['slow', 'failures', 'no-growth', 'throttling', 'control-table'];
const JOB_KINDS: readonly TableJob['work']['kind'][] = ['backup', 'flush', 'restore', 'prune'];
/** The events of a run that are counted; the others tell of progress or of one image. */
const COUNTED_CHANGES: ReadonlySet<RunEvent['kind']> = new Set([
  'started',
  'resumed',
  'paused',
  'stopped',
  'tripped',
  'interrupted',
  'completed',
  'abandoned',
]);

/** The state is read at most this often, however often the metrics are asked for, ms. */
const READ_EVERY_MS = 10_000;
const READ_TIMEOUT_MS = 3_000;
/** Each undelivered message is an entry that has to be read. */
const MOST_ALERTS = 1_000;

/** The part of one pipeline's state that is read from the control table. */
interface StoredState {
  readonly run: RunSnapshot | undefined;
  readonly job: TableJob | undefined;
  readonly approvals: readonly Approval[];
  readonly alerts: { readonly count: number; readonly oldestAt?: number };
  readonly lease: LeaseState;
}

export interface ObservedPipeline {
  /** The value of the label `pipeline`. */
  readonly pipeline: string;
  readonly runs: Pick<RunControl, 'current' | 'watch'>;
  readonly tables: Pick<TableControl, 'current' | 'openApprovals' | 'watch'>;
  readonly deploys: Pick<DeployControl, 'openApprovals'>;
  readonly outbox: Pick<Outbox, 'pending'>;
  readonly lease: Pick<Lease, 'look'>;
  /** The name of this process in leases; those of its parts begin with it. */
  readonly holder: string;
  readonly clock: Clock;
  readonly warn: (message: string, cause: unknown) => void;
}

/** What one pipeline shows in metrics and in the readiness of the process. */
export interface PipelineObserver {
  /** Reads what is due, for 3 s at most, and sets the gauges. Never throws. */
  refresh(): Promise<void>;
  /** What is known after `refresh`. */
  readiness(): PipelineReadiness;
  close(): void;
}

export function observePipeline(ports: ObservedPipeline, metrics: Metrics): PipelineObserver {
  const { pipeline, clock } = ports;
  const sampler: Sampler<StoredState> = createSampler({
    read: () => readState(ports),
    everyMs: READ_EVERY_MS,
    timeoutMs: READ_TIMEOUT_MS,
    clock,
    onError: (error) => ports.warn(`The state of ${pipeline} cannot be read for its metrics.`, error),
  });
  /** The run that this process drives: what it stores is older. */
  let live: RunSnapshot | undefined;
  const jobs = new Map<string, { readonly job: TableJob; readonly progress?: JobProgress }>();

  const ends = [
    ports.runs.watch((event) => {
      const { snapshot } = event;
      live = snapshot.state.kind === 'running' && event.kind !== 'left' ? snapshot : undefined;
      if (COUNTED_CHANGES.has(event.kind)) metrics.runChanges.inc({ pipeline, change: event.kind });
    }),
    ports.tables.watch((event) => noteJob(event)),
  ];

  function noteJob(event: TableEvent): void {
    switch (event.kind) {
      case 'started':
      case 'resumed':
        return void jobs.set(event.job.id, { job: event.job });
      case 'progress':
        return void jobs.set(event.job.id, { job: event.job, progress: event.progress });
      case 'finished':
      case 'stopped':
      case 'failed':
      case 'interrupted':
        jobs.delete(event.job.id);
        return metrics.tableJobEnds.inc({ pipeline, kind: event.job.work.kind, end: event.kind });
      case 'unsettled':
      case 'function-released':
      case 'function-not-released':
      case 'request-outdated':
      case 'approval-changed':
        return;
    }
  }

  function setGauges(state: StoredState, ageMs: number): void {
    metrics.stateAge.set({ pipeline }, ageMs / 1_000);
    metrics.leaseHeld.set({ pipeline }, state.lease === 'this process' ? 1 : 0);
    // A process that lost the lease hears of no end: what the next driver stores is newer than its own last event.
    const run = state.lease === 'this process' ? (live ?? state.run) : state.run;
    if (run) setRun(metrics, pipeline, run);
    else for (const kind of RUN_STATES) metrics.runState.set({ pipeline, state: kind }, 0);
    for (const kind of JOB_KINDS) {
      // A backup has a lease of its own.
      const isOurs = kind === 'backup' || state.lease === 'this process';
      const own = isOurs ? [...jobs.values()].find(({ job }) => job.work.kind === kind) : undefined;
      metrics.tableJob.set({ pipeline, kind }, own || state.job?.work.kind === kind ? 1 : 0);
      metrics.tableJobDone.set({ pipeline, kind }, own?.progress?.done ?? 0);
      metrics.tableJobTotal.set({ pipeline, kind }, own?.progress?.total ?? 0);
    }
    for (const action of APPROVED_ACTIONS)
      metrics.openApprovals.set(
        { pipeline, action },
        state.approvals.filter((approval) => approval.action === action).length,
      );
    const { count, oldestAt } = state.alerts;
    metrics.alertsWaiting.set({ pipeline }, count);
    metrics.oldestAlert.set({ pipeline }, oldestAt === undefined ? 0 : Math.max(0, clock.now() - oldestAt) / 1_000);
  }

  return {
    async refresh() {
      await sampler.sample();
      const last = sampler.last();
      if (last) setGauges(last.value, last.ageMs);
    },
    readiness() {
      const last = sampler.last();
      return last ? { pipeline, readMsAgo: last.ageMs, lease: last.value.lease } : { pipeline };
    },
    close() {
      for (const end of ends) end();
    },
  };
}

async function readState(ports: ObservedPipeline): Promise<StoredState> {
  const [lease, run, job, tableApprovals, deployApprovals, alerts] = await Promise.all([
    ports.lease.look(),
    ports.runs.current(),
    ports.tables.current(),
    ports.tables.openApprovals(),
    ports.deploys.openApprovals(),
    countPending(ports.outbox),
  ]);
  return {
    run,
    job,
    approvals: [...tableApprovals, ...deployApprovals],
    alerts,
    lease: leaseState(lease.holder, ports.holder),
  };
}

function leaseState(holder: string | undefined, ours: string): LeaseState {
  if (holder === undefined) return 'nobody';
  return holder === ours || holder.startsWith(`${ours}/`) ? 'this process' : 'another process';
}

async function countPending(outbox: Pick<Outbox, 'pending'>): Promise<StoredState['alerts']> {
  let count = 0;
  let oldestAt: number | undefined;
  for await (const { at } of outbox.pending()) {
    count += 1;
    oldestAt ??= at;
    if (count >= MOST_ALERTS) break;
  }
  return oldestAt === undefined ? { count } : { count, oldestAt };
}

function setRun(metrics: Metrics, pipeline: string, run: RunSnapshot): void {
  const { totals, growth } = run;
  for (const kind of RUN_STATES) metrics.runState.set({ pipeline, state: kind }, run.state.kind === kind ? 1 : 0);
  metrics.runImages.set({ pipeline }, run.total);
  const outcomes = {
    processed: totals.processed,
    rejected: totals.rejected,
    failed: totals.failed,
    gone: totals.gone ?? 0,
    'no-rows': totals.noRows,
  };
  for (const [outcome, images] of Object.entries(outcomes)) metrics.runOutcomes.set({ pipeline, outcome }, images);
  for (const failure_type of FAILURE_TYPES)
    metrics.runFailures.set({ pipeline, failure_type }, totals.failedByType[failure_type] ?? 0);
  metrics.runNeedsReview.set({ pipeline }, totals.needsReview ?? 0);
  metrics.runUnproven.set({ pipeline }, run.rows?.unproven ?? 0);
  metrics.runThrottles.set({ pipeline }, totals.throttles);
  metrics.runCalls.set({ pipeline }, totals.calls);
  metrics.runInFlight.set({ pipeline }, run.inFlight);
  metrics.runWaiting.set({ pipeline }, run.waiting);
  metrics.runPace.set({ pipeline }, run.pacePerMinute);
  metrics.runPaceCeiling.set({ pipeline }, run.ceilingPerMinute);
  metrics.runRate.set({ pipeline }, run.imagesPerMinute ?? 0);
  setOrRemove(metrics.runEntries, pipeline, growth.entries);
  setOrRemove(metrics.runEntriesPerMinute, pipeline, growth.perMinute);
  metrics.runWithoutGrowth.set({ pipeline }, (growth.minutesWithoutGrowth ?? 0) * 60);
  for (const warning of WARNINGS)
    metrics.runWarnings.set({ pipeline, warning }, run.warnings.some(({ kind }) => kind === warning) ? 1 : 0);
}

/** What was not measured is absent: 0 would be a measurement. */
function setOrRemove(metric: Metrics['runEntries'], pipeline: string, value: number | undefined): void {
  if (value === undefined) metric.remove({ pipeline });
  else metric.set({ pipeline }, value);
}
