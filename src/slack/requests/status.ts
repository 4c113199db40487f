import type { TableControl } from '../../checklist/contracts/table-control.ts';
import { defined } from '../../lib/defined.ts';
import { FaultError } from '../../pipeline/fault.ts';
import { isOpen } from '../../run/model/run.ts';
import type { RunControl } from '../../run/model/run-control.ts';
import type { RunSnapshot } from '../../run/model/types.ts';
import { ControlTableError } from '../../state/control-table.ts';
import type { Requester } from '../commands/command.ts';
import type { MessageLinks } from '../delivery/message-links.ts';
import type { Permissions } from '../intake/permissions.ts';
import type { Message } from '../messages/kit/message.ts';
import {
  approvalStatusMessage,
  jobStatusMessage,
  noRunYetMessage,
  statusMessage,
  unreadStatusMessage,
} from '../messages/run/answers.ts';

export interface StatusPorts {
  readonly runs: Pick<RunControl, 'current'>;
  readonly tables: Pick<TableControl, 'current' | 'openApprovals'>;
  readonly links: MessageLinks;
  readonly permissions: Permissions;
  /** The last state of a run that this process saw; undefined if it saw none. */
  readonly lastKnownRun: () => RunSnapshot | undefined;
}

/**
 * What happens now: the running run; else the flush or restore in progress; else the open run; else a request that waits
 * for its approval; else the last run. With buttons for operators. When the control table cannot be read: why, and the last
 * known state.
 */
export async function showStatus(requester: Pick<Requester, 'person'>, ports: StatusPorts): Promise<Message> {
  const { runs, tables, links } = ports;
  try {
    const { ok: buttons } = await ports.permissions.check(requester.person, 'operator', 'cached');
    const showRun = async (run: RunSnapshot) =>
      statusMessage(run, defined({ buttons, link: await links.toRun(run.runId) }));

    const run = await runs.current();
    if (run?.state.kind === 'running') return await showRun(run);
    const job = await tables.current();
    if (job) return jobStatusMessage(job, defined({ buttons, link: await links.to(job.liveMessage) }));
    if (run && isOpen(run.state)) return await showRun(run);
    const [approval] = await tables.openApprovals();
    if (approval) return approvalStatusMessage(approval, await links.to(approval));
    return run ? await showRun(run) : noRunYetMessage();
  } catch (error) {
    if (error instanceof ControlTableError || error instanceof FaultError)
      return unreadStatusMessage(error.fault, ports.lastKnownRun());
    throw error;
  }
}
