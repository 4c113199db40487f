import type { StartRefusal } from '../../checklist/steps/start-control.ts';
import type { RunControl } from '../../run/model/run-control.ts';
import type { Chat } from '../client/chat.ts';

/** Links to the messages of runs. Undefined if there is none or it cannot be read; never throws. */
export interface RunLinks {
  of(runId: string): Promise<string | undefined>;
  /** Of the run that a refusal is about. */
  ofRefusal(refusal: StartRefusal): Promise<string | undefined>;
}

export function createRunLinks(ports: {
  runs: Pick<RunControl, 'location'>;
  chat: Pick<Chat, 'permalink'>;
  onError: (error: unknown, message: string) => void;
}): RunLinks {
  const links: RunLinks = {
    async of(runId) {
      try {
        const location = await ports.runs.location(runId);
        return location?.ts === undefined
          ? undefined
          : await ports.chat.permalink({ channel: location.channel, ts: location.ts });
      } catch (error) {
        ports.onError(error, `The link to the message of ${runId} cannot be read.`);
        return undefined;
      }
    },
    ofRefusal: async (refusal) => ('run' in refusal && refusal.run ? links.of(refusal.run.runId) : undefined),
  };
  return links;
}
