import { createMetrics } from '../http/metrics/metrics.ts';
import { observePipeline } from '../http/metrics/pipeline-metrics.ts';
import { observeOver } from '../http/observe.ts';
import { startHttpServer } from '../http/server.ts';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/log.ts';
import type { Settings } from '../settings.ts';
import { type HttpIntake, SLACK_PATH } from '../slack/client/receiver/http-receiver.ts';
import { slackModeOf } from '../slack/client/receiver/slack-mode.ts';
import type { NoteAcknowledgement } from '../slack/intake/listen.ts';
import type { Outbox } from '../state/outbox.ts';
import type { BotContext } from './context.ts';
import type { BotControls } from './controls.ts';

/** What a pipeline is observed by: its name in metrics, and its parts. */
export interface PipelineParts extends Pick<BotControls, 'tables' | 'deploys'> {
  readonly pipeline: string;
  readonly context: Pick<BotContext, 'leases' | 'holder' | 'clock' | 'warnOnce'>;
  readonly runs: Parameters<typeof observePipeline>[0]['runs'];
  readonly outbox: Outbox;
}

/** The HTTP side of the process, for all its pipelines. Without HTTP_PORT no port is open, and nothing is measured. */
export interface HttpSide {
  readonly forSlack: {
    /** Present where Slack's requests arrive over HTTP. */
    readonly addSlackRoute?: (handle: HttpIntake['handle']) => void;
    readonly noteAcknowledgement: NoteAcknowledgement;
  };
  /** The pipelines of the process, before any of them has started. */
  expect(pipelines: readonly string[]): void;
  observe(parts: PipelineParts): void;
  slack(isConnected: () => boolean): void;
  close(): Promise<void>;
}

const NOTHING: HttpSide = {
  forSlack: { noteAcknowledgement: () => {} },
  expect: () => {},
  observe: () => {},
  slack: () => {},
  close: async () => {},
};

/** @throws HttpPortError when the port cannot be opened. */
export async function startHttpSide(
  settings: Pick<Settings, 'httpHost' | 'httpPort' | 'slackMode' | 'slackAppToken'>,
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
): Promise<HttpSide> {
  if (settings.httpPort === '') return NOTHING;
  const server = await startHttpServer({ host: settings.httpHost, port: settings.httpPort }, logger);
  const metrics = createMetrics();
  const observation = observeOver(server, { metrics, clock });
  logger.info({ host: settings.httpHost, port: server.port }, 'HTTP is open');
  return {
    forSlack: {
      ...(slackModeOf(settings) === 'http' && {
        addSlackRoute: (handle: HttpIntake['handle']) => server.add('POST', SLACK_PATH, handle),
      }),
      noteAcknowledgement: (request, waitedMs) => metrics.acknowledgements.observe({ request }, waitedMs / 1_000),
    },
    expect(pipelines) {
      for (const pipeline of pipelines) observation.expect(pipeline);
    },
    observe({ pipeline, context, runs, tables, deploys, outbox }) {
      const { leases, holder, warnOnce: warn } = context;
      const parts = { pipeline, runs, tables, deploys, outbox, lease: leases.runs, holder, clock: context.clock, warn };
      observation.add(pipeline, observePipeline(parts, metrics));
    },
    slack: observation.slack,
    async close() {
      observation.close();
      await server.close();
    },
  };
}
