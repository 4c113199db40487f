import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { type LocalAws, startLocalAws } from './aws/server.ts';
import { DEFAULT_CHANNELS, type Seed } from './slack/workspace/directory.ts';

/** The channels of the first and the second pipeline. */
export const CHANNEL_OF = { dev: 'C0TIMESHEET', prod: 'C0PROD' } as const;

/** The channels of a workspace with two pipelines: the default ones and that of the second pipeline. */
export const TWO_PIPELINES_SEED: Seed = {
  channels: [
    ...DEFAULT_CHANNELS,
    {
      id: CHANNEL_OF.prod,
      name: 'timesheet-prod',
      members: ['U0OPERATOR', 'U0APPROVER', 'U0VIEWER'],
      withBot: true,
    },
  ],
};

export interface SecondPipeline {
  /** Its own AWS account. */
  readonly aws: LocalAws;
  /** The file of pipelines for the bot. */
  readonly file: string;
  close(): Promise<void>;
}

/**
 * Starts a second AWS account and writes the file of two pipelines, `dev` and `prod`. Everything of the two has the same
 * name, as in two accounts with one template: function, table, buckets. The operator operates both; of `prod` the approver
 * is the only other operator.
 */
export async function startSecondPipeline(options: {
  readonly port: number;
  readonly images: number;
  readonly seedTable: 'full' | 'empty';
  readonly tableChangeMs: number;
  /** For both pipelines. */
  readonly settings: Readonly<Record<string, string>>;
  readonly stopFile: string;
  /** In place of the AWS settings of the second account: an account that cannot be reached. */
  readonly prodEndpoint?: string;
}): Promise<SecondPipeline> {
  const { port, images, seedTable, tableChangeMs } = options;
  const aws = await startLocalAws({ port, images, seedTable, tableChangeMs });
  const folder = mkdtempSync(join(tmpdir(), 'rescan-pipelines-'));
  const file = join(folder, 'pipelines.yml');
  const people = { OPERATORS: ['U0OPERATOR', 'U0APPROVER'], APPROVERS: ['U0APPROVER'] };
  writeFileSync(
    file,
    stringify({
      defaults: options.settings,
      pipelines: {
        dev: { SLACK_CHANNELS: [CHANNEL_OF.dev], ...people, STOP_FILE: options.stopFile },
        prod: {
          SLACK_CHANNELS: [CHANNEL_OF.prod],
          ...people,
          STOP_FILE: `${options.stopFile}-prod`,
          AWS_ENDPOINT_URL: options.prodEndpoint ?? aws.url,
        },
      },
    }),
  );
  return {
    aws,
    file,
    async close() {
      await aws.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
