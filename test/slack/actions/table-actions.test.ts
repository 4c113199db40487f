import { expect, test } from 'vitest';
import type { TableJob } from '../../../src/checklist/contracts/table-control.ts';
import type { Click } from '../../../src/slack/actions/action.ts';
import { tableActions } from '../../../src/slack/actions/table-actions.ts';
import { ACTION } from '../../../src/slack/messages/kit/buttons.ts';
import { createApprovalDecider } from '../../../src/slack/requests/decide-approval.ts';
import { idleTableControl } from '../../support/memory/idle-table-control.ts';
import { peopleWith } from '../../support/messages/people.ts';
import { flushApproval, flushJob } from '../../support/messages/table-builders.ts';
import { createFakeClock } from '../../support/rigs/fake-clock.ts';

const job: TableJob = { ...flushJob(), id: 'a-2' };

/** Clicks the Stop button of the message of job `clicked`. */
async function clickStop(clicked: string, current: () => Promise<TableJob | undefined>) {
  const stops: string[] = [];
  const actions = tableActions({
    tables: {
      ...idleTableControl(),
      current,
      async stop(by) {
        stops.push(by);
        return { ok: true, value: job };
      },
    },
    forms: { openRestore: async () => undefined, ask: async () => undefined },
    decide: async () => undefined,
    openView: async () => 'V1',
    clock: createFakeClock(),
    onError: () => {},
  });
  return { reply: (await actions[ACTION.stopJob].execute(clickOn(clicked)))?.text, stops };
}

const clickOn = (value: string): Click => ({
  person: 'U1',
  channel: 'C1',
  message: { channel: 'C1', ts: '1.0' },
  isEphemeral: false,
  value,
  triggerId: 't',
  removeButtons: async () => {},
  replaceMessage: async () => {},
  reply: async () => {},
});

test('a click tells whether the clicker is the requester under another id, and decides nothing if that is unknown', async () => {
  const clicked: unknown[] = [];
  const decideAs = async (users: Readonly<Record<string, object | Error>>) => {
    const decide = createApprovalDecider({
      tables: {
        approval: async () => flushApproval({ requestedBy: 'W7', alsoRequestedBy: ['W9'] }),
        setMessage: async () => {},
        async click(_, { isRequester, approverCheck }) {
          clicked.push({ isRequester, approverCheck });
          return { ok: false, refusal: { reason: 'no-backup' } };
        },
      },
      deploys: { click: () => Promise.reject(new Error('not a deploy')) },
      chat: { edit: async () => {} },
      checkApprover: async () => 'approver',
      people: peopleWith(users),
      whoApproves: { policy: 'second-person', approvers: [] },
      onError: () => {},
    });
    await decide({ approvalId: 'a-1', message: { channel: 'C1', ts: '1.0' }, decision: 'approve' }, { person: 'U1' });
  };
  await decideAs({ U1: { enterprise_user: { id: 'W9' } } });
  await decideAs({ U1: { enterprise_user: { id: 'W8' } } });
  await decideAs({ W9: new Error('Slack is down') });
  expect(clicked).toEqual([
    { isRequester: true, approverCheck: 'approver' },
    { isRequester: false, approverCheck: 'approver' },
    { isRequester: false, approverCheck: 'neither' },
  ]);
});

test('the Stop button of a job stops that job', async () => {
  const { reply, stops } = await clickStop('a-2', async () => job);
  expect(stops).toEqual(['U1']);
  expect(reply).toMatch(/is stopping/);
});

test('the Stop button of a job that has ended does not stop the job that runs now', async () => {
  const { reply, stops } = await clickStop('a-1', async () => job);
  expect(stops).toEqual([]);
  expect(reply).toMatch(/^Nothing was done: this button belongs to a job that has ended\..* is in progress now\./);
});

test('the Stop button stops whatever job runs when the current job cannot be read', async () => {
  const { stops } = await clickStop('a-2', () => Promise.reject(new Error('The control table is down')));
  expect(stops).toEqual(['U1']);
});

test('a request whose message is not stored, because the process died after it was posted, is decided on the message that is clicked', async () => {
  let ts: string | undefined;
  const clicked: unknown[] = [];
  const { ts: _, ...unposted } = flushApproval();
  const decide = createApprovalDecider({
    tables: {
      approval: async () => ({ ...unposted, ...(ts === undefined ? {} : { ts }) }),
      async setMessage(id, stored) {
        clicked.push([id, stored]);
        ts = stored;
      },
      async click(id, click) {
        clicked.push([id, click.ts, ts]);
        return { ok: false, refusal: { reason: 'no-backup' } };
      },
    },
    deploys: { click: () => Promise.reject(new Error('not a deploy')) },
    chat: { edit: async () => {} },
    checkApprover: async () => 'approver',
    people: peopleWith(),
    whoApproves: { policy: 'second-person', approvers: [] },
    onError: () => {},
  });
  await decide({ approvalId: 'a-1', message: { channel: 'C1', ts: '1.0' }, decision: 'approve' }, { person: 'U1' });
  expect(clicked).toEqual([
    ['a-1', '1.0'],
    ['a-1', '1.0', '1.0'],
  ]);
});
