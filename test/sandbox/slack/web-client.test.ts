import type { ModalView } from '@slack/types';
import type { WebClient } from '@slack/web-api';
import { describe, expect, it } from 'vitest';
import type { LocalSlack } from '../../../sandbox/slack/server.ts';
import { button, clientOf, manifestWith, manualClock, person, plain, section, slackForTest } from './harness.ts';
import { independentApp } from './independent.ts';

/**
 * The local Slack with @slack/web-api's own client: every method that the bot calls, with the answer and the errors of
 * its page (docs.slack.dev/reference/methods/<method>).
 */

const C = 'C0TIMESHEET';
const modal = (more: Partial<ModalView> = {}): ModalView => ({ type: 'modal', title: plain('T'), blocks: [], ...more });
const home = { type: 'home' as const, blocks: [section('hi')] };
/** Triggers of the operator's commands; each opens one view. */
async function triggers(slack: LocalSlack) {
  const app = await independentApp(slack);
  return async () => {
    await person(slack, 'command', { user: 'operator', channel: 'timesheet-ocr', text: '/demo' });
    return String(app.heard.at(-1)?.body.trigger_id);
  };
}
/** Uploads the bytes of a file without completing it. Returns its id. */
async function uploaded(client: WebClient, content = 'a,b\n'): Promise<string> {
  const place = await client.files.getUploadURLExternal({ filename: 'x.csv', length: content.length });
  await fetch(place.upload_url ?? '', { method: 'POST', body: content });
  return place.file_id ?? '';
}
async function expectRefusals(cases: readonly (readonly [call: () => Promise<unknown>, error: string])[]) {
  for (const [call, error] of cases)
    await expect(call(), error).rejects.toMatchObject({
      code: 'slack_webapi_platform_error',
      data: { ok: false, error },
    });
}
const seeded = {
  channels: [
    { id: 'C0OPEN', name: 'open', members: ['U0VIEWER'], withBot: true },
    { id: 'C0AWAY', name: 'away', members: ['U0VIEWER'], withBot: false },
    { id: 'C0OLD', name: 'old', members: ['U0VIEWER'], withBot: true },
    { id: 'G0HIDDEN', name: 'hidden', isPrivate: true, members: ['U0VIEWER'], withBot: false },
  ],
};

describe('chat', () => {
  it('chat methods post, update, post ephemeral messages and return permalinks', async () => {
    const { chat } = clientOf(await slackForTest());
    const posted = await chat.postMessage({ channel: C, text: 'one', unfurl_links: false, unfurl_media: false });
    expect(posted).toMatchObject({
      ok: true,
      channel: C,
      ts: expect.stringMatching(/^\d{10}\.\d{6}$/),
      message: { type: 'message', text: 'one', bot_id: 'B0BOT', app_id: 'A0SANDBOX', ts: posted.ts },
    });
    const ts = posted.ts ?? '';
    const reply = await chat.postMessage({ channel: C, text: 'in thread', thread_ts: ts, reply_broadcast: true });
    expect(reply.message).toMatchObject({ thread_ts: ts });
    const changed = await chat.update({ channel: C, ts, text: 'two', blocks: [section('two')] });
    expect(changed).toMatchObject({ ok: true, channel: C, ts, text: 'two', message: { text: 'two', edited: {} } });
    expect(await chat.postEphemeral({ channel: C, user: 'U0VIEWER', text: 'psst' })).toMatchObject({
      ok: true,
      message_ts: expect.stringMatching(/^\d{10}\.\d{6}$/),
    });
    const link = await chat.getPermalink({ channel: C, message_ts: ts });
    expect(link).toMatchObject({ ok: true, channel: C, permalink: expect.stringContaining(`/archives/${C}/p`) });
  });

  it('chat.update keeps blocks that are left out, and an empty list removes them', async () => {
    // chat.update, `blocks`: "If you don't include this field, the message's previous blocks will be retained."
    const { chat } = clientOf(await slackForTest());
    const { ts = '' } = await chat.postMessage({ channel: C, text: 'x', blocks: [section('x')] });
    expect((await chat.update({ channel: C, ts, text: 'y' })).message).toMatchObject({ blocks: [{ type: 'section' }] });
    expect((await chat.update({ channel: C, ts, text: 'y', blocks: [] })).message).not.toHaveProperty('blocks');
  });

  it('only the posting methods accept the name of a channel', async () => {
    const { chat, conversations } = clientOf(await slackForTest());
    const { ts = '' } = await chat.postMessage({ channel: '#timesheet-ocr', text: 'x' });
    await chat.postEphemeral({ channel: 'timesheet-ocr', user: 'U0VIEWER', text: 'x' });
    await expectRefusals([
      [() => chat.update({ channel: 'timesheet-ocr', ts, text: 'y' }), 'channel_not_found'],
      [() => chat.getPermalink({ channel: 'timesheet-ocr', message_ts: ts }), 'channel_not_found'],
      [() => conversations.info({ channel: 'timesheet-ocr' }), 'channel_not_found'],
    ]);
  });

  it('chat methods answer with the errors of their pages', async () => {
    const slack = await slackForTest({ seed: seeded });
    const { chat } = clientOf(slack);
    const { ts = '' } = await chat.postMessage({ channel: 'C0OPEN', text: 'mine' });
    const secret = await chat.postEphemeral({ channel: 'C0OPEN', user: 'U0VIEWER', text: 'psst' });
    const invalid = [section('')];
    await expectRefusals([
      [() => chat.postMessage({ channel: 'C0NOWHERE', text: 'x' }), 'channel_not_found'],
      [() => chat.postMessage({ channel: 'G0HIDDEN', text: 'x' }), 'channel_not_found'],
      [() => chat.postMessage({ channel: 'C0AWAY', text: 'x' }), 'not_in_channel'],
      [() => chat.postMessage({ channel: 'C0OPEN', text: '' }), 'no_text'],
      [() => chat.postMessage({ channel: 'C0OPEN', text: 'x', blocks: invalid }), 'invalid_blocks'],
      [() => chat.update({ channel: 'C0OPEN', ts, text: 'x', blocks: invalid }), 'invalid_blocks'],
      [() => chat.update({ channel: 'C0OPEN', ts, text: '' }), 'no_text'],
      [() => chat.update({ channel: 'C0OPEN', ts: '1.000000', text: 'x' }), 'message_not_found'],
      [() => chat.update({ channel: 'C0OPEN', ts: secret.message_ts ?? '', text: 'x' }), 'message_not_found'],
      [() => chat.postEphemeral({ channel: 'C0AWAY', user: 'U0VIEWER', text: 'x' }), 'not_in_channel'],
      [() => chat.postEphemeral({ channel: 'C0OPEN', user: 'U0OPERATOR', text: 'x' }), 'user_not_in_channel'],
      [() => chat.getPermalink({ channel: 'C0OPEN', message_ts: '1.000000' }), 'message_not_found'],
    ]);
    await expect(
      clientOf(slack).apiCall('chat.postMessage', { channel: 'C0OPEN', blocks: 'not json' }),
    ).rejects.toMatchObject({ data: { error: 'invalid_blocks_format' } });
  });

  it('an archived channel does not change', async () => {
    const { chat } = clientOf(await slackForTest({ seed: seedWithArchived }));
    await expectRefusals([
      [() => chat.postMessage({ channel: 'C0OLD', text: 'x' }), 'is_archived'],
      [() => chat.postEphemeral({ channel: 'C0OLD', user: 'U0VIEWER', text: 'x' }), 'is_archived'],
      [() => chat.update({ channel: 'C0OLD', ts: '1.000000', text: 'x' }), 'is_inactive'],
    ]);
  });

  it('a data table has at most 100 rows below its header', async () => {
    // docs.slack.dev/reference/block-kit/blocks/data-table-block names 100 and 200 rows. The smaller limit applies
    // here.
    const { chat } = clientOf(await slackForTest());
    const table = (rows: number) => ({
      type: 'data_table',
      caption: 'Failures',
      rows: Array.from({ length: rows }, (_, at) => [{ type: 'raw_text', text: `r${at}` }]),
    });
    expect(await chat.postMessage({ channel: C, text: 'x', blocks: [table(101)] })).toMatchObject({ ok: true });
    await expect(chat.postMessage({ channel: C, text: 'x', blocks: [table(102)] })).rejects.toMatchObject({
      data: { error: 'invalid_blocks', errors: [expect.stringContaining('/blocks/0/rows')] },
    });
  });
});

const seedWithArchived = {
  channels: seeded.channels.map((channel) => ({ ...channel, isArchived: channel.id === 'C0OLD' })),
};

describe('views', () => {
  it('views methods open, push, update and publish', async () => {
    const slack = await slackForTest();
    const { views } = clientOf(slack);
    const app = await independentApp(slack);
    await person(slack, 'command', { user: 'operator', channel: 'timesheet-ocr', text: '/demo' });
    const deeper = { type: 'actions' as const, elements: [button('deeper')] };
    const opened = await views.open({
      trigger_id: String(app.heard[0]?.body.trigger_id),
      view: modal({ blocks: [deeper], private_metadata: 'm', callback_id: 'c' }),
    });
    const id = opened.view?.id ?? '';
    expect(opened).toMatchObject({
      ok: true,
      view: {
        type: 'modal',
        private_metadata: 'm',
        callback_id: 'c',
        root_view_id: id,
        previous_view_id: null,
        hash: expect.any(String),
        state: { values: {} },
        app_id: 'A0SANDBOX',
        bot_id: 'B0BOT',
      },
    });
    await person(slack, 'action', { user: 'operator', viewId: id, actionId: 'deeper' });
    const pushed = await views.push({ trigger_id: String(app.heard.at(-1)?.body.trigger_id), view: modal() });
    expect(pushed.view).toMatchObject({ root_view_id: id, previous_view_id: id });
    const updated = await views.update({ view_id: id, view: modal(), hash: opened.view?.hash ?? '' });
    expect(updated.view).toMatchObject({ id, hash: expect.not.stringMatching(`^${opened.view?.hash}$`) });
    const published = await views.publish({ user_id: 'U0VIEWER', view: home });
    expect(published.view).toMatchObject({ type: 'home', hash: expect.any(String) });
  });

  it('views.push stacks three views and refuses the fourth with push_limit_reached', async () => {
    // docs.slack.dev/surfaces/modals: up to three views in a stack.
    const slack = await slackForTest();
    const { views } = clientOf(slack);
    const app = await independentApp(slack);
    const view = modal({ blocks: [{ type: 'actions', elements: [button('deeper')] }] });
    await person(slack, 'command', { user: 'operator', channel: 'timesheet-ocr', text: '/demo' });
    const trigger = () => String(app.heard.at(-1)?.body.trigger_id);
    let top = (await views.open({ trigger_id: trigger(), view })).view?.id;
    const deeper = async () => {
      await person(slack, 'action', { user: 'operator', viewId: top, actionId: 'deeper' });
      return views.push({ trigger_id: trigger(), view });
    };
    for (let depth = 2; depth <= 3; depth++) top = (await deeper()).view?.id;
    await expectRefusals([[deeper, 'push_limit_reached']]);
  });

  it('views methods answer with the errors of their pages', async () => {
    const clock = manualClock();
    const slack = await slackForTest({ clock });
    const { views } = clientOf(slack);
    const trigger = await triggers(slack);
    const [used, late] = [await trigger(), await trigger()];
    const large = modal({ blocks: Array.from({ length: 100 }, () => section('x'.repeat(3_000))) });
    const opened = await views.open({ trigger_id: used, view: modal({ external_id: 'mine' }) });
    const view_id = opened.view?.id ?? '';
    const hash = opened.view?.hash ?? '';
    await views.update({ view_id, view: modal({ external_id: 'mine' }) });
    await views.publish({ user_id: 'U0VIEWER', view: home });
    const fresh = [await trigger(), await trigger(), await trigger()];
    await expectRefusals([
      [() => views.open({ trigger_id: used, view: modal() }), 'exchanged_trigger_id'],
      [() => views.open({ trigger_id: 'made.up', view: modal() }), 'invalid_trigger_id'],
      [() => views.open({ trigger_id: fresh[0] ?? '', view: large }), 'view_too_large'],
      [() => views.open({ trigger_id: fresh[1] ?? '', view: modal({ external_id: 'mine' }) }), 'duplicate_external_id'],
      [() => views.open({ trigger_id: fresh[2] ?? '', view: modal({ title: plain('') }) }), 'invalid_arguments'],
      [() => views.update({ view_id, view: large }), 'view_too_large'],
      [() => views.update({ view_id, view: modal(), hash }), 'hash_conflict'],
      [() => views.update({ view_id: 'V0NONE', view: modal() }), 'not_found'],
      [() => views.publish({ user_id: 'U0VIEWER', view: { ...home, blocks: large.blocks } }), 'view_too_large'],
      [() => views.publish({ user_id: 'U0VIEWER', view: home, hash: 'old' }), 'hash_conflict'],
    ]);
    clock.advance(3_001);
    await expectRefusals([[() => views.open({ trigger_id: late, view: modal() }), 'expired_trigger_id']]);
  });

  it('views.publish is refused when the manifest has no Home tab', async () => {
    const without = manifestWith(['commands']).replace('home_tab_enabled: true', 'home_tab_enabled: false');
    const { views } = clientOf(await slackForTest({ manifest: without }));
    await expectRefusals([[() => views.publish({ user_id: 'U0VIEWER', view: home }), 'not_enabled']]);
  });
});

describe('files', () => {
  it('a file is uploaded in three steps to a channel, a thread or nowhere, and downloaded with the token', async () => {
    const slack = await slackForTest();
    const client = clientOf(slack);
    const { ts = '' } = await client.chat.postMessage({ channel: C, text: 'run' });
    const id = await uploaded(client);
    const shown = { files: [{ id, title: 'Failures' }] as [{ id: string; title: string }], channel_id: C };
    const done = await client.files.completeUploadExternal({ ...shown, initial_comment: 'Here', thread_ts: ts });
    expect(done).toMatchObject({ ok: true, files: [{ id, title: 'Failures', name: 'x.csv', size: 4, channels: [C] }] });
    const replies = await client.conversations.replies({ channel: C, ts });
    expect(replies.messages?.at(-1)).toMatchObject({ text: 'Here', thread_ts: ts, files: [{ id }] });
    const url = done.files?.[0]?.url_private_download ?? '';
    const bytes = await fetch(url, { headers: { authorization: `Bearer ${slack.tokens.bot}` } });
    expect(await bytes.text()).toBe('a,b\n');
    const hidden = await client.files.completeUploadExternal({ files: [{ id: await uploaded(client) }] });
    expect(hidden.files).toMatchObject([{ channels: [], is_public: false }]);
  });

  it('a file without the token or the scope is answered with the sign-in page and status 200', async () => {
    // docs.slack.dev/reference/objects/file-object, url_private: needs the header and files:read.
    const slack = await slackForTest({ manifest: manifestWith(['files:write', 'chat:write']) });
    const client = clientOf(slack);
    const { files = [] } = await client.files.completeUploadExternal({ files: [{ id: await uploaded(client) }] });
    const authorization = `Bearer ${slack.tokens.bot}`;
    for (const headers of [{}, { authorization }]) {
      const answer = await fetch(files[0]?.url_private ?? '', { headers });
      expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    }
  });

  it('files methods answer with the errors of their pages', async () => {
    const slack = await slackForTest({ seed: seeded });
    const client = clientOf(slack);
    const { files } = client;
    const finish = async (channel_id: string, more: object = {}) =>
      files.completeUploadExternal({ files: [{ id: await uploaded(client) }], channel_id, ...more });
    const { file_id = '' } = await files.getUploadURLExternal({ filename: 'never.csv', length: 1 });
    await expectRefusals([
      [() => files.getUploadURLExternal({ filename: 'x', length: 0 }), 'missing_argument'],
      [() => files.getUploadURLExternal({ filename: 'x', length: 1024 ** 3 + 1 }), 'file_upload_size_restricted'],
      [() => finish('C0NOWHERE'), 'channel_not_found'],
      [() => finish('C0AWAY'), 'not_in_channel'],
      // slackapi/bolt-js #2115: the id of a person is refused by its format.
      [() => finish('U0VIEWER'), 'invalid_arguments'],
      [() => finish('open'), 'invalid_arguments'],
      [() => files.completeUploadExternal({ files: [{ id: file_id }], channel_id: 'C0OPEN' }), 'file_not_found'],
      [() => files.completeUploadExternal({ files: [{ id: 'F0NONE' }] }), 'file_not_found'],
    ]);
  });

  it('an upload can be completed once', async () => {
    const client = clientOf(await slackForTest());
    const id = await uploaded(client);
    await client.files.completeUploadExternal({ files: [{ id }] });
    await expectRefusals([[() => client.files.completeUploadExternal({ files: [{ id }] }), 'file_not_found']]);
  });
});

describe('users, channels and groups', () => {
  it('the Web API returns people, groups, channels and the app', async () => {
    const slack = await slackForTest();
    const { users, usergroups, conversations, auth } = clientOf(slack);
    expect(await users.info({ user: 'U0VIEWER' })).toMatchObject({
      ok: true,
      user: { id: 'U0VIEWER', team_id: 'T0SANDBOX', deleted: false, is_bot: false, is_restricted: false },
    });
    expect(await usergroups.users.list({ usergroup: 'S0OPERATORS' })).toMatchObject({
      ok: true,
      users: ['U0OPERATOR', 'U0APPROVER'],
    });
    expect(await conversations.info({ channel: C })).toMatchObject({
      ok: true,
      channel: { id: C, is_channel: true, is_member: true, is_archived: false },
    });
    expect(await conversations.open({ users: 'U0VIEWER' })).toMatchObject({ ok: true, channel: { id: 'D0VIEWER' } });
    expect(await auth.test()).toMatchObject({ ok: true, team_id: 'T0SANDBOX', user_id: 'U0BOT', bot_id: 'B0BOT' });
    const opened = await clientOf(slack, slack.tokens.app).apps.connections.open();
    expect(opened).toMatchObject({ ok: true, url: expect.stringMatching(/^ws:/) });
  });

  it('the methods for people and channels answer with the errors of their pages', async () => {
    const slack = await slackForTest();
    const { users, usergroups, conversations, apps } = clientOf(slack);
    await expectRefusals([
      [() => users.info({ user: 'U0NOBODY' }), 'user_not_found'],
      [() => usergroups.users.list({ usergroup: 'S0NONE' }), 'no_such_subteam'],
      [() => conversations.info({ channel: 'C0NOWHERE' }), 'channel_not_found'],
      [() => conversations.open({ users: 'U0NOBODY' }), 'user_not_found'],
      [() => conversations.open({ users: 'U0DELETED' }), 'user_disabled'],
      [() => clientOf(slack).apiCall('conversations.open'), 'users_list_not_supplied'],
      [() => apps.connections.open(), 'not_allowed_token_type'],
      [() => clientOf(slack, 'xoxb-revoked').auth.test(), 'invalid_auth'],
      [() => clientOf(slack, slack.tokens.app).auth.test(), 'not_allowed_token_type'],
    ]);
  });
});

describe('rate limits', () => {
  it('a call over the limit is answered with 429 and Retry-After, which the client reads', async () => {
    // docs.slack.dev/apis/web-api/rate-limits
    const slack = await slackForTest();
    await person(slack, 'slack-world', { rateLimited: true, retryAfterSeconds: 7 });
    await expect(clientOf(slack).chat.postMessage({ channel: C, text: 'x' })).rejects.toMatchObject({
      code: 'slack_webapi_rate_limited_error',
      retryAfter: 7,
    });
  });
});
