import { App } from '@slack/bolt';
import { schedule } from 'node-cron';
import type { TableControl } from '../checklist/contracts/table-control.ts';
import type { Clock, Random } from '../lib/clock.ts';
import type { Logger } from '../lib/log.ts';
import type { RunControl } from '../run/model/run-control.ts';
import type { PaceWish, RunSnapshot } from '../run/model/types.ts';
import type { Config } from '../settings.ts';
import { actionTable } from '../slack/actions/table.ts';
import { createChat, patientChat } from '../slack/client/chat.ts';
import { clientOptions, createClients, slackLogger } from '../slack/client/clients.ts';
import { connectOrTryOn } from '../slack/client/connect.ts';
import { createDrain } from '../slack/client/drain.ts';
import { downloadFile } from '../slack/client/file-download.ts';
import { createFileUpload } from '../slack/client/file-upload.ts';
import { createReceiver } from '../slack/client/socket.ts';
import { commandTable } from '../slack/commands/table.ts';
import { createAlertDelivery } from '../slack/delivery/alert-delivery.ts';
import { createBoard } from '../slack/delivery/live-message.ts';
import { placesById, rememberPlaces } from '../slack/delivery/message-locations.ts';
import { postWithPictures } from '../slack/delivery/pictures.ts';
import { createRunLinks } from '../slack/delivery/run-links.ts';
import { createDeployForms } from '../slack/forms/deploy-forms.ts';
import { createModals } from '../slack/forms/modals.ts';
import { createPutBackForm } from '../slack/forms/restore-rows-form.ts';
import { viewTable } from '../slack/forms/table.ts';
import { createTableForms } from '../slack/forms/table-forms.ts';
import { gatherHome } from '../slack/home/gather-home.ts';
import { createHome } from '../slack/home/home.ts';
import { homeView } from '../slack/home/home-view.ts';
import { createStanding } from '../slack/intake/approver-check.ts';
import { createPresenceCheck, silentChannels } from '../slack/intake/channel-membership.ts';
import { createSeen } from '../slack/intake/deduplicate.ts';
import { createIntake } from '../slack/intake/dispatch.ts';
import { listen } from '../slack/intake/listen.ts';
import { createPermissions } from '../slack/intake/permissions.ts';
import type { Message } from '../slack/messages/kit/message.ts';
import { viewWithinLimits } from '../slack/messages/kit/view-limits.ts';
import { runMessage } from '../slack/messages/run/run-message.ts';
import { beginSteps } from '../slack/requests/begin-steps.ts';
import { exportAudit } from '../slack/requests/export-audit.ts';
import { createLogDeeds, logRefusal } from '../slack/requests/log-requests.ts';
import { createResultFiles } from '../slack/requests/result-files.ts';
import { createResultDeeds } from '../slack/requests/result-requests.ts';
import { createRunDeeds } from '../slack/requests/run-requests.ts';
import { createAutopilotThread, renderAutopilot, type ShownAutopilot } from '../slack/threads/autopilot-thread.ts';
import { createLogFollowing } from '../slack/threads/log-follow.ts';
import { createRunAftermath } from '../slack/threads/run-follow-ups.ts';
import { createRunThread } from '../slack/threads/run-thread.ts';
import { createTableThread, renderJob, type ShownJob, type TableThread } from '../slack/threads/table-thread.ts';
import type { Errands } from '../state/follow-ups.ts';
import type { Lease } from '../state/lease.ts';
import type { Outbox } from '../state/outbox.ts';
import type { Rescans } from './checklist.ts';

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
  config: Config;
  runs: RunControl;
  tables: TableControl;
  rescans: Omit<Rescans, 'tables'>;
  /** The pace where none is said. */
  pace: PaceWish;
  outbox: Outbox;
  /** What is to be told after a run, and the right to tell it. */
  afterwards: { readonly errands: Errands; readonly lease: Lease };
  clock: Clock;
  random: Random;
  logger: Logger;
}): SlackApp {
  const { config, runs, tables, rescans, pace, outbox, afterwards, clock, random } = ports;
  const { checklist, starts, steps, deploys, autopilot, audit, results, diagnoses, functionLog } = rescans;
  const logger = ports.logger.child({ room: 'slack' });
  const onTrouble = (error: unknown, message: string) => logger.warn({ err: error }, message);
  const closing = new AbortController();

  const clients = createClients(config, logger);
  const answers = patientChat(createChat(clients.answers), clock);
  const progress = createChat(clients.progress);
  const runPlaceOf = rememberPlaces(runs);
  const placeOf = placesById({ runPlaceOf, autopilot, tables, jobPlaceOf: (id) => tableThread.placeOf(id) });

  const permissions = createPermissions({
    operators: config.OPERATORS,
    approvers: config.APPROVERS,
    clock,
    async membersOf(group) {
      const reply = await clients.lookups.usergroups.users.list({ usergroup: group });
      return reply.users ?? [];
    },
  });
  const presence = createPresenceCheck({
    readChannel: async (channel) => (await clients.lookups.conversations.info({ channel })).channel,
    clock,
    onTrouble,
  });
  const board = createBoard<RunSnapshot>({
    edit: progress.edit,
    placeOf,
    render: (run) => runMessage(run),
    clock,
    everyMs: config.MESSAGE_EDIT_SECONDS,
    onTrouble: (error) => logger.debug({ err: error }, 'the message of a run was not edited'),
  });
  const alerts = createAlertDelivery({
    outbox,
    chat: createChat(clients.alerts),
    placeOf,
    homeChannel: config.SLACK_CHANNELS[0] ?? '',
    clock,
    random,
    strangeAfterMs: config.LEASE_SECONDS,
    onTrouble,
  });
  const thread = createRunThread({
    board,
    alerts,
    chat: progress,
    runs,
    goesOnByItself: config.AUTO_RESUME,
    onTrouble,
  });

  const jobBoard = createBoard<ShownJob>({
    edit: progress.edit,
    placeOf: async (jobId) => tableThread.placeOf(jobId),
    render: renderJob,
    clock,
    everyMs: config.MESSAGE_EDIT_SECONDS,
    onTrouble: (error) => logger.debug({ err: error }, 'the message of a job was not edited'),
  });
  const whoApproves = { policy: config.APPROVAL_POLICY, approvers: config.APPROVERS };
  const tableThread: TableThread = createTableThread({
    board: jobBoard,
    alerts,
    chat: answers,
    whoApproves,
    onTrouble,
  });
  const modals = createModals(clients.views);
  const forms = createTableForms({ tables, chat: answers, whoApproves, clock, ...modals });
  let ownTeam: string | undefined;
  const standingOf = createStanding({
    permissions,
    readUser: async (user) => (await clients.lookups.users.info({ user })).user,
    async teamId() {
      ownTeam ??= (await clients.lookups.auth.test()).team_id;
      if (ownTeam === undefined) throw new Error('Slack does not say in which workspace the bot is.');
      return ownTeam;
    },
    onTrouble,
  });

  const pilotBoard = createBoard<ShownAutopilot>({
    edit: progress.edit,
    placeOf,
    render: renderAutopilot(clock),
    clock,
    everyMs: config.MESSAGE_EDIT_SECONDS,
    onTrouble: (error) => logger.debug({ err: error }, 'the message of the autopilot was not edited'),
  });
  const pilotThread = createAutopilotThread({
    board: pilotBoard,
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
    onTrouble,
  });
  const files = createFileUpload(clients.files, config.SLACK_BOT_TOKEN, clock);

  const links = createRunLinks({ runs, chat: answers, onTrouble });
  const deeds = createRunDeeds({ runs: { ...runs, resume: starts.resume }, board, links });
  const status = { runs, links, permissions };
  const planning = { runs, starts, chat: answers, links, clock };
  const announce = async (channel: string, message: Message) => void (await answers.post(channel, message));
  const deployForms = createDeployForms({
    deploys,
    announce,
    download: (url) => downloadFile(url, config.SLACK_BOT_TOKEN),
    ...modals,
  });
  const resultFiles = createResultFiles({ results, files });
  const post = postWithPictures({ chat: answers, files, onTrouble });
  const resultDeeds = createResultDeeds({
    results,
    diagnoses,
    announce,
    post,
    files: resultFiles,
    planning,
    pace,
    clock,
  });
  const putBack = createPutBackForm({ results, askApproval: forms.ask, ...modals });
  const logs = createLogDeeds({ findLines: functionLog.findLines, results, chat: answers, files, clock });
  const following = createLogFollowing({
    followLines: functionLog.followLines,
    stops: functionLog.followStops,
    chat: answers,
    clock,
    refusalOf: logRefusal,
    onTrouble,
  });
  const aftermath = createRunAftermath({
    results,
    diagnoses,
    files: resultFiles,
    runs,
    post,
    afterwards,
    clock,
    random,
    onTrouble,
  });
  const checklistPorts = { checklist, permissions, clock, autopilot, standingOf };
  const stepPorts = { steps, announce, sampleImages: config.SAMPLE_IMAGES };
  const home = createHome({
    gather: () => gatherHome({ runs, tables, rescans, chat: answers, onTrouble }),
    async draw(person, facts) {
      const { ok: mayAct } = await permissions.may(person, 'operator');
      return homeView({ ...facts, mayAct }, clock.now());
    },
    async publish(person, view) {
      await clients.home.views.publish({ user_id: person, view: viewWithinLimits(view) });
    },
    clock,
    everyMs: HOME_EVERY_MS,
    onTrouble,
  });
  const intake = createIntake({
    commands: commandTable({
      runs,
      planning,
      status,
      deeds,
      table: { tables, forms, clock },
      checklist: checklistPorts,
      steps: stepPorts,
      deploys: deployForms,
      autopilot: { autopilot, chat: answers },
      audit: { audit, exportAudit: (asker) => exportAudit(asker, { audit, files }) },
      results: {
        deeds: resultDeeds,
        files: resultFiles,
        exportAudit: (asker) => exportAudit(asker, { audit, files }),
        putBack,
        async threadIn(channel, runId) {
          const id = runId ?? (await runs.current())?.runId;
          const shown = id === undefined ? undefined : await runPlaceOf(id);
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
      begin: beginSteps({ tables, forms, planning, pace, stepPorts, deploys: deployForms, results: resultDeeds }),
      deeds,
      status,
      board,
      chat: answers,
      links,
      tables,
      standingOf,
      whoApproves,
      results: resultDeeds,
      resultFiles,
      putBack,
      forms,
      following,
      onTrouble,
      openView: async (triggerId, view) => void (await modals.openView(triggerId, view)),
    }),
    views: viewTable(planning, forms, deployForms, putBack),
    permissions,
    presence,
    channels: config.SLACK_CHANNELS,
    seen: createSeen(clock),
    clock,
    onDefect(error, doing) {
      const ref = Math.floor(random() * 0x1_0000_0000)
        .toString(16)
        .padStart(8, '0');
      logger.error({ err: error, ref, doing }, 'an error nobody foresaw');
      return ref;
    },
    audit: audit.note,
  });

  const { track, drain } = createDrain(clock, onTrouble);
  const receiver = createReceiver(config, { clock, random, logger, closing: closing.signal });
  const app = new App({
    token: config.SLACK_BOT_TOKEN,
    receiver,
    // Else a bad token is an unhandled rejection and not an error of start().
    deferInitialization: true,
    logger: slackLogger(logger),
    clientOptions: clientOptions(config, logger, 10_000),
  });
  app.error(async (error) => logger.error({ err: error }, 'an envelope was not handled'));
  listen(app, { intake, chat: answers, logger, track, home, homeChannel: config.SLACK_CHANNELS[0] ?? '' });

  let stopCron = () => {};
  let stopWatching = () => {};

  return {
    async start() {
      // Before anything can run: no event is missed.
      const stopRuns = runs.watch((event) => thread.hear(event));
      const stopAftermath = runs.watch((event) => aftermath.hear(event));
      const stopTables = tables.watch((event) => tableThread.hear(event));
      const stopPilot = autopilot.watch((event) => pilotThread.hear(event));
      const stopDeploys = deploys.watch((end) => deployForms.hearLateEnd(end));
      const stopHome = [
        runs.watch(() => home.changed()),
        tables.watch(() => home.changed()),
        autopilot.watch(() => home.changed()),
        rescans.watchChecklist(() => home.changed()),
      ];
      stopWatching = () => {
        for (const end of [stopRuns, stopAftermath, stopTables, stopPilot, stopDeploys, ...stopHome]) end();
      };
      await connectOrTryOn(app, { clock, closing: closing.signal, onTrouble });
      alerts.start();
      aftermath.start();
      void silentChannels(config.SLACK_CHANNELS, presence).then((lines) => {
        for (const line of lines) logger.error(line);
      });
      const task = schedule(config.PROGRESS_CRON, () => thread.postProgress(), { noOverlap: true });
      stopCron = () => void task.destroy();
      // What was not shown when the last process ended.
      const run = await runs.current().catch((error: unknown) => onTrouble(error, 'the last run cannot be read'));
      if (run && run.state.kind !== 'running') board.show(run);
    },

    async stop() {
      stopCron();
      void track(following.close());
      stopWatching();
      await drain(
        () => app.stop(),
        () => Promise.all([alerts.delivered(), board.shown(), jobBoard.shown(), pilotBoard.shown(), aftermath.over()]),
      );
      closing.abort();
      alerts.close();
      aftermath.close();
      board.close();
      jobBoard.close();
      pilotBoard.close();
      home.close();
    },
  };
}
