import { suggestNearest } from '../../../lib/nearest.ts';
import { COMMAND_GROUPS, type CommandDescription, type CommandGroup } from '../../commands/command.ts';
import { code } from '../kit/escape.ts';
import { compose, type Message, refuseWith, say } from '../kit/message.ts';

const GROUPS: Readonly<Record<CommandGroup, string>> = {
  rescan: 'the rescan as a whole',
  prepare: 'checks before a rescan',
  table: 'backup, flush and restore of the table',
  run: 'start, watch and stop a run',
  results: 'failures and what changed',
  log: 'the function’s log, the audit, help',
};
const MOST_USED = ['status', 'stop', 'autopilot', 'start', 'failures'];
const WHO: Readonly<Record<CommandDescription['role'], string>> = {
  viewer: 'everyone in the channel',
  stopper: 'everyone in the channel; with `STOP_FOR=operators` operators and approvers',
  operator: 'operators and approvers',
  approver: 'approvers',
};

/** What the bot does, the most used commands, and every command by group. */
export const helpMessage = (commands: readonly CommandDescription[]): Message =>
  compose({
    fact: 'rescan-bot runs the OCR function over every image again, without losing a record.',
    lines: [
      'Most used:',
      ...MOST_USED.flatMap((word) => commands.filter((command) => command.word === word)).map(
        ({ word, summary }) => `• \`/rescan ${word}\`: ${summary}`,
      ),
      'All commands:',
      ...COMMAND_GROUPS.map((group) => {
        const words = commands.filter((command) => command.group === group).map(({ word }) => `\`${word}\``);
        return `• *${group}* (${GROUPS[group]}): ${words.join(' ')}`;
      }),
    ],
    notes: ['`/rescan help flush` explains one command, `/rescan help run` a group.'],
  });

/** One command: usage, options, an example and who may use it. */
export const commandHelpMessage = ({
  word,
  summary,
  usage,
  options = [],
  example,
  role,
}: CommandDescription): Message =>
  compose({
    fact: `/rescan ${word}: ${summary}.`,
    lines: [
      'Usage:',
      ...formsOf(usage).map((form) => `• \`/rescan ${form}\``),
      ...(options.length === 0 ? [] : ['Options:']),
      ...options.map(([option, meaning]) => `• \`${option}\`: ${meaning}`),
      `Example: \`/rescan ${example}\``,
      `Who may use it: ${WHO[role]}.`,
    ],
  });

/** The forms of a usage, each without `/rescan`: split at ` | `, but not inside of brackets. */
export function formsOf(usage: string): readonly string[] {
  const forms: string[] = [''];
  let depth = 0;
  for (const part of usage.split(/( \| |[[\]])/)) {
    if (part === '[') depth += 1;
    if (part === ']') depth -= 1;
    if (part === ' | ' && depth === 0) forms.push('');
    else forms[forms.length - 1] += part;
  }
  return forms;
}

/** Every command of a group, one line each. */
export const groupHelpMessage = (group: CommandGroup, commands: readonly CommandDescription[]): Message =>
  compose({
    fact: `Commands for ${GROUPS[group]}.`,
    lines: commands
      .filter((command) => command.group === group)
      .map(
        ({ word, summary, role }) =>
          `• \`/rescan ${word}\`: ${summary}${role === 'viewer' || role === 'stopper' ? '' : ` (${role}s)`}`,
      ),
    notes: ['`/rescan help COMMAND` explains one command.'],
  });

/** A topic that is neither a command nor a group, with the nearest ones. */
export const unknownTopicMessage = (typed: string, topics: readonly string[]): Message =>
  say(`There is no help about ${code(typed, 60)}.`, suggestion(typed, topics, '/rescan help '));

/** A word that is no command, with the nearest commands. */
export const unknownWordMessage = (typed: string, words: readonly string[]): Message =>
  refuseWith(
    `Nothing was done: there is no command ${code(`/rescan ${typed}`, 60)}.`,
    suggestion(typed, words, '/rescan '),
  );

function suggestion(typed: string, names: readonly string[], prefix: string): string {
  const near = suggestNearest(typed, names).map((name) => `\`${prefix}${name}\``);
  if (near.length === 0) return 'See all commands with `/rescan help`.';
  const list = near.length === 1 ? near[0] : `${near.slice(0, -1).join(', ')} or ${near.at(-1)}`;
  return `Did you mean ${list}? See all commands with \`/rescan help\`.`;
}
