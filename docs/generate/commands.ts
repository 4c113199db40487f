import { COMMAND_GROUPS, type CommandDescription } from '../../src/slack/commands/command.ts';
import { COMMANDS } from '../../src/slack/commands/commands.ts';
import { formsOf } from '../../src/slack/messages/help/help.ts';

const TITLES: Readonly<Record<CommandDescription['group'], string>> = {
  rescan: 'The rescan as a whole',
  prepare: 'Checks before a rescan',
  table: 'Backup, flush and restore',
  run: 'Start, watch and stop a run',
  results: 'Failures and what changed',
  log: 'Logs, audit and help',
};

const commandSection = ({
  word,
  summary,
  usage,
  options = [],
  example,
  role,
}: CommandDescription): readonly string[] => [
  `### \`/rescan ${word}\``,
  '',
  `${summary.charAt(0).toUpperCase()}${summary.slice(1)}. Who may use it: ${role === 'viewer' ? 'everyone in the channel' : role === 'stopper' ? 'everyone in the channel (setting `STOP_FOR`)' : `${role}s`}.`,
  '',
  '```',
  ...formsOf(usage).map((form) => `/rescan ${form}`),
  '```',
  '',
  ...options.map(([option, meaning]) => `- \`${option}\`: ${meaning}`),
  ...(options.length === 0 ? [] : ['']),
  `Example: \`/rescan ${example}\``,
  '',
];

/** Every command as Markdown, by group: the texts that `/rescan help COMMAND` shows in Slack. */
export const commandSections = (): string =>
  COMMAND_GROUPS.flatMap((group) => [
    `## ${TITLES[group]}`,
    '',
    ...COMMANDS.filter((command) => command.group === group).flatMap(commandSection),
  ])
    .join('\n')
    .trimEnd();
