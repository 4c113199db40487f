import { createHmac } from 'node:crypto';
import { parseJson } from './http.ts';
import { isRecord, type JsonRecord } from './rules/json.ts';
import type { Delivery, EnvelopeType, SocketMode } from './socket-mode.ts';
import type { SlackClock } from './workspace/clock.ts';

/** Where an app without Socket Mode receives requests: one URL for commands, interactivity and events. */
export interface RequestUrl {
  readonly url: string;
  readonly signingSecret: string;
}

export interface HttpDelivery extends Pick<SocketMode, 'deliver' | 'deliverEvent'> {
  /** Asks the URL to return a challenge, as Slack does when the URL is entered. Whether it did. */
  verifyUrl(): Promise<boolean>;
  close(): void;
}

/** Slack's Events API retries almost at once, after one minute and after five minutes. */
const RETRY_AFTER_MS = [0, 60_000, 300_000] as const;

type RetryReason = 'http_timeout' | 'connection_failed' | 'http_error';
interface Attempt {
  readonly delivery: Delivery;
  readonly reason: RetryReason;
  readonly mayRetry: boolean;
}

/**
 * Delivers to an app by signed HTTP requests (docs.slack.dev, "Verifying requests from Slack", "The Events API"). An answer
 * other than 200 within the limit is no acknowledgement. Events are repeated with the X-Slack-Retry headers unless the app
 * answers `X-Slack-No-Retry: 1`; commands and interactions are not.
 */
export function createHttpDelivery(
  { url, signingSecret }: RequestUrl,
  options: { readonly clock: SlackClock; readonly acknowledgeWithinMs: number },
): HttpDelivery {
  const { clock } = options;
  const closing = new AbortController();

  function signed(body: string): Record<string, string> {
    const timestamp = String(Math.floor(Date.now() / 1_000));
    const hash = createHmac('sha256', signingSecret).update(`v0:${timestamp}:${body}`).digest('hex');
    return { 'x-slack-request-timestamp': timestamp, 'x-slack-signature': `v0=${hash}` };
  }

  async function send(body: string, contentType: string, headers: Record<string, string> = {}): Promise<Attempt> {
    const sentAt = clock.now();
    const settled = new AbortController();
    const signal = AbortSignal.any([settled.signal, closing.signal]);
    const answered = fetch(url, {
      method: 'POST',
      body,
      headers: { 'content-type': contentType, 'user-agent': 'Slackbot 1.0', ...signed(body), ...headers },
      redirect: 'manual',
      signal,
    }).then(async (response) => ({ response, text: await response.text() }));
    const late = clock.sleep(options.acknowledgeWithinMs, signal).then(() => 'too-late' as const);
    try {
      const first = await Promise.race([answered, late]);
      if (first === 'too-late') return { delivery: { kind: 'too-late' }, reason: 'http_timeout', mayRetry: true };
      const { response, text } = first;
      const mayRetry = response.headers.get('x-slack-no-retry') !== '1';
      if (response.status !== 200)
        return { delivery: { kind: 'refused', status: response.status }, reason: 'http_error', mayRetry };
      const afterMs = Math.round(clock.now() - sentAt);
      return {
        delivery: { kind: 'acknowledged', afterMs, response: responseOf(text) },
        reason: 'http_error',
        mayRetry,
      };
    } catch {
      return { delivery: { kind: 'not-connected' }, reason: 'connection_failed', mayRetry: true };
    } finally {
      settled.abort();
      answered.catch(() => {});
    }
  }

  async function redeliver(body: string, attempt: number, reason: RetryReason): Promise<void> {
    const delayMs = RETRY_AFTER_MS[attempt - 1];
    if (delayMs === undefined) return;
    await clock.sleep(delayMs, closing.signal);
    if (closing.signal.aborted) return;
    const retry = { 'x-slack-retry-num': String(attempt), 'x-slack-retry-reason': reason };
    const again = await send(body, 'application/json', retry);
    if (again.delivery.kind !== 'acknowledged' && again.mayRetry) await redeliver(body, attempt + 1, again.reason);
  }

  return {
    async deliver(type, payload) {
      const { delivery } = await send(formOf(type, payload), 'application/x-www-form-urlencoded');
      return delivery;
    },
    async deliverEvent(payload) {
      const body = JSON.stringify(payload);
      const first = await send(body, 'application/json');
      if (first.delivery.kind !== 'acknowledged' && first.mayRetry) void redeliver(body, 1, first.reason);
      return first.delivery;
    },
    async verifyUrl() {
      const challenge = crypto.randomUUID();
      const asked = { token: 'sandbox-verification-token', challenge, type: 'url_verification' };
      const { delivery } = await send(JSON.stringify(asked), 'application/json');
      if (delivery.kind !== 'acknowledged') return false;
      return delivery.response.challenge === challenge || delivery.response.text === challenge;
    },
    close: () => closing.abort(),
  };
}

/** Commands are fields of a form; interactions are one field `payload` with JSON. */
function formOf(type: Exclude<EnvelopeType, 'events_api'>, payload: JsonRecord): string {
  if (type === 'interactive') return new URLSearchParams({ payload: JSON.stringify(payload) }).toString();
  const fields = Object.entries(payload).map(([name, value]): [string, string] => [name, String(value)]);
  return new URLSearchParams(fields).toString();
}

/** The body of an acknowledgement: nothing, JSON, or a text. */
function responseOf(text: string): JsonRecord {
  if (text === '') return {};
  const parsed = parseJson(text);
  return isRecord(parsed) ? parsed : { text };
}
