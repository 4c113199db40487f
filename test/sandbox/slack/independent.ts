import { LogLevel, SocketModeClient } from '@slack/socket-mode';
import { onTestFinished } from 'vitest';
import { z } from 'zod';
import type { LocalSlack } from '../../../sandbox/slack/server.ts';

/** Slack's own Socket Mode client without Bolt, so that no code of this project is between it and the local Slack. */

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

/** What the client passed to its listener, without the function to answer. */
export type Envelope = Omit<z.output<typeof ENVELOPE>, 'ack'>;
/** The answer to an envelope: the returned value, or none for SILENCE. */
export type Answer = (envelope: Envelope) => unknown;
export const SILENCE = Symbol('no acknowledgement');
/** An empty acknowledgement. */
export const BARE = undefined;

export interface IndependentApp {
  readonly client: SocketModeClient;
  /** Every envelope, oldest first. */
  readonly heard: Envelope[];
  /** Every frame from the connection, hello and disconnect included. */
  readonly frames: Readonly<Record<string, unknown>>[];
  /** Sets the answers from now on. */
  answerWith(answer: Answer): void;
}

/** A connected client until the end of the test. `clientPingTimeout` is also its delay before a reconnect. */
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
