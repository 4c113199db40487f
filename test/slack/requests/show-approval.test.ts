import { describe, expect, test } from 'vitest';
import type { Approval, Click } from '../../../src/approvals/approval.ts';
import { refuse } from '../../../src/lib/result.ts';
import type { ApproverCheck } from '../../../src/slack/intake/approver-check.ts';
import type { Message } from '../../../src/slack/messages/kit/message.ts';
import { approvalMessage, type WhoApproves } from '../../../src/slack/messages/table/approval-message.ts';
import { showApproval } from '../../../src/slack/requests/show-approval.ts';
import { idleTableControl } from '../../support/memory/idle-table-control.ts';
import { flushApproval } from '../../support/messages/table-builders.ts';

const { ts: _, ...asked } = flushApproval();

function showing(policy: WhoApproves['policy'], now: Approval, check: ApproverCheck = 'operator') {
  const done: string[] = [];
  const whoApproves: WhoApproves = { policy, approvers: ['U0APPROVER'] };
  const ports = {
    whoApproves,
    checkApprover: async () => check,
    chat: {
      post: async (channel: string, message: Message) => {
        done.push(`post in ${channel}: ${message.text.split('\n')[0]}`);
        return '7.7';
      },
      edit: async ({ ts }: { ts: string }, message: Message) =>
        void done.push(`edit ${ts}: ${message.text.split('\n')[0]}`),
    },
    tables: {
      ...idleTableControl(),
      setMessage: async (id: string, ts: string) => void done.push(`${id} is at ${ts}`),
      approval: async () => now,
      async click(id: string, { by, approverCheck }: Click) {
        if (approverCheck === 'neither')
          return refuse({ reason: 'click', refusal: { reason: 'not-an-approver' }, approval: now } as const);
        done.push(`${by} approves ${id}`);
        return { ok: true as const, value: { approval: { ...now, state: { kind: 'approved' as const, by, at: 1 } } } };
      },
    },
  };
  return {
    done,
    shown: showApproval(asked, ports),
    factOf: (it: Approval) => approvalMessage(it, whoApproves).text.split('\n')[0],
  };
}

describe('showApproval', () => {
  test('A request is posted, and its message is stored', async () => {
    const { done, shown, factOf } = showing('second-person', asked);
    await shown;
    expect(done).toEqual([`post in C1: ${factOf(asked)}`, 'a-1 is at 7.7']);
  });

  test('A request that was withdrawn before its message existed is edited at once and has no buttons', async () => {
    const back: Approval = { ...asked, state: { kind: 'withdrawn', by: 'U9', at: 1 } };
    const { done, shown, factOf } = showing('self', back);
    await shown;
    expect(done.at(-1)).toBe(`edit 7.7: ${factOf(back)}`);
    expect(done.join()).not.toMatch(/approves/);
  });

  test('Under the policy self a request is approved by asking', async () => {
    const { done, shown } = showing('self', asked);
    expect(await shown).toBeUndefined();
    expect(done).toContain('U0OPERATOR approves a-1');
    expect(done.at(-1)).toMatch(/^edit 7\.7: .*approved/);
  });

  test('Under the policy self a person who was deactivated or removed meanwhile approves nothing', async () => {
    const { done, shown } = showing('self', asked, 'neither');
    expect(await shown).toMatchObject({ reason: 'click', refusal: { reason: 'not-an-approver' } });
    expect(done.join()).not.toMatch(/approves/);
  });
});
