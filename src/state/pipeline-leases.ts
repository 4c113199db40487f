import type { Clock } from '../lib/clock.ts';
import { createLease, createLeaseWatch, type Lease } from './lease.ts';
import type { ControlTable } from './table/control-table.ts';

/** The leases of one pipeline. */
export interface PipelineLeases {
  /** These four exclude each other: they are one lease with four holders. */
  readonly runs: Lease;
  readonly tableJobs: Lease;
  readonly functionSteps: Lease;
  readonly deploys: Lease;
  /**
   * Whose process drives the autopilot. It is independent of the lease of the pipeline, which the steps of the
   * autopilot take.
   */
  readonly autopilot: Lease;
  /** Whose process makes a backup: one at a time on a pipeline, also while a run holds the pipeline. */
  readonly backups: Lease;
  /** Whose process executes the follow-ups of runs. Independent as well. */
  readonly followUps: Lease;
  /** Whose process sends webhooks. Independent as well. */
  readonly webhooks: Lease;
}

/** The leases of the pipeline `pipeline` for the process `holder`, a name that no other process has or had. */
export function createPipelineLeases(parts: {
  readonly table: ControlTable;
  readonly pipeline: string;
  readonly holder: string;
  readonly durationMs: number;
  readonly clock: Clock;
  readonly logger?: { warn(facts: object, message: string): void };
}): PipelineLeases {
  const { pipeline, holder, ...common } = parts;
  const watch = createLeaseWatch(parts.clock);
  const ofPipeline = (part: string) => createLease({ ...common, watch, name: pipeline, holder: `${holder}/${part}` });
  return {
    runs: createLease({ ...common, watch, name: pipeline, holder }),
    tableJobs: ofPipeline('table'),
    functionSteps: ofPipeline('function'),
    deploys: ofPipeline('deploy'),
    autopilot: createLease({ ...common, name: `${pipeline}#autopilot`, holder: `${holder}/autopilot` }),
    backups: createLease({ ...common, name: `${pipeline}#backup`, holder: `${holder}/backup` }),
    webhooks: createLease({ ...common, name: `${pipeline}#webhook`, holder }),
    // The name that earlier versions use, so that an old and a new process exclude each other.
    followUps: createLease({ ...common, name: `afterwards#${pipeline}`, holder }),
  };
}
