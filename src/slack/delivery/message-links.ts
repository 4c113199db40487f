import type { StartRefusal } from '../../checklist/contracts/result-control.ts';
import type { RunControl } from '../../run/model/run-control.ts';
import type { Chat } from '../client/chat.ts';

/** Links to messages. Undefined if there is no message or the link cannot be read; no method throws. */
export interface MessageLinks {
  /** To the live message of a run. */
  toRun(runId: string): Promise<string | undefined>;
  /** To the live message of the run that a refusal is about. */
  toRunOf(refusal: StartRefusal): Promise<string | undefined>;
  to(location: { readonly channel: string; readonly ts?: string } | undefined): Promise<string | undefined>;
}

export function createMessageLinks(ports: {
  runs: Pick<RunControl, 'location'>;
  chat: Pick<Chat, 'permalink'>;
  onError: (error: unknown, message: string) => void;
}): MessageLinks {
  const links: MessageLinks = {
    async toRun(runId) {
      try {
        return await links.to(await ports.runs.location(runId));
      } catch (error) {
        ports.onError(error, `The location of the message of ${runId} cannot be read.`);
        return undefined;
      }
    },
    toRunOf: async (refusal) => ('run' in refusal && refusal.run ? links.toRun(refusal.run.runId) : undefined),
    async to(location) {
      if (location?.ts === undefined) return undefined;
      try {
        return await ports.chat.permalink({ channel: location.channel, ts: location.ts });
      } catch (error) {
        ports.onError(error, 'The link to a message cannot be read.');
        return undefined;
      }
    },
  };
  return links;
}
