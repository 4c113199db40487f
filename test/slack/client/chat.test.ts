import { LogLevel, WebClient } from '@slack/web-api';
import { expect, onTestFinished, test } from 'vitest';
import { createChat } from '../../../src/slack/client/chat.ts';
import { say } from '../../../src/slack/messages/kit/message.ts';
import { startWire } from '../../support/aws/wire.ts';

/** A chat on a Slack that refuses the blocks of a call when `refuses` returns true; the calls, oldest first. */
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
const LOCATION = { channel: 'C1', ts: '1.000000' };

test('an edit keeps links and mentions as they are, in every form of the message', async () => {
  // docs.slack.dev/reference/methods/chat.update: without `parse` the text is parsed like typed text.
  const { chat, asked } = await chatOn((call) => call.get('blocks') !== '[]');
  await chat.edit(LOCATION, say('<https://example.com|Open the run>, asked for by <@U1>'));
  const calls = asked();
  expect(calls.length).toBeGreaterThan(1);
  for (const call of calls) expect(call.get('parse')).toBe('none');
  expect(calls.at(-1)?.get('text')).toBe('<https://example.com|Open the run>, asked for by <@U1>');
});

test('removing buttons changes nothing else in the message', async () => {
  const { chat, asked } = await chatOn(() => false);
  const kept = { type: 'section', text: { type: 'mrkdwn', text: '<@U1> asked' } };
  await chat.removeButtons(LOCATION, { text: '<@U1> asked', blocks: [kept, { type: 'actions' }] });
  const [call] = asked();
  expect(call?.get('parse')).toBe('none');
  expect(call?.get('text')).toBe('<@U1> asked');
  expect(JSON.parse(call?.get('blocks') ?? '')).toEqual([kept]);
});
