import type { Approval } from '../../approvals/approval.ts';
import type { AutopilotControl } from '../../checklist/contracts/autopilot-control.ts';
import type { DeployControl, DeployView } from '../../checklist/contracts/step-control.ts';
import type { TableControl, TableEvent, TableJob } from '../../checklist/contracts/table-control.ts';
import type { AutopilotRecord } from '../../checklist/model/autopilot-record.ts';
import type { ChecklistView } from '../../checklist/model/checklist-view.ts';
import type { Schedules } from '../../checklist/schedules/schedules.ts';
import type { Checklist } from '../../checklist/steps/checklist.ts';
import { shareReads } from '../../lib/async/share-reads.ts';
import type { Clock } from '../../lib/clock.ts';
import { defined } from '../../lib/defined.ts';
import { FaultError } from '../../pipeline/fault.ts';
import type { RunControl } from '../../run/model/run-control.ts';
import type { RunEvent, RunSnapshot } from '../../run/model/types.ts';
import type { ShownFiring } from '../messages/schedules/schedule-messages.ts';

/** Everything that is going on in the pipeline: what status, Home and the question before a stop are made from. */
export interface PipelineState {
  /** The open run; where none is open, the last one. */
  readonly run?: RunSnapshot;
  /** The flush or restore in progress. */
  readonly job?: TableJob;
  /** The deploy or rollback that has begun and has not ended. */
  readonly deploy?: DeployView;
  /** Absent where no autopilot is running. */
  readonly autopilot?: AutopilotRecord;
  /** Requests that wait for a decision or for their start, deploys included, oldest first. */
  readonly approvals: readonly Approval[];
  /** The steps, with those in progress. */
  readonly view: ChecklistView;
  /** What the schedules start next (epoch ms); absent where no schedule is on. */
  readonly nextFiring?: ShownFiring;
  /** How far the clock of the machine is ahead of AWS's, ms; negative when it is behind. */
  readonly machineAheadMs: number;
}

/** What this process knew last about the run and the table job, and when that was (epoch ms). */
export interface LastKnown {
  readonly at: number;
  readonly run?: RunSnapshot;
  readonly job?: TableJob;
}

/** Reads what is going on, and remembers it for the time when nothing can be read. */
export interface PipelineStates {
  /**
   * The state now, which many people who ask at the same moment share. @throws where a part of it cannot be read: half of it would look
   * like all of it.
   */
  read(): Promise<PipelineState>;
  /** Undefined where this process has not seen anything yet. */
  lastKnown(): LastKnown | undefined;
  /** Remembers what an event of this process says. */
  noteRun(event: RunEvent): void;
  noteTable(event: TableEvent): void;
}

export function createPipelineStates(ports: {
  runs: Pick<RunControl, 'current'>;
  tables: Pick<TableControl, 'current' | 'openApprovals'>;
  deploys: Pick<DeployControl, 'inProgress' | 'openApprovals'>;
  checklist: Pick<Checklist, 'view'>;
  autopilot: Pick<AutopilotControl, 'current'>;
  schedules: Pick<Schedules, 'nextFiring'>;
  clock: Pick<Clock, 'now' | 'sleep'>;
  machineAheadMs: () => number;
}): PipelineStates {
  const { runs, tables, deploys, checklist, autopilot, clock } = ports;
  let known: LastKnown | undefined;
  const note = (facts: Omit<LastKnown, 'at'>) => {
    known = { ...facts, at: clock.now() };
  };
  /** A schedule that this version cannot read hides nothing that runs. */
  const readNextFiring = () =>
    ports.schedules.nextFiring().catch((error: unknown) => {
      if (error instanceof FaultError) return 'unread' as const;
      throw error;
    });
  async function read(): Promise<PipelineState> {
    const [run, job, deploy, piloting, ofTable, ofDeploys, view, nextFiring] = await Promise.all([
      runs.current(),
      tables.current(),
      deploys.inProgress(),
      autopilot.current(),
      tables.openApprovals(),
      deploys.openApprovals(),
      checklist.view(),
      readNextFiring(),
    ]);
    const approvals = [...ofTable, ...ofDeploys].sort((one, other) => one.requestedAt - other.requestedAt);
    note(defined({ run, job }));
    const isPiloting = piloting?.state === 'running';
    const machineAheadMs = ports.machineAheadMs();
    return {
      approvals,
      view,
      machineAheadMs,
      ...defined({ run, job, deploy, autopilot: isPiloting ? piloting : undefined, nextFiring }),
    };
  }
  return {
    read: shareReads(read, clock),
    lastKnown: () => known,
    noteRun: ({ snapshot }) => note({ ...known, run: snapshot }),
    noteTable(event) {
      switch (event.kind) {
        case 'started':
        case 'resumed':
        case 'progress':
          // A backup is not a job that the next reading would show.
          return event.job.work.kind === 'backup' ? undefined : note({ ...known, job: event.job });
        case 'finished':
        case 'stopped':
        case 'failed':
        case 'interrupted': {
          const isOver = known?.job?.id === event.job.id;
          return note(defined({ run: known?.run, job: isOver ? undefined : known?.job }));
        }
        case 'unsettled':
        case 'function-released':
        case 'function-not-released':
        case 'request-outdated':
        case 'approval-changed':
          return;
      }
    },
  };
}

/** Which work a stop would stop: the ids of the run, the table job and the autopilot, and of requests that were approved. */
export function stoppableIds({ run, job, autopilot, approvals }: PipelineState): readonly string[] {
  const isStoppable = run !== undefined && ['running', 'paused', 'tripped', 'interrupted'].includes(run.state.kind);
  return [
    ...(job ? [job.id] : []),
    ...(isStoppable ? [run.runId] : []),
    ...(autopilot ? [autopilot.id] : []),
    ...approvals.filter(({ state }) => state.kind === 'approved').map(({ id }) => id),
  ];
}
