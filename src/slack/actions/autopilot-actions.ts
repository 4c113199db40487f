import type { AutopilotControl } from '../../checklist/contracts/autopilot-control.ts';
import type { Chat } from '../client/chat.ts';
import {
  autopilotCancelledMessage,
  autopilotRefusalMessage,
  autopilotStoppedMessage,
} from '../messages/checklist/autopilot-message.ts';
import { ACTION } from '../messages/kit/buttons.ts';
import { say } from '../messages/kit/message.ts';
import type { Action } from './action.ts';

type AutopilotActionId =
  | typeof ACTION.autopilotStart
  | typeof ACTION.autopilotCancel
  | typeof ACTION.autopilotGoOn
  | typeof ACTION.autopilotStop;

/** The buttons of the autopilot: in its plan, its live message and its alerts. */
export function autopilotActions(ports: {
  autopilot: AutopilotControl;
  chat: Pick<Chat, 'edit'>;
  onError: (error: unknown, message: string) => void;
}): Readonly<Record<AutopilotActionId, Action>> {
  const { autopilot } = ports;
  const operator = (execute: Action['execute']): Action => ({ role: 'operator', execute });
  return {
    [ACTION.autopilotStart]: operator(async (click) => {
      const started = await autopilot.start(click.value, click.person);
      // The message of the plan becomes the live message of the autopilot.
      if (!started.ok) return autopilotRefusalMessage(started.refusal);
      click.noteOutcome?.(`begun: autopilot ${started.value.id}`);
      return;
    }),
    [ACTION.autopilotCancel]: operator(async (click) => {
      const cancelled = await autopilot.cancel(click.value, click.person);
      if (!cancelled.ok) return autopilotRefusalMessage(cancelled.refusal);
      click.noteOutcome?.(`cancelled: autopilot ${cancelled.value.id}`);
      await ports.chat
        .edit(click.message, autopilotCancelledMessage(click.person))
        .catch((error: unknown) => ports.onError(error, 'The plan of the autopilot could not be edited.'));
      return;
    }),
    [ACTION.autopilotGoOn]: operator(async (click) => {
      const current = await autopilot.current();
      if (current?.id !== click.value) {
        await click.removeButtons();
        return autopilotRefusalMessage({ reason: 'plan-gone' });
      }
      const gone = await autopilot.retry(click.person);
      if (!gone.ok) return autopilotRefusalMessage(gone.refusal);
      if (click.message.ts !== gone.value.location.ts) await click.removeButtons();
      const isStarter = click.person === gone.value.by;
      return say(
        'The autopilot tries again.',
        ...(isStarter ? [] : ['You now count as a requester of its flush, so you cannot approve that.']),
      );
    }),
    // Stop always works: it stops the current autopilot, whatever message the button is in.
    [ACTION.autopilotStop]: {
      role: 'stopper',
      async execute(click) {
        const stopped = await autopilot.stop(click.person);
        return stopped.ok ? autopilotStoppedMessage(stopped.value) : autopilotRefusalMessage(stopped.refusal);
      },
    },
  };
}
