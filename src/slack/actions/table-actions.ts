import type { TableControl } from '../../checklist/contracts/table-control.ts';
import { settleWithin } from '../../lib/async/within.ts';
import type { Clock } from '../../lib/clock.ts';
import type { ModalView } from '../forms/change-plan-view.ts';
import { denyView } from '../forms/deny-form.ts';
import type { TableForms } from '../forms/table-forms.ts';
import { ACTION } from '../messages/kit/buttons.ts';
import { refuseWith } from '../messages/kit/message.ts';
import { anotherJobMessage, stoppingJobMessage } from '../messages/table/table-messages.ts';
import { tableRefusalMessage } from '../messages/table/table-refusals.ts';
import type { DecideApproval } from '../requests/decide-approval.ts';
import type { Action } from './action.ts';

type TableActionId =
  | typeof ACTION.approve
  | typeof ACTION.deny
  | typeof ACTION.denyWithReason
  | typeof ACTION.stopJob
  | typeof ACTION.prune
  | typeof ACTION.restore;

/** How long a stop waits for the current job, before it is requested all the same, ms. */
const READ_MS = 1_000;

/** The buttons of approvals, of table jobs and of the list of backups. */
export function tableActions(ports: {
  tables: TableControl;
  forms: Pick<TableForms, 'openRestore' | 'ask'>;
  decide: DecideApproval;
  openView: (triggerId: string, view: ModalView) => Promise<string>;
  clock: Pick<Clock, 'sleep'>;
  onError: (error: unknown, message: string) => void;
}): Readonly<Record<TableActionId, Action>> {
  const { tables, decide } = ports;

  const byButton = (decision: 'approve' | 'deny'): Action => ({
    // Everyone may press: the approval itself checks who may decide, and tells who may.
    role: 'viewer',
    changesState: true,
    execute: (click) => decide({ approvalId: click.value, message: click.message, decision }, click),
  });

  return {
    [ACTION.approve]: byButton('approve'),
    [ACTION.deny]: byButton('deny'),
    [ACTION.denyWithReason]: {
      role: 'viewer',
      changesState: true,
      async execute(click) {
        await ports.openView(click.triggerId, denyView(click.value, click.message));
        click.noteOutcome?.('shown: the form');
        return undefined;
      },
    },
    [ACTION.stopJob]: {
      role: 'stopper',
      async execute(click) {
        // Stop always works: when the current job cannot be read, whatever job runs is stopped.
        const job = await settleWithin(ports.clock, READ_MS, tables.current);
        if (!job.ok) ports.onError(job.refusal, 'The current job cannot be read. A stop is requested all the same.');
        else if (job.value && job.value.id !== click.value) return anotherJobMessage(job.value);
        const stopped = await tables.stop(click.person);
        return stopped.ok ? stoppingJobMessage(stopped.value) : tableRefusalMessage(stopped.refusal);
      },
    },
    [ACTION.restore]: { role: 'operator', execute: (click) => ports.forms.openRestore(click.triggerId, {}, click) },
    [ACTION.prune]: {
      role: 'operator',
      async execute(click) {
        const [keep, ...ids] = click.value.split(',');
        // A button of an older version names no number.
        const plan = /^[1-9]\d{0,4}$/.test(keep ?? '') ? await tables.planPrune(Number(keep)) : undefined;
        if (plan && !plan.ok) return tableRefusalMessage(plan.refusal);
        const action = plan?.value.action;
        const isAsShown = action?.backups.map(({ id }) => id).join(',') === ids.join(',');
        return action && isAsShown
          ? ports.forms.ask(action, undefined, click)
          : refuseWith(
              'Nothing was done: the backups that can be deleted are not the ones of this list any more.',
              '`/rescan backups prune keep=5` lists them again.',
            );
      },
    },
  };
}
