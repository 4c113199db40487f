import { expect, test } from 'vitest';
import type { Approval } from '../../../src/approvals/approval.ts';
import type { TableJob } from '../../../src/checklist/contracts/table-control.ts';
import type { RunSnapshot, RunState } from '../../../src/run/model/types.ts';
import { createPermissions } from '../../../src/slack/intake/permissions.ts';
import { type StatusPorts, showStatus } from '../../../src/slack/requests/status.ts';
import { ControlTableError } from '../../../src/state/control-table.ts';
import { runSnapshot } from '../../support/memory/scripted-run-control.ts';
import { peopleWith } from '../../support/messages/people.ts';
import { flushApproval, flushJob } from '../../support/messages/table-builders.ts';
import { createFakeClock } from '../../support/rigs/fake-clock.ts';

const job: TableJob = { ...flushJob(), liveMessage: { channel: 'C1', ts: '2.0' } };
const run = (state: RunState): RunSnapshot => runSnapshot({ runId: 'r-0007', state });
const expired = new ControlTableError(
  { reason: 'credentials', message: 'AWS rejects the credentials (ExpiredToken)', fix: 'Renew them.' },
  undefined,
);

/** The reply to `/rescan status` by an operator. */
async function statusOf(
  facts: { run?: RunSnapshot | Error; job?: TableJob; approvals?: readonly Approval[]; lastKnown?: RunSnapshot },
  person = 'U0OPERATOR',
) {
  const ports: StatusPorts = {
    runs: {
      async current() {
        if (facts.run instanceof Error) throw facts.run;
        return facts.run;
      },
    },
    tables: { current: async () => facts.job, openApprovals: async () => facts.approvals ?? [] },
    links: {
      toRun: async (runId) => `https://slack/${runId}`,
      toRunOf: async () => undefined,
      to: async (location) => (location?.ts === undefined ? undefined : `https://slack/${location.ts}`),
    },
    permissions: createPermissions({
      operators: ['U0OPERATOR'],
      approvers: [],
      stopFor: 'everyone',
      membersOf: async () => [],
      people: peopleWith(),
      clock: createFakeClock(),
    }),
    lastKnownRun: () => facts.lastKnown,
  };
  const message = await showStatus({ person }, ports);
  return { text: message.text, hasButtons: JSON.stringify(message.blocks).includes('"action_id"') };
}

test('the status of a running run is its live message with a link, and has buttons for operators only', async () => {
  const running = run({ kind: 'running' });
  const shown = await statusOf({ run: running });
  expect(shown.text).toMatch(/r-0007 is running/);
  expect(shown.text).toContain('<https://slack/r-0007|');
  expect(shown.hasButtons).toBe(true);
  expect((await statusOf({ run: running }, 'U0VIEWER')).hasButtons).toBe(false);
});

test.each([
  ['no run was ever started', {}],
  ['the last run is complete', { run: run({ kind: 'completed' }) }],
  ['the last run tripped', { run: run({ kind: 'tripped', trippedBy: { kind: 'no-growth', minutes: 10 } }) }],
])('while a flush deletes the table the status says so, also when %s', async (_, facts) => {
  const shown = await statusOf({ ...facts, job });
  expect(shown.text).toMatch(/^No rescan is running\. .*[Ff]lush.* is in progress\./);
  expect(shown.text).toContain('<https://slack/2.0|');
  expect(shown.hasButtons).toBe(true);
});

test('while a request waits for its approval the status says so, unless a run is open', async () => {
  const approvals = [{ ...flushApproval(), channel: 'C1', ts: '3.0' }];
  const shown = await statusOf({ approvals });
  expect(shown.text).toMatch(/^No rescan is running\. A flush requested by .* waits for approval until /);
  expect(shown.text).toContain('<https://slack/3.0|');
  expect((await statusOf({ approvals, run: run({ kind: 'completed' }) })).text).toMatch(/waits for approval/);
  expect((await statusOf({ approvals, run: run({ kind: 'stopped', by: { kind: 'person', by: 'U1' } }) })).text).toMatch(
    /r-0007 was stopped/,
  );
});

test('without run, job and approval the status says that no rescan is running', async () => {
  expect((await statusOf({})).text).toMatch(/^No rescan is running/);
});

test('when the control table cannot be read the status names the fault and the last known state', async () => {
  const { text } = await statusOf({ run: expired, lastKnown: run({ kind: 'interrupted' }) });
  expect(text).toMatch(/^The run cannot be read: AWS rejects the bot’s credentials\./);
  expect(text).toMatch(/Renew them/);
  expect(text).toMatch(/Last known state: Rescan r-0007 /);
});

test('an unexpected error of the status is thrown', async () => {
  await expect(statusOf({ run: new Error('defect') })).rejects.toThrow('defect');
});
