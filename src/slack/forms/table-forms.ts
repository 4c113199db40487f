import type { TableAction, TableControl } from '../../checklist/contracts/table-control.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Chat } from '../client/chat.ts';
import type { Requester } from '../commands/command.ts';
import { type Message, say } from '../messages/kit/message.ts';
import type { WhoApproves } from '../messages/table/approval-message.ts';
import { tableRefusalLines, tableRefusalMessage } from '../messages/table/table-refusals.ts';
import { showApproval } from '../requests/show-approval.ts';
import type { ModalView } from './change-plan-view.ts';
import { chooseRestoreView, flushView, lookingView, refusalView, restoreView } from './table-views.ts';

export interface TableFormsPorts {
  readonly tables: TableControl;
  readonly chat: Pick<Chat, 'post' | 'edit'>;
  /** Opens a modal with a trigger of a moment ago; answers its id. */
  readonly openView: (triggerId: string, view: ModalView) => Promise<string>;
  readonly updateView: (viewId: string, view: ModalView) => Promise<void>;
  readonly whoApproves: WhoApproves;
  readonly clock: Clock;
}

/** The forms of flush and restore: opened at once, filled when the facts are there, turned into a request for approval. */
export interface TableForms {
  openFlush(
    triggerId: string,
    wanted: { failedOnly: boolean; backupId?: string },
    requester: Requester,
  ): Promise<Message | undefined>;
  openRestore(triggerId: string, wanted: { backupId?: string }, requester: Requester): Promise<Message | undefined>;
  showRestore(
    viewId: string,
    wanted: { backupId: string; mode: 'merge' | 'replace' },
    requester: Requester,
  ): Promise<Message | undefined>;
  ask(act: TableAction, reason: string | undefined, requester: Requester): Promise<Message | undefined>;
}

export function createTableForms(ports: TableFormsPorts): TableForms {
  const { tables, clock } = ports;

  /** Opens a modal at once, since a trigger lives three seconds, and fills it when `fill` has the facts. */
  async function open(triggerId: string, title: string, fill: () => Promise<ModalView>): Promise<undefined> {
    const viewId = await ports.openView(triggerId, lookingView(title));
    await ports.updateView(viewId, await fill());
    return;
  }

  return {
    openFlush: (triggerId, { failedOnly, backupId }, requester) =>
      open(triggerId, 'Flush the table', async () => {
        const plan = await tables.planFlush({
          failedOnly,
          hold: false,
          ...(backupId === undefined ? {} : { backupId }),
        });
        return plan.ok
          ? flushView(plan.value, requester.channel, clock.now())
          : refusalView('Flush the table', tableRefusalLines(plan.refusal));
      }),
    openRestore: (triggerId, { backupId }, requester) =>
      open(triggerId, 'Restore a backup', async () => {
        const records = await tables.backups();
        if (!records.ok) return refusalView('Restore a backup', tableRefusalLines(records.refusal));
        if (records.value.length === 0)
          return refusalView('Restore a backup', ['There is no backup yet.', '`/rescan backup` makes one.']);
        return chooseRestoreView(records.value, requester.channel, clock.now(), backupId);
      }),
    async showRestore(viewId, wanted, requester) {
      const plan = await tables.planRestore(wanted);
      await ports.updateView(
        viewId,
        plan.ok
          ? restoreView(plan.value, requester.channel, clock.now())
          : refusalView('Restore a backup', tableRefusalLines(plan.refusal)),
      );
      return undefined;
    },
    async ask(act, reason, requester) {
      const { person, channel } = requester;
      const asked = await tables.request({ act, by: person, channel, ...(reason === undefined ? {} : { reason }) });
      if (!asked.ok) return tableRefusalMessage(asked.refusal);
      const refused = await showApproval(asked.value, ports);
      if (refused) return tableRefusalMessage(refused);
      return ports.whoApproves.policy === 'self'
        ? undefined
        : say('Asked for approval in the channel. It begins as soon as an approver says yes.');
    },
  };
}
