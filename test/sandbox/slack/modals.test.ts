import type { App } from '@slack/bolt';
import type { ModalView } from '@slack/types';
import { describe, expect, it, vi } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { boltApp, clientOf, manualClock, person, plain, section, slackForTest, stateOf } from './harness.ts';

const input = (blockId: string, element: Extract<ModalView['blocks'][number], { type: 'input' }>['element']) => ({
  type: 'input' as const,
  block_id: blockId,
  label: plain(blockId),
  element,
});
const form = (more: Partial<ModalView> = {}): ModalView => ({
  type: 'modal',
  callback_id: 'form',
  title: plain('Start'),
  submit: plain('Go'),
  private_metadata: 'r-1',
  blocks: [
    input('pace', { type: 'number_input', action_id: 'value', is_decimal_allowed: false, min_value: '1' }),
    { ...input('note', { type: 'plain_text_input', action_id: 'note', initial_value: 'none' }), optional: true },
    input('who', { type: 'external_select', action_id: 'who', min_query_length: 0 }),
  ],
  ...more,
});
/** The app opens the form for `/demo`. */
const opensForm = (app: App, view = form()) =>
  app.command('/demo', async ({ ack, body, client }) => {
    await ack();
    await client.views.open({ trigger_id: body.trigger_id, view });
  });
async function openForm(slack: Parameters<typeof person>[0], user = 'operator', id = 'U0OPERATOR') {
  await person(slack, 'command', { user, channel: 'timesheet-ocr', text: '/demo' });
  return eventually(async () => {
    const view = (await stateOf(slack)).views[id]?.at(-1);
    if (!view) throw new Error('no view yet');
    return view.id;
  });
}

describe('a modal', () => {
  it('a modal shows the errors of the app at their fields and closes when the app accepts it', async () => {
    const slack = await slackForTest();
    const seen: unknown[] = [];
    await boltApp(slack, (app) => {
      opensForm(app);
      app.options('who', async ({ ack, options }) => {
        await ack({ options: [{ text: plain(`found ${options.value}`), value: 'w-1' }] });
      });
      app.view('form', async ({ ack, view, body }) => {
        const { pace, note, who } = view.state.values;
        seen.push([
          body.user.id,
          view.private_metadata,
          pace?.value?.value,
          note?.note?.value,
          who?.who?.selected_option,
        ]);
        if (Number(pace?.value?.value) > 100)
          await ack({ response_action: 'errors', errors: { pace: 'At most 100.' } });
        else await ack();
      });
    });
    const viewId = await openForm(slack);
    expect(await person(slack, 'suggest', { user: 'operator', viewId, actionId: 'who', value: 'x' })).toMatchObject({
      options: [{ value: 'w-1' }],
    });
    const values = { pace: { value: 400 }, who: 'w-1' };
    expect(await person(slack, 'submit', { user: 'operator', viewId, values })).toMatchObject({
      result: 'errors',
      errors: { pace: 'At most 100.' },
    });
    expect((await stateOf(slack)).views.U0OPERATOR?.[0]?.errors).toEqual({ pace: 'At most 100.' });
    expect(await person(slack, 'submit', { user: 'operator', viewId, values: { value: '40' } })).toMatchObject({
      result: 'closed',
      acknowledged: true,
    });
    expect((await stateOf(slack)).views).toEqual({});
    const option = { text: plain('found x'), value: 'w-1' };
    expect(seen).toEqual([
      ['U0OPERATOR', 'r-1', '400', 'none', option],
      ['U0OPERATOR', 'r-1', '40', 'none', option],
    ]);
  });

  it('a modal stores the choice in every kind of input in Slack’s format', async () => {
    const slack = await slackForTest();
    const states: unknown[] = [];
    const options = ['a', 'b'].map((value) => ({ text: plain(value), value }));
    const [a, b] = options;
    await boltApp(slack, (app) => {
      opensForm(
        app,
        form({
          blocks: [
            input('boxes', { type: 'checkboxes', action_id: 'boxes', options }),
            input('radio', { type: 'radio_buttons', action_id: 'radio', options, ...(b ? { initial_option: b } : {}) }),
            input('menu', { type: 'static_select', action_id: 'menu', options }),
            input('day', { type: 'datepicker', action_id: 'day' }),
            input('user', { type: 'users_select', action_id: 'user' }),
            input('where', { type: 'multi_conversations_select', action_id: 'where' }),
            input('keys', { type: 'file_input', action_id: 'keys' }),
          ],
        }),
      );
      app.view('form', async ({ ack, view }) => {
        states.push(view.state.values);
        await ack();
      });
    });
    const viewId = await openForm(slack);
    const { file } = await person(slack, 'upload', { user: 'operator', name: 'keys.txt', content: 'a.png' });
    const values = {
      boxes: ['a', 'b'],
      menu: 'a',
      day: '2026-03-02',
      user: 'viewer',
      where: ['random'],
      keys: [file?.id],
    };
    const submit = (more: object) =>
      person(slack, 'submit', { user: 'operator', viewId, values: { ...values, ...more } });
    expect(await submit({ menu: 'c' })).toMatchObject({ error: 'no_such_option' });
    expect(await submit({ missing: 1 })).toMatchObject({ error: 'no_such_element' });
    expect(await submit({ user: 'nobody' })).toMatchObject({ error: 'no_such_user' });
    expect(await submit({})).toMatchObject({ result: 'closed' });
    expect(states).toMatchObject([
      {
        boxes: { boxes: { type: 'checkboxes', selected_options: options } },
        radio: { radio: { selected_option: b } },
        menu: { menu: { selected_option: a } },
        day: { day: { selected_date: '2026-03-02' } },
        user: { user: { selected_user: 'U0VIEWER' } },
        where: { where: { selected_conversations: ['C0RANDOM'] } },
        keys: { keys: { files: [{ id: file?.id, name: 'keys.txt' }] } },
      },
    ]);
  });

  it('Slack itself refuses to submit a modal with an empty required field', async () => {
    const slack = await slackForTest();
    const submitted = vi.fn();
    await boltApp(slack, (app) => {
      opensForm(app);
      app.view('form', submitted);
    });
    const viewId = await openForm(slack);
    expect(
      await person(slack, 'submit', { user: 'operator', viewId, values: { pace: { value: '1.5' } } }),
    ).toMatchObject({
      result: 'refused-by-client',
      errors: { pace: 'Please enter a whole number.', who: 'Please complete this required field.' },
    });
    expect(submitted).not.toHaveBeenCalled();
  });

  it('two views can be pushed above a modal and the third is refused with push_limit_reached', async () => {
    const slack = await slackForTest();
    const refusals: unknown[] = [];
    const next: ModalView = {
      type: 'modal',
      title: plain('Next'),
      notify_on_close: true,
      callback_id: 'next',
      blocks: [{ type: 'actions', elements: [{ type: 'button', action_id: 'deeper', text: plain('Deeper') }] }],
    };
    const closed: unknown[] = [];
    await boltApp(slack, (app) => {
      opensForm(app, next);
      app.action('deeper', async ({ ack, client, body }) => {
        await ack();
        if (body.type !== 'block_actions') return;
        await client.views
          .push({ trigger_id: body.trigger_id, view: next })
          .catch((error: { data: { error: string } }) => refusals.push(error.data.error));
      });
      app.view({ callback_id: 'next', type: 'view_closed' }, async ({ ack, body }) => {
        closed.push('is_cleared' in body && body.is_cleared);
        await ack();
      });
    });
    await openForm(slack);
    const stack = async () => (await stateOf(slack)).views.U0OPERATOR ?? [];
    for (const depth of [2, 3]) {
      await person(slack, 'action', { user: 'operator', viewId: (await stack()).at(-1)?.id, actionId: 'deeper' });
      await eventually(async () => expect(await stack()).toHaveLength(depth));
    }
    await person(slack, 'action', { user: 'operator', viewId: (await stack()).at(-1)?.id, actionId: 'deeper' });
    await eventually(() => expect(refusals).toEqual(['push_limit_reached']));
    await person(slack, 'close', { user: 'operator', viewId: (await stack()).at(-1)?.id });
    expect(await stack()).toHaveLength(2);
    expect(closed).toEqual([false]);
    await person(slack, 'close', { user: 'operator', viewId: (await stack()).at(-1)?.id, clear: true });
    expect(closed).toEqual([false, true, true]);
    expect(await stack()).toEqual([]);
  });

  it('the answer to a submission can update a modal and push another one', async () => {
    const slack = await slackForTest();
    const page = (text: string): ModalView => ({
      type: 'modal',
      callback_id: text,
      title: plain(text),
      submit: plain('On'),
      blocks: [section(text)],
    });
    await boltApp(slack, (app) => {
      opensForm(app, page('one'));
      app.view('one', ({ ack }) => ack({ response_action: 'update', view: page('two') }));
      app.view('two', ({ ack }) => ack({ response_action: 'push', view: page('three') }));
      app.view('three', ({ ack }) => ack({ response_action: 'clear' }));
    });
    const first = await openForm(slack);
    const submit = (viewId: string) => person(slack, 'submit', { user: 'operator', viewId });
    expect(await submit(first)).toMatchObject({ result: 'updated', view: { id: first } });
    expect(await submit(first)).toMatchObject({ result: 'pushed' });
    const top = (await stateOf(slack)).views.U0OPERATOR?.at(-1)?.id ?? '';
    expect(await person(slack, 'submit', { user: 'operator', viewId: first })).toMatchObject({
      error: 'view_is_covered',
    });
    expect(await submit(top)).toMatchObject({ result: 'cleared' });
    expect((await stateOf(slack)).views).toEqual({});
  });

  it('a trigger opens one modal, within three seconds', async () => {
    const clock = manualClock();
    const slack = await slackForTest({ clock });
    const triggers: string[] = [];
    await boltApp(slack, (app) =>
      app.command('/demo', async ({ ack, body }) => {
        triggers.push(body.trigger_id);
        await ack();
      }),
    );
    const say = () => person(slack, 'command', { user: 'operator', channel: 'timesheet-ocr', text: '/demo' });
    await say();
    await say();
    const open = (trigger_id = '') => clientOf(slack).views.open({ trigger_id, view: form() });
    clock.advance(3_000);
    const opened = await open(triggers[0]);
    expect(opened.view).toMatchObject({ type: 'modal', callback_id: 'form', private_metadata: 'r-1' });
    await expect(open(triggers[0])).rejects.toMatchObject({ data: { error: 'exchanged_trigger_id' } });
    clock.advance(1);
    await expect(open(triggers[1])).rejects.toMatchObject({ data: { error: 'expired_trigger_id' } });
    await expect(open('made-up')).rejects.toMatchObject({ data: { error: 'invalid_trigger_id' } });
  });

  it('an update of a modal with an old hash is refused', async () => {
    const slack = await slackForTest();
    await boltApp(slack, (app) => opensForm(app));
    const view_id = await openForm(slack);
    const client = clientOf(slack);
    const { view } = await client.views.update({ view_id, view: form() });
    const hash = view?.hash ?? '';
    await client.views.update({ view_id, view: form(), hash });
    await expect(client.views.update({ view_id, view: form(), hash })).rejects.toMatchObject({
      data: { error: 'hash_conflict' },
    });
  });
});

describe('App Home', () => {
  it('the app publishes its Home tab when a person opens it', async () => {
    const slack = await slackForTest();
    await boltApp(slack, (app) =>
      app.event('app_home_opened', async ({ event, client }) => {
        await client.views.publish({
          user_id: event.user,
          view: { type: 'home', blocks: [section(`Hello ${event.tab}`)] },
        });
      }),
    );
    expect(await person(slack, 'home', { user: 'viewer' })).toMatchObject({ ok: true, acknowledged: true });
    await eventually(async () =>
      expect((await stateOf(slack)).homes.U0VIEWER?.blocks).toMatchObject([{ text: { text: 'Hello home' } }]),
    );
  });
});
