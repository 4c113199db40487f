import { helpMessage } from '../messages/help/help.ts';
import { type Command, withoutArguments } from './command.ts';

/** `/rescan help`: every word of the table, this one included. */
export const helpCommand = (others: readonly Command[]): Command => {
  const command: Command = {
    word: 'help',
    role: 'viewer',
    usage: 'help',
    help: 'this list',
    read: (rest) =>
      withoutArguments('help', { immediateReply: helpMessage([command, ...others]), execute: async () => undefined })(
        rest,
      ),
  };
  return command;
};
