import { App, type Receiver } from '@slack/bolt';
import { retryUntilAborted } from '../../../lib/async/backoff.ts';
import type { Clock, Random } from '../../../lib/clock.ts';
import type { Logger } from '../../../lib/log.ts';
import { clientOptions, type SlackConnection, slackLogger } from '../clients.ts';
import { classifySlackError } from '../slack-errors.ts';
import { createHttpIntake, type HttpIntake } from './http-receiver.ts';
import { createSocketReceiver } from './socket-receiver.ts';

/** The connection over which commands, clicks and submissions arrive. */
export interface Connection {
  /** Listeners are registered here before `connect`. */
  readonly app: App;
  /**
   * Resolves when commands and clicks arrive. When Slack cannot be reached it resolves after 15 s at most, and connecting
   * is retried in the background until `close`: a run must not wait for Slack.
   * @throws SlackTokenError when Slack refuses a token, because a retry would be refused again.
   */
  connect(): Promise<void>;
  /** Whether requests of Slack arrive at this moment. */
  isConnected(): boolean;
  /** Receives nothing from now on. */
  disconnect(): Promise<unknown>;
  /** Ends every retry. */
  close(): void;
}

/** Slack refused a token of the settings. The message is one line: the setting, Slack's error code, and what to do. */
export class SlackTokenError extends Error {
  override readonly name = 'SlackTokenError';
}

const refusedToken = (call: 'bot' | 'app', code: string, cause: unknown): SlackTokenError =>
  new SlackTokenError(
    call === 'bot'
      ? `Slack refuses SLACK_BOT_TOKEN (${code}). Copy the Bot User OAuth Token (xoxb-…) again, from “OAuth & Permissions” of the app.`
      : `Slack refuses SLACK_APP_TOKEN (${code}). Create an app-level token (xapp-…) with the scope connections:write, under “Basic Information” of the app.`,
    { cause },
  );

/** Slack greets a new connection within about 2 s. Without the greeting Bolt waits for ever. */
const CONNECT_TIMEOUT_MS = 15_000;
const CONNECT_LIMITS = { baseMs: 1_000, maxMs: 30_000 };
const CALL_TIMEOUT_MS = 10_000;

/** `addSlackRoute`: given where Slack's requests arrive over HTTP; Socket Mode otherwise. */
export function createConnection(
  settings: SlackConnection,
  ports: {
    readonly clock: Clock;
    readonly random: Random;
    readonly logger: Logger;
    readonly addSlackRoute?: (handle: HttpIntake['handle']) => void;
  },
): Connection {
  const { clock, random, logger } = ports;
  const closing = new AbortController();
  const { receiver, isConnected } = createReceiver(settings, { ...ports, closing: closing.signal });
  const app = new App({
    token: settings.slackBotToken,
    receiver,
    // Otherwise a bad token is an unhandled rejection instead of an error of init().
    deferInitialization: true,
    logger: slackLogger(logger),
    clientOptions: clientOptions(settings, logger, CALL_TIMEOUT_MS),
  });
  app.error(async (error) => logger.error({ err: error }, 'A message from Slack could not be handled.'));
  return {
    app,
    isConnected,
    connect: () => connectWithRetries(app, { clock, random, logger, closing: closing.signal }),
    disconnect: () => app.stop(),
    close: () => closing.abort(),
  };
}

function createReceiver(
  settings: SlackConnection,
  ports: Parameters<typeof createConnection>[1] & { readonly closing: AbortSignal },
): { readonly receiver: Receiver; readonly isConnected: () => boolean } {
  if (!ports.addSlackRoute) {
    const receiver = createSocketReceiver(settings, ports);
    return { receiver, isConnected: () => receiver.client.websocket?.isActive() ?? false };
  }
  // Wall time: Slack signs with it, and Bolt compares with it.
  const intake = createHttpIntake(settings, { logger: ports.logger, now: () => Date.now() });
  ports.addSlackRoute(intake.handle);
  return { receiver: intake.receiver, isConnected: intake.isOpen };
}

/** See `Connection.connect`. */
export async function connectWithRetries(
  app: { init(): Promise<unknown>; start(): Promise<unknown> },
  ports: {
    readonly clock: Clock;
    readonly random: Random;
    readonly logger: Pick<Logger, 'warn'>;
    readonly closing: AbortSignal;
  },
): Promise<void> {
  const { clock, random, logger, closing } = ports;
  // `init` asks Slack about the bot token; `start` opens the connection with the app-level token.
  let call: 'bot' | 'app' = 'bot';
  const connect = async () => {
    call = 'bot';
    await app.init();
    call = 'app';
    await app.start();
  };
  const onError = (error: unknown) =>
    logger.warn({ err: error }, 'Slack cannot be reached. Runs continue, and the connection will be retried.');
  const retryInBackground = (error: unknown) => {
    onError(error);
    // An error after `close` is of no interest.
    void retryUntilAborted({ ...CONNECT_LIMITS, clock, random, onError }, connect, closing).catch(() => {});
  };
  const connecting = connect();
  const settled = new AbortController();
  try {
    const first = await Promise.race([
      connecting.then(() => 'connected' as const),
      clock.sleep(CONNECT_TIMEOUT_MS, settled.signal).then(() => 'timeout' as const),
    ]);
    if (first === 'timeout') connecting.catch(retryInBackground);
  } catch (error) {
    const failure = classifySlackError(error);
    if (failure.kind === 'refused') throw refusedToken(call, failure.code, error);
    retryInBackground(error);
  } finally {
    settled.abort();
  }
}
