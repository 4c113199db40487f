import { requestersOf } from '../../approvals/approval.ts';
import type { TableControl } from '../../checklist/contracts/table-control.ts';
import type { Chat } from '../client/chat.ts';
import type { TableForms } from '../forms/table-forms.ts';
import type { ApproverCheck } from '../intake/approver-check.ts';
import type { People } from '../intake/people.ts';
import { ACTION } from '../messages/kit/buttons.ts';
import { type Message, say } from '../messages/kit/message.ts';
import { approvalMessage, type WhoApproves } from '../messages/table/approval-message.ts';
import { anotherJobMessage, stoppingJobMessage } from '../messages/table/table-messages.ts';
import { tableRefusalMessage } from '../messages/table/table-refusals.ts';
import type { Action, Click } from './action.ts';

type TableActionId =
  | typeof ACTION.approve
  | typeof ACTION.deny
  | typeof ACTION.stopJob
  | typeof ACTION.prune
  | typeof ACTION.restore;

/** The buttons of approvals, of table jobs and of the list of backups. */
export function tableActions(ports: {
  tables: TableControl;
  forms: Pick<TableForms, 'openRestore' | 'ask'>;
  chat: Pick<Chat, 'edit'>;
  /** What this person may decide, looked up at the click. */
  checkApprover: (person: string) => Promise<ApproverCheck>;
  people: Pick<People, 'areSame'>;
  whoApproves: WhoApproves;
  onError: (error: unknown, message: string) => void;
}): Readonly<Record<TableActionId, Action>> {
  const { tables, whoApproves } = ports;

  async function decide(click: Click, decision: 'approve' | 'deny'): Promise<Message | undefined> {
    const { channel, ts } = click.message;
    const { person } = click;
    let approval = await tables.approval(click.value);
    // The process died after it had posted this message and before it had stored which one it is.
    if (approval && approval.ts === undefined && approval.channel === channel) {
      await tables.setMessage(approval.id, ts);
      approval = await tables.approval(click.value);
    }
    let approverCheck = await ports.checkApprover(person);
    let isRequester = false;
    try {
      for (const requester of approval ? requestersOf(approval) : [])
        isRequester ||= await ports.people.areSame(person, requester);
    } catch (error) {
      ports.onError(error, `Whether ${person} is a requester could not be looked up: the click decides nothing.`);
      approverCheck = 'neither';
    }
    const answer = await tables.click(click.value, { decision, by: person, isRequester, channel, ts, approverCheck });
    if (!answer.ok) {
      // Also where somebody else's click came first, the message must show the decision.
      if (answer.refusal.reason === 'click' && answer.refusal.refusal.reason === 'decided')
        await show(click, answer.refusal.approval);
      return tableRefusalMessage(answer.refusal);
    }
    await show(click, answer.value.approval);
    return answer.value.refused ? tableRefusalMessage(answer.value.refused) : undefined;
  }

  /** The decision holds even when the message cannot be edited. */
  const show = (click: Click, approval: Parameters<typeof approvalMessage>[0]) =>
    ports.chat
      .edit(click.message, approvalMessage(approval, whoApproves))
      .catch((error: unknown) => ports.onError(error, 'an approval was not edited'));

  return {
    // Everyone may press: the approval itself checks who may decide, and tells who may.
    [ACTION.approve]: { role: 'viewer', changesState: true, execute: (click) => decide(click, 'approve') },
    [ACTION.deny]: { role: 'viewer', changesState: true, execute: (click) => decide(click, 'deny') },
    [ACTION.stopJob]: {
      role: 'stopper',
      async execute(click) {
        // Stop always works: when the current job cannot be read, whatever job runs is stopped.
        const job = await tables.current().catch((error: unknown) => {
          ports.onError(error, 'The current job cannot be read. A stop is requested all the same.');
          return undefined;
        });
        if (job && job.id !== click.value) return anotherJobMessage(job);
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
          : say(
              'Nothing was done: the backups that can be deleted are not the ones of this list any more.',
              '`/rescan backups prune keep=5` lists them again.',
            );
      },
    },
  };
}
