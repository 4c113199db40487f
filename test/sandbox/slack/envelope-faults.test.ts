import { expect, it } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { boltApp, button, clientOf, person, section, slackForTest, stateOf } from './harness.ts';

const asOperator = { user: 'operator', channel: 'timesheet-ocr' };

it('a repeated envelope arrives with the same trigger at the next connection, and its acknowledgement changes nothing', async () => {
  const slack = await slackForTest();
  const heard: string[] = [];
  for (const copy of ['one', 'two'])
    await boltApp(slack, (app) =>
      app.command('/demo', async ({ command, ack }) => {
        heard.push(`${copy} ${command.trigger_id}`);
        await ack(copy);
      }),
    );
  await person(slack, 'slack-world', { repeatEnvelopesAfterMs: [0] });
  await person(slack, 'command', { ...asOperator, text: '/demo' });
  await eventually(() => expect(heard).toHaveLength(2));
  const [first = '', second = ''] = heard;
  expect(first.split(' ')[0]).not.toBe(second.split(' ')[0]);
  expect(first.split(' ')[1]).toBe(second.split(' ')[1]);
  expect((await stateOf(slack)).ephemerals).toHaveLength(1);
});

it('an envelope that takes longer than the limit arrives all the same, and the person reads operation_timeout', async () => {
  const slack = await slackForTest({ acknowledgeWithinMs: 50, triggerLifeMs: 50 });
  const heard: string[] = [];
  await boltApp(slack, (app) =>
    app.command('/demo', async ({ command, ack }) => {
      heard.push(command.text);
      await ack();
    }),
  );
  await person(slack, 'slack-world', { envelopeDelayMs: 200 });
  const late = person(slack, 'command', { ...asOperator, text: '/demo first' });
  await person(slack, 'slack-world', { envelopeDelayMs: 0 });
  expect(await late).toMatchObject({ ok: false, error: 'operation_timeout' });
  await person(slack, 'command', { ...asOperator, text: '/demo second' });
  await eventually(() => expect(heard).toEqual(['second', 'first']));
});

it('a person whose client shows an older form of a message presses its button', async () => {
  const slack = await slackForTest();
  const pressed: string[] = [];
  await boltApp(slack, (app) =>
    app.action('old', async ({ action, ack }) => {
      pressed.push('value' in action ? String(action.value) : '');
      await ack();
    }),
  );
  const client = clientOf(slack);
  const shown = [section('before'), { type: 'actions', elements: [{ ...button('old'), value: 'v' }] }];
  const { ts = '', channel = '' } = await client.chat.postMessage({ channel: 'C0TIMESHEET', text: 'x', blocks: shown });
  await client.chat.update({ channel, ts, text: 'done', blocks: [] });
  const click = { user: 'operator', ts, actionId: 'old' };
  expect(await person(slack, 'action', click)).toMatchObject({ status: 404, error: 'no_such_element' });
  expect(await person(slack, 'action', { ...click, shown })).toMatchObject({ ok: true });
  expect(pressed).toEqual(['v']);
});

it('the answer of every second post is lost, and a post with a known client_msg_id is answered with the first message', async () => {
  const slack = await slackForTest();
  await person(slack, 'slack-world', { lostReplies: { 'chat.postMessage': 2 } });
  const client = clientOf(slack);
  const post = (text: string, client_msg_id: string) =>
    client.chat.postMessage({ ...{ client_msg_id }, channel: 'C0TIMESHEET', text });
  await post('one', 'a');
  await expect(post('two', 'b')).rejects.toThrow();
  const again = await post('two', 'b');
  const { messages } = await stateOf(slack);
  expect(messages.map(({ text }) => text)).toEqual(['one', 'two']);
  expect(again.ts).toBe(messages[1]?.ts);
  await person(slack, 'delete', { channel: 'C0TIMESHEET', ts: again.ts });
  await expect(post('two', 'b')).rejects.toThrow('duplicate_message_not_found');
});

it('a response_url is refused after its life', async () => {
  const slack = await slackForTest();
  let url = '';
  await boltApp(slack, (app) =>
    app.command('/demo', async ({ command, ack }) => {
      url = command.response_url;
      await ack();
    }),
  );
  await person(slack, 'slack-world', { responseUrlLifeMs: 0 });
  await person(slack, 'command', { ...asOperator, text: '/demo' });
  await eventually(async () => {
    const answer = await fetch(url, { method: 'POST', body: JSON.stringify({ text: 'late' }) });
    expect(await answer.json()).toMatchObject({ error: 'expired_url' });
  });
});
