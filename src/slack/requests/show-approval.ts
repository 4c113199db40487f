import type { Approval } from '../../approvals/approval.ts';
import type { TableControl, TableRefusal } from '../../checklist/contracts/table-control.ts';
import { type Chat, postOnce } from '../client/chat.ts';
import type { ApproverCheck } from '../intake/approver-check.ts';
import { approvalMessage, type WhoApproves } from '../messages/table/approval-message.ts';

export interface PostApprovalPorts {
  readonly tables: Pick<TableControl, 'setMessage' | 'approval'>;
  readonly chat: Pick<Chat, 'post' | 'edit'>;
  readonly whoApproves: WhoApproves;
}

export interface ShowApprovalPorts extends PostApprovalPorts {
  readonly tables: Pick<TableControl, 'setMessage' | 'approval' | 'click'>;
  /** What the person may decide, looked up now. */
  readonly checkApprover: (person: string) => Promise<ApproverCheck>;
}

/**
 * Posts a request with its buttons and stores which message has them. A repetition, because the answer of Slack was lost, finds the
 * first message. If it was decided meanwhile, the message shows that at
 * once. Returns the request with its message, or undefined where it is no longer pending.
 */
export async function postApproval(
  approval: Approval,
  { tables, chat, whoApproves }: PostApprovalPorts,
): Promise<(Approval & { readonly ts: string }) | undefined> {
  const { id, channel } = approval;
  const ts = await postOnce(chat, channel, approvalMessage(approval, whoApproves), `approval ${id}`);
  await tables.setMessage(id, ts);
  // Slack may be slow: a stop that came before the message existed could not edit it.
  const now = await tables.approval(id);
  if (!now || now.state.kind === 'pending') return { ...approval, ts };
  await chat.edit({ channel, ts }, approvalMessage(now, whoApproves));
  return undefined;
}

/**
 * Posts a request. Under the policy `self` the person who has just submitted the form approves it by that; returns why it was not carried out, where it
 * was approved so and was refused.
 */
export async function showApproval(approval: Approval, ports: ShowApprovalPorts): Promise<TableRefusal | undefined> {
  const posted = await postApproval(approval, ports);
  return posted && ports.whoApproves.policy === 'self' ? approveByRequester(posted, ports) : undefined;
}

async function approveByRequester(
  approval: Approval & { readonly ts: string },
  { tables, chat, whoApproves, checkApprover }: ShowApprovalPorts,
): Promise<TableRefusal | undefined> {
  const { id, channel, ts, requestedBy: by } = approval;
  // Looked up now: the person may have been deactivated or removed since they opened the form.
  const approverCheck = await checkApprover(by);
  const decided = await tables.click(id, { decision: 'approve', by, channel, ts, approverCheck });
  if (!decided.ok) return decided.refusal;
  await chat.edit({ channel, ts }, approvalMessage(decided.value.approval, whoApproves));
  return decided.value.refused;
}
