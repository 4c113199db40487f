import type { ScopeControl } from '../../checklist/contracts/scope-control.ts';
import type { Schedules } from '../../checklist/schedules/schedules.ts';
import type { EngineControl } from '../../run/engines/step-functions/install.ts';
import type { RunControl } from '../../run/model/run-control.ts';
import type { PaceSetting } from '../../run/model/types.ts';
import type { DeployForms } from '../forms/deploy-forms.ts';
import type { PipelineChoice } from '../requests/choose-pipeline.ts';
import type { PlanningPorts } from '../requests/plan-requests.ts';
import type { LogRequests } from '../requests/results/log-requests.ts';
import type { RunRequests } from '../requests/run-requests.ts';
import type { StatusPorts } from '../requests/status.ts';
import type { StopPorts } from '../requests/stop-work.ts';
import type { LogFollower } from '../threads/log-follower.ts';
import { type AuditCommandPorts, auditCommand } from './checklist/audit-command.ts';
import { type AutopilotCommandPorts, autopilotCommand } from './checklist/autopilot-command.ts';
import {
  type ChecklistCommandPorts,
  checklistCommand,
  closeCommand,
  historyCommand,
  overrideCommand,
} from './checklist/checklist-commands.ts';
import { deployCommand } from './checklist/deploy-command.ts';
import { scopeCommand } from './checklist/scope-command.ts';
import { quotasCommand, type StepCommandPorts, sampleCommand, testLoggingCommand } from './checklist/step-commands.ts';
import type { Command } from './command.ts';
import { COMMANDS } from './commands.ts';
import { helpCommand } from './help-command.ts';
import { logsCommand } from './results/log-command.ts';
import {
  diagnoseCommand,
  diffCommand,
  exportCommand,
  failuresCommand,
  type ResultCommandPorts,
  retryCommand,
  validateCommand,
} from './results/result-commands.ts';
import { haltCommand, paceCommand, pauseCommand, resumeCommand, stopCommand } from './run/control-commands.ts';
import { engineCommand } from './run/engine-command.ts';
import { startCommand } from './run/start-command.ts';
import { statusCommand } from './run/status-command.ts';
import { scheduleCommand } from './schedule-command.ts';
import {
  backupCommand,
  backupsCommand,
  flushCommand,
  restoreCommand,
  type TableCommandPorts,
} from './table-commands.ts';
import { useCommand } from './use-command.ts';

export interface CommandPorts {
  readonly runs: RunControl;
  readonly engine: EngineControl;
  readonly planning: PlanningPorts;
  readonly status: StatusPorts;
  readonly requests: RunRequests;
  readonly table: TableCommandPorts;
  readonly checklist: ChecklistCommandPorts;
  readonly scope: ScopeControl;
  readonly schedules: Schedules;
  readonly steps: StepCommandPorts;
  readonly deploys: DeployForms;
  /** What a stop withdraws of deploys. */
  readonly stop: Pick<StopPorts, 'deploys' | 'clock'>;
  readonly autopilot: AutopilotCommandPorts;
  readonly audit: AuditCommandPorts;
  readonly results: ResultCommandPorts;
  readonly logs: LogRequests;
  readonly following: LogFollower;
  readonly choice: PipelineChoice;
  /** The pace where none is said. */
  readonly pace: PaceSetting;
}

/** Every command of `/rescan`, by its word. A new command is a line here and in `COMMANDS`. */
export function commandTable({
  runs,
  engine,
  planning,
  status,
  requests,
  table,
  checklist,
  scope,
  schedules,
  steps,
  deploys,
  stop,
  autopilot,
  audit,
  results,
  logs,
  following,
  choice,
  pace,
}: CommandPorts): ReadonlyMap<string, Command> {
  const commands = [
    autopilotCommand({ ...autopilot, scope }),
    checklistCommand(checklist),
    scopeCommand({ scope }),
    scheduleCommand(schedules),
    backupCommand(table),
    backupsCommand(table),
    quotasCommand(steps),
    deployCommand(deploys),
    testLoggingCommand(steps),
    sampleCommand(steps),
    engineCommand({ engine }),
    overrideCommand(checklist),
    flushCommand(table),
    startCommand({ ...planning, scope, pace }),
    statusCommand({ ...status, chart: (requester) => results.requests.chart(requester) }),
    pauseCommand(requests),
    resumeCommand(requests),
    stopCommand({ ...stop, requests, tables: table.tables, autopilot: autopilot.autopilot }),
    haltCommand(status),
    paceCommand(requests, runs),
    failuresCommand(results),
    exportCommand(results),
    retryCommand(results),
    logsCommand({ logs, following }),
    validateCommand(results),
    diffCommand(results),
    diagnoseCommand(results),
    restoreCommand(table),
    closeCommand(checklist),
    historyCommand(checklist),
    useCommand(choice),
    auditCommand(audit),
  ];
  return new Map([helpCommand(COMMANDS), ...commands].map((command) => [command.word, command]));
}
