import { describe, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { boltApp, clientOf, manifestWith, person, slackForTest, stateOf } from './harness.ts';

const seed = {
  users: [{ id: 'U1', name: 'one' }],
  channels: [
    { id: 'C1', name: 'open', members: ['U1'], withBot: true },
    { id: 'G1', name: 'closed', isPrivate: true, members: ['U1'], withBot: true },
  ],
};
const refusedWith = (error: string) => ({ data: { error } });

describe('a thread whose first message was deleted', () => {
  it('a reply is posted in the channel, and only the missing thread_ts of the answer tells', async () => {
    const slack = await slackForTest({ seed });
    const { chat } = clientOf(slack);
    const { ts = '' } = await chat.postMessage({ channel: 'C1', text: 'head' });
    const inThread = await chat.postMessage({ channel: 'C1', text: 'reply', thread_ts: ts });
    expect(inThread.message).toMatchObject({ thread_ts: ts });
    const both = await chat.postMessage({ channel: 'C1', text: 'both', thread_ts: ts, reply_broadcast: true });
    expect(both.message).toMatchObject({ thread_ts: ts, subtype: 'thread_broadcast' });
    expect(await person(slack, 'delete', { channel: 'open', ts })).toMatchObject({ ok: true });
    const stray = await chat.postMessage({ channel: 'C1', text: 'stray', thread_ts: ts });
    expect(stray.ok).toBe(true);
    expect(stray.message).toMatchObject({ text: 'stray' });
    expect(stray.message?.thread_ts).toBeUndefined();
    await expect(chat.getPermalink({ channel: 'C1', message_ts: ts })).rejects.toMatchObject(
      refusedWith('message_not_found'),
    );
    expect((await person(slack, 'delete', { channel: 'open', ts })).status).toBe(404);
  });

  it('an ephemeral message in a thread without replies is not shown', async () => {
    const slack = await slackForTest({ seed });
    const { chat } = clientOf(slack);
    const { ts = '' } = await chat.postMessage({ channel: 'C1', text: 'head' });
    await chat.postEphemeral({ channel: 'C1', user: 'U1', text: 'unseen', thread_ts: ts });
    expect((await stateOf(slack)).ephemerals).toEqual([]);
    await chat.postMessage({ channel: 'C1', text: 'reply', thread_ts: ts });
    await chat.postEphemeral({ channel: 'C1', user: 'U1', text: 'seen', thread_ts: ts });
    expect((await stateOf(slack)).ephemerals).toMatchObject([{ text: 'seen', threadTs: ts }]);
  });
});

describe('what people do to a channel', () => {
  it('the bot cannot post in an archived channel, nor in one from which it was removed', async () => {
    const slack = await slackForTest({ seed });
    const { chat, conversations } = clientOf(slack);
    const { ts = '' } = await chat.postMessage({ channel: 'C1', text: 'before' });
    await person(slack, 'channel', { channel: 'open', do: 'archive' });
    expect((await conversations.info({ channel: 'C1' })).channel).toMatchObject({ is_archived: true });
    await expect(chat.postMessage({ channel: 'C1', text: 'x' })).rejects.toMatchObject(refusedWith('is_archived'));
    await expect(chat.update({ channel: 'C1', ts, text: 'x' })).rejects.toMatchObject(refusedWith('is_inactive'));
    await person(slack, 'channel', { channel: 'open', do: 'unarchive' });
    await person(slack, 'channel', { channel: 'open', do: 'remove-bot' });
    await expect(chat.postMessage({ channel: 'C1', text: 'x' })).rejects.toMatchObject(refusedWith('not_in_channel'));
    await person(slack, 'channel', { channel: 'closed', do: 'remove-bot' });
    await expect(chat.postMessage({ channel: 'G1', text: 'x' })).rejects.toMatchObject(
      refusedWith('channel_not_found'),
    );
    await person(slack, 'channel', { channel: 'open', do: 'invite-bot' });
    expect(await chat.postMessage({ channel: 'C1', text: 'x' })).toMatchObject({ ok: true });
  });

  it('when the id of a private channel changes, the app hears it, and the old id does not exist any more', async () => {
    const events = 'settings: { event_subscriptions: { bot_events: [channel_id_changed] }, socket_mode_enabled: true }';
    const manifest = manifestWith(['chat:write', '"groups:read"']).replace(/settings:[\s\S]*$/, events);
    const slack = await slackForTest({ seed, manifest });
    const heard: unknown[] = [];
    await boltApp(slack, (app) => {
      app.event('channel_id_changed', async ({ event }) => void heard.push(event));
    });
    const { chat } = clientOf(slack);
    const { ts = '' } = await chat.postMessage({ channel: 'G1', text: 'before' });
    await person(slack, 'channel', { channel: 'closed', do: 'change-id', id: 'C9' });
    await eventually(() =>
      expect(heard).toMatchObject([{ type: 'channel_id_changed', old_channel_id: 'G1', new_channel_id: 'C9' }]),
    );
    await expect(chat.postMessage({ channel: 'G1', text: 'x' })).rejects.toMatchObject(
      refusedWith('channel_not_found'),
    );
    expect(await chat.update({ channel: 'C9', ts, text: 'after' })).toMatchObject({ ok: true });
    expect((await person(slack, 'channel', { channel: 'closed', do: 'change-id', id: 'C1' })).status).toBe(400);
  });
});
