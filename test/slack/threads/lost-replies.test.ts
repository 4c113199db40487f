import { expect, test } from 'vitest';
import type { AutopilotEvent } from '../../../src/checklist/contracts/autopilot-control.ts';
import { createChat } from '../../../src/slack/client/chat.ts';
import { createRunHeads } from '../../../src/slack/delivery/run-heads.ts';
import { createAutopilotThread } from '../../../src/slack/threads/autopilot-thread.ts';
import { createDeployThread } from '../../../src/slack/threads/deploy-thread.ts';
import { clientOf, person, slackForTest, stateOf } from '../../sandbox/slack/harness.ts';
import { createScriptedRunControl, runPlan, runSnapshot } from '../../support/memory/scripted-run-control.ts';
import { autopilotRecord, deployInProgress } from '../../support/messages/checklist-builders.ts';
import { flushApproval } from '../../support/messages/table-builders.ts';
import { createFakeClock } from '../../support/rigs/fake-clock.ts';

const channel = 'C0TIMESHEET';
const whoApproves = { policy: 'second-person', approvers: [] } as const;

/** A Slack that carries out each post and loses its answer until `answers`; where the messages are, as the bot has stored it. */
async function slackLosingReplies() {
  const slack = await slackForTest();
  await person(slack, 'slack-world', { lostReplies: { 'chat.postMessage': 1 } });
  return {
    chat: createChat(clientOf(slack)),
    answers: () => person(slack, 'slack-world', { lostReplies: {} }),
    messages: async () => (await stateOf(slack)).messages,
    remove: (ts: string) => person(slack, 'delete', { channel, ts }),
  };
}

async function autopilotLosingReplies() {
  const slack = await slackLosingReplies();
  const stored: string[] = [];
  const thread = createAutopilotThread({
    liveMessages: { show() {} },
    alerts: { put: async () => {} },
    chat: slack.chat,
    tables: { setMessage: async (id, ts) => void stored.push(`${id} ${ts}`), approval: async () => undefined },
    runs: { setLocation: async (id, { ts }) => void stored.push(`${id} ${ts}`) },
    audit: { async *entries() {} },
    whoApproves,
    clock: createFakeClock(),
    onError: () => {},
  });
  return { ...slack, thread, stored };
}

const record = autopilotRecord({ state: 'running', location: { channel, ts: '1.0' } });
const { ts: _, ...approval } = flushApproval({ id: 'a-1', channel });
const events: AutopilotEvent[] = [
  { kind: 'approval-asked', record, approval },
  { kind: 'run-planned', record, plan: runPlan({ runId: 'r-0142' }) },
];

test.each(events)(
  'the message of $kind whose reply is lost for three turns is in the channel once, and its place is stored',
  async (event) => {
    const { thread, stored, answers, messages } = await autopilotLosingReplies();
    for (let turn = 0; turn < 3; turn += 1) await expect(thread.handle(event)).rejects.toThrow();
    await answers();
    await thread.handle(event);
    const [message, ...others] = await messages();
    expect(others).toEqual([]);
    expect(stored).toEqual([`${event.kind === 'run-planned' ? 'r-0142' : 'a-1'} ${message?.ts}`]);
  },
);

test('a run whose plan was posted without a reply has that message as its live message', async () => {
  const { thread, chat, answers, messages } = await autopilotLosingReplies();
  const runs = createScriptedRunControl({ firstRun: runSnapshot({ runId: 'r-0142' }) });
  await runs.setLocation('r-0142', { channel });
  const heads = createRunHeads({ runs, chat });
  await expect(thread.handle({ kind: 'run-planned', record, plan: runPlan({ runId: 'r-0142' }) })).rejects.toThrow();
  await expect(heads.renew('r-0142')).rejects.toThrow();
  await answers();
  const [message, ...others] = await messages();
  expect(others).toEqual([]);
  expect(await heads.renew('r-0142')).toEqual({ channel, ts: message?.ts });
  expect(await runs.location('r-0142')).toEqual({ channel, ts: message?.ts });
  expect(await messages()).toHaveLength(1);
});

test('a request whose first message was deleted before its reply arrived is posted anew', async () => {
  const { thread, stored, answers, messages, remove } = await autopilotLosingReplies();
  const event = { kind: 'approval-asked', record, approval } as const;
  await expect(thread.handle(event)).rejects.toThrow();
  await remove((await messages())[0]?.ts ?? '');
  await answers();
  await thread.handle(event);
  const [message, ...others] = await messages();
  expect(others).toEqual([]);
  expect(stored).toEqual([`a-1 ${message?.ts}`]);
});

test('the end of a deploy whose reply is lost is in the channel once', async () => {
  const { chat, answers, messages } = await slackLosingReplies();
  const thread = createDeployThread({
    chat,
    deploys: { setMessage: async () => {} },
    alerts: { put: async () => {} },
    whoApproves,
    onError: () => {},
  });
  const { message: _message, ...deploy } = { ...deployInProgress(), channel };
  const event = {
    kind: 'ended',
    deploy,
    end: { kind: 'finished', deployed: { codeSha256: 'abc' } },
  } as const;
  for (let turn = 0; turn < 3; turn += 1) await expect(thread.handle(event)).rejects.toThrow();
  await answers();
  await thread.handle(event);
  expect(await messages()).toHaveLength(1);
});

test('a rollback of a deploy that was shown is shown in messages of its own, and a second rollback as well', async () => {
  const slack = await slackForTest();
  const thread = createDeployThread({
    chat: createChat(clientOf(slack)),
    deploys: { setMessage: async () => {} },
    alerts: { put: async () => {} },
    whoApproves,
    onError: () => {},
  });
  const deploy = { ...deployInProgress(), channel };
  const end = { kind: 'finished', deployed: { codeSha256: 'abc' } } as const;
  for (const [kind, at] of [['deploy', 1] as const, ['rollback', 2] as const, ['rollback', 3] as const]) {
    await thread.handle({ kind: 'begun', deploy: { ...deploy, kind, at } });
    await thread.handle({ kind: 'ended', deploy: { ...deploy, kind, at }, end });
    // Another process, which does not know where the message is.
    await thread.handle({ kind: 'ended', deploy: { ...deploy, kind, at }, end });
  }
  const texts = (await stateOf(slack)).messages.map(({ text }) => text ?? '');
  expect(texts).toHaveLength(6);
  expect(texts.filter((text) => text.startsWith('Rolled back'))).toHaveLength(4);
});
