import { expect, test } from 'vitest';
import type { Approval } from '../../../src/approvals/approval.ts';
import { approvalMessage } from '../../../src/slack/messages/table/approval-message.ts';
import { createApproverMessages } from '../../../src/slack/notifications/approver-messages.ts';
import { flushApproval } from '../../support/messages/table-builders.ts';

async function written(change: Partial<Approval>, membersOf: (group: string) => Promise<readonly string[]>) {
  const put: { person: string; text: string; blocks: string }[] = [];
  const errors: string[] = [];
  const { notify } = createApproverMessages({
    approvers: ['U0ANA', 'U0OPERATOR', 'S0APPROVERS'],
    membersOf,
    chat: { permalink: async ({ channel, ts }) => `https://slack.example/${channel}/${ts}` },
    alerts: {
      async put(_id, alert) {
        if (alert.to !== 'direct') throw new Error('not direct');
        const { person, message } = alert;
        put.push({ person, text: message.text, blocks: JSON.stringify(message.blocks) });
      },
    },
    onError: (_error, message) => errors.push(message),
  });
  await notify(async () => flushApproval({ channel: 'C0TIMESHEET', ts: '7.1', ...change }));
  return { put, errors };
}

test('each approver but the requester gets one message with a link and without buttons', async () => {
  const { put } = await written({ requestedBy: 'U0OPERATOR' }, async () => ['U0ANA', 'U0BEN', 'U0OPERATOR']);
  expect(put.map(({ person }) => person)).toEqual(['U0ANA', 'U0BEN']);
  expect(put[0]?.text).toContain('<@U0OPERATOR> asked for approval of a flush in <#C0TIMESHEET>.');
  expect(put[0]?.text).toContain('<https://slack.example/C0TIMESHEET/7.1|Open the request>');
  expect(put[0]?.blocks).not.toContain('button');
});

test('a request that was decided before the approvers are written to causes no message', async () => {
  const { put } = await written({ state: { kind: 'denied', by: 'U0ANA', at: 1 } }, async () => []);
  expect(put).toEqual([]);
});

test('where a user group cannot be read, the approvers that are listed by themselves are written to', async () => {
  const { put, errors } = await written({}, () => Promise.reject(new Error('usergroups:read')));
  expect(put.map(({ person }) => person)).toEqual(['U0ANA']);
  expect(errors).toEqual(['The members of the user group S0APPROVERS cannot be read. They get no direct message.']);
});

const who = { policy: 'second-person', approvers: ['U0ANA', 'U0BEN'] } as const;
test('a request mentions the approvers, others in addition, or nobody, as the settings say', () => {
  const approval = flushApproval({ requestedBy: 'U0OPERATOR' });
  const lineOf = (notify: readonly string[]) =>
    approvalMessage(approval, { ...who, notify })
      .text.split('\n')
      .find((line) => line.includes('prove') && line.includes('One approval'));
  expect(lineOf(['approvers'])).toMatch(/^<@U0ANA>, <@U0BEN>: approve or deny by /);
  expect(lineOf(['approvers', 'here', 'U0BEN'])).toMatch(/^<@U0ANA>, <@U0BEN>, <!here>: approve/);
  expect(lineOf(['S0ONCALL'])).toMatch(
    /^<!subteam\^S0ONCALL> Everyone in `APPROVERS` except the requester can approve/,
  );
  expect(lineOf([])).toMatch(/^Everyone in `APPROVERS` except the requester can approve this by /);
});
