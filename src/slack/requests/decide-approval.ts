import { type Approval, type Click, requestersOf } from '../../approvals/approval.ts';
import type { DeployControl } from '../../checklist/contracts/step-control.ts';
import type { TableControl } from '../../checklist/contracts/table-control.ts';
import { defined } from '../../lib/defined.ts';
import type { Chat, MessageLocation } from '../client/chat.ts';
import type { Requester } from '../commands/command.ts';
import type { ApproverCheck } from '../intake/approver-check.ts';
import type { People } from '../intake/people.ts';
import { deployApprovalMessage } from '../messages/checklist/deploy-approval-message.ts';
import { type Message, plainFact } from '../messages/kit/message.ts';
import { stepRefusalMessage } from '../messages/refusals/step-refusals.ts';
import { approvalMessage, type WhoApproves } from '../messages/table/approval-message.ts';
import { tableRefusalMessage } from '../messages/table/table-refusals.ts';

/** A decision about a request, by a button of its message or by the form that the message opened. */
export interface Decision {
  readonly approvalId: string;
  /** The message of the request. */
  readonly message: MessageLocation;
  readonly decision: 'approve' | 'deny';
  readonly reason?: string;
}

/** Decides a request as this person, shows the decision in its message, and returns why it was refused, if it was. */
export type DecideApproval = (
  decision: Decision,
  requester: Pick<Requester, 'person' | 'noteOutcome'>,
) => Promise<Message | undefined>;

export function createApprovalDecider(ports: {
  tables: Pick<TableControl, 'approval' | 'click' | 'setMessage'>;
  deploys: Pick<DeployControl, 'click'>;
  chat: Pick<Chat, 'edit'>;
  /** What this person may decide, looked up at the click. */
  checkApprover: (person: string) => Promise<ApproverCheck>;
  people: Pick<People, 'areSame'>;
  whoApproves: WhoApproves;
  onError: (error: unknown, message: string) => void;
}): DecideApproval {
  const { tables, whoApproves } = ports;

  /** The decision holds even when the message cannot be edited. */
  const show = (message: MessageLocation, approval: Approval) =>
    ports.chat
      .edit(message, approvalMessage(approval, whoApproves))
      .catch((error: unknown) => ports.onError(error, 'an approval was not edited'));

  async function decideDeploy(
    approvalId: string,
    click: Click,
    message: MessageLocation,
    noteOutcome: Requester['noteOutcome'],
  ): Promise<Message | undefined> {
    const answer = await ports.deploys.click(approvalId, click);
    const decided = answer.ok ? answer.value : answer.refusal.reason === 'click' ? answer.refusal.approval : undefined;
    if (decided && decided.state.kind !== 'pending')
      await ports.chat
        .edit(message, deployApprovalMessage(decided, whoApproves))
        .catch((error: unknown) => ports.onError(error, 'an approval was not edited'));
    if (!answer.ok) return stepRefusalMessage(answer.refusal);
    const { state } = answer.value;
    const word = state.kind === 'withdrawn' ? 'withdrawn' : click.decision === 'approve' ? 'approved' : 'denied';
    noteOutcome?.(`${word}: deploy ${approvalId}`);
    return undefined;
  }

  return async ({ approvalId, message, decision, reason }, { person, noteOutcome }) => {
    const { channel, ts } = message;
    let approval = await tables.approval(approvalId);
    // The process died after it had posted this message and before it had stored which one it is.
    if (approval && approval.ts === undefined && approval.channel === channel) {
      await tables.setMessage(approval.id, ts);
      approval = await tables.approval(approvalId);
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
    const click = defined({ decision, by: person, isRequester, channel, ts, approverCheck, reason });
    if (approval?.action === 'deploy') return decideDeploy(approvalId, click, message, noteOutcome);
    const answer = await tables.click(approvalId, click);
    if (!answer.ok) {
      // Also where somebody else's click came first, the message must show the decision.
      if (answer.refusal.reason === 'click' && answer.refusal.refusal.reason === 'decided')
        await show(message, answer.refusal.approval);
      return tableRefusalMessage(answer.refusal);
    }
    const { approval: decided, job, refused } = answer.value;
    await show(message, decided);
    const refusal = refused && tableRefusalMessage(refused);
    const came = refusal ? `, not carried out: ${plainFact(refusal)}` : job ? ', begun' : '';
    const word = decision === 'approve' ? 'approved' : decided.state.kind === 'withdrawn' ? 'withdrawn' : 'denied';
    noteOutcome?.(`${word}: ${decided.action} ${decided.id}${came}`);
    return refusal;
  };
}
