import type { Approval } from '../../approvals/approval.ts';
import type { TableControl, TableRefusal } from '../../checklist/contracts/table-control.ts';
import type { Chat } from '../client/chat.ts';
import { approvalMessage, type WhoApproves } from '../messages/table/approval-message.ts';

export interface ShowApprovalPorts {
  readonly tables: Pick<TableControl, 'setMessage' | 'approval' | 'click'>;
  readonly chat: Pick<Chat, 'post' | 'edit'>;
  readonly whoApproves: WhoApproves;
}

/**
 * Shows a request with its buttons and notes its message. Where it was taken back meanwhile, the message says so at once. With
 * the policy `self` who asked says yes by asking; answers what was refused all the same, if something was.
 */
export async function showApproval(approval: Approval, ports: ShowApprovalPorts): Promise<TableRefusal | undefined> {
  const { tables, chat, whoApproves } = ports;
  const { id, channel } = approval;
  const ts = await chat.post(channel, approvalMessage(approval, whoApproves));
  await tables.setMessage(id, ts);
  // Slack may be slow: a stop that came before the message could not edit it.
  const now = await tables.approval(id);
  if (now && now.state.kind !== 'pending') {
    await chat.edit({ channel, ts }, approvalMessage(now, whoApproves));
    return;
  }
  return whoApproves.policy === 'self' ? decideByRequester({ ...approval, ts }, ports) : undefined;
}

async function decideByRequester(
  approval: Approval & { readonly ts: string },
  { tables, chat, whoApproves }: ShowApprovalPorts,
): Promise<TableRefusal | undefined> {
  const { id, channel, ts, requestedBy: by } = approval;
  const decided = await tables.click(id, { decision: 'approve', by, channel, ts, standing: 'operator' });
  if (!decided.ok) return decided.refusal;
  await chat.edit({ channel, ts }, approvalMessage(decided.value.approval, whoApproves));
  return decided.value.refused;
}
