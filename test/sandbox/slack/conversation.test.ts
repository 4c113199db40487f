import { describe, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import {
  boltApp,
  button,
  clientOf,
  manifestWith,
  manualClock,
  person,
  section,
  slackForTest,
  stateOf,
} from './harness.ts';

describe('a command', () => {
  it('a command reaches the app with its text, and only the person sees the acknowledgement', async () => {
    const slack = await slackForTest();
    await boltApp(slack, (app) =>
      app.command('/demo', async ({ command, ack }) => {
        await ack(`${command.user_name} in ${command.channel_name}: ${command.text}`);
      }),
    );
    const answer = await person(slack, 'command', { user: 'operator', channel: '#timesheet-ocr', text: '/demo a=1 b' });
    expect(answer).toMatchObject({ ok: true, response: { text: 'operator in timesheet-ocr: a=1 b' } });
    expect(answer.acknowledgedInMs).toEqual(expect.any(Number));
    const state = await stateOf(slack);
    expect(state.messages).toEqual([]);
    expect(state.ephemerals).toMatchObject([{ onlyFor: 'U0OPERATOR', text: 'operator in timesheet-ocr: a=1 b' }]);
  });

  it('a command that is not in the manifest is refused to the person and does not reach the app', async () => {
    const slack = await slackForTest();
    const answer = await person(slack, 'command', { user: 'viewer', channel: 'random', text: '/nothing at all' });
    expect(answer).toMatchObject({ status: 404, error: 'unknown_command', commands: ['/demo'] });
    expect((await stateOf(slack)).ephemerals).toMatchObject([{ onlyFor: 'U0VIEWER', fromSlack: true }]);
  });

  it('a command without an acknowledgement within three seconds shows operation_timeout', async () => {
    const clock = manualClock();
    const slack = await slackForTest({ clock });
    await boltApp(slack, (app) => app.command('/demo', async () => {}));
    const answer = person(slack, 'command', { user: 'operator', channel: 'timesheet-ocr', text: '/demo' });
    await eventually(async () => expect((await stateOf(slack)).connections[0]?.unacknowledged).toBe(1));
    clock.advance(2_999);
    expect((await stateOf(slack)).ephemerals).toEqual([]);
    clock.advance(1);
    expect(await answer).toMatchObject({ ok: false, error: 'operation_timeout', acknowledged: false });
    expect((await stateOf(slack)).ephemerals[0]?.text).toBe('/demo failed with the error "operation_timeout"');
  });

  it('a command shows dispatch_failed while the app has no connection', async () => {
    const slack = await slackForTest();
    const answer = await person(slack, 'command', { user: 'operator', channel: 'timesheet-ocr', text: '/demo' });
    expect(answer).toMatchObject({ ok: false, error: 'dispatch_failed', reason: 'not-connected' });
  });

  it('deleted users and bots cannot send a command', async () => {
    const slack = await slackForTest();
    for (const user of ['deleted', 'otherbot'])
      expect(await person(slack, 'command', { user, channel: 'timesheet-ocr', text: '/demo' })).toMatchObject({
        status: 403,
        error: 'user_cannot_act',
      });
  });
});

describe('a response_url', () => {
  it('a response_url posts in the channel, replaces its message, and is used up after five times', async () => {
    const slack = await slackForTest();
    const failures: unknown[] = [];
    await boltApp(slack, (app) =>
      app.command('/demo', async ({ ack, respond }) => {
        await ack();
        await respond({ response_type: 'in_channel', text: 'one' });
        for (const text of ['two', 'three', 'four', 'five']) await respond({ replace_original: true, text });
        await respond('six').catch((error: unknown) => failures.push(error));
      }),
    );
    await person(slack, 'command', { user: 'operator', channel: 'timesheet-ocr', text: '/demo' });
    await eventually(() => expect(failures).toMatchObject([{ statusCode: 404 }]));
    expect((await stateOf(slack)).messages.map((message) => message.text)).toEqual(['five']);
  });

  it('a response_url expires after thirty minutes', async () => {
    const clock = manualClock();
    const slack = await slackForTest({ clock });
    let url = '';
    await boltApp(slack, (app) =>
      app.command('/demo', async ({ ack, command }) => {
        url = command.response_url;
        await ack();
      }),
    );
    await person(slack, 'command', { user: 'operator', channel: 'timesheet-ocr', text: '/demo' });
    const post = () => fetch(url, { method: 'POST', body: JSON.stringify({ text: 'late' }) });
    clock.advance(30 * 60_000);
    expect((await post()).status).toBe(200);
    clock.advance(1);
    const late = await post();
    expect([late.status, await late.json()]).toEqual([404, { ok: false, error: 'expired_url' }]);
  });
});

describe('a button', () => {
  it('a button sends its own value to the app, which updates the message in place', async () => {
    const slack = await slackForTest();
    const app = await boltApp(slack, (bolt) =>
      bolt.action('go', async ({ ack, action, body, client }) => {
        await ack();
        if (action.type !== 'button' || body.type !== 'block_actions' || !body.channel || !body.message) return;
        const by = `${body.user.id} ${action.value} ${body.message.text} ${body.container.is_ephemeral}`;
        await client.chat.update({ channel: body.channel.id, ts: body.message.ts, text: by, blocks: [] });
      }),
    );
    const posted = await app.client.chat.postMessage({
      channel: 'C0TIMESHEET',
      text: 'ready',
      blocks: [section('ready'), { type: 'actions', elements: [button('go', 'r-1'), button('wait')] }],
    });
    const clicked = await person(slack, 'action', { user: 'approver', ts: posted.ts, actionId: 'go' });
    expect(clicked).toMatchObject({ ok: true, acknowledged: true });
    await eventually(async () => {
      const [message] = (await stateOf(slack)).messages;
      expect(message).toMatchObject({ ts: posted.ts, text: 'U0APPROVER r-1 ready false', blocks: [] });
    });
  });

  it('a button that is not in the message is refused with the list of its buttons', async () => {
    const slack = await slackForTest();
    const posted = await clientOf(slack).chat.postMessage({
      channel: 'timesheet-ocr',
      text: 'x',
      blocks: [{ type: 'actions', elements: [button('go')] }],
    });
    expect(await person(slack, 'action', { user: 'viewer', ts: posted.ts, actionId: 'stop' })).toMatchObject({
      status: 404,
      error: 'no_such_element',
      actionIds: ['go'],
    });
  });

  it('a button in an ephemeral message works only for its person, and response_url replaces the message', async () => {
    const slack = await slackForTest();
    const app = await boltApp(slack, (bolt) =>
      bolt.action('go', async ({ ack, respond }) => {
        await ack();
        await respond({ replace_original: true, text: 'done' });
      }),
    );
    const { message_ts: ts } = await app.client.chat.postEphemeral({
      channel: 'C0TIMESHEET',
      user: 'U0OPERATOR',
      text: 'sure?',
      blocks: [{ type: 'actions', elements: [button('go')] }],
    });
    expect(await person(slack, 'action', { user: 'viewer', ts, actionId: 'go' })).toMatchObject({ status: 404 });
    await person(slack, 'action', { user: 'operator', ts, actionId: 'go' });
    await eventually(async () => expect((await stateOf(slack)).ephemerals).toMatchObject([{ ts, text: 'done' }]));
  });

  it('a click without an acknowledgement is shown to the person', async () => {
    const slack = await slackForTest({ acknowledgeWithinMs: 50 });
    const app = await boltApp(slack, (bolt) => bolt.action('go', async () => {}));
    const posted = await app.client.chat.postMessage({
      channel: 'C0TIMESHEET',
      text: 'x',
      blocks: [{ type: 'actions', elements: [button('go')] }],
    });
    const clicked = await person(slack, 'action', { user: 'viewer', ts: posted.ts, actionId: 'go' });
    expect(clicked).toMatchObject({ ok: false, acknowledged: false, reason: 'too-late' });
    expect((await stateOf(slack)).ephemerals).toMatchObject([{ onlyFor: 'U0VIEWER', fromSlack: true }]);
  });

  it('a menu sends the chosen option', async () => {
    const slack = await slackForTest();
    const chosen: unknown[] = [];
    const app = await boltApp(slack, (bolt) =>
      bolt.action(/.*/, async ({ ack, action }) => {
        await ack();
        chosen.push('selected_option' in action ? action.selected_option?.value : undefined);
      }),
    );
    const options = ['a', 'b'].map((value) => ({ text: { type: 'plain_text' as const, text: value }, value }));
    const posted = await app.client.chat.postMessage({
      channel: 'C0TIMESHEET',
      text: 'x',
      blocks: [
        { type: 'actions', elements: [{ type: 'static_select', action_id: 'pick', options }] },
        { ...section('more'), accessory: { type: 'overflow', action_id: 'more', options } },
      ],
    });
    const act = (actionId: string, value: string) =>
      person(slack, 'action', { user: 'viewer', ts: posted.ts, actionId, value });
    await act('pick', 'b');
    await act('more', 'a');
    expect(chosen).toEqual(['b', 'a']);
    expect(await act('pick', 'c')).toMatchObject({ status: 404, error: 'no_such_option', offered: ['a', 'b'] });
  });
});

describe('the manifest', () => {
  it('the manifest decides which methods answer and which are refused with missing_scope', async () => {
    const slack = await slackForTest({ manifest: manifestWith(['chat:write']) });
    const client = clientOf(slack);
    await client.chat.postMessage({ channel: 'C0TIMESHEET', text: 'allowed' });
    await expect(client.users.info({ user: 'U0VIEWER' })).rejects.toMatchObject({
      data: { error: 'missing_scope', needed: 'users:read', provided: 'chat:write' },
    });
  });

  it('an invalid manifest stops the start with all its problems', async () => {
    const broken = manifestWith(['chat:write']).replace('Demo', 'D'.repeat(36)).replace('/demo', 'demo');
    await expect(slackForTest({ manifest: broken })).rejects.toMatchObject({
      name: 'ManifestError',
      problems: [expect.stringContaining('display_information.name'), expect.stringContaining('slash_commands.0')],
    });
  });

  it('the manifest of this project can be installed', async () => {
    const slack = await slackForTest({ manifest: 'manifest.yml' });
    expect(await clientOf(slack).auth.test()).toMatchObject({ ok: true, user: 'rescan-bot', bot_id: 'B0BOT' });
  });
});
