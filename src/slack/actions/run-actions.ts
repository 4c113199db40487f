import { settleWithin } from '../../lib/async/within.ts';
import type { Clock } from '../../lib/clock.ts';
import { isOpen } from '../../run/model/run.ts';
import type { RunControl } from '../../run/model/run-control.ts';
import type { RunSnapshot } from '../../run/model/types.ts';
import { ANYTHING, notInProgressMessage } from '../messages/checklist/status-message.ts';
import { ACTION } from '../messages/kit/buttons.ts';
import { type Message, plainFact } from '../messages/kit/message.ts';
import { anotherRunMessage } from '../messages/run/answers.ts';
import { stoppableIds } from '../requests/pipeline-state.ts';
import type { Done, RunRequests } from '../requests/run-requests.ts';
import { type StatusPorts, showStatus } from '../requests/status.ts';
import { type StopPorts, stopWork } from '../requests/stop-work.ts';
import type { Action, Click } from './action.ts';

type RunActionId =
  | typeof ACTION.pause
  | typeof ACTION.slower
  | typeof ACTION.faster
  | typeof ACTION.stop
  | typeof ACTION.stopNow
  | typeof ACTION.stopAsked
  | typeof ACTION.resume
  | typeof ACTION.status;

/** How long a halt waits for what it reads first, before it is requested all the same, ms. */
const READ_MS = 1_000;

/** The buttons of a run: in its live message, its alerts and the answer to `/rescan status`. */
export function runActions(ports: {
  runs: Pick<RunControl, 'current' | 'location'>;
  requests: RunRequests;
  status: StatusPorts;
  tables: StopPorts['tables'];
  deploys: StopPorts['deploys'];
  autopilot: StopPorts['autopilot'];
  clock: Pick<Clock, 'sleep'>;
  onError: (error: unknown, message: string) => void;
}): Readonly<Record<RunActionId, Action>> {
  const { runs, requests, clock } = ports;

  /** A button acts on the run of its message only, never on a later run. */
  async function onItsRun(click: Click, request: () => Promise<Done>): Promise<Message | undefined> {
    const current = await runs.current();
    if (current?.runId !== click.value) return ofAnotherRun(click, current);
    const answered = await answer(click, await request());
    // The run has ended, and so has the moment of this message.
    if (!isOpen(current.state)) await removeDeadButtons(click);
    return answered;
  }

  async function ofAnotherRun(click: Click, current: RunSnapshot | undefined): Promise<Message> {
    await removeDeadButtons(click);
    return anotherRunMessage(click.value, current);
  }

  /** Not of a live message: it shows a newer state than the one that was clicked, and its last edit removes the buttons. */
  async function removeDeadButtons(click: Click): Promise<void> {
    const location = await settleWithin(clock, READ_MS, () => runs.location(click.value));
    if (!location.ok)
      return ports.onError(
        location.refusal,
        'The location of a run cannot be read. The buttons of the clicked message stay.',
      );
    if (location.value?.ts !== click.message.ts) await click.removeButtons();
  }

  /** In the run's live message the new state is the answer: only a refusal needs a reply. */
  async function answer(click: Click, { done, message }: Done): Promise<Message | undefined> {
    if (!done || click.isEphemeral) return message;
    const location = await settleWithin(clock, READ_MS, () => runs.location(click.value));
    if (location.ok && location.value?.ts === click.message.ts) {
      click.noteOutcome?.(`answered: ${plainFact(message)}`);
      return undefined;
    }
    // The buttons of an alert are used up: the alert of the next state has its own.
    await click.removeButtons();
    return message;
  }

  /** Stop and Pause always work: when the current run cannot be read in time, whatever runs is halted. */
  async function halt(click: Click, request: () => Promise<Done>): Promise<Message | undefined> {
    const current = await settleWithin(clock, READ_MS, runs.current);
    if (!current.ok)
      ports.onError(current.refusal, 'The current run cannot be read. A halt is requested all the same.');
    else if (current.value?.runId !== click.value) return ofAnotherRun(click, current.value);
    const answered = await answer(click, await request());
    // The run had ended, and so has the moment of this message.
    if (current.ok && current.value && !isOpen(current.value.state)) await removeDeadButtons(click);
    return answered;
  }

  /** The button of the question before a stop: it stops what the question was about, and anything where that cannot be read. */
  async function stopAsked(click: Click): Promise<Message> {
    const read = await settleWithin(clock, READ_MS, ports.status.states.read);
    if (!read.ok) ports.onError(read.refusal, 'What is in progress cannot be read. A stop is requested all the same.');
    const state = read.ok ? read.value : undefined;
    const asked = click.value.split(',');
    const isGone = state && click.value !== ANYTHING && !stoppableIds(state).some((id) => asked.includes(id));
    return isGone ? notInProgressMessage(state) : stopWork(click.person, { now: false }, ports);
  }

  const operator = (execute: Action['execute']): Action => ({ role: 'operator', execute });
  const stopper = (execute: Action['execute']): Action => ({ role: 'stopper', execute });
  return {
    [ACTION.pause]: stopper((click) => halt(click, () => requests.pause(click.person))),
    [ACTION.slower]: operator((click) => onItsRun(click, () => requests.setPace(click.person, 'slower'))),
    [ACTION.faster]: operator((click) => onItsRun(click, () => requests.setPace(click.person, 'faster'))),
    [ACTION.resume]: {
      ...operator((click) => onItsRun(click, () => requests.resume(click.person, click.halts))),
      knownHalts: requests.knownHalts,
    },
    [ACTION.stop]: stopper((click) => halt(click, () => requests.stop(click.person, { now: false }))),
    [ACTION.stopNow]: stopper((click) => halt(click, () => requests.stop(click.person, { now: true }))),
    [ACTION.stopAsked]: stopper(stopAsked),
    [ACTION.status]: { role: 'viewer', execute: (click) => showStatus(click, ports.status) },
  };
}
