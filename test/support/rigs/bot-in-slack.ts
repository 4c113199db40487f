import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import pino from 'pino';
import { onTestFinished } from 'vitest';
import { z } from 'zod';
import { startLocalSlack } from '../../../sandbox/slack/server.ts';
import type { Seed } from '../../../sandbox/slack/workspace/directory.ts';
import type { BotControls } from '../../../src/app/controls.ts';
import { assemblePipelineSlack } from '../../../src/app/slack/pipeline-slack.ts';
import { assembleProcessSlack } from '../../../src/app/slack/process-slack.ts';
import { startHttpServer } from '../../../src/http/server.ts';
import { readSettings } from '../../../src/settings.ts';
import { SLACK_PATH } from '../../../src/slack/client/receiver/http-receiver.ts';
import { singleHomeTab } from '../../../src/slack/home/home-tabs.ts';
import { createRouter } from '../../../src/slack/intake/route.ts';
import { withoutChoice } from '../../../src/slack/requests/choose-pipeline.ts';
import { createAnswerStore } from '../../../src/state/answer-store.ts';
import { createButtonMessages } from '../../../src/state/button-messages.ts';
import { createChannelIdStore } from '../../../src/state/channel-ids.ts';
import { createDeliveryClaims } from '../../../src/state/delivery-claims.ts';
import { createEarlyAlerts } from '../../../src/state/early-alerts.ts';
import { createFollowUps } from '../../../src/state/follow-ups.ts';
import { createLease } from '../../../src/state/lease.ts';
import { createOutbox } from '../../../src/state/outbox.ts';
import { openControlTable } from '../../../src/state/table/control-table.ts';
import { startDynalite } from '../aws/dynalite.ts';
import { HANGS_MS } from '../eventually.ts';
import { failOnWarning } from '../fail-on-warning.ts';
import { idleControls } from '../memory/idle-checklist.ts';
import { idleSchedules } from '../memory/idle-schedules.ts';
import { idleTableControl } from '../memory/idle-table-control.ts';
import { createScriptedRunControl } from '../memory/scripted-run-control.ts';
import { createFastClock } from './fast-clock.ts';

/** Edits, drains and retries take a fifth of their time. Slack and DynamoDB answer over real sockets, in real time. */
const CLOCK_FACTOR = 5;
const SIGNING_SECRET = '8f1c2a7d9b3e4f60a1b2c3d4e5f60718';
const MANIFEST = fileURLToPath(new URL('../../../manifest.yml', import.meta.url));
const messageSchema = z.looseObject({
  ts: z.string(),
  text: z.string(),
  channelId: z.string(),
  threadTs: z.string().optional(),
  isBroadcast: z.boolean(),
  onlyFor: z.string().optional(),
  editedTs: z.string().optional(),
  blocks: z.array(z.looseObject({ type: z.string() })),
});
export type SeenMessage = z.infer<typeof messageSchema>;
const stateSchema = z.looseObject({
  messages: z.array(messageSchema),
  ephemerals: z.array(messageSchema),
  views: z.record(z.string(), z.array(z.looseObject({ id: z.string() }))),
  connections: z.array(z.looseObject({ leaving: z.boolean() })),
});

/** A local Slack, a control table in dynalite, and the Slack part of the bot on a scripted run. */
export async function botInSlack(
  options: {
    settings?: Record<string, string>;
    /** In place of the idle ones. */
    controls?: Partial<BotControls>;
    seed?: Seed;
    /** How the local Slack reaches the bot. */
    over?: 'socket' | 'http';
  } = {},
) {
  const clock = createFastClock(CLOCK_FACTOR);
  const dynamo = await startDynalite();
  let isTableUp = true;
  async function stopTable(): Promise<void> {
    if (isTableUp) await dynamo.stop();
    isTableUp = false;
  }
  onTestFinished(stopTable);
  const server = await startHttpServer({ host: '127.0.0.1', port: 0 }, pino({ level: 'silent' }));
  onTestFinished(() => server.close());
  const requestUrl = { url: `http://127.0.0.1:${server.port}${SLACK_PATH}`, signingSecret: SIGNING_SECRET };
  const slack = await startLocalSlack({
    port: 0,
    ...(options.over === 'http' && { requestUrl }),
    manifest: MANIFEST,
    rateLimits: 'off',
    // A busy machine may need longer than Slack gives.
    acknowledgeWithinMs: HANGS_MS,
    triggerLifeMs: HANGS_MS,
    ...(options.seed ? { seed: options.seed } : {}),
  });
  onTestFinished(() => slack.close());
  const runs = createScriptedRunControl();
  const table = await openControlTable({ dynamodb: dynamo.client, tableName: 'control', clock });
  const outbox = createOutbox({ table, name: 'test', warn: failOnWarning });

  const logLines: string[] = [];
  const acknowledgements: { readonly request: string; readonly waitedMs: number }[] = [];
  function createBot(changed: Record<string, string> = {}) {
    const settings = readSettings({
      SLACK_BOT_TOKEN: slack.tokens.bot,
      ...(options.over === 'http'
        ? { SLACK_SIGNING_SECRET: SIGNING_SECRET, HTTP_PORT: String(server.port) }
        : { SLACK_APP_TOKEN: slack.tokens.app }),
      SLACK_API_URL: `${slack.url}/api/`,
      SLACK_CHANNELS: 'C0TIMESHEET',
      OPERATORS: 'U0OPERATOR',
      APPROVERS: 'U0APPROVER',
      MESSAGE_EDIT_SECONDS: '1',
      PROGRESS_CRON: '0 0 1 1 *',
      ...options.settings,
      ...changed,
    });
    const logger = pino({ level: 'info' }, { write: (line) => void logLines.push(line) });
    const channels = () => settings.slackChannels;
    const pipeline = assemblePipelineSlack({
      settings,
      channels,
      choice: withoutChoice(channels),
      runs,
      tables: idleTableControl(),
      ...idleControls(runs),
      ...idleSchedules(table, clock),
      ...options.controls,
      outbox,
      channelIds: createChannelIdStore({ table, name: 'test' }),
      buttonMessages: createButtonMessages({ table, name: 'test', warn: failOnWarning }),
      earlyAlerts: createEarlyAlerts({ table, name: 'test' }),
      answerStore: createAnswerStore({ table, name: 'test' }),
      deliveryClaims: createDeliveryClaims({ table, name: 'test', warn: failOnWarning }),
      followUps: createFollowUps({ table, name: 'test', warn: failOnWarning }),
      webhookEvents: createFollowUps({ table, name: 'test#webhook', warn: failOnWarning }),
      webhookLease: createLease({
        table,
        name: 'webhooks',
        holder: randomUUID(),
        durationMs: settings.leaseMs,
        clock,
      }),
      drivesRuns: () => true,
      followUpLease: createLease({
        table,
        name: 'afterwards',
        holder: randomUUID(),
        durationMs: settings.leaseMs,
        clock,
      }),
      clock,
      machineAheadMs: () => 0,
      random: Math.random,
      logger,
    });
    return assembleProcessSlack({
      settings,
      router: createRouter({
        pipelines: [
          { target: () => pipeline.target, listed: channels(), channels, known: (id) => pipeline.channelIds.known(id) },
        ],
        nowhere: pipeline.target,
        refresh: async () => {},
      }),
      home: singleHomeTab(pipeline.home),
      channelIdChanged: (oldId, newId) => pipeline.channelIds.changed(oldId, newId),
      lives: () => [pipeline.life],
      ...(options.over === 'http' && { addSlackRoute: (handle) => server.add('POST', SLACK_PATH, handle) }),
      noteAcknowledgement: (request, waitedMs) => void acknowledgements.push({ request, waitedMs }),
      clock,
      random: Math.random,
      logger,
    });
  }
  let app = createBot();
  await app.start();
  onTestFinished(() => app.stop());

  async function post(path: string, body: unknown): Promise<Record<string, unknown>> {
    const reply = await fetch(`${slack.url}/sandbox/${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    const answer = z.record(z.string(), z.unknown()).parse(await reply.json());
    if (!reply.ok) throw new Error(`${path}: ${JSON.stringify(answer)}`);
    return answer;
  }
  const state = async () => stateSchema.parse(await (await fetch(`${slack.url}/sandbox/state`)).json());

  /** Waits until `look` returns something. */
  async function until<T>(look: () => Promise<T | undefined>, what: string): Promise<T> {
    const end = Date.now() + HANGS_MS;
    for (;;) {
      const found = await look();
      if (found !== undefined) return found;
      if (Date.now() > end) throw new Error(`This did not appear: ${what}\n${JSON.stringify(await state(), null, 1)}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  return {
    runs,
    outbox,
    acknowledgements,
    requestUrl,
    verifyUrl: slack.verifyUrl,
    isConnected: () => app.isConnected(),
    url: slack.url,
    state,
    until,
    command: (user: string, text: string, channel = 'timesheet-ocr') => post('command', { user, channel, text }),
    click: (user: string, ts: string, actionId: string) => post('action', { user, ts, actionId }),
    submit: (user: string, viewId: string, values: Record<string, string | null>) =>
      post('submit', { user, viewId, values }),
    /** An administrator deletes a message. */
    remove: (ts: string, channel = 'timesheet-ocr') => post('delete', { channel, ts }),
    channel: (change: string, more: Record<string, string> = {}) =>
      post('channel', { channel: 'timesheet-ocr', do: change, ...more }),
    closeForm: (user: string, viewId: string) => post('close', { user, viewId }),
    world: (change: Record<string, unknown>) => post('slack-world', change),
    disconnect: (reason: string) => post('disconnect', { reason }),
    logLines: () => logLines,
    logged: (what: RegExp) => until(async () => logLines.find((line) => what.test(line)), `a log line ${what}`),
    message: (what: RegExp) =>
      until(async () => (await state()).messages.find((message) => what.test(message.text)), `a message ${what}`),
    ephemeral: (what: RegExp) =>
      until(
        async () => (await state()).ephemerals.find((message) => what.test(message.text)),
        `an ephemeral message ${what}`,
      ),
    async inChannel() {
      return (await state()).messages.filter((message) => message.threadTs === undefined || message.isBroadcast);
    },
    stopBot: () => app.stop(),
    /** The control table cannot be reached from now on. */
    stopTable,
    async startBot(changed: Record<string, string> = {}) {
      app = createBot(changed);
      await app.start();
    },
  };
}

export type BotInSlack = Awaited<ReturnType<typeof botInSlack>>;

/** The action ids of a message's buttons, in order. */
export const buttonsOf = (message: Pick<SeenMessage, 'blocks'>): string[] =>
  [...JSON.stringify(message.blocks).matchAll(/"action_id":"([^"]+)"/g)].map((match) => match[1] ?? '');
