import type { RunControl, RunLocation } from '../../run/model/run-control.ts';
import type { RunEvent, RunSnapshot } from '../../run/model/types.ts';
import type { Chat } from '../client/chat.ts';
import type { AlertDelivery } from '../delivery/alert-delivery.ts';
import type { LiveMessageEditor } from '../delivery/live-message-editor.ts';
import { alertOf } from '../messages/run/alerts.ts';
import { progressPost } from '../messages/run/run-message.ts';

/** Where runs show themselves: their message, their thread, the channel. */
export interface RunThread {
  /** Hears the run. Returns at once but for alerts: then when they are on record. */
  handle(event: RunEvent): Promise<void> | undefined;
  /** Posts how the run stands into its thread, if it runs here. Dropped where Slack does not take it now. Never throws. */
  postProgress(): Promise<void>;
}

export function createRunThread(ports: {
  liveMessage: LiveMessageEditor<RunSnapshot>;
  alerts: Pick<AlertDelivery, 'put'>;
  chat: Pick<Chat, 'post'>;
  runs: Pick<RunControl, 'location'>;
  goesOnByItself: boolean;
  onError: (error: unknown, message: string) => void;
}): RunThread {
  /** The run that this copy drives, as it was last heard of. */
  let running: RunSnapshot | undefined;
  let isPosting = false;
  return {
    handle(event) {
      const { snapshot } = event;
      const isRunning = snapshot.state.kind === 'running';
      if (isRunning) running = snapshot;
      else if (running?.runId === snapshot.runId) running = undefined;
      ports.liveMessage.show(snapshot);
      const alert = alertOf(event, { goesOnByItself: ports.goesOnByItself });
      return alert ? ports.alerts.put(snapshot.runId, alert) : undefined;
    },
    async postProgress() {
      const run = running;
      // One that still hangs is not joined by another: the next will be newer.
      if (!run || run.draining || isPosting) return;
      isPosting = true;
      try {
        const location: RunLocation | undefined = await ports.runs.location(run.runId);
        if (location?.ts !== undefined)
          await ports.chat.post(location.channel, progressPost(run), { ts: location.ts, broadcast: false });
      } catch (error) {
        ports.onError(error, 'a progress post was dropped');
      } finally {
        isPosting = false;
      }
    },
  };
}
