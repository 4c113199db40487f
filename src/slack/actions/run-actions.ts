import type { RunControl } from '../../run/model/run-control.ts';
import { ACTION } from '../messages/kit/buttons.ts';
import type { Message } from '../messages/kit/message.ts';
import { anotherRunMessage } from '../messages/run/answers.ts';
import type { Done, RunRequests } from '../requests/run-requests.ts';
import { type StatusPorts, showStatus } from '../requests/status.ts';
import type { Action, Click } from './action.ts';

type RunActionId =
  | typeof ACTION.pause
  | typeof ACTION.slower
  | typeof ACTION.faster
  | typeof ACTION.stop
  | typeof ACTION.stopNow
  | typeof ACTION.resume
  | typeof ACTION.status;

/** The buttons under a run, in its message, its alerts and the answers to `/rescan status`. */
export function runActions(ports: {
  runs: Pick<RunControl, 'current' | 'location'>;
  requests: RunRequests;
  status: StatusPorts;
  onError: (error: unknown, message: string) => void;
}): Readonly<Record<RunActionId, Action>> {
  const { runs, requests } = ports;

  /** A button of a run that is not the one there is now must not act on that one. */
  async function forItsRun(click: Click, deed: () => Promise<Done>): Promise<Message | undefined> {
    const current = await runs.current();
    if (current?.runId !== click.value) return anotherRunMessage(click.value, current);
    return answer(click, await deed());
  }

  /** The run's own message shows what was done by itself: then only a refusal needs words. */
  async function answer(click: Click, { done, message }: Done): Promise<Message | undefined> {
    if (!done || click.isEphemeral) return message;
    const location = await runs.location(click.value).catch(() => undefined);
    if (location?.ts === click.message.ts) return undefined;
    // An alert's buttons have done what they are for; the next state brings its own.
    await click.removeButtons();
    return message;
  }

  /** Stop works always: where it cannot be told which run is there, whatever runs is stopped. */
  async function stopping(click: Click, now: boolean): Promise<Message | undefined> {
    const current = await runs.current().catch((error: unknown) => {
      ports.onError(error, 'stopping without knowing which run is there');
      return { runId: click.value };
    });
    if (current === undefined || ('state' in current && current.runId !== click.value))
      return anotherRunMessage(click.value, current);
    return answer(click, await requests.stop(click.person, { now }));
  }

  const operator = (execute: Action['execute']): Action => ({ role: 'operator', execute });
  return {
    [ACTION.pause]: operator((click) => forItsRun(click, () => requests.pause(click.person))),
    [ACTION.slower]: operator((click) => forItsRun(click, () => requests.setPace(click.person, 'slower'))),
    [ACTION.faster]: operator((click) => forItsRun(click, () => requests.setPace(click.person, 'faster'))),
    [ACTION.resume]: operator((click) => forItsRun(click, () => requests.resume(click.person))),
    [ACTION.stop]: operator((click) => stopping(click, false)),
    [ACTION.stopNow]: operator((click) => stopping(click, true)),
    [ACTION.status]: { role: 'viewer', execute: (click) => showStatus(click, ports.status) },
  };
}
