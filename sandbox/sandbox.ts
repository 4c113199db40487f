import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { InvoiceTable } from './aws/ocr/team.ts';
import type { TableKeys } from './aws/ocr/timesheet.ts';
import { type LocalAws, PIPELINE_NAMES, startLocalAws } from './aws/server.ts';
import { type BotProcess, createBotProcess } from './bot-process.ts';
import { startSecondPipeline, TWO_PIPELINES_SEED } from './second-pipeline.ts';
import { type LocalSlack, startLocalSlack } from './slack/server.ts';
import { type PageServer, startPageServer } from './web/server.ts';

/** Long enough to be seen, short enough to wait for. */
const TABLE_CHANGE_MS = 200;

export const ENGINES = ['local', 'step-functions'] as const;
export type Engine = (typeof ENGINES)[number];
/** What a bot needs to install and to use a state machine of the local AWS. */
const STATE_MACHINE = {
  STATE_MACHINE_ROLE: 'arn:aws:iam::016164185850:role/rescan-bot-state-machine',
};

/** The pipeline of the local AWS, for a bot whose settings may name another one. */
const NAMES = {
  IMAGE_BUCKET: PIPELINE_NAMES.bucket,
  OCR_FUNCTION: PIPELINE_NAMES.functionName,
  TABLE: PIPELINE_NAMES.table,
  CONTROL_BUCKET: PIPELINE_NAMES.controlBucket,
};

export interface SandboxOptions {
  /** Which parts to start. The bot starts only with both. */
  readonly slack: boolean;
  readonly aws: boolean;
  readonly images: number;
  /** Port of the local Slack. The local AWS uses the next one, the page the one after. 0: any free ports. */
  readonly port: number;
  readonly seedTable: 'full' | 'empty';
  /** The table and the function of another team. */
  readonly pipeline?: {
    readonly table: string;
    readonly functionName: string;
    readonly keys?: TableKeys;
    /** It reads invoices, and the bot has their profile. */
    readonly invoices?: InvoiceTable;
  };
  /** Two pipelines in two AWS accounts, `dev` and `prod`, with these settings for both; the second account uses `port` + 4. */
  readonly twoPipelines?: { readonly settings: Readonly<Record<string, string>>; readonly prodEndpoint?: string };
  /** What invokes the function where a plan does not name it. Undefined: as the environment says. */
  readonly engine?: Engine;
  /** The environment for the bot. Connection settings are replaced by those of the sandbox; all others apply. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly logPath: string;
  /** The program of the bot, where it is not src/main.ts. */
  readonly botMain?: string;
  /** How the local Slack reaches the bot. Default: over Socket Mode. Over HTTP the bot listens on `port` + 3. */
  readonly slackOver?: 'socket' | 'http';
  /** Time limit for acknowledgements and triggers, in ms. Default: 3,000 as in Slack. Use more on a slow machine. */
  readonly slackWaitsMs?: number;
  /** Called when the bot exits without a request, with the last lines of its stderr. */
  readonly onBotEnded?: (how: string, lastErrorLines: readonly string[]) => void;
}

export interface Sandbox {
  readonly slack?: LocalSlack;
  readonly aws?: LocalAws;
  /** The AWS account of the second pipeline. */
  readonly prodAws?: LocalAws;
  readonly bot?: BotProcess;
  /** The page for the browser, when the local Slack runs. */
  readonly page?: PageServer;
  /** The environment variables that a program needs to use the running parts. */
  readonly environment: Readonly<Record<string, string>>;
  readonly stopFile: string;
  close(): Promise<void>;
}

const SIGNING_SECRET = 'sandboxsigningsecret0123456789ab';
/** The profile of the invoices. */
const INVOICES = fileURLToPath(new URL('./aws/ocr/invoices.yml', import.meta.url));
const MANIFEST = fileURLToPath(new URL('../manifest.yml', import.meta.url));

/**
 * Starts a local Slack, a local AWS and the bot. When a part cannot start, stops the others and throws;
 * SandboxPortError names a port in use.
 */
export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const started: { close(): Promise<void> }[] = [];
  const close = async () => {
    for (const part of started.reverse()) await part.close();
  };
  try {
    let bot: BotProcess | undefined;
    const aws = options.aws
      ? await startLocalAws({
          tableChangeMs: TABLE_CHANGE_MS,
          port: options.port === 0 ? 0 : options.port + 1,
          images: options.images,
          seedTable: options.seedTable,
          ...options.pipeline,
        })
      : undefined;
    if (aws) started.push(aws);
    const botPort = options.slackOver === 'http' ? await portOfBot(options.port) : undefined;
    const slack = options.slack
      ? await startLocalSlack({
          port: options.port,
          manifest: MANIFEST,
          ...(options.twoPipelines ? { seed: TWO_PIPELINES_SEED } : {}),
          ...(botPort === undefined
            ? {}
            : { requestUrl: { url: `http://127.0.0.1:${botPort}/slack/events`, signingSecret: SIGNING_SECRET } }),
          ...(options.slackWaitsMs === undefined
            ? {}
            : { acknowledgeWithinMs: options.slackWaitsMs, triggerLifeMs: options.slackWaitsMs }),
          ...(options.aws ? { onBot: async (action) => (await bot?.do(action)) ?? { running: false } } : {}),
        })
      : undefined;
    if (slack) started.push(slack);

    const pagePort = options.port === 0 ? 0 : options.port + 2;
    const page = slack
      ? await startPageServer({ port: pagePort, slackUrl: slack.url, ...(aws ? { awsUrl: aws.url } : {}) })
      : undefined;
    if (page) started.push(page);

    const stopFile = options.environment.STOP_FILE ?? join(tmpdir(), 'STOP_RESCAN');
    const second = options.twoPipelines
      ? await startSecondPipeline({
          ...options,
          ...options.twoPipelines,
          settings: { ...STATE_MACHINE, ...options.twoPipelines.settings },
          port: options.port === 0 ? 0 : options.port + 4,
          tableChangeMs: TABLE_CHANGE_MS,
          stopFile,
        })
      : undefined;
    if (second) started.push(second);
    const environment = {
      ...(slack
        ? {
            SLACK_API_URL: `${slack.url}/api/`,
            SLACK_BOT_TOKEN: 'xoxb-sandbox',
            ...(botPort === undefined
              ? { SLACK_APP_TOKEN: 'xapp-sandbox' }
              : { SLACK_MODE: 'http', SLACK_SIGNING_SECRET: SIGNING_SECRET, HTTP_PORT: String(botPort) }),
            ...(second
              ? { PIPELINES_FILE: second.file }
              : {
                  SLACK_CHANNELS: 'C0TIMESHEET',
                  OPERATORS: 'U0OPERATOR,U0APPROVER',
                  APPROVERS: 'U0APPROVER',
                }),
          }
        : {}),
      ...(aws
        ? {
            AWS_ENDPOINT_URL: aws.url,
            AWS_REGION: 'us-east-1',
            AWS_ACCESS_KEY_ID: 'sandbox',
            AWS_SECRET_ACCESS_KEY: 'sandbox',
            ...(slack ? {} : NAMES),
            ...(second ? {} : STATE_MACHINE),
            ...(options.engine ? { RUN_ENGINE: options.engine } : {}),
            ...(options.pipeline?.invoices ? { PROFILE_FILE: INVOICES } : {}),
            ...(options.pipeline ? { TABLE: options.pipeline.table, OCR_FUNCTION: options.pipeline.functionName } : {}),
          }
        : {}),
    };
    if (slack && aws) {
      bot = createBotProcess({
        environment: {
          ...environment,
          ...ownSettings(options.environment),
          // It is in the file.
          ...(second ? { STOP_FILE: '' } : {}),
          ...connections(environment),
          ...(options.engine ? { RUN_ENGINE: options.engine } : {}),
          ...(botPort === undefined ? {} : { HTTP_PORT: String(botPort), HTTP_HOST: '127.0.0.1' }),
        },
        logPath: options.logPath,
        ...(options.botMain === undefined ? {} : { main: options.botMain }),
        isUp: () => (botPort === undefined ? isConnected(slack.url) : slack.verifyUrl()),
        ...(options.onBotEnded ? { onEnded: options.onBotEnded } : {}),
      });
      const running = bot;
      started.push({ close: () => running.close() });
      await bot.do('start');
    }
    return {
      ...(slack ? { slack } : {}),
      ...(aws ? { aws } : {}),
      ...(second ? { prodAws: second.aws } : {}),
      ...(bot ? { bot } : {}),
      ...(page ? { page } : {}),
      environment,
      stopFile,
      close,
    };
  } catch (error) {
    await close();
    const taken = takenPort.safeParse(error).data;
    throw taken ? new SandboxPortError(taken.port, error) : error;
  }
}

/** Errors of the local Slack, the local AWS and Node's own `listen`. */
const takenPort = z.union([
  z.object({ name: z.literal('PortInUseError'), port: z.number() }),
  z.object({ code: z.literal('EADDRINUSE'), port: z.number() }),
]);

/** A port of the sandbox is in use. No part of the sandbox is running. */
export class SandboxPortError extends Error {
  override readonly name = 'SandboxPortError';
  readonly port: number;
  constructor(port: number, cause: unknown) {
    super(
      `Port ${port} is in use, perhaps by another sandbox. Stop that one, or choose other ports with \`npm run sandbox -- --port 5000\`.`,
      { cause },
    );
    this.port = port;
  }
}

/** The port for the bot; any free one where the sandbox uses free ports. */
async function portOfBot(port: number): Promise<number> {
  if (port !== 0) return port + 3;
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const address = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return typeof address === 'object' && address ? address.port : 0;
}

/** Whether a bot has a Socket Mode connection to the local Slack. */
async function isConnected(slackUrl: string): Promise<boolean> {
  const state = z.looseObject({ connections: z.array(z.unknown()) });
  const seen = state.safeParse(await (await fetch(`${slackUrl}/sandbox/state`)).json());
  return seen.success && seen.data.connections.length > 0;
}

/** The environment of the bot without connection settings, so that it cannot reach another AWS or another Slack, or page anyone. */
const ownSettings = (environment: SandboxOptions['environment']) =>
  Object.fromEntries(Object.entries(environment).filter(([name]) => !isConnection(name)));

const connections = (environment: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(environment).filter(([name]) => isConnection(name)));

/**
 * Whether the variable sets an endpoint, a profile, a region, a proxy or a token: `AWS_ENDPOINT_URL_S3`, `AWS_PROFILE`,
 * `SLACK_API_URL`, …
 */
const isConnection = (name: string): boolean =>
  /^(?:WEBHOOK_|PAGERDUTY_)|^AWS_|^SLACK_(?:API_URL|BOT_TOKEN|APP_TOKEN|SIGNING_SECRET|MODE)$|^(?:https?|all)_proxy$/i.test(
    name,
  );
