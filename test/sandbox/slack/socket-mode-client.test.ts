import type { ModalView } from '@slack/types';
import { describe, expect, it } from 'vitest';
import type { LocalSlack } from '../../../sandbox/slack/server.ts';
import { eventually } from '../../support/eventually.ts';
import { button, clientOf, manualClock, person, plain, section, slackForTest, stateOf } from './harness.ts';
import { BARE, type IndependentApp, independentApp, SILENCE } from './independent.ts';

/**
 * The local Slack with @slack/socket-mode's own client: docs.slack.dev, "Using Socket Mode", "Interaction payloads",
 * "Handling user interaction", "The Events API".
 */

const CHANNEL = 'C0TIMESHEET';
const say = (slack: LocalSlack, text = '/demo') =>
  person(slack, 'command', { user: 'operator', channel: 'timesheet-ocr', text });
const form = (title: string, more: Partial<ModalView> = {}): ModalView => ({
  type: 'modal',
  callback_id: title,
  title: plain(title),
  submit: plain('Go'),
  notify_on_close: true,
  blocks: [
    {
      type: 'input',
      block_id: 'note',
      label: plain('Note'),
      optional: true,
      element: { type: 'plain_text_input', action_id: 'text' },
    },
  ],
  ...more,
});
/** Opens the modal for the operator by a command's trigger. Returns the view id. */
async function openModal(slack: LocalSlack, app: IndependentApp, view: ModalView): Promise<string> {
  await say(slack);
  const trigger_id = String(app.heard.findLast(({ type }) => type === 'slash_commands')?.body.trigger_id);
  return String((await clientOf(slack).views.open({ trigger_id, view })).view?.id);
}
const postButtons = (slack: LocalSlack, thread: { thread_ts?: string } = {}) =>
  clientOf(slack).chat.postMessage({
    channel: CHANNEL,
    text: 'ready',
    ...thread,
    blocks: [section('ready'), { type: 'actions', block_id: 'row', elements: [button('go', 'r-1')] }],
  });

describe('Slack’s own Socket Mode client', () => {
  it('Slack’s client receives hello and is connected', async () => {
    const app = await independentApp(await slackForTest());
    expect(app.frames).toEqual([
      {
        type: 'hello',
        num_connections: 1,
        connection_info: { app_id: 'A0SANDBOX' },
        debug_info: { host: expect.any(String), build_number: expect.any(Number), approximate_connection_time: 18_060 },
      },
    ]);
    expect(app.client.websocket?.isActive()).toBe(true);
  });

  it('Slack’s client receives every envelope with its own id', async () => {
    const slack = await slackForTest();
    const app = await independentApp(slack);
    for (let count = 0; count < 3; count++) await say(slack);
    expect(new Set(app.heard.map(({ envelope_id }) => envelope_id)).size).toBe(3);
  });

  it.each([
    ['nothing', BARE, []],
    ['a text alone', 'Hello', [{ text: 'Hello', onlyFor: 'U0OPERATOR' }]],
    ['blocks', { blocks: [section('Blocks')] }, [{ text: '', onlyFor: 'U0OPERATOR', blocks: [section('Blocks')] }]],
    ['a message for all', { response_type: 'in_channel', text: 'All' }, [{ text: 'All', channelId: CHANNEL }]],
  ])('Slack’s client answers a command with %s', async (_, answer, shown) => {
    const slack = await slackForTest();
    await independentApp(slack, () => answer);
    expect(await say(slack)).toMatchObject({ ok: true, acknowledged: true });
    const { messages, ephemerals } = await stateOf(slack);
    expect([...messages, ...ephemerals]).toMatchObject(shown);
  });

  it('Slack’s client receives typed & < > as entities, and they are shown as they were typed', async () => {
    // docs.slack.dev, "Formatting message text", Escaping text: clients escape these three characters and no others.
    const slack = await slackForTest();
    const app = await independentApp(slack, ({ body }) => String(body.text));
    await say(slack, '/demo a&b <c> "d" &amp;');
    expect(app.heard[0]?.body.text).toBe('a&amp;b &lt;c&gt; "d" &amp;amp;');
    expect((await stateOf(slack)).ephemerals[0]?.text).toBe('a&amp;b &lt;c&gt; "d" &amp;amp;');
  });

  it('Slack’s client receives a click in a message, in a thread and in an ephemeral message', async () => {
    const slack = await slackForTest();
    const app = await independentApp(slack);
    const { ts = '' } = await postButtons(slack);
    const reply = await postButtons(slack, { thread_ts: ts });
    const { message_ts } = await clientOf(slack).chat.postEphemeral({
      channel: CHANNEL,
      user: 'U0OPERATOR',
      text: 'sure?',
      blocks: [{ type: 'actions', elements: [button('go', 'r-2')] }],
    });
    for (const place of [ts, reply.ts, message_ts])
      expect(await person(slack, 'action', { user: 'operator', ts: place, actionId: 'go' })).toMatchObject({
        acknowledged: true,
      });
    const [inChannel, inThread, alone] = app.heard.map(({ body }) => body);
    expect(inChannel).toMatchObject({
      type: 'block_actions',
      container: { type: 'message', message_ts: ts, channel_id: CHANNEL, is_ephemeral: false },
      actions: [{ type: 'button', action_id: 'go', block_id: 'row', value: 'r-1' }],
      message: { type: 'message', ts, bot_id: 'B0BOT' },
      response_url: expect.stringContaining('/response/'),
    });
    expect(inThread).toMatchObject({ container: { message_ts: reply.ts, thread_ts: ts }, message: { thread_ts: ts } });
    expect(alone).toMatchObject({ container: { message_ts, is_ephemeral: true } });
    // "Handling user interaction": ephemeral messages are not kept, so the payload has no `message`.
    expect(alone).not.toHaveProperty('message');
  });

  it('Slack’s client receives a click in a Home tab and in a modal with the view and without a response_url', async () => {
    const slack = await slackForTest();
    const app = await independentApp(slack);
    const row = { type: 'actions' as const, block_id: 'row', elements: [button('go', 'v')] };
    const home = await clientOf(slack).views.publish({ user_id: 'U0OPERATOR', view: { type: 'home', blocks: [row] } });
    const modal = await openModal(slack, app, form('One', { blocks: [row] }));
    for (const viewId of [home.view?.id, modal])
      expect(await person(slack, 'action', { user: 'operator', viewId, actionId: 'go' })).toMatchObject({ ok: true });
    const clicks = app.heard.filter(({ body }) => body.type === 'block_actions').map(({ body }) => body);
    expect(clicks).toMatchObject([
      { container: { type: 'view', view_id: home.view?.id }, view: { type: 'home' } },
      { container: { type: 'view', view_id: modal }, view: { type: 'modal', callback_id: 'One' } },
    ]);
    for (const click of clicks) expect(click).not.toHaveProperty('response_url');
  });

  it('Slack’s client answers a submission: close, errors, update, push, clear', async () => {
    const slack = await slackForTest();
    const app = await independentApp(slack);
    const first = await openModal(slack, app, form('One'));
    const submit = (viewId: string) =>
      person(slack, 'submit', { user: 'operator', viewId, values: { note: { text: 'n' } } });
    const stack = async () => ((await stateOf(slack)).views.U0OPERATOR ?? []).map(({ body }) => body.callback_id);

    app.answerWith(() => ({ response_action: 'errors', errors: { note: 'Too short.' } }));
    expect(await submit(first)).toMatchObject({ result: 'errors', errors: { note: 'Too short.' } });
    app.answerWith(() => ({ response_action: 'update', view: form('Two') }));
    expect(await submit(first)).toMatchObject({ result: 'updated' });
    app.answerWith(() => ({ response_action: 'push', view: form('Three') }));
    expect(await submit(first)).toMatchObject({ result: 'pushed' });
    expect(await stack()).toEqual(['Two', 'Three']);
    app.answerWith(() => BARE);
    const top = (await stateOf(slack)).views.U0OPERATOR?.at(-1)?.id ?? '';
    expect(await submit(top)).toMatchObject({ result: 'closed' });
    expect(await stack()).toEqual(['Two']);
    app.answerWith(() => ({ response_action: 'clear' }));
    expect(await submit(first)).toMatchObject({ result: 'cleared' });
    expect(await stack()).toEqual([]);
    expect(app.heard.at(-1)?.body).toMatchObject({ type: 'view_submission', view: { callback_id: 'Two' } });
  });

  it('an unknown answer to a submission leaves the modal open with a notice', async () => {
    const slack = await slackForTest();
    const app = await independentApp(slack);
    const viewId = await openModal(slack, app, form('One'));
    for (const answer of [
      { response_action: 'explode' },
      { response_action: 'errors', errors: { nowhere: 'x' } },
      { response_action: 'update', view: form('T'.repeat(25)) },
    ]) {
      app.answerWith(() => answer);
      expect(await person(slack, 'submit', { user: 'operator', viewId })).toMatchObject({ result: 'invalid-response' });
      expect((await stateOf(slack)).views.U0OPERATOR).toMatchObject([{ id: viewId, notice: expect.any(String) }]);
    }
  });

  it('Slack’s client receives the closing of a view, and whether the whole stack was closed', async () => {
    const slack = await slackForTest();
    const app = await independentApp(slack);
    const viewId = await openModal(slack, app, form('One'));
    app.answerWith(() => ({ response_action: 'push', view: form('Two') }));
    await person(slack, 'submit', { user: 'operator', viewId });
    app.answerWith(() => BARE);
    const top = (await stateOf(slack)).views.U0OPERATOR?.at(-1)?.id;
    await person(slack, 'close', { user: 'operator', viewId: top });
    await person(slack, 'close', { user: 'operator', viewId, clear: true });
    const closed = app.heard.filter(({ body }) => body.type === 'view_closed').map(({ body }) => body);
    expect(closed).toMatchObject([
      { view: { callback_id: 'Two' }, is_cleared: false },
      { view: { callback_id: 'One' }, is_cleared: true },
    ]);
  });

  it('Slack’s client returns the options of a menu, with and without groups', async () => {
    const slack = await slackForTest();
    const app = await independentApp(slack);
    const viewId = await openModal(
      slack,
      app,
      form('One', {
        blocks: [
          {
            type: 'input',
            block_id: 'who',
            label: plain('Who'),
            element: { type: 'external_select', action_id: 'pick', min_query_length: 2 },
          },
        ],
      }),
    );
    const option = (value: string) => ({ text: plain(value), value });
    const type = (value: string) => person(slack, 'suggest', { user: 'operator', viewId, actionId: 'pick', value });
    app.answerWith(({ body }) => ({ options: [option(`${body.value}-1`)] }));
    expect(await type('ab')).toMatchObject({ ok: true, options: [{ value: 'ab-1' }] });
    app.answerWith(() => ({ option_groups: [{ label: plain('G'), options: [option('x'), option('y')] }] }));
    expect(await type('abc')).toMatchObject({ options: [{ value: 'x' }, { value: 'y' }] });
    app.answerWith(() => ({ options: [{ value: 'no text' }] }));
    expect(await type('abc')).toMatchObject({ ok: false, error: 'invalid_options' });
    expect(app.heard.at(-1)?.body).toMatchObject({
      type: 'block_suggestion',
      action_id: 'pick',
      block_id: 'who',
      value: 'abc',
    });
  });

  it('Slack’s client receives an opened Home tab, the second time with its current view', async () => {
    const slack = await slackForTest();
    const app = await independentApp(slack);
    await person(slack, 'home', { user: 'viewer' });
    await clientOf(slack).views.publish({ user_id: 'U0VIEWER', view: { type: 'home', blocks: [section('hi')] } });
    await person(slack, 'home', { user: 'viewer' });
    const opened = { type: 'app_home_opened', user: 'U0VIEWER', tab: 'home', channel: 'D0VIEWER' };
    expect(app.heard.map(({ body }) => body.event)).toMatchObject([opened, { ...opened, view: { type: 'home' } }]);
    expect(app.heard[0]).toMatchObject({ type: 'events_api', retry_num: 0, accepts_response_payload: false });
  });
});

describe('missing acknowledgements', () => {
  it('an event without acknowledgement is redelivered at once, after one and after five minutes, with its attempt number, and then no more', async () => {
    // docs.slack.dev, "The Events API", Error handling: three retries, nearly immediate, after 1 minute, after 5 minutes.
    const clock = manualClock();
    const slack = await slackForTest({ clock });
    const app = await independentApp(slack, () => SILENCE);
    const opened = person(slack, 'home', { user: 'viewer' });
    const heard = (count: number) => eventually(() => expect(app.heard).toHaveLength(count));
    await heard(1);
    clock.advance(3_000);
    expect(await opened).toMatchObject({ acknowledged: false, reason: 'too-late' });
    await eventually(() => {
      clock.advance(0);
      expect(app.heard).toHaveLength(2);
    });
    for (const [count, pause] of [
      [3, 60_000],
      [4, 300_000],
    ] as const) {
      // The last delivery times out first; only then the pause begins.
      await eventually(async () => {
        expect((await stateOf(slack)).connections).toMatchObject([{ unacknowledged: 1 }]);
      });
      clock.advance(3_000);
      await eventually(async () => {
        expect((await stateOf(slack)).connections).toMatchObject([{ unacknowledged: 0 }]);
      });
      clock.advance(pause - 1);
      expect(app.heard).toHaveLength(count - 1);
      clock.advance(1);
      await heard(count);
    }
    clock.advance(3_000);
    clock.advance(600_000);
    await person(slack, 'message', { user: 'viewer', channel: 'random', text: 'time passes' });
    expect(app.heard.map(({ retry_num, retry_reason }) => [retry_num, retry_reason])).toEqual([
      [0, ''],
      [1, 'timeout'],
      [2, 'timeout'],
      [3, 'timeout'],
    ]);
    const ids = app.heard.map(({ body }) => body.event_id);
    expect(new Set(ids).size).toBe(1);
  });

  it('a command, a click and a submission without acknowledgement are not redelivered and the person sees an error', async () => {
    const slack = await slackForTest({ acknowledgeWithinMs: 500 });
    const app = await independentApp(slack);
    const { ts } = await postButtons(slack);
    const viewId = await openModal(slack, app, form('One'));
    app.heard.length = 0;
    app.answerWith(() => SILENCE);
    expect(await say(slack)).toMatchObject({ error: 'operation_timeout' });
    expect(await person(slack, 'action', { user: 'operator', ts, actionId: 'go' })).toMatchObject({ ok: false });
    expect(await person(slack, 'submit', { user: 'operator', viewId })).toMatchObject({ result: 'not-acknowledged' });
    await eventually(() => expect(app.heard).toHaveLength(3));
    const { ephemerals, views } = await stateOf(slack);
    expect(ephemerals).toHaveLength(2);
    expect(views.U0OPERATOR).toMatchObject([{ id: viewId, notice: expect.any(String) }]);
  });
});

describe('a connection before its disconnect', () => {
  // docs.slack.dev, "Using Socket Mode", Disconnecting: the app gets the reason and opens a new connection.
  it.each(['warning', 'refresh_requested', 'link_disabled'])(
    'a client that receives the disconnect reason %s reconnects',
    async (reason) => {
      const slack = await slackForTest();
      const app = await independentApp(slack, () => 'here', 1_000);
      const [before] = (await stateOf(slack)).connections;
      expect(await person(slack, 'disconnect', { reason })).toMatchObject({ notified: 1 });
      await eventually(() => expect(app.frames.filter(({ type }) => type === 'hello').length).toBeGreaterThan(1));
      expect(app.frames.find(({ type }) => type === 'disconnect')).toMatchObject({ reason, debug_info: {} });
      const { connections } = await stateOf(slack);
      expect(connections.map(({ id }) => id)).not.toContain(before?.id);
      expect(await say(slack)).toMatchObject({ ok: true, response: { text: 'here' } });
    },
  );

  it('a connection that was asked to disconnect gets no more envelopes, and until the reconnect the person sees dispatch_failed', async () => {
    const slack = await slackForTest();
    const app = await independentApp(slack, () => BARE, 20_000);
    await person(slack, 'disconnect', { reason: 'refresh_requested' });
    expect(await say(slack)).toMatchObject({ ok: false, error: 'dispatch_failed' });
    expect(app.heard).toEqual([]);
  });
});
