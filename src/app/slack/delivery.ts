import { isOpen } from '../../run/model/run.ts';
import type { RunSnapshot } from '../../run/model/types.ts';
import { postOnce } from '../../slack/client/chat.ts';
import { createAlertDelivery } from '../../slack/delivery/alert-delivery.ts';
import { createExpiredButtons } from '../../slack/delivery/expired-buttons.ts';
import { createLiveMessageEditor } from '../../slack/delivery/live-message-editor.ts';
import { createMessageLinks } from '../../slack/delivery/message-links.ts';
import {
  createDeletionCheck,
  createJobLocations,
  createLocationFinder,
  createRunLocationFinder,
  createStarterFinder,
  type FindLocation,
} from '../../slack/delivery/message-locations.ts';
import { createRunHeads } from '../../slack/delivery/run-heads.ts';
import { runMessage } from '../../slack/messages/run/run-message.ts';
import { buttonStateOf, renderAutopilot, type ShownAutopilot } from '../../slack/threads/autopilot-thread.ts';
import { renderJob, type ShownJob } from '../../slack/threads/table-thread.ts';
import type { ClientParts } from './clients.ts';
import { assembleAddress } from './notifications.ts';
import type { SlackPorts } from './ports.ts';

/** Where messages are, the live messages, and the alerts. */
export function assembleDelivery(ports: SlackPorts, clients: ClientParts) {
  const { answers, progress, alerts } = clients;
  const { settings, runs, tables, autopilot, outbox, clock, random, logger, onError } = ports;
  const findRunLocation = createRunLocationFinder(runs);
  const jobLocations = createJobLocations();
  const findWork = createLocationFinder({ findRun: findRunLocation, autopilot, tables, jobs: jobLocations });
  const findLocation: FindLocation = async (id) => {
    if (!id.startsWith('sc-')) return findWork(id);
    const channel = await ports.schedules.channelOf(id);
    return channel === undefined || !ports.channels().includes(channel) ? undefined : { channel };
  };
  const editing = {
    edit: progress.edit,
    clock,
    intervalMs: settings.messageEditMs,
    onError: (error: unknown) => logger.debug({ err: error }, 'A live message was not edited.'),
  };
  const buttons = createExpiredButtons({
    messages: ports.buttonMessages,
    async stateOf(id) {
      if (id.startsWith('ap-')) {
        const active = await autopilot.current();
        return active?.id === id ? buttonStateOf(active) : undefined;
      }
      const run = await runs.read(id);
      return run && { state: run.state.kind, isOpen: isOpen(run.state) };
    },
    chat: progress,
    clock,
    random,
    onError,
  });
  const heads = createRunHeads({ runs, chat: answers });
  return {
    buttons,
    heads,
    isDeleted: createDeletionCheck(answers),
    findRunLocation,
    jobLocations,
    links: createMessageLinks({ runs, chat: answers, onError }),
    alerts: createAlertDelivery({
      outbox,
      chat: alerts,
      findLocation,
      channels: settings.slackChannels,
      findStarter: createStarterFinder({ runs, autopilot, tables, onError }),
      clock,
      random,
      takeOverAfterMs: settings.leaseMs,
      buttons,
      early: ports.earlyAlerts,
      address: assembleAddress(ports, clients),
      onThreadGone(id, threadTs) {
        if (!id.startsWith('r-')) return;
        heads
          .renew(id, threadTs)
          .catch((error: unknown) => onError(error, `The message of ${id} was not posted again.`));
      },
      onError,
    }),
    runMessages: createLiveMessageEditor<RunSnapshot>({
      ...editing,
      idOf: ({ runId }) => runId,
      findLocation: findRunLocation,
      render: (run) => runMessage(run),
      isCurrent: (run) => run.state.kind !== 'running' || ports.drivesRuns(),
      onMissing: ({ runId }) => heads.renew(runId),
      onDeleted: ({ runId }, { ts }) => heads.renew(runId, ts),
    }),
    jobMessages: createLiveMessageEditor<ShownJob>({
      ...editing,
      idOf: ({ job }) => job.id,
      findLocation: async (jobId) => jobLocations.find(jobId),
      render: renderJob,
      async onDeleted({ job, ended }, { channel, ts }, message) {
        // The end of a job is in a message of its own.
        if (ended) return;
        const posted = { channel, ts: await postOnce(answers, channel, message, `${job.id} head ${ts}`) };
        jobLocations.add(job.id, posted);
        await tables.setLiveMessage(job.id, posted);
      },
    }),
    autopilotMessages: createLiveMessageEditor<ShownAutopilot>({
      ...editing,
      idOf: ({ record }) => record.id,
      findLocation,
      render: renderAutopilot(clock),
      async onDeleted({ record }, { channel, ts }, message) {
        if (record.state !== 'running') return;
        const posted = await postOnce(answers, channel, message, `${record.id} head ${ts}`);
        await autopilot.setLocation(record.id, { channel, ts: posted });
      },
    }),
  };
}
export type DeliveryParts = ReturnType<typeof assembleDelivery>;
