import type { ModalView } from '@slack/types';
import { z } from 'zod';
import { defined } from '../../lib/defined.ts';
import { readJson } from '../../lib/json.ts';
import type { MessageLocation } from '../client/chat.ts';
import type { DecideApproval } from '../requests/decide-approval.ts';
import { fieldOf } from './confirm-action.ts';
import type { FormHandler } from './form.ts';
import { FIELD, reason } from './table-views.ts';

export const DENY_REQUEST = 'deny_request';

/** The request and its message. Whether this person may deny it is looked up at the submission. */
const metadataSchema = z.strictObject({ approvalId: z.string(), channel: z.string(), ts: z.string() });

/** The form that denies a request with a reason. The requester reads the reason. */
export function denyView(approvalId: string, { channel, ts }: MessageLocation): ModalView {
  const metadata: z.infer<typeof metadataSchema> = { approvalId, channel, ts };
  const plain = (text: string) => ({ type: 'plain_text' as const, text });
  return {
    type: 'modal',
    callback_id: DENY_REQUEST,
    private_metadata: JSON.stringify(metadata),
    title: plain('Deny the request'),
    submit: plain('Deny'),
    close: plain('Cancel'),
    blocks: [
      {
        type: 'section',
        text: { type: 'mrkdwn', text: 'The requester is notified in the thread. Nothing else is done.' },
      },
      reason,
    ],
  };
}

export const denyRequest = (decide: DecideApproval): FormHandler => ({
  // Everyone may submit it: the approval itself checks who may decide, and tells who may.
  role: 'viewer',
  read({ privateMetadata, values }) {
    const carried = readJson(metadataSchema, privateMetadata);
    if (!carried) return;
    const { approvalId, channel, ts } = carried;
    const why = fieldOf(values, FIELD.reason).slice(0, 500);
    const decision = defined({
      approvalId,
      message: { channel, ts },
      decision: 'deny' as const,
      reason: why === '' ? undefined : why,
    });
    return { kind: 'execute', channel, execute: (requester) => decide(decision, requester) };
  },
});
