import type { StartControl, StartRefusal } from '../../checklist/steps/start-control.ts';
import type { Result } from '../../lib/result.ts';
import type { RunControl } from '../../run/model/run-control.ts';
import type { PaceSetting, RunSnapshot } from '../../run/model/types.ts';
import type { LiveMessageEditor } from '../delivery/live-message-editor.ts';
import type { RunLinks } from '../delivery/run-links.ts';
import type { Message } from '../messages/kit/message.ts';
import { startRefusalMessage } from '../messages/refusals/start-refusals.ts';
import { haltedMessage, pacedMessage, resumedMessage } from '../messages/run/answers.ts';

/** What commands and buttons do to the run alike. Each answers what there is to tell whoever asked. */
export interface RunRequests {
  pause(by: string): Promise<Done>;
  resume(by: string): Promise<Done>;
  stop(by: string, options: { now: boolean }): Promise<Done>;
  setPace(by: string, setting: PaceSetting | 'faster' | 'slower'): Promise<Done>;
}

export interface Done {
  readonly done: boolean;
  readonly message: Message;
}

export function createRunRequests(ports: {
  runs: Pick<RunControl, 'pause' | 'stop' | 'setPace'> & Pick<StartControl, 'resume'>;
  liveMessages: Pick<LiveMessageEditor<RunSnapshot>, 'show'>;
  links: RunLinks;
}): RunRequests {
  const { runs, liveMessages, links } = ports;
  async function told(
    answer: Result<RunSnapshot, StartRefusal>,
    message: (run: RunSnapshot) => Message,
  ): Promise<Done> {
    if (!answer.ok)
      return { done: false, message: startRefusalMessage(answer.refusal, await links.ofRefusal(answer.refusal)) };
    // A running run tells of itself, by the copy that drives it, and later than this.
    if (answer.value.state.kind !== 'running') liveMessages.show(answer.value);
    return { done: true, message: message(answer.value) };
  }
  return {
    pause: async (by) => told(await runs.pause(by), (run) => haltedMessage(run, 'pause')),
    resume: async (by) => told(await runs.resume(by), resumedMessage),
    stop: async (by, { now }) =>
      told(await runs.stop(by, { now }), (run) => haltedMessage(run, now ? 'stop-now' : 'stop')),
    setPace: async (by, setting) => told(await runs.setPace(by, setting), pacedMessage),
  };
}
