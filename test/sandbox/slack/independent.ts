import { LogLevel, SocketModeClient } from '@slack/socket-mode';
import { onTestFinished } from 'vitest';
import { z } from 'zod';
import type { LocalSlack } from '../../../sandbox/slack/server.ts';

/** Slack's own Socket Mode client, used as it is: no Bolt, nothing of ours between it and the local Slack. */

const RECORD = z.record(z.string(), z.unknown());
const ENVELOPE = z.object({
  type: z.string(),
  envelope_id: z.string(),
  body: RECORD,
  retry_num: z.number().optional(),
  retry_reason: z.string().optional(),
  accepts_response_payload: z.boolean(),
  ack: z.custom<(response?: unknown) => Promise<void>>((value) => typeof value === 'function'),
});

/** What the client handed to its listener, without the way to answer. */
export type Envelope = Omit<z.output<typeof ENVELOPE>, 'ack'>;
/** Answers an envelope: with what it returns, or not at all where that is SILENCE. */
export type Answer = (envelope: Envelope) => unknown;
export const SILENCE = Symbol('no acknowledgement');
/** An acknowledgement with nothing in it. */
export const BARE = undefined;

export interface IndependentApp {
  readonly client: SocketModeClient;
  /** Every envelope, oldest first. */
  readonly heard: Envelope[];
  /** Every frame as it came over the wire, hello and disconnect too. */
  readonly frames: Readonly<Record<string, unknown>>[];
  /** What is answered from now on. */
  answerWith(answer: Answer): void;
}

/** A connected client for the length of a test. `clientPingTimeout` is also how long it waits before it reconnects. */
export async function independentApp(
  slack: LocalSlack,
  answer: Answer = () => BARE,
  clientPingTimeout = 5_000,
): Promise<IndependentApp> {
  const client = new SocketModeClient({
    appToken: slack.tokens.app,
    clientOptions: { slackApiUrl: `${slack.url}/api/` },
    logLevel: LogLevel.ERROR,
    clientPingTimeout,
  });
  const heard: Envelope[] = [];
  const frames: Readonly<Record<string, unknown>>[] = [];
  let current = answer;
  client.on('ws_message', (frame: unknown) => frames.push(RECORD.parse(JSON.parse(String(frame)))));
  client.on('slack_event', async (event: unknown) => {
    const { ack, ...envelope } = ENVELOPE.parse(event);
    heard.push(envelope);
    const response = current(envelope);
    if (response !== SILENCE) await ack(response);
  });
  await client.start();
  onTestFinished(() => client.disconnect());
  return {
    client,
    heard,
    frames,
    answerWith(next) {
      current = next;
    },
  };
}
