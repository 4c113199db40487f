import { App } from '@slack/bolt';
import { schedule } from 'node-cron';
import type { TableControl } from '../checklist/contracts/table-control.ts';
import type { Clock, Random } from '../lib/clock.ts';
import type { Logger } from '../lib/log.ts';
import type { RunControl } from '../run/model/run-control.ts';
import type { PaceSetting, RunSnapshot } from '../run/model/types.ts';
import type { Settings } from '../settings.ts';
import { actionTable } from '../slack/actions/action-table.ts';
import { createChat, withRateLimitRetries } from '../slack/client/chat.ts';
import { clientOptions, createClients, slackLogger } from '../slack/client/clients.ts';
import { connectOrTryOn } from '../slack/client/connect.ts';
import { createDrain } from '../slack/client/drain.ts';
import { downloadFile } from '../slack/client/file-download.ts';
import { createFileUpload } from '../slack/client/file-upload.ts';
import { createModalClient } from '../slack/client/modal-client.ts';
import { createReceiver } from '../slack/client/socket.ts';
import { commandTable } from '../slack/commands/command-table.ts';
import { createAlertDelivery } from '../slack/delivery/alert-delivery.ts';
import { createLiveMessageEditor } from '../slack/delivery/live-message-editor.ts';
import {
  createJobLocations,
  createLocationFinder,
  createRunLocationFinder,
} from '../slack/delivery/message-locations.ts';
import { createRunLinks } from '../slack/delivery/run-links.ts';
import { createDeployForms } from '../slack/forms/deploy-forms.ts';
import { formTable } from '../slack/forms/form-table.ts';
import { createRestoreRowsForm } from '../slack/forms/restore-rows-form.ts';
import { createTableForms } from '../slack/forms/table-forms.ts';
import { gatherHome } from '../slack/home/gather-home.ts';
import { createHome } from '../slack/home/home.ts';
import { homeView } from '../slack/home/home-view.ts';
import { createApproverCheck } from '../slack/intake/approver-check.ts';
import { createMembershipCheck, describeUnusableChannels } from '../slack/intake/channel-membership.ts';
import { createDeduplicator } from '../slack/intake/deduplicate.ts';
import { createIntake } from '../slack/intake/dispatch.ts';
import { listen } from '../slack/intake/listen.ts';
import { createPermissions } from '../slack/intake/permissions.ts';
import type { Message } from '../slack/messages/kit/message.ts';
import { viewWithinLimits } from '../slack/messages/kit/view-limits.ts';
import { runMessage } from '../slack/messages/run/run-message.ts';
import { exportAudit } from '../slack/requests/export-audit.ts';
import { createLogRequests, logRefusal } from '../slack/requests/log-requests.ts';
import { createResultFiles } from '../slack/requests/result-files.ts';
import { createResultRequests } from '../slack/requests/result-requests.ts';
import { createRunRequests } from '../slack/requests/run-requests.ts';
import { stepStarters } from '../slack/requests/step-starters.ts';
import { createAutopilotThread, renderAutopilot, type ShownAutopilot } from '../slack/threads/autopilot-thread.ts';
import { createLogFollower } from '../slack/threads/log-follower.ts';
import { createRunFollowUps } from '../slack/threads/run-follow-ups.ts';
import { createRunThread } from '../slack/threads/run-thread.ts';
import { createTableThread, renderJob, type ShownJob, type TableThread } from '../slack/threads/table-thread.ts';
import type { FollowUps } from '../state/follow-ups.ts';
import type { Lease } from '../state/lease.ts';
import type { Outbox } from '../state/outbox.ts';
import type { ChecklistParts } from './checklist.ts';

export interface SlackApp {
  /**
   * Connects; resolves when commands and clicks arrive. Throws where Slack does not accept a token. Where Slack is not
   * reachable it resolves all the same, and goes on trying: a run must not wait for Slack. Alerts that an earlier process
   * left are delivered from here on.
   */
  start(): Promise<void>;
  /** Takes nothing new, delivers what can be delivered in 3 s, and disconnects. Undelivered alerts stay on record. */
  stop(): Promise<void>;
}

/** A person's Home tab is drawn at most this often. */
const HOME_EVERY_MS = 10_000;

/** The Slack face of the bot: shows the runs and hands on what people ask for. */
export function createSlackApp(ports: {
  settings: Settings;
  runs: RunControl;
  tables: TableControl;
  rescans: Omit<ChecklistParts, 'tables'>;
  /** The pace where none is said. */
  pace: PaceSetting;
  outbox: Outbox;
  /** What is to be told after a run, and the right to tell it. */
  afterwards: { readonly followUps: FollowUps; readonly lease: Lease };
  clock: Clock;
  random: Random;
  logger: Logger;
}): SlackApp {
  const { settings, runs, tables, rescans, pace, outbox, afterwards, clock, random } = ports;
  const { checklist, starts, steps, deploys, autopilot, audit, results, diagnoses, functionLog } = rescans;
  const logger = ports.logger.child({ component: 'slack' });
  const onError = (error: unknown, message: string) => logger.warn({ err: error }, message);
  const closing = new AbortController();

  const clients = createClients(settings, logger);
  const answers = withRateLimitRetries(createChat(clients.answers), clock);
  const progress = createChat(clients.progress);
  const findRunLocation = createRunLocationFinder(runs);
  const jobLocations = createJobLocations();
  const findLocation = createLocationFinder({ findRun: findRunLocation, autopilot, tables, jobs: jobLocations });

  const permissions = createPermissions({
    operators: settings.operators,
    approvers: settings.approvers,
    clock,
    async membersOf(group) {
      const reply = await clients.lookups.usergroups.users.list({ usergroup: group });
      return reply.users ?? [];
    },
  });
  const presence = createMembershipCheck({
    readChannel: async (channel) => (await clients.lookups.conversations.info({ channel })).channel,
    clock,
    onError,
  });
  const liveMessage = createLiveMessageEditor<RunSnapshot>({
    edit: progress.edit,
    idOf: ({ runId }) => runId,
    findLocation,
    render: (run) => runMessage(run),
    clock,
    intervalMs: settings.messageEditMs,
    onError: (error) => logger.debug({ err: error }, 'the message of a run was not edited'),
  });
  const alerts = createAlertDelivery({
    outbox,
    chat: createChat(clients.alerts),
    findLocation,
    homeChannel: settings.slackChannels[0] ?? '',
    clock,
    random,
    takeOverAfterMs: settings.leaseMs,
    onError,
  });
  const thread = createRunThread({
    liveMessage,
    alerts,
    chat: progress,
    runs,
    goesOnByItself: settings.autoResume,
    onError,
  });

  const jobMessage = createLiveMessageEditor<ShownJob>({
    edit: progress.edit,
    idOf: ({ job }) => job.id,
    findLocation: async (jobId) => jobLocations.find(jobId),
    render: renderJob,
    clock,
    intervalMs: settings.messageEditMs,
    onError: (error) => logger.debug({ err: error }, 'the message of a job was not edited'),
  });
  const whoApproves = { policy: settings.approvalPolicy, approvers: settings.approvers };
  const tableThread: TableThread = createTableThread({
    liveMessage: jobMessage,
    alerts,
    chat: answers,
    locations: jobLocations,
    whoApproves,
    onError,
  });
  const modals = createModalClient(clients.views);
  const forms = createTableForms({ tables, chat: answers, whoApproves, clock, ...modals });
  let ownTeam: string | undefined;
  const checkApprover = createApproverCheck({
    permissions,
    readUser: async (user) => (await clients.lookups.users.info({ user })).user,
    async teamId() {
      ownTeam ??= (await clients.lookups.auth.test()).team_id;
      if (ownTeam === undefined) throw new Error('Slack does not say in which workspace the bot is.');
      return ownTeam;
    },
    onError,
  });

  const autopilotLiveMessage = createLiveMessageEditor<ShownAutopilot>({
    edit: progress.edit,
    idOf: ({ record }) => record.id,
    findLocation,
    render: renderAutopilot(clock),
    clock,
    intervalMs: settings.messageEditMs,
    onError: (error) => logger.debug({ err: error }, 'the message of the autopilot was not edited'),
  });
  const autopilotThread = createAutopilotThread({
    liveMessage: autopilotLiveMessage,
    alerts,
    chat: answers,
    tables,
    runs,
    auditHead: async () => {
      for await (const entry of audit.entries({ newestFirst: true, limit: 1 })) return entry.hash;
      return undefined;
    },
    whoApproves,
    clock,
    onError,
  });
  const files = createFileUpload(clients.files, settings.slackBotToken, clock);

  const links = createRunLinks({ runs, chat: answers, onError });
  const requests = createRunRequests({ runs: { ...runs, resume: starts.resume }, liveMessage, links });
  const status = { runs, links, permissions };
  const planning = { runs, starts, chat: answers, links, clock };
  const announce = async (channel: string, message: Message) => void (await answers.post(channel, message));
  const deployForms = createDeployForms({
    deploys,
    announce,
    download: (url) => downloadFile(url, settings.slackBotToken),
    ...modals,
  });
  const resultFiles = createResultFiles({ results, files });
  const resultRequests = createResultRequests({
    results,
    diagnoses,
    announce,
    files: resultFiles,
    planning,
    pace,
    clock,
  });
  const putBack = createRestoreRowsForm({ results, askApproval: forms.ask, ...modals });
  const logs = createLogRequests({ findLines: functionLog.findLines, results, chat: answers, files, clock });
  const following = createLogFollower({
    followLines: functionLog.followLines,
    stops: functionLog.followStops,
    chat: answers,
    clock,
    refusalOf: logRefusal,
    onError,
  });
  const runFollowUps = createRunFollowUps({
    results,
    diagnoses,
    files: resultFiles,
    runs,
    chat: answers,
    ...afterwards,
    clock,
    random,
    onError,
  });
  const checklistPorts = { checklist, permissions, clock, autopilot, checkApprover };
  const stepPorts = { steps, announce, sampleImages: settings.sampleImages };
  const home = createHome({
    gather: () => gatherHome({ runs, tables, rescans, chat: answers, onError }),
    async draw(person, facts) {
      const { ok: mayAct } = await permissions.check(person, 'operator');
      return homeView({ ...facts, mayAct }, clock.now());
    },
    async publish(person, view) {
      await clients.home.views.publish({ user_id: person, view: viewWithinLimits(view) });
    },
    clock,
    everyMs: HOME_EVERY_MS,
    onError,
  });
  const intake = createIntake({
    commands: commandTable({
      runs,
      planning,
      status,
      requests,
      table: { tables, forms, clock },
      checklist: checklistPorts,
      steps: stepPorts,
      deploys: deployForms,
      autopilot: { autopilot, chat: answers },
      audit: { audit, exportAudit: (requester) => exportAudit(requester, { audit, files }) },
      results: {
        requests: resultRequests,
        files: resultFiles,
        exportAudit: (requester) => exportAudit(requester, { audit, files }),
        putBack,
        async threadIn(channel, runId) {
          const id = runId ?? (await runs.current())?.runId;
          const shown = id === undefined ? undefined : await findRunLocation(id);
          return shown?.channel === channel && shown.ts !== undefined ? { channel, threadTs: shown.ts } : undefined;
        },
      },
      logs,
      following,
      pace,
    }),
    actions: actionTable({
      runs,
      starts,
      autopilot,
      begin: stepStarters({ tables, forms, planning, pace, stepPorts, deploys: deployForms, results: resultRequests }),
      requests,
      status,
      liveMessage,
      chat: answers,
      links,
      tables,
      checkApprover,
      whoApproves,
      results: resultRequests,
      resultFiles,
      putBack,
      forms,
      following,
      onError,
      openView: async (triggerId, view) => void (await modals.openView(triggerId, view)),
    }),
    views: formTable(planning, forms, deployForms, putBack),
    permissions,
    presence,
    channels: settings.slackChannels,
    seen: createDeduplicator(clock),
    clock,
    onDefect(error, doing) {
      const ref = Math.floor(random() * 0x1_0000_0000)
        .toString(16)
        .padStart(8, '0');
      logger.error({ err: error, ref, doing }, 'an error nobody foresaw');
      return ref;
    },
    audit: audit.enqueue,
  });

  const { track, drain } = createDrain(clock, onError);
  const receiver = createReceiver(settings, { clock, random, logger, closing: closing.signal });
  const app = new App({
    token: settings.slackBotToken,
    receiver,
    // Else a bad token is an unhandled rejection and not an error of start().
    deferInitialization: true,
    logger: slackLogger(logger),
    clientOptions: clientOptions(settings, logger, 10_000),
  });
  app.error(async (error) => logger.error({ err: error }, 'an envelope was not handled'));
  listen(app, { intake, chat: answers, logger, track, home, homeChannel: settings.slackChannels[0] ?? '' });

  let stopCron = () => {};
  let stopWatching = () => {};

  return {
    async start() {
      // Before anything can run: no event is missed.
      const stopRuns = runs.watch((event) => thread.handle(event));
      const stopRunFollowUps = runs.watch((event) => runFollowUps.handle(event));
      const stopTables = tables.watch((event) => tableThread.handle(event));
      const stopAutopilot = autopilot.watch((event) => autopilotThread.handle(event));
      const stopDeploys = deploys.watch((end) => deployForms.hearLateEnd(end));
      const stopHome = [
        runs.watch(() => home.changed()),
        tables.watch(() => home.changed()),
        autopilot.watch(() => home.changed()),
        rescans.watchChecklist(() => home.changed()),
      ];
      stopWatching = () => {
        for (const end of [stopRuns, stopRunFollowUps, stopTables, stopAutopilot, stopDeploys, ...stopHome]) end();
      };
      await connectOrTryOn(app, { clock, closing: closing.signal, onError });
      alerts.start();
      runFollowUps.start();
      void describeUnusableChannels(settings.slackChannels, presence).then((lines) => {
        for (const line of lines) logger.error(line);
      });
      const task = schedule(settings.progressCron, () => thread.postProgress(), { noOverlap: true });
      stopCron = () => void task.destroy();
      // What was not shown when the last process ended.
      const run = await runs.current().catch((error: unknown) => onError(error, 'the last run cannot be read'));
      if (run && run.state.kind !== 'running') liveMessage.show(run);
    },

    async stop() {
      stopCron();
      void track(following.close());
      stopWatching();
      await drain(
        () => app.stop(),
        () =>
          Promise.all([
            alerts.idle(),
            liveMessage.idle(),
            jobMessage.idle(),
            autopilotLiveMessage.idle(),
            runFollowUps.idle(),
          ]),
      );
      closing.abort();
      alerts.close();
      runFollowUps.close();
      liveMessage.close();
      jobMessage.close();
      autopilotLiveMessage.close();
      home.close();
    },
  };
}
