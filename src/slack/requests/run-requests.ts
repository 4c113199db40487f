import type { StartControl, StartRefusal } from '../../checklist/contracts/result-control.ts';
import type { Result } from '../../lib/result.ts';
import type { KnownHalts, RunControl, StoppedRun } from '../../run/model/run-control.ts';
import type { PaceSetting, RunSnapshot } from '../../run/model/types.ts';
import type { LiveMessageEditor } from '../delivery/live-message-editor.ts';
import type { MessageLinks } from '../delivery/message-links.ts';
import type { Message } from '../messages/kit/message.ts';
import { startRefusalMessage } from '../messages/refusals/start-refusals.ts';
import { haltedMessage, haltUnreadMessage, pacedMessage, resumedMessage } from '../messages/run/answers.ts';

/** Changes to the current run, for commands and buttons. `message` is the answer to the requester. */
export interface RunRequests {
  pause(by: string): Promise<Done>;
  /** `since`: what was known of requests to halt when the person asked; a later one refuses the resume. */
  resume(by: string, since?: KnownHalts): Promise<Done>;
  /** See RunControl. */
  knownHalts(): KnownHalts;
  stop(by: string, options: { now: boolean }): Promise<Done>;
  setPace(by: string, setting: PaceSetting | 'faster' | 'slower'): Promise<Done>;
}

export interface Done {
  /** False: refused, nothing was changed. */
  readonly done: boolean;
  readonly message: Message;
  /** The run was at rest, or could not be read: the request may have ended no work, and other work may be in progress. */
  readonly mayBeIdle?: true;
}

export function createRunRequests(ports: {
  runs: Pick<RunControl, 'pause' | 'stop' | 'setPace' | 'knownHalts'> & Pick<StartControl, 'resume'>;
  liveMessages: Pick<LiveMessageEditor<RunSnapshot>, 'show'>;
  links: MessageLinks;
}): RunRequests {
  const { runs, liveMessages, links } = ports;
  async function answer(
    result: Result<StoppedRun, StartRefusal>,
    message: (run: RunSnapshot) => Message,
  ): Promise<Done> {
    if (!result.ok && result.refusal.reason === 'halt-unread')
      return { done: true, message: haltUnreadMessage(result.refusal), mayBeIdle: true };
    if (!result.ok)
      return { done: false, message: startRefusalMessage(result.refusal, await links.toRunOf(result.refusal)) };
    // A running run is shown by the process that drives it, in a newer state than this.
    if (result.value.state.kind !== 'running') liveMessages.show(result.value);
    return { done: true, message: message(result.value), ...(result.value.wasAtRest ? { mayBeIdle: true } : {}) };
  }
  return {
    pause: async (by) => answer(await runs.pause(by), (run) => haltedMessage(run, 'pause')),
    resume: async (by, since) => answer(await runs.resume(by, since), resumedMessage),
    knownHalts: () => runs.knownHalts(),
    stop: async (by, { now }) =>
      answer(await runs.stop(by, { now }), (run) => haltedMessage(run, now ? 'stop-now' : 'stop')),
    setPace: async (by, setting) => answer(await runs.setPace(by, setting), pacedMessage),
  };
}
