import type { Approval } from '../../approvals/approval.ts';
import type { JobProgress, TableControl, TableEvent, TableJob } from '../../checklist/contracts/table-control.ts';
import { nameOfFault } from '../../pipeline/fault.ts';
import { type Chat, type MessageLocation, onceIdOf, postInThreadOrChannel } from '../client/chat.ts';
import type { AlertDelivery } from '../delivery/alert-delivery.ts';
import type { LiveMessageEditor } from '../delivery/live-message-editor.ts';
import type { JobLocations } from '../delivery/message-locations.ts';
import { type Message, say } from '../messages/kit/message.ts';
import { approvalMessage, requestEndedMessage, type WhoApproves } from '../messages/table/approval-message.ts';
import {
  brokenOffMessage,
  finishedMessage,
  functionMessage,
  interruptedMessage,
  jobMessage,
  resumedJobMessage,
  startedJobMessage,
  unsettledMessage,
} from '../messages/table/table-messages.ts';
import { deniedNotice, type NotifyEvent } from '../notifications/targets.ts';
import { postApproval } from '../requests/show-approval.ts';

/** A job as its live message shows it. */
export interface ShownJob {
  readonly job: TableJob;
  readonly progress?: JobProgress;
  /** How it ended: its first line is shown, the details are in a message of their own. */
  readonly ended?: Message;
}

export const renderJob = ({ job, progress, ended }: ShownJob): Message =>
  ended ? say(firstLine(ended)) : jobMessage(job, progress);

const firstLine = ({ text }: Message): string => text.split('\n')[0] ?? '';

/** Shows table jobs: a live message for each, and how it ended in the channel. */
export interface TableThread {
  /** @throws where an interrupted job could not be shown; everything else that Slack refuses is logged or retried. */
  handle(event: TableEvent): Promise<void>;
}

export function createTableThread(ports: {
  liveMessages: Pick<LiveMessageEditor<ShownJob>, 'show'>;
  alerts: Pick<AlertDelivery, 'put'>;
  chat: Pick<Chat, 'post' | 'edit'>;
  tables: Pick<TableControl, 'setLiveMessage' | 'setMessage' | 'approval'>;
  /** Where the live messages of jobs are: this thread adds those that it posts. */
  locations: Pick<JobLocations, 'add' | 'find'>;
  whoApproves: WhoApproves;
  onError: (error: unknown, message: string) => void;
}): TableThread {
  const { liveMessages, alerts, chat, onError } = ports;
  const beginnings = new Map<string, Promise<void>>();
  /** The last progress of each job, for a message that is posted later. */
  const latest = new Map<string, ShownJob>();

  /** Stores the end of a job for delivery before anything else: the channel must hear it. */
  async function end(job: TableJob, message: Message, event?: NotifyEvent, sign = ''): Promise<void> {
    // First, so that the alert finds the message of a backup, which has no request.
    if (job.liveMessage) ports.locations.add(job.id, job.liveMessage);
    const notify = event && { notify: { event, starters: [job.by] } };
    // A copy of the bot that finds the stored end before this process has forgotten the job reports it, too.
    await alerts.put(job.id, { to: 'channel', message, once: 'end', ...notify });
    const ended = say(`${sign}${firstLine(message)}`);
    const at = ports.locations.find(job.id);
    // Stored, so that the message does not show a job in progress for ever if this process dies now.
    if (at) await alerts.put(job.id, { to: 'edit', at, message: ended });
    // After the edits of its progress, which may still be on their way.
    const show = () => liveMessages.show({ job, ended });
    void (beginnings.get(job.id) ?? Promise.resolve()).then(show);
    beginnings.delete(job.id);
    latest.delete(job.id);
  }

  /** Shows the job in its message of before, or posts one. The job does not wait for Slack. */
  function begin(job: TableJob): void {
    const { channel, ts } = job.location;
    const showIn = (message: MessageLocation) => ports.locations.add(job.id, message);
    if (job.liveMessage) return showIn(job.liveMessage);
    const post = async () => {
      const thread = ts === undefined ? undefined : { ts, broadcast: false };
      // True for ever: if this process dies before it has stored where the message is, nobody can edit it.
      const onceId = onceIdOf(`${job.id} head`, channel);
      const postIn = (target: typeof thread) => chat.post(channel, startedJobMessage(job), target, onceId);
      const posted = { channel, ts: await postInThreadOrChannel(postIn, thread) };
      await ports.tables.setLiveMessage(job.id, posted);
      showIn(posted);
      // Unless it has ended meanwhile.
      if (beginnings.has(job.id)) liveMessages.show(latest.get(job.id) ?? { job });
    };
    beginnings.set(
      job.id,
      post().catch((error: unknown) => onError(error, 'the live message of a job was not posted')),
    );
  }

  async function editRequest(approval: Approval): Promise<void> {
    const { channel, ts } = approval;
    if (ts !== undefined) await chat.edit({ channel, ts }, approvalMessage(approval, ports.whoApproves));
  }

  async function showDecision(approval: Approval): Promise<void> {
    const message = requestEndedMessage(approval);
    if (message) await alerts.put(approval.id, { to: 'thread', message, ...deniedNotice(approval) });
    await editRequest(approval).catch((error: unknown) => onError(error, 'an approval message was not edited'));
  }

  return {
    async handle(event) {
      switch (event.kind) {
        case 'started':
          return begin(event.job);
        case 'resumed':
          await alerts.put(event.job.id, { to: 'thread', message: resumedJobMessage(event.job) });
          return begin(event.job);
        case 'progress': {
          const { job, progress } = event;
          latest.set(job.id, { job, progress });
          return liveMessages.show({ job, progress });
        }
        case 'finished':
          return end(
            event.job,
            finishedMessage(event.job, event.result, event.elapsedMs),
            'finished',
            ':white_check_mark: ',
          );
        case 'stopped':
          return end(event.job, brokenOffMessage(event));
        case 'failed':
          return end(event.job, brokenOffMessage(event), 'fault');
        case 'interrupted': {
          const { job, next } = event;
          // First, and it may throw: the event then comes again. A request with a message was posted before.
          if (next.ok && next.value.ts === undefined) await postApproval(next.value, ports);
          return end(job, interruptedMessage(event), 'fault');
        }
        case 'unsettled': {
          const { job, fault } = event;
          const notify = { event: 'fault', starters: [job.by] } as const;
          // Each copy of the bot finds it.
          const once = `unsettled ${nameOfFault(fault)}`;
          return alerts.put(job.id, { to: 'channel', message: unsettledMessage(event), once, notify });
        }
        case 'function-released':
          return alerts.put(event.released.functionName, { to: 'channel', message: functionMessage(event) });
        case 'function-not-released':
          return alerts.put(event.functionName, { to: 'channel', message: functionMessage(event) });
        case 'approval-changed':
          return showDecision(event.approval);
        case 'request-outdated': {
          const { id, channel, ts } = event.approval;
          if (ts === undefined) return;
          const message = approvalMessage(event.approval, ports.whoApproves);
          return alerts.put(id, { to: 'edit', at: { channel, ts }, message });
        }
      }
    },
  };
}
