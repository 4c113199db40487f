import type { App } from '@slack/bolt';
import type { WebClient } from '@slack/web-api';
import { onTestFinished } from 'vitest';
import { z } from 'zod';
import type { LocalSlack } from '../../sandbox/slack/server.ts';
import { startPageServer } from '../../sandbox/web/server.ts';
import { defined } from '../../src/lib/defined.ts';
import { boltApp, clientOf, slackForTest } from '../sandbox/slack/harness.ts';
import { type OpenPage, openPage } from './page-rig.ts';

export const CHANNEL = 'C0TIMESHEET';

const postedSchema = z.looseObject({ ts: z.string() });

export interface SlackPage extends OpenPage {
  readonly slack: LocalSlack;
  readonly url: string;
  readonly client: WebClient;
  /** The app posts this in the channel. Returns the ts. */
  say(text: string, more?: { blocks?: readonly unknown[]; thread_ts?: string; channel?: string }): Promise<string>;
}

/** The page on a local Slack with an app of the test, without a bot and without AWS. `acknowledgeWithinMs`: how long Slack waits for the app. */
export async function slackPage(
  options: Parameters<typeof openPage>[1] & { app?: (app: App) => void; acknowledgeWithinMs?: number } = {},
): Promise<SlackPage> {
  const slack = await slackForTest(defined({ acknowledgeWithinMs: options.acknowledgeWithinMs }));
  if (options.app) await boltApp(slack, options.app);
  const server = await startPageServer({ port: 0, slackUrl: slack.url });
  onTestFinished(() => server.close());
  const client = clientOf(slack);
  const open = await openPage(server.url, options);
  return {
    ...open,
    slack,
    url: server.url,
    client,
    async say(text, { channel = CHANNEL, ...more } = {}) {
      const { blocks, ...rest } = more;
      const posted = await client.apiCall('chat.postMessage', {
        channel,
        text,
        ...rest,
        ...(blocks === undefined ? {} : { blocks: JSON.stringify(blocks) }),
      });
      return postedSchema.parse(posted).ts;
    },
  };
}
