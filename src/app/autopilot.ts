import { type Autopilot, createAutopilot } from '../checklist/autopilot/autopilot.ts';
import { createAutopilotStore } from '../checklist/autopilot/autopilot-store.ts';
import { createAutopilotSteps } from '../checklist/autopilot/autopilot-work.ts';
import type { ResultControl, StartControl } from '../checklist/contracts/result-control.ts';
import type { DeployControl, StepControl } from '../checklist/contracts/step-control.ts';
import type { TableControl } from '../checklist/contracts/table-control.ts';
import type { Checklist } from '../checklist/steps/checklist.ts';
import { expectedFaultOr } from '../pipeline/aws.ts';
import type { RunControl } from '../run/model/run-control.ts';
import type { BotContext } from './context.ts';

const POLL_MS = 500;

/** The autopilot of the pipeline. */
export function assembleAutopilot(
  context: BotContext,
  parts: {
    readonly runs: RunControl;
    readonly tables: TableControl;
    readonly checklist: Checklist;
    readonly starts: StartControl;
    readonly steps: StepControl;
    readonly deploys: DeployControl;
    readonly results: ResultControl;
  },
): Autopilot {
  const { settings, table, clock, warn } = context;
  return createAutopilot({
    ...createAutopilotSteps({ ...parts, warn }),
    store: createAutopilotStore(table, settings.ocrFunction),
    clock,
    lease: context.leases.autopilot,
    checklist: parts.checklist,
    tables: parts.tables,
    starts: parts.starts,
    runs: parts.runs,
    pace: settings.pace,
    canary: { images: settings.canaryImages, percent: settings.canaryPercent },
    stopFile: settings.stopFile,
    stopFileExists: context.stopFileExists,
    readFault: (error) => expectedFaultOr(error, settings.ocrFunction),
    warn,
    pollMs: POLL_MS,
  });
}
