import { SocketModeReceiver } from '@slack/bolt';
import type { Clock, Random } from '../../lib/clock.ts';
import type { Logger } from '../../lib/log.ts';
import { clientOptions, slackLogger } from './clients.ts';

const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 30_000;
/** A link without an answer to a ping for so long is given up; the SDK's own is 5 s. */
const PONG_WITHIN_MS = 3_000;

/**
 * A Socket Mode receiver that comes back. The SDK's own reconnect gives up for good at the first apps.connections.open
 * that fails with a 5xx or no network, by an unhandled rejection (socket-mode 3.1.0, retrieveWSSURL): here once Slack
 * accepted the token, every start goes on until it holds. Before that it fails as it should: a bad token stops the start.
 */
export function createReceiver(
  settings: { readonly slackApiUrl: string; readonly slackAppToken: string },
  ports: { clock: Clock; random: Random; logger: Logger; closing: AbortSignal },
): SocketModeReceiver {
  const { clock, random, logger, closing } = ports;
  const receiver = new SocketModeReceiver({
    appToken: settings.slackAppToken,
    logger: slackLogger(logger),
    // The gap after a lost connection is as long as this (times the failures in a row): nobody can press Stop in it.
    clientPingTimeout: PONG_WITHIN_MS,
    // With a receiver of one's own, Bolt's clientOptions do not reach apps.connections.open: these do. No headers: they
    // would replace the app-level token.
    installerOptions: { clientOptions: { ...clientOptions(settings, logger, 10_000), rejectRateLimitedCalls: false } },
  });
  const { client } = receiver;
  const startOnce = client.start.bind(client);
  let wasAccepted = false;
  client.once('authenticated', () => {
    wasAccepted = true;
  });
  client.start = async () => {
    if (!wasAccepted) return startOnce();
    for (let attempt = 0; ; attempt++)
      try {
        return await startOnce();
      } catch (error) {
        if (closing.aborted) throw error;
        logger.warn({ err: error, attempt }, 'no connection to Slack yet; it is tried again');
        const most = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(attempt, 10));
        await clock.sleep(most * (0.5 + random() / 2), closing);
      }
  };
  return receiver;
}
