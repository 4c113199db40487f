import type { Clock, Random } from '../../lib/clock.ts';
import { defined } from '../../lib/defined.ts';
import type { Logger } from '../../lib/log.ts';
import type { ProcessSettings } from '../../settings.ts';
import { createConnection } from '../../slack/client/receiver/connection.ts';
import { createDrain } from '../../slack/client/receiver/drain.ts';
import type { HttpIntake } from '../../slack/client/receiver/http-receiver.ts';
import { type HomeTabs, listen, type NoteAcknowledgement } from '../../slack/intake/listen.ts';
import type { Router } from '../../slack/intake/route.ts';
import { createLifecycle, type PipelineLife, type SlackApp } from '../../slack/lifecycle.ts';

/** The one connection to Slack, for all pipelines. `isConnected`: whether requests of Slack arrive at this moment. */
export function assembleProcessSlack(ports: {
  readonly settings: ProcessSettings;
  readonly router: Router;
  readonly home: HomeTabs;
  /** Slack has changed the id of a channel. */
  readonly channelIdChanged: (oldId: string, newId: string) => Promise<void>;
  /** The pipelines that could be started. */
  readonly lives: () => readonly PipelineLife[];
  /** Given where Slack's requests arrive over HTTP. */
  readonly addSlackRoute?: (handle: HttpIntake['handle']) => void;
  readonly noteAcknowledgement: NoteAcknowledgement;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}): SlackApp & { readonly isConnected: () => boolean } {
  const { settings, clock, random, addSlackRoute, noteAcknowledgement } = ports;
  const logger = ports.logger.child({ component: 'slack' });
  const connection = createConnection(settings, { clock, random, logger, ...defined({ addSlackRoute }) });
  const drain = createDrain(clock, (error, message) => logger.warn({ err: error }, message));
  listen(connection.app, {
    router: ports.router,
    home: ports.home,
    channelIds: { changed: ports.channelIdChanged },
    logger,
    track: drain.track,
    clock,
    noteAcknowledgement,
  });
  return { ...createLifecycle({ lives: ports.lives, connection, drain }), isConnected: connection.isConnected };
}
