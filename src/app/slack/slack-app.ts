import { createConnection } from '../../slack/client/connection.ts';
import { createDrain } from '../../slack/client/drain.ts';
import { logUnusableChannels } from '../../slack/intake/channel-membership.ts';
import { listen } from '../../slack/intake/listen.ts';
import { createLifecycle, type SlackApp } from '../../slack/lifecycle.ts';
import { scheduleProgress } from '../../slack/threads/progress-schedule.ts';
import { assembleAccess } from './access.ts';
import { assembleClients } from './clients.ts';
import { assembleDelivery } from './delivery.ts';
import { assembleHome } from './home.ts';
import { assembleIntake } from './intake.ts';
import type { SlackPorts } from './ports.ts';
import { assembleRequests } from './requests.ts';
import { assembleThreads } from './threads.ts';

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
  const intake = assembleIntake(ports, clients, access, delivery, requests, threads);
  const home = assembleHome(ports, clients, access);
  const connection = createConnection(settings, ports);
  const drain = createDrain(clock, onError);
  const { runThread, tableThread, autopilotThread, runFollowUps, logFollower } = threads;

  listen(connection.app, {
    intake,
    chat: clients.answers,
    logger,
    track: drain.track,
    home,
    homeChannel: settings.slackChannels[0] ?? '',
  });
  return createLifecycle({
    sources: [
      () => runs.watch(runThread.handle),
      () => runs.watch(runFollowUps.handle),
      () => tables.watch(tableThread.handle),
      () => autopilot.watch(autopilotThread.handle),
      () => deploys.watch(requests.deployForms.announceLateEnd),
      () => runs.watch(home.changed),
      () => tables.watch(home.changed),
      () => autopilot.watch(home.changed),
      () => watchChecklist(home.changed),
      () => scheduleProgress(settings.progressCron, runThread.postProgress),
    ],
    connection,
    services: [
      delivery.alerts,
      runFollowUps,
      delivery.runMessages,
      delivery.jobMessages,
      delivery.autopilotMessages,
      home,
    ],
    onStarted: [runThread.showLastRun, () => logUnusableChannels(settings.slackChannels, access.membership, logger)],
    onStopping: [logFollower.close],
    drain,
  });
}
