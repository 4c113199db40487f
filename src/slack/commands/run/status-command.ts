import { succeed } from '../../../lib/result.ts';
import { code } from '../../messages/kit/escape.ts';
import { type Message, say } from '../../messages/kit/message.ts';
import { type StatusPorts, showStatus } from '../../requests/status.ts';
import type { Command, CommandDescription, Requester } from '../command.ts';
import { reject } from '../parse/options.ts';
import { plainWord } from '../parse/typed.ts';

export interface StatusCommandPorts extends StatusPorts {
  /** A chart of the last run. */
  readonly chart: (requester: Requester) => Promise<Message | undefined>;
}

export const statusDescription: CommandDescription = {
  word: 'status',
  group: 'run',
  role: 'viewer',
  summary: 'show the current run, or the flush or restore in progress; or a chart of the last run. Only you see it',
  usage: 'status | status chart',
  options: [['chart', 'a chart of the last run, with a button that shares it in the channel']],
  example: 'status',
};

export const statusCommand = (ports: StatusCommandPorts): Command => ({
  ...statusDescription,
  read(rest) {
    const word = plainWord(rest);
    if (word === '') return succeed({ execute: (requester) => showStatus(requester, ports) });
    if (word === 'chart')
      return succeed({
        immediateReply: say('Drawing the chart…'),
        isAudited: true,
        execute: (requester) => ports.chart(requester),
      });
    return reject(`\`status\` does not take ${code(rest.trim(), 60)}.`);
  },
});
