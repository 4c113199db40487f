import { WebAPIPlatformError, WebAPIRateLimitedError } from '@slack/web-api';

/** Why a call to Slack came to nothing, as far as it decides what to do next. */
export type SlackFailure =
  | { readonly kind: 'rate-limited'; readonly retryAfterMs: number }
  /** Slack understood and said no, with its code. The same call would be refused again. */
  | { readonly kind: 'refused'; readonly code: string }
  /** Down, slow, unreachable: it may work later. */
  | { readonly kind: 'unreachable' };

const PASSING = new Set([
  'internal_error',
  'fatal_error',
  'service_unavailable',
  'request_timeout',
  'team_added_to_org',
]);

export function classifySlackError(error: unknown): SlackFailure {
  if (error instanceof WebAPIRateLimitedError)
    return { kind: 'rate-limited', retryAfterMs: Math.max(1, error.retryAfter) * 1000 };
  if (error instanceof WebAPIPlatformError) {
    if (error.data.error === 'ratelimited') return { kind: 'rate-limited', retryAfterMs: 30_000 };
    if (!PASSING.has(error.data.error)) return { kind: 'refused', code: error.data.error };
  }
  return { kind: 'unreachable' };
}

const MUTED = new Set(['not_in_channel', 'channel_not_found', 'is_archived', 'is_inactive', 'messages_tab_disabled']);

/**
 * Whether Slack answers so where the bot may not speak (the errors of chat.postMessage and chat.update): it is no member,
 * the channel is closed, or whoever runs the workspace allows no posts there (`restricted_action`, alone or with more to it).
 */
export const isPostingForbidden = (code: string): boolean => MUTED.has(code) || code.startsWith('restricted_action');

/** Whether Slack refused a reply as its thread is gone: somebody deleted the message at its head. */
export function isThreadGone(error: unknown): boolean {
  const trouble = classifySlackError(error);
  return trouble.kind === 'refused' && /thread|message_not_found|cannot_reply/.test(trouble.code);
}
