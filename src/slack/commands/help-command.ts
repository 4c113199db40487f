import { succeed } from '../../lib/result.ts';
import { commandHelpMessage, groupHelpMessage, helpMessage, unknownTopicMessage } from '../messages/help/help.ts';
import type { Message } from '../messages/kit/message.ts';
import { COMMAND_GROUPS, type Command, type CommandDescription } from './command.ts';
import { plainText, plainWord } from './parse/typed.ts';

export const helpDescription: CommandDescription = {
  word: 'help',
  group: 'log',
  role: 'viewer',
  summary: 'show all commands, or explain one command or group',
  usage: 'help [COMMAND | GROUP]',
  options: [
    ['COMMAND', 'usage, options, an example and who may use it: `help flush`'],
    ['GROUP', `every command of a group: ${COMMAND_GROUPS.map((group) => `\`${group}\``).join(', ')}`],
  ],
  example: 'help flush',
};

export const helpCommand = (commands: readonly CommandDescription[]): Command => ({
  ...helpDescription,
  read: (rest) => succeed({ immediateReply: answer(rest, commands), execute: async () => undefined }),
});

function answer(rest: string, commands: readonly CommandDescription[]): Message {
  // `help /rescan flush` and `help "flush".` ask for flush.
  const topic = plainText(rest).replace(/^\/?rescan\s/i, '');
  const name = plainWord(topic);
  if (name === '') return helpMessage(commands);
  const command = commands.find(({ word }) => word === name);
  // `run` and `table` are groups, `results` too; a command of the same name as a group would come first.
  if (command) return commandHelpMessage(command);
  const group = COMMAND_GROUPS.find((candidate) => candidate === name);
  if (group) return groupHelpMessage(group, commands);
  return unknownTopicMessage(topic, [...commands.map(({ word }) => word), ...COMMAND_GROUPS]);
}
