import { schedule } from 'node-cron';
import { createSingleFlight } from '../../lib/async/single-flight.ts';
import { isOpen } from '../../run/model/run.ts';
import type { RunControl } from '../../run/model/run-control.ts';
import type { RunEvent, RunSnapshot } from '../../run/model/types.ts';
import { type Chat, postInThreadOrChannel } from '../client/chat.ts';
import type { AlertDelivery } from '../delivery/alert-delivery.ts';
import { UNWRITTEN_STATE } from '../delivery/expired-buttons.ts';
import type { LiveMessageEditor } from '../delivery/live-message-editor.ts';
import type { FindLocation } from '../delivery/message-locations.ts';
import type { RunHeads } from '../delivery/run-heads.ts';
import { alertOf, endOfEarlyAlert } from '../messages/run/alerts.ts';
import { progressPost } from '../messages/run/run-message.ts';
import { runNotice } from '../notifications/run-notice.ts';

/** Shows the runs in Slack: in their live message, in its thread, and in the channel. */
export interface RunThread {
  /** Shows an event. Returns at once, except for an event with an alert: then it resolves when the alert is stored. */
  handle(event: RunEvent): Promise<void> | undefined;
  /**
   * Posts the progress of the run that this process drives into its thread, unless an earlier post is still on its way. A
   * post that Slack does not accept is dropped. Returns at once.
   */
  postProgress(): void;
  /** Shows the last state of a run that ended while no process could show it. Never throws. */
  showLastRun(): Promise<void>;
}

/** The state that the buttons of an alert belong to; none for a run that has ended, whose buttons keep their meaning. */
function buttonState(event: RunEvent): { during?: string } {
  const { state } = event.snapshot;
  if (!isOpen(state)) return {};
  return { during: 'unwritten' in event && event.unwritten ? UNWRITTEN_STATE : state.kind };
}

const HEAD_NOT_RENEWED = 'The message of a run was deleted, and no new one could be posted yet.';

export function createRunThread(ports: {
  liveMessages: Pick<LiveMessageEditor<RunSnapshot>, 'show'>;
  alerts: Pick<AlertDelivery, 'put'>;
  chat: Pick<Chat, 'post'>;
  runs: Pick<RunControl, 'current'>;
  findLocation: FindLocation;
  heads: RunHeads;
  /** Whether an interrupted run continues without a person. */
  autoResume: boolean;
  /** Whether this process has the lease of runs. */
  drivesRuns: () => boolean;
  onError: (error: unknown, message: string) => void;
}): RunThread {
  const { liveMessages, autoResume, onError } = ports;
  /** The run that this process drives, in the last state that it reported. */
  let running: RunSnapshot | undefined;

  async function postProgressOf(run: RunSnapshot): Promise<void> {
    try {
      const location = await ports.findLocation(run.runId);
      if (location?.ts === undefined) return;
      const { channel, ts } = location;
      await postInThreadOrChannel(
        (thread) => ports.chat.post(channel, progressPost(run), thread),
        { ts, broadcast: false },
        () => void ports.heads.renew(run.runId, ts).catch((error: unknown) => onError(error, HEAD_NOT_RENEWED)),
      );
    } catch (error) {
      onError(error, 'A progress post was dropped.');
    }
  }
  const posting = createSingleFlight(async () => {
    if (running && !running.draining && ports.drivesRuns()) await postProgressOf(running);
  });

  return {
    handle(event) {
      const { snapshot } = event;
      if (snapshot.state.kind === 'running') running = snapshot;
      else if (running?.runId === snapshot.runId) running = undefined;
      liveMessages.show(snapshot);
      const options = { resumesByItself: autoResume };
      const shown = alertOf(event, options);
      if (!shown) return undefined;
      const notify = runNotice(event, shown);
      const alert = { ...shown, ...(notify && { notify }) };
      const { runId } = snapshot;
      // The early alert is edited in any case, so its buttons need no record of their own.
      const stored = [ports.alerts.put(runId, alert.isEarly ? alert : { ...alert, ...buttonState(event) })];
      const end = endOfEarlyAlert(event, options);
      if (end) stored.push(ports.alerts.put(runId, { to: 'early', message: end }));
      return Promise.all(stored).then(() => {});
    },
    postProgress: posting.start,
    async showLastRun() {
      try {
        const run = await ports.runs.current();
        if (run && run.state.kind !== 'running') liveMessages.show(run);
      } catch (error) {
        onError(error, 'The last run cannot be read.');
      }
    },
  };
}

/** Calls `post` at the times of the cron expression, in the time zone of the process. Returns the function that ends it. */
export function scheduleProgress(cronExpression: string, post: () => void): () => void {
  const task = schedule(cronExpression, () => post());
  return () => void task.destroy();
}
