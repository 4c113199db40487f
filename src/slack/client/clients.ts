import { LogLevel, type Logger as SlackLogger, WebClient, type WebClientOptions } from '@slack/web-api';
import type { Logger } from '../../lib/log.ts';

/** The SDK's logger on ours. Its debug lines print payloads and tokens: they go nowhere, whatever the level. */
export function slackLogger(logger: Logger): SlackLogger {
  const line = (parts: readonly unknown[]) =>
    parts.map((part) => (typeof part === 'string' ? part : String(part))).join(' ');
  return {
    debug: () => {},
    info: (...parts) => logger.debug(line(parts)),
    warn: (...parts) => logger.warn(line(parts)),
    error: (...parts) => logger.error(line(parts)),
    setLevel: () => {},
    getLevel: () => LogLevel.WARN,
    setName: () => {},
  };
}

export interface SlackClients {
  /** What must arrive. Its own client, as a 429 pauses a client's whole queue. */
  readonly alerts: WebClient;
  /** What may be dropped for something newer. */
  readonly progress: WebClient;
  /** Answers to somebody who waits, previews, links. */
  readonly answers: WebClient;
  /** views.open: a trigger lives 3 s, so a later try is of no use. */
  readonly views: WebClient;
  /** User groups: a click waits for it. */
  readonly lookups: WebClient;
  /** Files: slow, and nothing waits behind them. */
  readonly files: WebClient;
  /** Home tabs: drawn again later where Slack does not take them now. */
  readonly home: WebClient;
}

/**
 * Clients that try once, within a time limit, and hand back a 429 with its Retry-After: whoever calls knows better
 * whether trying again is of use (the SDK's own default is to try for half an hour, queueing what comes after).
 */
export function createClients(
  settings: { readonly slackApiUrl: string; readonly slackBotToken: string },
  logger: Logger,
): SlackClients {
  const client = (timeoutMs: number) =>
    new WebClient(settings.slackBotToken, clientOptions(settings, logger, timeoutMs));
  return {
    alerts: client(10_000),
    progress: client(10_000),
    answers: client(10_000),
    views: client(2_500),
    lookups: client(2_500),
    files: client(60_000),
    home: client(10_000),
  };
}

export const clientOptions = (
  settings: { readonly slackApiUrl: string },
  logger: Logger,
  timeoutMs: number,
): WebClientOptions => ({
  slackApiUrl: settings.slackApiUrl,
  retryConfig: { retries: 0 },
  rejectRateLimitedCalls: true,
  timeout: timeoutMs,
  logger: slackLogger(logger),
});
