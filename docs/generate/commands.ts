import { COMMAND_GROUPS, type CommandDescription } from '../../src/slack/commands/command.ts';
import { COMMANDS } from '../../src/slack/commands/commands.ts';
import { formsOf } from '../../src/slack/messages/help/help.ts';
import { EXAMPLES } from './examples/examples.ts';
import { readRecording, recordedExample, TOUR_FILE } from './examples/recorded.ts';
import { exampleLines, shortened } from './examples/render.ts';

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
  ...exampleOf({ word, example }),
];

const recording = readRecording(TOUR_FILE);

/** A command and what Slack shows for it: from the tour, or, where the tour does not type the command, rendered from sample data. */
function exampleOf({ word, example }: Pick<CommandDescription, 'word' | 'example'>): readonly string[] {
  const recorded = recordedExample({ word, example }, recording);
  const rendered = EXAMPLES[word];
  const lines = recorded ? shortened(recorded.lines) : rendered ? exampleLines(rendered()) : undefined;
  const source = recorded ? '' : ', with sample data';
  return [
    `Example${lines ? source : ''}: \`${recorded?.command ?? `/rescan ${example}`}\``,
    '',
    ...(lines ? ['```text', ...lines, '```', ''] : []),
  ];
}

/** Every command as Markdown, by group: the texts that `/rescan help COMMAND` shows in Slack. */
export const commandSections = (): string =>
  COMMAND_GROUPS.flatMap((group) => [
    `## ${TITLES[group]}`,
    '',
    ...COMMANDS.filter((command) => command.group === group).flatMap(commandSection),
  ])
    .join('\n')
    .trimEnd();
