import { createHmac } from 'node:crypto';
import type { Clock } from '../../../lib/clock.ts';
import type { WebhookEvent } from './events.ts';

/** Where events are sent. */
export interface Target {
  readonly name: 'webhook' | 'pagerduty';
  /** Its host: the rest of a URL may be secret. */
  readonly host: string;
  /** Whether it hears of this event. */
  readonly takes: (event: WebhookEvent) => boolean;
  /** Never throws. */
  readonly send: (event: WebhookEvent) => Promise<SendResult>;
}

export type SendResult =
  | { readonly kind: 'delivered' }
  /** The same request may succeed later. */
  | { readonly kind: 'failed'; readonly why: string }
  /** The same request would be refused again. */
  | { readonly kind: 'refused'; readonly why: string };

const TIMEOUT_MS = 10_000;
/** PagerDuty's limits (developer-docs, "Send an Alert Event"). */
const MOST_SUMMARY = 1_024;
const MOST_DEDUP_KEY = 255;

interface SendPorts {
  /** The name of the pipeline. */
  readonly pipeline: string;
  readonly clock: Clock;
}

/** Any receiver: JSON, signed with HMAC-SHA256 over `v1:TIMESTAMP:BODY`, so that it can verify sender and age. */
export function createWebhookTarget(at: { readonly url: string; readonly secret: string }, ports: SendPorts): Target {
  const { pipeline, clock } = ports;
  return {
    name: 'webhook',
    host: new URL(at.url).host,
    takes: () => true,
    send(event) {
      const body = JSON.stringify(jsonBody(event, pipeline));
      const timestamp = String(Math.floor(clock.now() / 1_000));
      const signature = createHmac('sha256', at.secret).update(`v1:${timestamp}:${body}`).digest('hex');
      const headers = {
        'x-rescan-event-id': `${pipeline}/${event.id}`,
        'x-rescan-timestamp': timestamp,
        'x-rescan-signature': `v1=${signature}`,
      };
      return post(at.url, body, headers, clock);
    },
  };
}

/** PagerDuty's Events API v2: an incident for each run or job, opened when a problem begins and resolved when it is over. */
export function createPagerDutyTarget(
  at: { readonly url: string; readonly routingKey: string },
  ports: SendPorts,
): Target {
  return {
    name: 'pagerduty',
    host: new URL(at.url).host,
    takes: ({ incident }) => incident !== undefined,
    send: (event) => post(at.url, JSON.stringify(pagerDutyBody(event, at.routingKey, ports.pipeline)), {}, ports.clock),
  };
}

/** The body for any receiver. `id` is the idempotency key: after a crash the same event may be sent twice. */
export function jsonBody({ id, event, at, summary, run, job, approval }: WebhookEvent, pipeline: string): object {
  return {
    version: 1,
    id: `${pipeline}/${id}`,
    event,
    at: new Date(at).toISOString(),
    pipeline,
    summary,
    ...(run && { run }),
    ...(job && { job }),
    ...(approval && { approval: { ...approval, expiresAt: new Date(approval.expiresAt).toISOString() } }),
  };
}

export function pagerDutyBody(event: WebhookEvent, routingKey: string, pipeline: string): object {
  const common = { routing_key: routingKey, dedup_key: `${pipeline}/${event.subject}`.slice(0, MOST_DEDUP_KEY) };
  if (event.incident !== 'begins') return { ...common, event_action: 'resolve' };
  return {
    ...common,
    event_action: 'trigger',
    payload: {
      summary: event.summary.slice(0, MOST_SUMMARY),
      source: pipeline,
      severity: 'critical',
      timestamp: new Date(event.at).toISOString(),
      component: 'rescan-bot',
      class: event.event,
      custom_details: event.run ?? event.job ?? {},
    },
  };
}

async function post(url: string, body: string, headers: Record<string, string>, clock: Clock): Promise<SendResult> {
  const ended = new AbortController();
  const late = clock.sleep(TIMEOUT_MS, ended.signal).then(() => 'late' as const);
  try {
    const answering = fetch(url, {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json', 'user-agent': 'rescan-bot', ...headers },
      // A redirect could lead to another host, which would get the body.
      redirect: 'manual',
      signal: ended.signal,
    });
    answering.catch(() => {});
    const answer = await Promise.race([answering, late]);
    if (answer === 'late') return { kind: 'failed', why: `no answer within ${TIMEOUT_MS / 1_000} s` };
    return resultOf(answer.status);
  } catch (error) {
    return { kind: 'failed', why: `no connection (${codeOf(error)})` };
  } finally {
    ended.abort();
  }
}

function resultOf(status: number): SendResult {
  if (status >= 200 && status < 300) return { kind: 'delivered' };
  const mayPass = status >= 500 || status === 408 || status === 425 || status === 429;
  return { kind: mayPass ? 'failed' : 'refused', why: `HTTP ${status}` };
}

/** The code of a network error; its text could contain the URL. */
function codeOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? cause.code : 'network error';
}
