import { LogLevel, WebClient } from '@slack/web-api';
import { expect, onTestFinished, test } from 'vitest';
import { createChat } from '../../../src/slack/client/chat.ts';
import { say } from '../../../src/slack/messages/kit/message.ts';
import { startWire } from '../../support/wire.ts';

/** A Slack that refuses blocks as long as `refuses` says so; what it was asked, oldest first. */
async function chatOn(refuses: (asked: URLSearchParams) => boolean) {
  const wire = await startWire(({ body }) => {
    const answer = refuses(new URLSearchParams(body))
      ? { ok: false, error: 'invalid_blocks' }
      : { ok: true, ts: '1.000001' };
    return { headers: { 'content-type': 'application/json' }, body: JSON.stringify(answer) };
  });
  onTestFinished(() => wire.stop());
  const client = new WebClient('xoxb-1', {
    slackApiUrl: `${wire.url}/`,
    retryConfig: { retries: 0 },
    logLevel: LogLevel.ERROR,
  });
  return { chat: createChat(client), asked: () => wire.requests.map(({ body }) => new URLSearchParams(body)) };
}
const PLACE = { channel: 'C1', ts: '1.000000' };

test('an edit says what a post says: Slack is told to take links and mentions as they are, in every form', async () => {
  // docs.slack.dev/reference/methods/chat.update: `parse` is client unless it is given, and then for ever.
  const { chat, asked } = await chatOn((call) => call.get('blocks') !== '[]');
  await chat.edit(PLACE, say('<https://example.com|Open the run>, asked for by <@U1>'));
  const calls = asked();
  expect(calls.length).toBeGreaterThan(1);
  for (const call of calls) expect(call.get('parse')).toBe('none');
  expect(calls.at(-1)?.get('text')).toBe('<https://example.com|Open the run>, asked for by <@U1>');
});

test('buttons are taken off without a change to anything else, however the text reads', async () => {
  const { chat, asked } = await chatOn(() => false);
  const kept = { type: 'section', text: { type: 'mrkdwn', text: '<@U1> asked' } };
  await chat.removeButtons(PLACE, { text: '<@U1> asked', blocks: [kept, { type: 'actions' }] });
  const [call] = asked();
  expect(call?.get('parse')).toBe('none');
  expect(call?.get('text')).toBe('<@U1> asked');
  expect(JSON.parse(call?.get('blocks') ?? '')).toEqual([kept]);
});
