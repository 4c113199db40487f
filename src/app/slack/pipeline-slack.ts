import type { FiringDriver } from '../../checklist/schedules/firing-driver.ts';
import { defined } from '../../lib/defined.ts';
import { uncorrected } from '../../lib/followed-clock.ts';
import { createUnfinishedRequests } from '../../slack/delivery/unfinished-requests.ts';
import { gatherHome } from '../../slack/home/gather-home.ts';
import { createHome, type Home } from '../../slack/home/home.ts';
import { createHomeRenderer, outdateHome } from '../../slack/home/render-home.ts';
import { createAcceptor } from '../../slack/intake/accept.ts';
import { logUnusableChannels } from '../../slack/intake/channel-membership.ts';
import type { RequestTarget } from '../../slack/intake/route.ts';
import { createSuggestions } from '../../slack/intake/suggestions.ts';
import { createPipelineLife, type PipelineLife } from '../../slack/lifecycle.ts';
import type { ChoosablePipeline } from '../../slack/requests/choose-pipeline.ts';
import { createPipelineStates, type PipelineStates } from '../../slack/requests/pipeline-state.ts';
import { scheduleProgress } from '../../slack/threads/run-thread.ts';
import { type AccessParts, assembleAccess, assembleClients, type ClientParts } from './clients.ts';
import { assembleDelivery } from './delivery.ts';
import { assembleHandlers, assembleIntake } from './intake.ts';
import { withApproverMessages } from './notifications.ts';
import type { SlackPorts } from './ports.ts';
import { assembleRequests } from './requests.ts';
import { assembleFirings } from './schedules.ts';
import { assembleThreads } from './threads.ts';
import { assembleWebhooks } from './webhooks.ts';

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

/** The Slack part of one pipeline. */
export interface PipelineSlack {
  readonly life: PipelineLife;
  /** Fires the schedules. */
  readonly firings: FiringDriver;
  readonly target: RequestTarget;
  readonly home: Home;
  readonly channelIds: ClientParts['channelIds'];
  /** What is going on in the pipeline, where people chose it for a channel, and where it may post. */
  readonly facts: NonNullable<ChoosablePipeline['running']>;
}

/** Everything of one pipeline that talks to Slack, except the connection. */
export function assemblePipelineSlack(parts: Omit<SlackPorts, 'onError'>): PipelineSlack {
  const logger = parts.logger.child({ component: 'slack' });
  const onError = (error: unknown, message: string) => logger.warn({ err: error }, message);
  const given: SlackPorts = { ...parts, logger, onError };
  const clients = assembleClients(given);
  const delivery = assembleDelivery(given, clients);
  const ports: SlackPorts = { ...given, ...withApproverMessages(given, clients, delivery.alerts) };
  const { settings, runs, tables, autopilot, deploys, watchChecklist } = ports;
  const access = assembleAccess(ports, clients);
  const requests = assembleRequests(ports, clients, access, delivery);
  const threads = assembleThreads(ports, clients, access, delivery, requests);
  const states = createPipelineStates(ports);
  const handlers = assembleHandlers(ports, clients, access, delivery, requests, threads, states);
  const home = assembleHome(ports, clients, access, states);
  const webhooks = assembleWebhooks(ports, delivery.alerts);
  const claims = ports.deliveryClaims;
  const steady = uncorrected(ports.clock);
  const acceptor = createAcceptor({ ...given, claims, clock: steady, now: ports.clock.now });
  const unfinished = createUnfinishedRequests({
    ...given,
    clock: steady,
    now: ports.clock.now,
    claims,
    acceptor,
    chat: clients.answers,
    audit: ports.audit.enqueue,
  });
  const { runThread, tableThread, autopilotThread, runFollowUps, logFollower } = threads;

  const life = createPipelineLife({
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
      () => ports.schedules.watch(home.changed),
      () => scheduleProgress(settings.progressCron, runThread.postProgress),
      ...webhooks.sources,
    ],
    services: [
      delivery.alerts,
      ...webhooks.services,
      delivery.buttons,
      unfinished,
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
  });
  return {
    life,
    firings: assembleFirings(ports, clients, access, delivery),
    target: {
      ...defined({ name: ports.name }),
      intake: assembleIntake(ports, access, handlers, states, acceptor),
      suggest: createSuggestions({ scope: ports.scope, permissions: access.permissions, onError }),
      chat: clients.answers,
      homeChannel: settings.slackChannels[0] ?? '',
    },
    home,
    channelIds: clients.channelIds,
    facts: {
      state: states.read,
      membership: access.membership.of,
      audit: ports.audit.enqueue,
      post: clients.answers.post,
    },
  };
}
