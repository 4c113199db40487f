import type { RunControl } from '../../run/model/run-control.ts';
import type { Command, Requester } from '../commands/command.ts';
import type { MessageLinks } from '../delivery/message-links.ts';
import type { Permissions } from '../intake/permissions.ts';
import { code } from '../messages/kit/escape.ts';
import { type Message, say } from '../messages/kit/message.ts';
import { noRunYetMessage, statusMessage } from '../messages/run/answers.ts';

export interface StatusPorts {
  readonly runs: Pick<RunControl, 'current'>;
  readonly links: MessageLinks;
  readonly permissions: Permissions;
}

export interface StatusCommandPorts extends StatusPorts {
  /** Shows the channel how the last run went, as a chart. */
  readonly chart: (requester: Requester) => Promise<Message | undefined>;
}

/** How the open run stands, or the last one. Buttons for those who may press them. */
export async function showStatus(requester: Pick<Requester, 'person'>, ports: StatusPorts): Promise<Message> {
  const run = await ports.runs.current();
  if (!run) return noRunYetMessage();
  const [permission, link] = await Promise.all([
    ports.permissions.check(requester.person, 'operator'),
    ports.links.toRun(run.runId),
  ]);
  return statusMessage(run, { buttons: permission.ok, ...(link === undefined ? {} : { link }) });
}

/** `/rescan status`, `status chart` */
export const statusCommand = (ports: StatusCommandPorts): Command => ({
  word: 'status',
  role: 'viewer',
  usage: 'status | status chart',
  help: 'how the run stands, or how the last one ended (only you see it); its speed, failures and growth as a chart',
  read(rest) {
    const word = rest.trim().toLowerCase();
    if (word === '') return { ok: true, value: { execute: (requester) => showStatus(requester, ports) } };
    if (word === 'chart')
      return {
        ok: true,
        value: { immediateReply: say('Drawing the chart…'), execute: (requester) => ports.chart(requester) },
      };
    return { ok: false, line: `${code(rest.trim(), 60)} is not understood.` };
  },
});
