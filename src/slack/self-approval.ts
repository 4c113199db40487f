import type { Approval } from '../approvals/approval.ts';
import type { TableControl, TableRefusal } from '../checklist/table-control.ts';
import type { Chat } from './chat.ts';
import { approvalMessage, type WhoApproves } from './messages/approval-message.ts';

/** With the policy `self`: who asked says yes by asking. What was refused all the same, if something was. */
export async function decideByRequester(
  approval: Approval & { readonly ts: string },
  ports: { tables: Pick<TableControl, 'click'>; chat: Pick<Chat, 'edit'>; whoApproves: WhoApproves },
): Promise<TableRefusal | undefined> {
  const { id, channel, ts, requestedBy: by } = approval;
  const decided = await ports.tables.click(id, { decision: 'approve', by, channel, ts, standing: 'operator' });
  if (!decided.ok) return decided.refusal;
  await ports.chat.edit({ channel, ts }, approvalMessage(decided.value.approval, ports.whoApproves));
  return decided.value.refused;
}
