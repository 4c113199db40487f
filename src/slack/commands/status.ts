import type { RunControl } from '../../rescan/run-control.ts';
import { noRunYetMessage, statusMessage } from '../messages/answers.ts';
import type { Message } from '../messages/message.ts';
import type { Permissions } from '../permissions.ts';
import type { RunLinks } from '../run-links.ts';
import { type Asker, type Command, noMore } from './command.ts';

export interface StatusPorts {
  readonly runs: Pick<RunControl, 'current'>;
  readonly links: RunLinks;
  readonly permissions: Permissions;
}

/** How the open run stands, or the last one. Buttons for those who may press them. */
export async function showStatus(asker: Pick<Asker, 'person'>, ports: StatusPorts): Promise<Message> {
  const run = await ports.runs.current();
  if (!run) return noRunYetMessage();
  const [permission, link] = await Promise.all([
    ports.permissions.may(asker.person, 'operator'),
    ports.links.of(run.runId),
  ]);
  return statusMessage(run, { buttons: permission.ok, ...(link === undefined ? {} : { link }) });
}

export const statusCommand = (ports: StatusPorts): Command => ({
  word: 'status',
  role: 'viewer',
  usage: 'status',
  help: 'how the run stands, or how the last one ended; only you see it',
  read: noMore('status', { act: (asker) => showStatus(asker, ports) }),
});
