import { type Approval, requestersOf } from '../../approvals/approval.ts';
import type { Chat } from '../client/chat.ts';
import type { AlertDelivery } from '../delivery/alert-delivery.ts';
import { approverMessage } from '../messages/table/approver-message.ts';

/** Writes to each approver that a request waits for them. */
export interface ApproverMessages {
  /** For a request that has its message. Never throws. */
  notify(read: () => Promise<Approval | undefined>): Promise<void>;
}

/** Slack's limit for posting is about one message a second in a channel; nobody needs more approvers than this. */
const MOST_PEOPLE = 20;

/**
 * The direct message has a link and no buttons: a second set of buttons could outlive the request. It is stored first and
 * delivered like an alert, so a crash after that does not lose it. Requesters get none.
 */
export function createApproverMessages(ports: {
  readonly approvers: readonly string[];
  readonly membersOf: (group: string) => Promise<readonly string[]>;
  readonly chat: Pick<Chat, 'permalink'>;
  readonly alerts: Pick<AlertDelivery, 'put'>;
  readonly onError: (error: unknown, message: string) => void;
}): ApproverMessages {
  const { onError } = ports;

  async function membersOf(id: string): Promise<readonly string[]> {
    if (!id.startsWith('S')) return [id];
    try {
      return await ports.membersOf(id);
    } catch (error) {
      onError(error, `The members of the user group ${id} cannot be read. They get no direct message.`);
      return [];
    }
  }

  async function notify(approval: Approval): Promise<void> {
    const { id, channel, ts, state } = approval;
    if (state.kind !== 'pending' || ts === undefined) return;
    const people = new Set((await Promise.all(ports.approvers.map(membersOf))).flat());
    for (const requester of requestersOf(approval)) people.delete(requester);
    const url = await ports.chat.permalink({ channel, ts }).catch(() => undefined);
    const message = approverMessage(approval, url);
    for (const person of [...people].slice(0, MOST_PEOPLE))
      await ports.alerts.put(id, { to: 'direct', person, message });
  }

  return {
    async notify(read) {
      try {
        const approval = await read();
        if (approval) await notify(approval);
      } catch (error) {
        onError(error, 'The approvers get no direct message about a request.');
      }
    },
  };
}
