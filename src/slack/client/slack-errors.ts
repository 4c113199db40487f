import { WebAPIPlatformError, WebAPIRateLimitedError } from '@slack/web-api';

/** Why a Web API call failed, as far as it decides what to do next. */
export type SlackFailure =
  | { readonly kind: 'rate-limited'; readonly retryAfterMs: number }
  /** Slack understood the call and refused it with this error code. The same call would be refused again. */
  | { readonly kind: 'refused'; readonly code: string }
  /** Slack is down, slow or cannot be reached. The same call may succeed later. */
  | { readonly kind: 'unreachable' };

/** A 429 has `ratelimited`; posting methods document the other two for an app or a workspace that sends too many messages. */
const RATE_LIMIT_CODES = new Set(['ratelimited', 'rate_limited', 'message_limit_exceeded']);
/** Where Slack does not name a time, ms. */
const RATE_LIMIT_WAIT_MS = 30_000;
const TEMPORARY_CODES = new Set([
  'internal_error',
  'fatal_error',
  'service_unavailable',
  'request_timeout',
  'team_added_to_org',
  // "Channel is undergoing an active migration" (docs.slack.dev).
  'external_channel_migrating',
]);

export function classifySlackError(error: unknown): SlackFailure {
  if (error instanceof WebAPIRateLimitedError)
    return { kind: 'rate-limited', retryAfterMs: Math.max(1, error.retryAfter) * 1000 };
  if (error instanceof WebAPIPlatformError) {
    if (RATE_LIMIT_CODES.has(error.data.error)) return { kind: 'rate-limited', retryAfterMs: RATE_LIMIT_WAIT_MS };
    if (!TEMPORARY_CODES.has(error.data.error)) return { kind: 'refused', code: error.data.error };
  }
  return { kind: 'unreachable' };
}

const POSTING_FORBIDDEN_CODES = new Set([
  'not_in_channel',
  'channel_not_found',
  'is_archived',
  'is_inactive',
  'messages_tab_disabled',
]);

/**
 * Whether the error code (of chat.postMessage or chat.update) says that the bot may not post in this channel: it is not a
 * member, the channel is closed, or a workspace admin forbids it (`restricted_action`, alone or with a suffix).
 */
export const isPostingForbidden = (code: string): boolean =>
  POSTING_FORBIDDEN_CODES.has(code) || code.startsWith('restricted_action');

/**
 * The first message of a thread was deleted. Slack does not refuse a reply then: it posts the message in the channel, and
 * only the missing `thread_ts` of its answer tells.
 */
export class ThreadGoneError extends Error {
  override readonly name = 'ThreadGoneError';
  /** The message, which is in the channel now. */
  readonly ts: string;
  constructor(channel: string, threadTs: string, ts: string) {
    super(
      `The first message of the thread ${threadTs} in ${channel} was deleted. Slack posted the reply in the channel.`,
    );
    this.ts = ts;
  }
}

/** Whether a reply is not in its thread because the first message of the thread was deleted. */
export function isThreadGone(error: unknown): boolean {
  if (error instanceof ThreadGoneError) return true;
  const failure = classifySlackError(error);
  return (
    failure.kind === 'refused' &&
    !isFirstPostDeleted(error) &&
    /thread|message_not_found|cannot_reply/.test(failure.code)
  );
}

/** Whether a post with an id was a repetition, and the message that Slack has posted for the first one was deleted. */
export function isFirstPostDeleted(error: unknown): boolean {
  const failure = classifySlackError(error);
  return failure.kind === 'refused' && failure.code === 'duplicate_message_not_found';
}
