import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { createPeople, type People } from '../../../sandbox/people.ts';
import { type Sandbox, type SandboxOptions, startSandbox } from '../../../sandbox/sandbox.ts';
import { createWorld } from '../../../sandbox/world.ts';

export interface TestSandbox {
  readonly sandbox: Sandbox;
  readonly people: People;
  readonly world: ReturnType<typeof createWorld>;
  readonly stopFile: string;
  /** The environment of the bot, for a second bot process. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Writes one record to the pipeline's table, as a person or an upload would. */
  putRecord(resourceName: string, sortKey: string): Promise<void>;
  close(): Promise<void>;
}

/** The whole product on free ports: local Slack, local AWS and the bot as a process, with short intervals. */
export async function startTestSandbox(
  options: { images?: number; seedTable?: 'full' | 'empty'; settings?: Record<string, string> } & Pick<
    SandboxOptions,
    'pipeline'
  > = {},
): Promise<TestSandbox> {
  const folder = mkdtempSync(join(tmpdir(), 'rescan-test-'));
  const stopFile = join(folder, 'STOP_RESCAN');
  const environment = {
    PATH: process.env.PATH,
    HOME: process.env.HOME,
    STOP_FILE: stopFile,
    LEASE_SECONDS: '2',
    MESSAGE_EDIT_SECONDS: '1',
    MAX_IN_FLIGHT: '20',
    LOG_LEVEL: 'info',
    ...options.settings,
  };
  const sandbox = await startSandbox({
    slack: true,
    aws: true,
    images: options.images ?? 240,
    port: 0,
    seedTable: options.seedTable ?? 'empty',
    environment,
    logPath: join(folder, 'bot.log'),
    slackWaitsMs: 30_000,
    ...(options.pipeline && { pipeline: options.pipeline }),
  });
  if (!sandbox.slack || !sandbox.aws) throw new Error('Both halves of the sandbox were asked for.');
  const { slack, aws } = sandbox;
  return {
    sandbox,
    people: createPeople(slack.url),
    world: createWorld(aws.url),
    stopFile,
    environment: { ...environment, ...sandbox.environment },
    async putRecord(resourceName, sortKey) {
      const credentials = { accessKeyId: 'x', secretAccessKey: 'x' };
      const client = new DynamoDBClient({ endpoint: aws.url, region: 'us-east-1', credentials });
      const Item = { ResourceName: { S: resourceName }, DateProjectCode: { S: sortKey } };
      await client.send(new PutItemCommand({ TableName: 'TimesheetOCR-dev', Item }));
      client.destroy();
    },
    async close() {
      await sandbox.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
