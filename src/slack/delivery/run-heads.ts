import { isOpen } from '../../run/model/run.ts';
import type { RunControl, RunLocation } from '../../run/model/run-control.ts';
import { type Chat, postOnce } from '../client/chat.ts';
import { runMessage } from '../messages/run/run-message.ts';

/** Gives an open run a new live message when the old one, the first message of its thread, was deleted. */
export interface RunHeads {
  /**
   * Posts a new live message in place of the deleted message `goneTs` and stores its location. Calls for the same message
   * post one. Returns where the live message is now; undefined if the run has ended, because then nothing is shown in it
   * any more. @throws what Slack's client or the control table throws
   */
  renew(runId: string, goneTs: string): Promise<RunLocation | undefined>;
}

export function createRunHeads(ports: {
  runs: Pick<RunControl, 'location' | 'read' | 'setLocation'>;
  chat: Pick<Chat, 'post'>;
}): RunHeads {
  const { runs, chat } = ports;
  const renewing = new Map<string, Promise<RunLocation | undefined>>();
  /** Posted, although their location may not be stored yet: none is posted twice. By the ts of the deleted message. */
  const posted = new Map<string, RunLocation>();

  async function renewNow(runId: string, goneTs: string): Promise<RunLocation | undefined> {
    const location = await runs.location(runId);
    if (!location || location.ts !== goneTs) return location;
    const run = await runs.read(runId);
    if (!run || !isOpen(run.state)) return undefined;
    const { channel } = location;
    const key = `${runId} head ${goneTs}`;
    const head = posted.get(goneTs) ?? { channel, ts: await postOnce(chat, channel, runMessage(run), key) };
    posted.set(goneTs, head);
    await runs.setLocation(runId, head);
    posted.delete(goneTs);
    return head;
  }

  return {
    renew(runId, goneTs) {
      const renewal = renewing.get(runId) ?? renewNow(runId, goneTs).finally(() => renewing.delete(runId));
      renewing.set(runId, renewal);
      return renewal;
    },
  };
}
