import type { RunControl } from '../../rescan/run-control.ts';
import type { PaceWish } from '../../rescan/types.ts';
import type { PlanningPorts } from '../planning.ts';
import type { RunDeeds } from '../run-deeds.ts';
import type { Command } from './command.ts';
import { paceCommand, pauseCommand, resumeCommand, stopCommand } from './control.ts';
import { helpCommand } from './help.ts';
import { startCommand } from './start.ts';
import { type StatusPorts, statusCommand } from './status.ts';

export interface CommandPorts {
  readonly runs: RunControl;
  readonly planning: PlanningPorts;
  readonly status: StatusPorts;
  readonly deeds: RunDeeds;
  /** The pace where none is said. */
  readonly pace: PaceWish;
}

/** Every word of /rescan, in the order in which help lists them. A new command is a line here and a file beside. */
export function commandTable({ runs, planning, status, deeds, pace }: CommandPorts): ReadonlyMap<string, Command> {
  const commands = [
    startCommand({ ...planning, pace }),
    statusCommand(status),
    pauseCommand(deeds),
    resumeCommand(deeds),
    stopCommand(deeds),
    paceCommand(deeds, runs),
  ];
  return new Map([helpCommand(commands), ...commands].map((command) => [command.word, command]));
}
