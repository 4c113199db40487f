import { App } from '@slack/bolt';
import { retryUntilAborted } from '../../lib/async/backoff.ts';
import type { Clock, Random } from '../../lib/clock.ts';
import type { Logger } from '../../lib/log.ts';
import { clientOptions, type SlackConnection, slackLogger } from './clients.ts';
import { classifySlackError } from './slack-errors.ts';
import { createSocketReceiver } from './socket-receiver.ts';

/** The connection over which commands, clicks and submissions arrive. */
export interface Connection {
  /** Listeners are registered here before `connect`. */
  readonly app: App;
  /**
   * Resolves when commands and clicks arrive. When Slack cannot be reached it resolves after 15 s at most, and connecting
   * is retried in the background until `close`: a run must not wait for Slack.
   * @throws when Slack refuses a token, because a retry would be refused again.
   */
  connect(): Promise<void>;
  /** Receives nothing from now on. */
  disconnect(): Promise<unknown>;
  /** Ends every retry. */
  close(): void;
}

/** Slack greets a new connection within about 2 s. Without the greeting Bolt waits for ever. */
const CONNECT_TIMEOUT_MS = 15_000;
const CONNECT_LIMITS = { baseMs: 1_000, maxMs: 30_000 };
const CALL_TIMEOUT_MS = 10_000;

export function createConnection(
  settings: SlackConnection,
  ports: { readonly clock: Clock; readonly random: Random; readonly logger: Logger },
): Connection {
  const { clock, random, logger } = ports;
  const closing = new AbortController();
  const app = new App({
    token: settings.slackBotToken,
    receiver: createSocketReceiver(settings, { clock, random, logger, closing: closing.signal }),
    // Otherwise a bad token is an unhandled rejection instead of an error of init().
    deferInitialization: true,
    logger: slackLogger(logger),
    clientOptions: clientOptions(settings, logger, CALL_TIMEOUT_MS),
  });
  app.error(async (error) => logger.error({ err: error }, 'A message from Slack could not be handled.'));
  return {
    app,
    connect: () => connectWithRetries(app, { clock, random, logger, closing: closing.signal }),
    disconnect: () => app.stop(),
    close: () => closing.abort(),
  };
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
  const connect = async () => {
    await app.init();
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
    if (classifySlackError(error).kind === 'refused') throw error;
    retryInBackground(error);
  } finally {
    settled.abort();
  }
}
