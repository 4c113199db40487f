import { succeed } from '../../../lib/result.ts';
import { code } from '../../messages/kit/escape.ts';
import { type Message, say } from '../../messages/kit/message.ts';
import { type StatusPorts, showStatus } from '../../requests/status.ts';
import type { Command, CommandDescription, Requester } from '../command.ts';
import { reject } from '../parse/options.ts';
import { plainWord } from '../parse/typed.ts';

export interface StatusCommandPorts extends StatusPorts {
  /** Posts a chart of the last run in the channel. */
  readonly chart: (requester: Requester) => Promise<Message | undefined>;
}

export const statusDescription: CommandDescription = {
  word: 'status',
  group: 'run',
  role: 'viewer',
  summary:
    'show the current run, or the flush or restore in progress (only you see it); or post a chart in the channel',
  usage: 'status | status chart',
  options: [['chart', 'post a chart of the last run in the channel, for everyone']],
  example: 'status',
};

export const statusCommand = (ports: StatusCommandPorts): Command => ({
  ...statusDescription,
  read(rest) {
    const word = plainWord(rest);
    if (word === '') return succeed({ execute: (requester) => showStatus(requester, ports) });
    if (word === 'chart')
      return succeed({ immediateReply: say('Drawing the chart…'), execute: (requester) => ports.chart(requester) });
    return reject(`\`status\` does not take ${code(rest.trim(), 60)}.`);
  },
});
