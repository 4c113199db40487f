import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DynamoDBClient, UpdateContinuousBackupsCommand } from '@aws-sdk/client-dynamodb';
import { createPeople, type People } from '../../../sandbox/people.ts';
import { type Sandbox, type SandboxOptions, startSandbox } from '../../../sandbox/sandbox.ts';
import { createWorld } from '../../../sandbox/world.ts';
import { HANGS_MS } from '../eventually.ts';

export interface TestSandbox {
  readonly sandbox: Sandbox;
  readonly people: People;
  readonly world: ReturnType<typeof createWorld>;
  /** The AWS account of the second pipeline, where there are two. */
  readonly prodWorld?: ReturnType<typeof createWorld>;
  readonly stopFile: string;
  /** Where the bot writes its log. */
  readonly logPath: string;
  /** The environment of the bot, for a second bot process. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Turns point-in-time recovery of the table on. */
  turnRecoveryOn(): Promise<void>;
  close(): Promise<void>;
}

/** The whole product on free ports: local Slack, local AWS and the bot as a process, with short intervals. */
export async function startTestSandbox(
  options: {
    images?: number;
    seedTable?: 'full' | 'empty';
    settings?: Record<string, string>;
    /** Two pipelines, each with the settings. `prodEndpoint`: where the second one looks for its AWS account. */
    twoPipelines?: { readonly prodEndpoint?: string };
    /** Settings of the process. */
    ofProcess?: Record<string, string>;
  } & Pick<SandboxOptions, 'pipeline' | 'slackOver' | 'botMain'> = {},
): Promise<TestSandbox> {
  const folder = mkdtempSync(join(tmpdir(), 'rescan-test-'));
  const stopFile = join(folder, 'STOP_RESCAN');
  const settings = { LEASE_SECONDS: '6', MESSAGE_EDIT_SECONDS: '1', MAX_IN_FLIGHT: '20', ...options.settings };
  const logPath = join(folder, 'bot.log');
  const environment = {
    PATH: process.env.PATH,
    HOME: process.env.HOME,
    STOP_FILE: stopFile,
    LOG_LEVEL: 'info',
    ...(options.twoPipelines ? {} : settings),
    ...options.ofProcess,
  };
  const sandbox = await startSandbox({
    slack: true,
    aws: true,
    images: options.images ?? 240,
    port: 0,
    seedTable: options.seedTable ?? 'empty',
    environment,
    logPath,
    slackWaitsMs: HANGS_MS,
    ...(options.twoPipelines && { twoPipelines: { settings, ...options.twoPipelines } }),
    ...(options.pipeline && { pipeline: options.pipeline }),
    ...(options.slackOver && { slackOver: options.slackOver }),
    ...(options.botMain && { botMain: options.botMain }),
  });
  if (!sandbox.slack || !sandbox.aws) throw new Error('Both halves of the sandbox were asked for.');
  const { slack, aws } = sandbox;
  return {
    sandbox,
    people: createPeople(slack.url),
    world: createWorld(aws.url),
    ...(sandbox.prodAws && { prodWorld: createWorld(sandbox.prodAws.url) }),
    stopFile,
    logPath,
    environment: { ...environment, ...sandbox.environment },
    async turnRecoveryOn() {
      const credentials = { accessKeyId: 'x', secretAccessKey: 'x' };
      const client = new DynamoDBClient({ endpoint: aws.url, region: 'us-east-1', credentials });
      const PointInTimeRecoverySpecification = { PointInTimeRecoveryEnabled: true };
      const TableName = options.pipeline?.table ?? 'TimesheetOCR-dev';
      await client.send(new UpdateContinuousBackupsCommand({ TableName, PointInTimeRecoverySpecification }));
      client.destroy();
    },
    async close() {
      await sandbox.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
