import { describe, expect, it } from 'vitest';
import { clientOf, manifestWith, manualClock, person, section, slackForTest, stateOf } from './harness.ts';

const refusedWith = (error: string) => ({ data: { ok: false, error } });

describe('the Web API', () => {
  it('the Web API refuses unknown tokens and unknown methods', async () => {
    const slack = await slackForTest();
    const app = clientOf(slack, slack.tokens.app);
    await expect(clientOf(slack, 'xoxb-other').auth.test()).rejects.toMatchObject(refusedWith('invalid_auth'));
    await expect(clientOf(slack, '').auth.test()).rejects.toMatchObject(refusedWith('not_authed'));
    await expect(app.auth.test()).rejects.toMatchObject(refusedWith('not_allowed_token_type'));
    await expect(clientOf(slack).apps.connections.open()).rejects.toMatchObject(refusedWith('not_allowed_token_type'));
    expect((await app.apps.connections.open()).url).toMatch(/^ws:\/\/127\.0\.0\.1:\d+\/link\//);
    await expect(clientOf(slack).apiCall('chat.shout')).rejects.toMatchObject(refusedWith('unknown_method'));
  });

  it('the Web API accepts JSON and forms', async () => {
    const slack = await slackForTest();
    const response = await fetch(`${slack.url}/api/chat.postMessage`, {
      method: 'POST',
      headers: { 'content-type': 'application/json; charset=utf-8', authorization: 'Bearer xoxb-sandbox' },
      body: JSON.stringify({ channel: 'C0TIMESHEET', text: 'hello', blocks: [section('hello')] }),
    });
    expect(await response.json()).toMatchObject({ ok: true, channel: 'C0TIMESHEET', message: { text: 'hello' } });
  });

  it('the Web API answers each mistake with Slack’s error', async () => {
    const slack = await slackForTest({
      seed: {
        channels: [
          { id: 'C1', name: 'one', members: ['U0VIEWER'], withBot: true },
          { id: 'C2', name: 'two', members: ['U0VIEWER'], withBot: false },
          { id: 'C3', name: 'old', members: ['U0VIEWER'], withBot: true, isArchived: true },
          { id: 'G4', name: 'hidden', isPrivate: true, members: ['U0VIEWER'], withBot: false },
        ],
      },
    });
    const { chat, users, usergroups, conversations, reactions } = clientOf(slack);
    const { message } = await person(slack, 'message', { user: 'viewer', channel: 'one', text: 'mine' });
    const theirs = message && typeof message === 'object' && 'ts' in message ? String(message.ts) : '';
    const { ts = '' } = await chat.postMessage({ channel: 'C1', text: 'parent' });
    const reply = await chat.postMessage({ channel: 'C1', text: 'reply', thread_ts: ts });
    const mistakes: readonly (readonly [() => Promise<unknown>, string])[] = [
      [() => chat.postMessage({ channel: 'C9', text: 'x' }), 'channel_not_found'],
      [() => chat.postMessage({ channel: 'G4', text: 'x' }), 'channel_not_found'],
      [() => chat.postMessage({ channel: 'C2', text: 'x' }), 'not_in_channel'],
      [() => chat.postMessage({ channel: 'C3', text: 'x' }), 'is_archived'],
      [() => chat.postMessage({ channel: 'C1', text: '' }), 'no_text'],
      [() => chat.postMessage({ channel: 'C1', text: 'x'.repeat(40_001) }), 'msg_too_long'],
      [() => chat.postMessage({ channel: 'C1', text: 'x', thread_ts: 'x' }), 'invalid_thread_ts'],
      [() => chat.postMessage({ channel: 'C1', text: 'x', thread_ts: reply.ts ?? '' }), 'cannot_reply_to_message'],
      [() => chat.update({ channel: 'C1', ts, text: 'x'.repeat(4_001) }), 'msg_too_long'],
      [() => chat.update({ channel: 'C1', ts: '1.000000', text: 'x' }), 'message_not_found'],
      [() => chat.update({ channel: 'C1', ts: theirs, text: 'x' }), 'cant_update_message'],
      [() => chat.delete({ channel: 'C1', ts: theirs }), 'cant_delete_message'],
      [() => chat.postEphemeral({ channel: 'C1', user: 'U0OPERATOR', text: 'x' }), 'user_not_in_channel'],
      [() => users.info({ user: 'U9' }), 'user_not_found'],
      [() => usergroups.users.list({ usergroup: 'S9' }), 'no_such_subteam'],
      [() => conversations.open({ users: 'U9' }), 'user_not_found'],
      [() => conversations.replies({ channel: 'C1', ts: '1.000000' }), 'thread_not_found'],
      [() => reactions.add({ channel: 'C1', timestamp: '1.000000', name: 'eyes' }), 'message_not_found'],
    ];
    for (const [call, error] of mistakes) await expect(call(), error).rejects.toMatchObject(refusedWith(error));
  });

  it('posting to a public channel without membership needs chat:write.public', async () => {
    const slack = await slackForTest({ manifest: manifestWith(['"chat:write"', '"chat:write.public"']) });
    expect(await clientOf(slack).chat.postMessage({ channel: '#random', text: 'hi' })).toMatchObject({ ok: true });
  });

  it('the Web API distinguishes members, groups, guests and bots', async () => {
    const { users, usergroups, conversations } = clientOf(await slackForTest());
    expect((await users.info({ user: 'U0GUEST' })).user).toMatchObject({ is_restricted: true, deleted: false });
    expect((await users.info({ user: 'U0DELETED' })).user).toMatchObject({ deleted: true });
    expect((await users.info({ user: 'U0OTHERBOT' })).user).toMatchObject({ is_bot: true });
    expect((await users.info({ user: 'U0EXTERNAL' })).user).toMatchObject({
      is_stranger: true,
      team_id: 'T0ELSEWHERE',
    });
    expect((await usergroups.list({ include_users: true })).usergroups).toMatchObject([{ handle: 'operators' }]);
    expect((await usergroups.users.list({ usergroup: 'S0OPERATORS' })).users).toEqual(['U0OPERATOR', 'U0APPROVER']);
    expect((await conversations.info({ channel: 'C0RANDOM' })).channel).toMatchObject({ is_member: false });
    expect((await conversations.members({ channel: 'C0TIMESHEET' })).members).toContain('U0BOT');
    const first = await conversations.list({ limit: 1 });
    const second = await conversations.list({ limit: 1, cursor: first.response_metadata?.next_cursor ?? '' });
    expect([first, second].map((page) => page.channels?.[0]?.name)).toEqual(['timesheet-ocr', 'random']);
    const im = await conversations.open({ users: 'U0VIEWER' });
    expect(im.channel?.id).toBe('D0VIEWER');
  });

  it('a thread is in order and has its number of replies', async () => {
    const slack = await slackForTest();
    const { chat, conversations } = clientOf(slack);
    const { ts = '' } = await chat.postMessage({ channel: 'C0TIMESHEET', text: 'run' });
    for (const text of ['a', 'b']) await chat.postMessage({ channel: 'C0TIMESHEET', thread_ts: ts, text });
    const thread = await conversations.replies({ channel: 'C0TIMESHEET', ts });
    expect(thread.messages?.map((message) => message.text)).toEqual(['run', 'a', 'b']);
    const history = await conversations.history({ channel: 'C0TIMESHEET' });
    expect(history.messages).toMatchObject([{ text: 'run', reply_count: 2 }]);
    const [replyTs = ''] = (await stateOf(slack)).threads[`C0TIMESHEET/${ts}`] ?? [];
    const link = await chat.getPermalink({ channel: 'C0TIMESHEET', message_ts: replyTs });
    expect(link.permalink).toContain(`thread_ts=${ts}`);
    await chat.update({ channel: 'C0TIMESHEET', ts, text: 'run, done' });
    await chat.delete({ channel: 'C0TIMESHEET', ts: replyTs });
    expect((await stateOf(slack)).messages.map((message) => message.text)).toEqual(['run, done', 'b']);
  });
});

describe('files', () => {
  it('a file uploaded by the SDK to a channel and a thread is downloaded byte for byte', async () => {
    const slack = await slackForTest();
    const client = clientOf(slack);
    const { ts = '' } = await client.chat.postMessage({ channel: 'C0TIMESHEET', text: 'run' });
    const bytes = Buffer.from([0, 255, 10, 13, 137, 80]);
    for (const thread of [{}, { thread_ts: ts }])
      await client.files.uploadV2({
        channel_id: 'C0TIMESHEET',
        ...thread,
        file: bytes,
        filename: 'failures.csv',
        title: 'Failures',
        initial_comment: 'Here',
      });
    const { messages, files } = await stateOf(slack);
    expect(messages.slice(1)).toMatchObject([
      { text: 'Here', files: [{ name: 'failures.csv', title: 'Failures', filetype: 'csv', size: 6 }] },
      { text: 'Here', threadTs: ts },
    ]);
    const info = await client.files.info({ file: String(files[0]?.id) });
    const url = info.file?.url_private_download ?? '';
    const stranger = await fetch(url);
    expect([stranger.status, stranger.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    const download = await fetch(url, { headers: { authorization: 'Bearer xoxb-sandbox' } });
    expect(Buffer.from(await download.arrayBuffer())).toEqual(bytes);
    const forPeople = await fetch(String(files[0]?.peopleUrl));
    expect([forPeople.headers.get('content-type'), (await forPeople.arrayBuffer()).byteLength]).toEqual([
      'text/csv',
      6,
    ]);
  });

  it('an upload to no channel or below a reply is refused', async () => {
    const { files } = clientOf(await slackForTest());
    await expect(
      files.completeUploadExternal({ files: [{ id: 'F9' }], channel_id: 'C0TIMESHEET' }),
    ).rejects.toMatchObject(refusedWith('file_not_found'));
    await expect(files.getUploadURLExternal({ filename: 'a', length: 0 })).rejects.toMatchObject(
      refusedWith('missing_argument'),
    );
  });

  it('a file that a person attaches is in the channel', async () => {
    const slack = await slackForTest();
    const answer = await person(slack, 'upload', {
      user: 'operator',
      name: 'keys.txt',
      content: 'a.png\n',
      channel: 'timesheet-ocr',
    });
    expect(answer).toMatchObject({ ok: true, file: { name: 'keys.txt', size: 6, channels: ['C0TIMESHEET'] } });
  });
});

describe('rate limits', () => {
  it('a channel accepts a burst of messages and then one message per second', async () => {
    const clock = manualClock();
    const slack = await slackForTest({ clock, rateLimits: 'slack' });
    const { chat } = clientOf(slack);
    const post = (channel = 'C0TIMESHEET') => chat.postMessage({ channel, text: 'x' });
    for (let count = 0; count < 4; count++) await post();
    await expect(post()).rejects.toMatchObject({ code: 'slack_webapi_rate_limited_error', retryAfter: 1 });
    await post('U0VIEWER');
    clock.advance(1_000);
    await post();
    await expect(post()).rejects.toMatchObject({ retryAfter: 1 });
  });

  it('a method is limited to its tier over a sliding minute', async () => {
    const clock = manualClock();
    const slack = await slackForTest({ clock, rateLimits: { scale: 0.1 } });
    const { usergroups } = clientOf(slack);
    await usergroups.list();
    clock.advance(20_000);
    await usergroups.list();
    await expect(usergroups.list()).rejects.toMatchObject({ retryAfter: 40 });
    clock.advance(40_000);
    await usergroups.list();
  });
});

describe('simulated faults', () => {
  it('the simulated faults stop Slack, slow it, limit it, and make it refuse a block or a method', async () => {
    const slack = await slackForTest();
    const client = clientOf(slack);
    const dial = (change: Readonly<Record<string, unknown>>) => person(slack, 'slack-world', change);
    const post = () => client.chat.postMessage({ channel: 'C0TIMESHEET', text: 'x', blocks: [section('x')] });
    await dial({ down: true });
    await expect(post()).rejects.toMatchObject({ code: 'slack_webapi_http_error', statusCode: 503 });
    await dial({ down: false, rateLimited: true, retryAfterSeconds: 7 });
    await expect(post()).rejects.toMatchObject({ retryAfter: 7 });
    await dial({ rateLimited: false, rejectBlocks: ['section'] });
    await expect(post()).rejects.toMatchObject(refusedWith('invalid_blocks'));
    await dial({ rejectBlocks: [], errors: { 'chat.postMessage': 'internal_error' } });
    await expect(post()).rejects.toMatchObject(refusedWith('internal_error'));
    await dial({ errors: {}, slowMs: 60 });
    const startedAt = performance.now();
    await post();
    expect(performance.now() - startedAt).toBeGreaterThan(55);
    expect(await dial({ slowMs: -1 })).toMatchObject({ status: 400, error: 'bad_request' });
  });
});
