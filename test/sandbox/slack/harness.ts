import { App, LogLevel } from '@slack/bolt';
import { WebClient } from '@slack/web-api';
import { onTestFinished } from 'vitest';
import { z } from 'zod';
import { type LocalSlack, type LocalSlackOptions, startLocalSlack } from '../../../sandbox/slack/server.ts';
import type { SlackClock } from '../../../sandbox/slack/workspace/clock.ts';
import { HANGS_MS } from '../../support/eventually.ts';

/** A manifest with these bot scopes, one command and a Home tab. */
export const manifestWith = (scopes: readonly string[], more = '') => `
display_information: { name: Demo }
features:
  bot_user: { display_name: demo }
  app_home: { home_tab_enabled: true }
  slash_commands:
    - { command: /demo, description: Shows what it can do, usage_hint: "[word]" }
oauth_config: { scopes: { bot: [${scopes.join(', ')}] } }
settings:
  event_subscriptions: { bot_events: [app_home_opened] }
  interactivity: { is_enabled: true }
  socket_mode_enabled: true
${more}`;

const ALL_SCOPES = [
  ...['commands', 'chat:write', 'files:write', 'files:read', 'users:read', 'usergroups:read', 'reactions:write'],
  ...['im:write', 'im:read', 'channels:read', 'channels:history', 'groups:read'],
];

/** A busy machine may need longer than Slack gives. */
const PATIENT = { acknowledgeWithinMs: HANGS_MS, triggerLifeMs: HANGS_MS };

/** Starts a local Slack on a free port until the end of the test. */
export async function slackForTest(options: Partial<LocalSlackOptions> = {}): Promise<LocalSlack> {
  const slack = await startLocalSlack({
    port: 0,
    rateLimits: 'off',
    manifest: manifestWith(ALL_SCOPES),
    ...(options.clock ? {} : PATIENT),
    ...options,
  });
  onTestFinished(() => slack.close());
  return slack;
}

/** A Web API client that reports every refusal and does not retry. */
export const clientOf = (slack: LocalSlack, token = slack.tokens.bot): WebClient =>
  new WebClient(token, {
    slackApiUrl: `${slack.url}/api/`,
    retryConfig: { retries: 0 },
    rejectRateLimitedCalls: true,
    logLevel: LogLevel.ERROR,
  });

/** A real Bolt app on a real Socket Mode connection. `register` adds its listeners. */
export async function boltApp(slack: LocalSlack, register: (app: App) => void): Promise<App> {
  const app = new App({
    token: slack.tokens.bot,
    appToken: slack.tokens.app,
    socketMode: true,
    deferInitialization: true,
    logLevel: LogLevel.ERROR,
    clientOptions: { slackApiUrl: `${slack.url}/api/`, retryConfig: { retries: 0 } },
  });
  register(app);
  await app.init();
  await app.start();
  onTestFinished(async () => {
    await app.stop();
  });
  return app;
}

const RECORD = z.record(z.string(), z.unknown());
const ANSWER = z.looseObject({
  ok: z.boolean().optional(),
  error: z.string().optional(),
  acknowledgedInMs: z.number().nullish(),
  message: z.unknown().optional(),
  file: z.looseObject({ id: z.string() }).optional(),
});

/** Sends a request as one of the people. Returns status and body. */
export async function person(slack: LocalSlack, action: string, body: Readonly<Record<string, unknown>>) {
  const response = await fetch(`${slack.url}/sandbox/${action}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return { status: response.status, ...ANSWER.parse(await response.json()) };
}

const MESSAGE = z.looseObject({
  ts: z.string(),
  channelId: z.string(),
  userId: z.string(),
  text: z.string(),
  threadTs: z.string().optional(),
  onlyFor: z.string().optional(),
  blocks: z.array(RECORD),
  files: z.array(RECORD),
});
const VIEW = z.looseObject({
  id: z.string(),
  kind: z.string(),
  body: RECORD,
  blocks: z.array(RECORD),
  errors: z.record(z.string(), z.string()),
  notice: z.string().optional(),
});
const STATE = z.looseObject({
  lastEventId: z.number(),
  messages: z.array(MESSAGE),
  ephemerals: z.array(MESSAGE),
  threads: z.record(z.string(), z.array(z.string())),
  files: z.array(RECORD),
  views: z.record(z.string(), z.array(VIEW)),
  homes: z.record(z.string(), VIEW),
  connections: z.array(z.looseObject({ id: z.string(), leaving: z.boolean(), unacknowledged: z.number() })),
});

export const stateOf = async (slack: LocalSlack) =>
  STATE.parse(await (await fetch(`${slack.url}/sandbox/state`)).json());

/** A clock that stands still until a test advances it. */
export function manualClock(): SlackClock & { advance(ms: number): void } {
  let now = Date.parse('2026-03-02T09:00:00Z');
  let sleepers: { until: number; wake: () => void }[] = [];
  return {
    now: () => now,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        sleepers.push({ until: now + ms, wake: resolve });
        signal?.addEventListener('abort', () => resolve(), { once: true });
      }),
    advance(ms) {
      now += ms;
      const due = sleepers.filter((sleeper) => sleeper.until <= now);
      sleepers = sleepers.filter((sleeper) => sleeper.until > now);
      for (const sleeper of due) sleeper.wake();
    },
  };
}

export const button = (actionId: string, value?: string) => ({
  type: 'button' as const,
  action_id: actionId,
  text: { type: 'plain_text' as const, text: actionId },
  ...(value === undefined ? {} : { value }),
});
export const section = (text: string) => ({ type: 'section' as const, text: { type: 'mrkdwn' as const, text } });
export const plain = (text: string) => ({ type: 'plain_text' as const, text });
