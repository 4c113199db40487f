import { expect, test } from 'vitest';
import type { AuditEntry } from '../../../src/checklist/audit/audit-entry.ts';
import type { AutopilotRecord } from '../../../src/checklist/model/autopilot-record.ts';
import type { RunLocation } from '../../../src/run/model/run-control.ts';
import type { Alert } from '../../../src/slack/messages/run/alerts.ts';
import {
  buttonStateOf,
  createAutopilotThread,
  type ShownAutopilot,
} from '../../../src/slack/threads/autopilot-thread.ts';
import { runPlan, runSnapshot } from '../../support/memory/scripted-run-control.ts';
import { autopilotRecord, checklistView } from '../../support/messages/checklist-builders.ts';
import { createFakeClock } from '../../support/rigs/fake-clock.ts';

const HEAD = 'c0ffee'.repeat(10);
const record: AutopilotRecord = autopilotRecord({ state: 'running', location: { channel: 'C1', ts: '1.0' } });
const view = checklistView();

import { flushApproval } from '../../support/messages/table-builders.ts';

function autopilotThread(entries: () => AsyncIterable<AuditEntry> = noEntries) {
  const shown: ShownAutopilot[] = [];
  const alerts: Alert[] = [];
  const posts: string[] = [];
  const locations: [string, RunLocation][] = [];
  const errors: string[] = [];
  const thread = createAutopilotThread({
    liveMessages: { show: (state) => void shown.push(state) },
    alerts: {
      put: async (_id, alert) => void ((alert.to === 'thread' || alert.to === 'channel') && alerts.push(alert)),
    },
    chat: {
      async post(_channel, message) {
        posts.push(JSON.stringify(message));
        return '2.0';
      },
      edit: async () => {},
    },
    tables: { setMessage: async () => {}, approval: async () => undefined },
    runs: { setLocation: async (runId, location) => void locations.push([runId, location]) },
    audit: { entries },
    whoApproves: { policy: 'self', approvers: [] },
    clock: createFakeClock(),
    onError: (_error, message) => errors.push(message),
  });
  return { thread, shown, alerts, posts, locations, errors };
}
async function* noEntries(): AsyncGenerator<never> {}
async function* oneEntry(): AsyncGenerator<AuditEntry> {
  yield { number: 1, at: 0, who: 'U1', what: 'x', why: '', outcome: 'y', previous: '', hash: HEAD };
}
const finished = () =>
  ({ kind: 'finished', record, view, run: runSnapshot({ state: { kind: 'completed' } }) }) as const;

test('a change of the autopilot is shown in its live message only', async () => {
  const { thread, shown, alerts, posts } = autopilotThread();
  await thread.handle({ kind: 'changed', record, view });
  expect(shown).toEqual([{ record, view }]);
  expect(alerts).toEqual([]);
  expect(posts).toEqual([]);
});

test('a request of the autopilot is posted with its buttons, and under the policy self nothing approves it', async () => {
  const { thread, posts } = autopilotThread();
  const { ts: _, ...approval } = flushApproval();
  await thread.handle({ kind: 'approval-asked', record, approval });
  expect(posts).toHaveLength(1);
  expect(posts[0]).toMatch(/Approval needed[\s\S]*"action_id":"approval_approve"/);
});

test('a planned run is posted without buttons, unless an older run is open, and its message is stored', async () => {
  const { thread, posts, locations } = autopilotThread();
  await thread.handle({ kind: 'run-planned', record, plan: runPlan({ runId: 'r-0001' }) });
  const openRun = runSnapshot({ runId: 'r-0001', state: { kind: 'interrupted' } });
  await thread.handle({ kind: 'run-planned', record, plan: runPlan({ runId: 'r-0002', openRun }) });
  expect(posts.map((post) => post.includes('"action_id"'))).toEqual([false, true]);
  expect(locations).toEqual([
    ['r-0001', { channel: 'C1', ts: '2.0' }],
    ['r-0002', { channel: 'C1', ts: '2.0' }],
  ]);
});

test('the receipt of a finished autopilot is an alert in the channel with the newest hash of the audit', async () => {
  const { thread, alerts, shown } = autopilotThread(oneEntry);
  await thread.handle(finished());
  expect(alerts.map(({ to }) => to)).toEqual(['channel']);
  expect(JSON.stringify(alerts)).toContain(HEAD);
  expect(shown).toHaveLength(1);
});

test('when the audit cannot be read, the receipt is posted without its hash and the error is logged', async () => {
  const { thread, alerts, errors } = autopilotThread(() => {
    throw new Error('The control table is down');
  });
  await thread.handle(finished());
  expect(alerts).toHaveLength(1);
  expect(errors).toEqual(['The audit cannot be read. The receipt is posted without its hash.']);
});

test('the buttons of an alert that needs a person belong to that blocker: they have no meaning once it is gone', async () => {
  const { thread, alerts } = autopilotThread();
  await thread.handle({
    kind: 'needs-person',
    record,
    view,
    blocker: { kind: 'start-refused', step: 'rescan', refusal: { reason: 'no-run' } },
  });
  const [alert] = alerts;
  const blocked = { ...record, blocker: '{}' };
  expect(alert?.during).toBe(buttonStateOf(blocked).state);
  expect(alert?.during).not.toBe(buttonStateOf(record).state);
  expect(alert?.during).not.toBe(buttonStateOf({ ...blocked, state: 'stopped' }).state);
});
