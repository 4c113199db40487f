import type { TableControl } from '../checklist/contracts/table-control.ts';
import { createHeartbeat, type Heartbeat } from '../checklist/heartbeat/heartbeat.ts';
import { createBackupJobRecord, createJobRecord } from '../checklist/table-jobs/job-record.ts';
import { putMetrics } from '../pipeline/metrics/put-metrics.ts';
import type { RunControl } from '../run/model/run-control.ts';
import type { BotContext } from './context.ts';

/** The heartbeat of the pipeline in CloudWatch; undefined where it is switched off. */
export function assembleHeartbeat(
  context: BotContext,
  { runs, tables }: { readonly runs: RunControl; readonly tables: TableControl },
): Heartbeat | undefined {
  const { settings, aws, table, leases, clock, warnOnce } = context;
  if (!settings.cloudwatchHeartbeat) return undefined;
  const pipeline = settings.ocrFunction;
  const jobs = createJobRecord(table, pipeline);
  const backups = createBackupJobRecord(table, pipeline);
  const heartbeat = createHeartbeat({
    pipeline,
    works: [
      {
        kind: 'run',
        isActive: async () => (await runs.current())?.state.kind === 'running',
        isDriven: () => leases.runs.holds(),
      },
      {
        kind: 'table-job',
        isActive: async () => isUnfinished(await jobs.read()),
        isDriven: () => leases.tableJobs.holds(),
      },
      {
        kind: 'backup',
        isActive: async () => isUnfinished(await backups.read()),
        isDriven: () => leases.backups.holds(),
      },
    ],
    put: (measurements, signal) => putMetrics(aws.cloudwatch, measurements, signal),
    clock,
    warnOnce,
  });
  const onEvent = ({ kind }: { readonly kind: string }) => {
    if (kind !== 'progress') heartbeat.changed();
  };
  runs.watch(onEvent);
  tables.watch(onEvent);
  return heartbeat;
}

const isUnfinished = (stored: { readonly end?: unknown } | undefined): boolean =>
  stored !== undefined && stored.end === undefined;
