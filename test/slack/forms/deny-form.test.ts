import { expect, test } from 'vitest';
import { decide } from '../../../src/approvals/approval.ts';
import { denyRequest, denyView } from '../../../src/slack/forms/deny-form.ts';
import { approvalMessage, requestEndedMessage } from '../../../src/slack/messages/table/approval-message.ts';
import type { Decision } from '../../../src/slack/requests/decide-approval.ts';
import { flushApproval } from '../../support/messages/table-builders.ts';

const approval = flushApproval({ channel: 'C1', ts: '1.0' });
const whoApproves = { policy: 'second-person', approvers: ['U0APPROVER'] } as const;

/** The decision that a submission of the form makes. */
async function submitted(reason: string | null): Promise<Decision | undefined> {
  const decisions: Decision[] = [];
  const form = denyRequest(async (decision) => void decisions.push(decision));
  const read = form.read({
    viewId: 'V1',
    privateMetadata: denyView(approval.id, { channel: 'C1', ts: '1.0' }).private_metadata ?? '',
    values: { reason: { reason: { value: reason } } },
  });
  if (read?.kind === 'execute') await read.execute({ person: 'U0APPROVER', channel: 'C1', reply: async () => {} });
  return decisions[0];
}

test('a denial with a reason is of the request and the message that the button was in; the reason is optional', async () => {
  const about = { approvalId: approval.id, message: { channel: 'C1', ts: '1.0' }, decision: 'deny' };
  expect(await submitted(' Not tonight ')).toEqual({ ...about, reason: 'Not tonight' });
  expect(await submitted(null)).toEqual(about);
});

test('the requester reads the reason in the thread and in the message of the request, as text', () => {
  const click = { decision: 'deny', by: 'U0APPROVER', channel: 'C1', ts: '1.0', approverCheck: 'approver' } as const;
  const denied = decide(approval, { ...click, reason: 'No *way* <!channel>' }, 'second-person', approval.requestedAt);
  if (!denied.ok) throw new Error('not denied');
  const after = { ...approval, state: denied.value };
  for (const message of [requestEndedMessage(after), approvalMessage(after, whoApproves)]) {
    expect(message?.text).toMatch(/denied by <@U0APPROVER> .*\(reason: `No \*way\* &lt;!channel&gt;`\)/);
    expect(JSON.stringify(message)).not.toContain('<!channel>');
  }
});
