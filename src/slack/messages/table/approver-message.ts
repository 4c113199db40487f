import type { Approval } from '../../../approvals/approval.ts';
import { link, linkChannel, mention } from '../kit/escape.ts';
import { type Message, say } from '../kit/message.ts';
import { actionName, clockTime } from './describe-table.ts';

/** True at any time: it says what was asked, and where to see what became of it. */
export function approverMessage(
  { action, requestedBy, channel, expiresAt }: Pick<Approval, 'action' | 'requestedBy' | 'channel' | 'expiresAt'>,
  url: string | undefined,
): Message {
  const open = url === undefined ? 'The request is in that channel' : link(url, 'Open the request');
  return say(
    `${mention(requestedBy)} asked for approval of a ${actionName(action)} in ${linkChannel(channel)}. The request is valid until ${clockTime(expiresAt)}.`,
    `${open}: it shows what is to be done and whether it is still open.`,
  );
}
