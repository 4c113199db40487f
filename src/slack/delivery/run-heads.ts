import { isOpen } from '../../run/model/run.ts';
import type { RunControl, RunLocation } from '../../run/model/run-control.ts';
import { type Chat, postOnce } from '../client/chat.ts';
import { runMessage } from '../messages/run/run-message.ts';

/** Gives an open run a live message when it has none, or when the old one, the first message of its thread, was deleted. */
export interface RunHeads {
  /**
   * Posts a new live message in place of the deleted message `goneTs` and stores its location; without `goneTs`, of a run that has
   * none. Calls for the same message post one. Returns where the live message is now; undefined if the run has ended, because then
   * nothing is shown in it any more. @throws what Slack's client or the control table throws
   */
  renew(runId: string, goneTs?: string): Promise<RunLocation | undefined>;
}

/** The key of the first message of a run. A plan whose post got no answer becomes the live message of its run. */
export const firstHeadKey = (runId: string): string => `${runId} head`;

export function createRunHeads(ports: {
  runs: Pick<RunControl, 'location' | 'read' | 'setLocation'>;
  chat: Pick<Chat, 'post'>;
}): RunHeads {
  const { runs, chat } = ports;
  const renewing = new Map<string, Promise<RunLocation | undefined>>();
  /** Posted, although their location may not be stored yet: none is posted twice. By the key of the post. */
  const posted = new Map<string, RunLocation>();

  async function renewNow(runId: string, goneTs?: string): Promise<RunLocation | undefined> {
    const location = await runs.location(runId);
    if (!location || location.ts !== goneTs) return location;
    const run = await runs.read(runId);
    if (!run || !isOpen(run.state)) return undefined;
    const { channel } = location;
    const key = goneTs === undefined ? firstHeadKey(runId) : `${runId} head ${goneTs}`;
    const head = posted.get(key) ?? { channel, ts: await postOnce(chat, channel, runMessage(run), key) };
    posted.set(key, head);
    await runs.setLocation(runId, head);
    posted.delete(key);
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
