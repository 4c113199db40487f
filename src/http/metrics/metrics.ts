import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** A metric as the docs show it. */
export interface MetricDescription {
  readonly name: string;
  readonly type: 'gauge' | 'counter' | 'histogram';
  readonly help: string;
  readonly labels: readonly string[];
}

/**
 * Every metric of the bot, declared once. The docs are generated from this list. The values of labels are bounded: names of
 * pipelines, and fixed lists of states and types; never a key of an image, a person or a message.
 */
export function createMetrics() {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const descriptions: MetricDescription[] = [];
  /** Notes the metric for the docs. */
  function describe<Label extends string>(
    type: MetricDescription['type'],
    name: string,
    help: string,
    labelNames: readonly Label[],
  ) {
    descriptions.push({ name, type, help, labels: labelNames });
    return { name, help, labelNames, registers };
  }
  const gauge = <Label extends string>(name: string, help: string, ...labels: readonly Label[]) =>
    new Gauge<'pipeline' | Label>(describe('gauge', name, help, ['pipeline', ...labels]));
  const counter = <Label extends string>(name: string, help: string, ...labels: readonly Label[]) =>
    new Counter<'pipeline' | Label>(describe('counter', name, help, ['pipeline', ...labels]));
  return {
    registry,
    /** The metrics of the bot, without those of Node.js itself. */
    descriptions,
    pipelineStarted: gauge(
      'rescan_pipeline_started',
      '1 when this process has started the pipeline, 0 while it cannot: then the pipeline has no other series of this process.',
    ),
    stateAge: gauge(
      'rescan_state_age_seconds',
      'Seconds since this process read the state of the pipeline from the control table. While it grows, the gauges below show the state of that time.',
    ),
    leaseHeld: gauge(
      'rescan_lease_held',
      '1 when this process has the lease of the pipeline, which the process that drives its run or table job has. Sum over all processes: 0 or 1.',
    ),
    runState: gauge(
      'rescan_run_state',
      '1 for the state of the open run, else of the last run. Every process shows the same: use max.',
      'state',
    ),
    runChanges: counter('rescan_run_changes_total', 'Changes of state of runs that this process drove.', 'change'),
    runImages: gauge('rescan_run_images', 'Images of the open or last run.'),
    runOutcomes: gauge(
      'rescan_run_outcomes',
      'Images of the open or last run that have an outcome, by its kind.',
      'outcome',
    ),
    runFailures: gauge(
      'rescan_run_failures',
      'Failed images of the open or last run, by type of failure.',
      'failure_type',
    ),
    runNeedsReview: gauge(
      'rescan_run_needs_review_images',
      "Images of the open or last run whose rows are stored although the function's own validation found errors.",
    ),
    runUnproven: gauge(
      'rescan_run_unproven_images',
      'Images of the run that reported rows which were looked up and are not in the table yet.',
    ),
    runThrottles: gauge('rescan_run_throttles', 'Throttled calls of the open or last run.'),
    runCalls: gauge('rescan_run_calls', 'Invocations of the open or last run.'),
    runInFlight: gauge('rescan_run_in_flight_images', 'Images that are being processed now.'),
    runWaiting: gauge('rescan_run_waiting_images', 'Images that were throttled and wait for their next attempt.'),
    runPace: gauge('rescan_run_pace_images_per_minute', 'The pace of the run: images started per minute.'),
    runPaceCeiling: gauge('rescan_run_pace_ceiling_images_per_minute', 'The highest pace that the run may choose.'),
    runRate: gauge('rescan_run_images_per_minute', 'Outcomes per minute in the last two minutes.'),
    runEntries: gauge('rescan_run_table_entries', 'Records of the table at the last count of the run.'),
    runEntriesPerMinute: gauge('rescan_run_table_entries_per_minute', 'Records that the table gains per minute.'),
    runWithoutGrowth: gauge('rescan_run_without_growth_seconds', 'Seconds since the table last grew during the run.'),
    runWarnings: gauge('rescan_run_warning', '1 while the run has this warning.', 'warning'),
    tableJob: gauge('rescan_table_job', '1 while a job of this kind is in progress.', 'kind'),
    tableJobDone: gauge(
      'rescan_table_job_done_records',
      'Records done in the present stage of the job that this process runs.',
      'kind',
    ),
    tableJobTotal: gauge(
      'rescan_table_job_total_records',
      'Records of the present stage of the job that this process runs.',
      'kind',
    ),
    tableJobEnds: counter('rescan_table_job_ends_total', 'Table jobs of this process that ended.', 'kind', 'end'),
    openApprovals: gauge('rescan_open_approvals', 'Requests that wait for an approval or for their start.', 'action'),
    alertsWaiting: gauge(
      'rescan_alerts_waiting',
      'Messages that are stored and not delivered to Slack yet; at most 1000 are counted.',
    ),
    oldestAlert: gauge('rescan_oldest_alert_age_seconds', 'Age of the oldest message that is not delivered to Slack.'),
    acknowledgements: new Histogram<'request'>({
      ...describe(
        'histogram',
        'rescan_slack_acknowledgement_seconds',
        "Time from the arrival of a request from Slack to its acknowledgement. Slack's limit is 3 s.",
        ['request'],
      ),
      buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5],
    }),
    slackConnected: new Gauge(
      describe(
        'gauge',
        'rescan_slack_connected',
        '1 while requests from Slack can arrive: the Socket Mode connection is open, or the HTTP endpoint accepts them.',
        [],
      ),
    ),
  };
}
export type Metrics = ReturnType<typeof createMetrics>;
