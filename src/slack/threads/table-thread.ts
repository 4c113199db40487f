import type { JobProgress, TableEvent, TableJob } from '../../checklist/contracts/table-control.ts';
import type { Chat } from '../client/chat.ts';
import type { AlertDelivery } from '../delivery/alert-delivery.ts';
import type { LiveMessageEditor } from '../delivery/live-message-editor.ts';
import type { JobLocations } from '../delivery/message-locations.ts';
import { type Message, say } from '../messages/kit/message.ts';
import { approvalMessage, type WhoApproves } from '../messages/table/approval-message.ts';
import { brokenOffMessage, finishedMessage, jobMessage, resumedJobMessage } from '../messages/table/table-messages.ts';
import { jobName } from '../messages/table/table-text.ts';

/** A job as its message shows it: under way, or over. */
export interface ShownJob {
  readonly job: TableJob;
  readonly progress?: JobProgress;
  readonly isOver: boolean;
}

export const renderJob = ({ job, progress, isOver }: ShownJob): Message =>
  isOver ? say(`${jobName(job)} is over: how it ended stands below.`) : jobMessage(job, progress);

/** Where jobs on the table show themselves: a message of their own that moves, and their end in the channel. */
export interface TableThread {
  handle(event: TableEvent): Promise<void>;
}

export function createTableThread(ports: {
  liveMessages: Pick<LiveMessageEditor<ShownJob>, 'show'>;
  alerts: Pick<AlertDelivery, 'put'>;
  chat: Pick<Chat, 'post' | 'edit'>;
  /** Where the live messages of jobs are: this thread adds those that it posts. */
  locations: Pick<JobLocations, 'add'>;
  whoApproves: WhoApproves;
  onError: (error: unknown, message: string) => void;
}): TableThread {
  const { liveMessages, alerts, chat, onError } = ports;

  /** The end of a job must be heard: it goes on record before anything else. */
  async function end(job: TableJob, message: Message): Promise<void> {
    await alerts.put(job.id, { to: 'channel', message });
    liveMessages.show({ job, isOver: true });
  }

  /** Under the request that was approved, or (a backup) in the channel itself. Work does not wait for it. */
  async function begin(job: TableJob, message: Message): Promise<void> {
    const { channel, ts } = job.location;
    try {
      const posted = await chat.post(channel, message, ts === undefined ? undefined : { ts, broadcast: false });
      ports.locations.add(job.id, { channel, ts: posted });
    } catch (error) {
      onError(error, 'the beginning of a job was not shown');
    }
  }

  return {
    async handle(event) {
      switch (event.kind) {
        case 'started':
          return begin(event.job, jobMessage(event.job));
        case 'resumed':
          await alerts.put(event.job.id, { to: 'thread', message: resumedJobMessage(event.job) });
          return begin(event.job, jobMessage(event.job));
        case 'progress':
          return liveMessages.show({ job: event.job, progress: event.progress, isOver: false });
        case 'finished':
          return end(event.job, finishedMessage(event.job, event.result, event.elapsedMs));
        case 'stopped':
        case 'failed':
          return end(event.job, brokenOffMessage(event));
        case 'approval-changed': {
          const { channel, ts } = event.approval;
          if (ts === undefined) return;
          await chat
            .edit({ channel, ts }, approvalMessage(event.approval, ports.whoApproves))
            .catch((error: unknown) => onError(error, 'an approval was not edited'));
        }
      }
    },
  };
}
