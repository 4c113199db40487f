import type { RunControl } from '../../rescan/run-control.ts';
import type { PaceWish } from '../../rescan/types.ts';
import type { PlanningPorts } from '../planning.ts';
import type { RunDeeds } from '../run-deeds.ts';
import type { Command } from './command.ts';
import { paceCommand, pauseCommand, resumeCommand, stopCommand } from './control.ts';
import { helpCommand } from './help.ts';
import { startCommand } from './start.ts';
import { type StatusPorts, statusCommand } from './status.ts';
import {
  backupCommand,
  backupsCommand,
  flushCommand,
  restoreCommand,
  type TableCommandPorts,
} from './table-commands.ts';

export interface CommandPorts {
  readonly runs: RunControl;
  readonly planning: PlanningPorts;
  readonly status: StatusPorts;
  readonly deeds: RunDeeds;
  readonly table: TableCommandPorts;
  /** The pace where none is said. */
  readonly pace: PaceWish;
}

/** Every word of /rescan, in the order in which help lists them. A new command is a line here and a file beside. */
export function commandTable({
  runs,
  planning,
  status,
  deeds,
  table,
  pace,
}: CommandPorts): ReadonlyMap<string, Command> {
  const commands = [
    backupCommand(table),
    backupsCommand(table),
    flushCommand(table),
    startCommand({ ...planning, pace }),
    statusCommand(status),
    pauseCommand(deeds),
    resumeCommand(deeds),
    stopCommand(deeds, table.tables),
    paceCommand(deeds, runs),
    restoreCommand(table),
  ];
  return new Map([helpCommand(commands), ...commands].map((command) => [command.word, command]));
}
