import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { createChat } from '../../../../src/slack/client/chat.ts';
import { autopilotMessage } from '../../../../src/slack/messages/checklist/autopilot-message.ts';
import { checklistMessage } from '../../../../src/slack/messages/checklist/checklist-message.ts';
import { clientOf, slackForTest } from '../../../sandbox/slack/harness.ts';
import { autopilotRecord, checklistView } from '../../../support/messages/checklist-builders.ts';
import { NOW } from '../../../support/messages/table-builders.ts';
import { botInSlack, buttonsOf } from '../../../support/rigs/bot-in-slack.ts';

const typesOf = (message: { blocks: readonly { type: string }[] }) => message.blocks.map(({ type }) => type);
const stateSchema = z.looseObject({
  messages: z.array(z.looseObject({ ts: z.string(), blocks: z.array(z.looseObject({ type: z.string() })) })),
});
const STEP = /\*Back up the table\* \(to do\)/;

describe('/rescan checklist', () => {
  test('is answered with Slack’s plan block, and the button of the next step', async () => {
    const bot = await botInSlack();
    await bot.command('operator', '/rescan checklist');
    const shown = await bot.ephemeral(STEP);
    expect(typesOf(shown)).toEqual(['section', 'plan', 'actions']);
    expect(buttonsOf(shown)).toEqual(['checklist_next']);
  });

  test('says the same in plain sections where Slack takes no plan block, button included', async () => {
    const bot = await botInSlack();
    await bot.world({ rejectBlocks: ['plan'] });
    await bot.command('operator', '/rescan checklist');
    const shown = await bot.ephemeral(STEP);
    expect(typesOf(shown)).toEqual(['section', 'section', 'actions']);
    expect(JSON.stringify(shown.blocks)).toMatch(STEP);
    expect(buttonsOf(shown)).toEqual(['checklist_next']);
  });

  test('is text alone where Slack takes neither', async () => {
    const bot = await botInSlack();
    await bot.world({ rejectBlocks: ['plan', 'actions'] });
    await bot.command('operator', '/rescan checklist');
    const shown = await bot.ephemeral(STEP);
    expect(shown.blocks).toEqual([]);
  });

  test('shows no button to who may not begin a step', async () => {
    const bot = await botInSlack();
    await bot.command('viewer', '/rescan checklist');
    expect(typesOf(await bot.ephemeral(STEP))).toEqual(['section', 'plan']);
  });
});

describe('a live plan', () => {
  const plan = autopilotMessage(autopilotRecord({ state: 'running', startedAt: NOW }), checklistView(), NOW);

  async function dials() {
    const slack = await slackForTest();
    const world = (change: object) =>
      fetch(`${slack.url}/sandbox/slack-world`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(change),
      });
    const shown = async (ts: string) => {
      const state = stateSchema.parse(await (await fetch(`${slack.url}/sandbox/state`)).json());
      const message = state.messages.find((each) => each.ts === ts);
      if (!message) throw new Error(`There is no message ${ts}.`);
      return message;
    };
    return { chat: createChat(clientOf(slack)), world, shown };
  }

  test('is posted, and edited, in plain sections where plans are not taken; and as a plan again when they are', async () => {
    const { chat, world, shown } = await dials();
    await world({ rejectBlocks: ['plan'] });
    const ts = await chat.post('C0TIMESHEET', plan);
    expect(typesOf(await shown(ts))).toEqual(['section', 'section', 'context', 'actions']);
    const done = { backup: { state: 'done' } } as const;
    const later = autopilotMessage(autopilotRecord({ state: 'running', startedAt: NOW }), checklistView(done), NOW);
    await chat.edit({ channel: 'C0TIMESHEET', ts }, later);
    expect(typesOf(await shown(ts))).toEqual(['section', 'section', 'context', 'actions']);
    expect(JSON.stringify((await shown(ts)).blocks)).toContain('*Back up the table* (done)');
    await world({ rejectBlocks: [] });
    await chat.edit({ channel: 'C0TIMESHEET', ts }, later);
    expect(typesOf(await shown(ts))).toEqual(['section', 'plan', 'context', 'actions']);
  });

  test('that is refused for something else is not posted in another form', async () => {
    const { chat, world } = await dials();
    await world({ errors: { 'chat.postMessage': 'channel_not_found' } });
    await expect(chat.post('C0TIMESHEET', checklistMessage(checklistView(), NOW, { buttons: true }))).rejects.toThrow(
      'channel_not_found',
    );
  });
});
