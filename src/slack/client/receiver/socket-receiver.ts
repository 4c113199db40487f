import { SocketModeReceiver } from '@slack/bolt';
import { retryUntilAborted } from '../../../lib/async/backoff.ts';
import type { Clock, Random } from '../../../lib/clock.ts';
import type { Logger } from '../../../lib/log.ts';
import { clientOptions, type SlackConnection, slackLogger } from '../clients.ts';

const RECONNECT_LIMITS = { baseMs: 1_000, maxMs: 30_000 };
/** How long the connection waits for the answer to a ping, ms. The default of the SDK is 5 s. */
const PONG_TIMEOUT_MS = 3_000;
const OPEN_TIMEOUT_MS = 10_000;

/**
 * A Socket Mode receiver that always reconnects. The reconnect of the SDK gives up for good when apps.connections.open
 * fails with a 5xx or without network, and leaves an unhandled rejection (socket-mode 3.1.0, retrieveWSSURL). This
 * receiver retries every start after Slack accepted the token once. Before that a start fails: a bad token must stop the
 * process.
 */
export function createSocketReceiver(
  settings: Pick<SlackConnection, 'slackApiUrl' | 'slackAppToken'>,
  ports: { clock: Clock; random: Random; logger: Logger; closing: AbortSignal },
): SocketModeReceiver {
  const { clock, random, logger, closing } = ports;
  const receiver = new SocketModeReceiver({
    appToken: settings.slackAppToken,
    logger: slackLogger(logger),
    // After a lost connection nothing arrives for this long, times the number of failures in a row. Stop must get through.
    clientPingTimeout: PONG_TIMEOUT_MS,
    // With a receiver of its own, Bolt's clientOptions do not reach apps.connections.open; these do. `headers` must stay
    // unset: they would replace the app-level token.
    installerOptions: {
      clientOptions: { ...clientOptions(settings, logger, OPEN_TIMEOUT_MS), rejectRateLimitedCalls: false },
    },
  });
  const { client } = receiver;
  const startOnce = client.start.bind(client);
  let wasAccepted = false;
  client.once('authenticated', () => {
    wasAccepted = true;
  });
  const retry = {
    ...RECONNECT_LIMITS,
    clock,
    random,
    onError: (error: unknown) =>
      logger.warn({ err: error }, 'Cannot connect to Slack. The connection will be retried.'),
  };
  client.start = () => (wasAccepted ? retryUntilAborted(retry, startOnce, closing) : startOnce());
  return receiver;
}
