import { createConnection } from '../../slack/client/connection.ts';
import { createDrain } from '../../slack/client/drain.ts';
import { gatherHome } from '../../slack/home/gather-home.ts';
import { createHome, type Home } from '../../slack/home/home.ts';
import { createHomeRenderer, outdateHome } from '../../slack/home/render-home.ts';
import { logUnusableChannels } from '../../slack/intake/channel-membership.ts';
import { listen } from '../../slack/intake/listen.ts';
import { createSuggestions } from '../../slack/intake/suggestions.ts';
import { createLifecycle, type SlackApp } from '../../slack/lifecycle.ts';
import { createPipelineStates, type PipelineStates } from '../../slack/requests/pipeline-state.ts';
import { scheduleProgress } from '../../slack/threads/run-thread.ts';
import { type AccessParts, assembleAccess, assembleClients, type ClientParts } from './clients.ts';
import { assembleDelivery } from './delivery.ts';
import { assembleHandlers, assembleIntake } from './intake.ts';
import type { SlackPorts } from './ports.ts';
import { assembleRequests } from './requests.ts';
import { assembleThreads } from './threads.ts';

/** The time between two updates of one person's Home tab, ms. */
const HOME_INTERVAL_MS = 10_000;

function assembleHome(
  ports: SlackPorts,
  { answers, publishHome }: ClientParts,
  { permissions }: AccessParts,
  states: PipelineStates,
): Home {
  const { tables, checklist, clock, onError } = ports;
  return createHome({
    gather: () => gatherHome({ states, tables, checklist, chat: answers, onError }),
    outdate: outdateHome(states),
    draw: createHomeRenderer({ permissions, clock }),
    publish: publishHome,
    clock,
    everyMs: HOME_INTERVAL_MS,
    onError,
  });
}

const noResult = () => {};

/** Everything that talks to Slack. */
export function assembleSlackApp(parts: Omit<SlackPorts, 'onError'>): SlackApp {
  const logger = parts.logger.child({ component: 'slack' });
  const onError = (error: unknown, message: string) => logger.warn({ err: error }, message);
  const ports: SlackPorts = { ...parts, logger, onError };
  const { settings, runs, tables, autopilot, deploys, watchChecklist, clock } = ports;

  const clients = assembleClients(ports);
  const access = assembleAccess(ports, clients);
  const delivery = assembleDelivery(ports, clients);
  const requests = assembleRequests(ports, clients, access, delivery);
  const threads = assembleThreads(ports, clients, access, delivery, requests);
  const states = createPipelineStates(ports);
  const handlers = assembleHandlers(ports, clients, access, delivery, requests, threads, states);
  const intake = assembleIntake(ports, access, handlers, states);
  const home = assembleHome(ports, clients, access, states);
  const connection = createConnection(settings, ports);
  const drain = createDrain(clock, onError);
  const { runThread, tableThread, autopilotThread, runFollowUps, logFollower } = threads;

  listen(connection.app, {
    intake,
    suggest: createSuggestions({ scope: ports.scope, permissions: access.permissions, onError }),
    chat: clients.answers,
    channelIds: clients.channelIds,
    logger,
    track: drain.track,
    home,
    homeChannel: settings.slackChannels[0] ?? '',
  });
  return createLifecycle({
    prepare: clients.channelIds.refresh,
    sources: [
      () => runs.watch(states.noteRun),
      () => tables.watch(states.noteTable),
      () => runs.watch(runThread.handle),
      () => runs.watch(runFollowUps.handle),
      () => tables.watch(tableThread.handle),
      () => autopilot.watch(autopilotThread.handle),
      () => deploys.watch(threads.deployThread.handle),
      () =>
        runs.watch(({ kind }) => {
          if (kind !== 'progress') delivery.buttons.changed();
        }),
      () => autopilot.watch(delivery.buttons.changed),
      () => runs.watch(home.changed),
      () => tables.watch(home.changed),
      () => autopilot.watch(home.changed),
      () => deploys.watch(home.changed),
      () => watchChecklist(home.changed),
      () => scheduleProgress(settings.progressCron, runThread.postProgress),
    ],
    connection,
    services: [
      delivery.alerts,
      delivery.buttons,
      runFollowUps,
      delivery.runMessages,
      delivery.jobMessages,
      delivery.autopilotMessages,
      home,
    ],
    onStarted: [
      runThread.showLastRun,
      () => states.read().then(noResult, (error: unknown) => onError(error, 'The state cannot be read.')),
      () => logUnusableChannels(settings.slackChannels, access.membership, logger),
    ],
    onStopping: [logFollower.close],
    drain,
  });
}
