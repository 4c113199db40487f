import { LogLevel, type Logger as SlackLogger, WebClient, type WebClientOptions } from '@slack/web-api';
import type { Logger } from '../../lib/log.ts';

/** A logger for the SDK that writes to ours. Debug lines are dropped at every level: they contain payloads and tokens. */
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

/** Where Slack is, and how the bot signs in. */
export interface SlackConnection {
  readonly slackApiUrl: string;
  readonly slackBotToken: string;
  /** For Socket Mode. */
  readonly slackAppToken: string;
  /** For Slack over HTTP. */
  readonly slackSigningSecret: string;
}

export interface SlackClients {
  /** Messages that must arrive. */
  readonly alerts: WebClient;
  /** Messages that a newer state replaces. */
  readonly progress: WebClient;
  /** Answers to a person who waits, previews, links. */
  readonly answers: WebClient;
  /** Modals: a trigger is valid for 3 s, so a later attempt is useless. */
  readonly views: WebClient;
  /** People, user groups and channels: a click waits for them. */
  readonly lookups: WebClient;
  /** Files: slow. */
  readonly files: WebClient;
  /** Home tabs: published again later when Slack does not accept them now. */
  readonly home: WebClient;
}

/**
 * Clients that make one attempt within a time limit and throw a 429 with its Retry-After: the caller decides whether a
 * retry is useful. (By default the SDK retries for half an hour while later calls wait.) Each purpose has a client of its
 * own, because a 429 pauses the whole queue of a client.
 */
export function createClients(
  settings: Pick<SlackConnection, 'slackApiUrl' | 'slackBotToken'>,
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
  settings: Pick<SlackConnection, 'slackApiUrl'>,
  logger: Logger,
  timeoutMs: number,
): WebClientOptions => ({
  slackApiUrl: settings.slackApiUrl,
  retryConfig: { retries: 0 },
  rejectRateLimitedCalls: true,
  timeout: timeoutMs,
  logger: slackLogger(logger),
});
