import type { StartControl, StartRefusal } from '../../checklist/contracts/result-control.ts';
import { defined } from '../../lib/defined.ts';
import type { RunControl } from '../../run/model/run-control.ts';
import type { RunSnapshot } from '../../run/model/types.ts';
import type { Chat } from '../client/chat.ts';
import type { LiveMessageEditor } from '../delivery/live-message-editor.ts';
import type { MessageLinks } from '../delivery/message-links.ts';
import { changePlanView, type ModalView } from '../forms/change-plan-view.ts';
import { ACTION } from '../messages/kit/buttons.ts';
import type { Message } from '../messages/kit/message.ts';
import { refusalMessage } from '../messages/refusals/refusals.ts';
import { startRefusalMessage } from '../messages/refusals/start-refusals.ts';
import { cancelledMessage, previewMessage, resumedInsteadMessage } from '../messages/run/preview.ts';
import type { RunRequests } from '../requests/run-requests.ts';
import type { Action, Click } from './action.ts';

type PlanActionId =
  | typeof ACTION.start
  | typeof ACTION.change
  | typeof ACTION.cancel
  | typeof ACTION.resumeOpen
  | typeof ACTION.abandonAndStart;

/** The reasons for which a plan can never be started any more: it loses its buttons. */
const NEVER_STARTS: ReadonlySet<StartRefusal['reason']> = new Set(['plan-outdated', 'scope-changed', 'retry-stale']);

/** The buttons of a plan. Any operator may click them, not only the person who planned. */
export function planActions(ports: {
  starts: Pick<StartControl, 'start'>;
  runs: Pick<RunControl, 'readPlan' | 'cancelPlan'>;
  requests: Pick<RunRequests, 'resume' | 'knownHalts'>;
  liveMessages: Pick<LiveMessageEditor<RunSnapshot>, 'show'>;
  chat: Pick<Chat, 'edit'>;
  links: MessageLinks;
  openView: (triggerId: string, view: ModalView) => Promise<string>;
  onError: (error: unknown, message: string) => void;
}): Readonly<Record<PlanActionId, Action>> {
  const { starts, runs, requests, liveMessages, chat, links } = ports;

  async function start(click: Click, abandonOpen: boolean): Promise<Message | undefined> {
    // The message of the plan becomes the live message of the run.
    const answer = await starts.start(click.value, click.person, {
      location: click.message,
      abandonOpen,
      ...defined({ since: click.halts }),
    });
    if (answer.ok) {
      liveMessages.show(answer.value);
      click.noteOutcome?.(`begun: ${answer.value.runId}`);
      return;
    }
    // Another run was stopped since the plan was posted: the plan's buttons must offer to resume it.
    if (answer.refusal.reason === 'run-open') await showAgain(click);
    if (NEVER_STARTS.has(answer.refusal.reason)) await showAgain(click, false);
    return startRefusalMessage(answer.refusal, await links.toRunOf(answer.refusal));
  }

  async function showAgain(click: Click, buttons = true): Promise<void> {
    const plan = await runs.readPlan(click.value);
    if (plan) await edit(click, previewMessage(plan, { buttons }));
  }

  /** A message that cannot be edited does not undo what was done. */
  const edit = (click: Click, message: Message) =>
    chat
      .edit(click.message, message)
      .catch((error: unknown) => ports.onError(error, 'The message of a plan could not be edited.'));

  const operator = (execute: Action['execute']): Action => ({ role: 'operator', execute });
  const starter = (execute: Action['execute']): Action => ({ ...operator(execute), knownHalts: requests.knownHalts });
  return {
    [ACTION.start]: starter((click) => start(click, false)),
    [ACTION.abandonAndStart]: starter((click) => start(click, true)),
    [ACTION.cancel]: operator(async (click) => {
      const cancelled = await runs.cancelPlan(click.value, click.person);
      if (!cancelled.ok) return refusalMessage(cancelled.refusal);
      await edit(click, cancelledMessage(click.value, click.person));
      click.noteOutcome?.(`cancelled: plan ${click.value}`);
      return undefined;
    }),
    [ACTION.resumeOpen]: starter(async (click) => {
      const plan = await runs.readPlan(click.value);
      if (!plan) return refusalMessage({ reason: 'plan-gone', runId: click.value });
      if (!plan.openRun) {
        await edit(click, previewMessage(plan));
        return refusalMessage({ reason: 'nothing-to-resume' });
      }
      const { done, message } = await requests.resume(click.person, click.halts);
      if (!done) return message;
      await runs.cancelPlan(click.value, click.person);
      await edit(click, resumedInsteadMessage(click.value, plan.openRun.runId, click.person));
      return message;
    }),
    [ACTION.change]: operator(async (click) => {
      const plan = await runs.readPlan(click.value);
      if (!plan) return refusalMessage({ reason: 'plan-gone', runId: click.value });
      await ports.openView(click.triggerId, changePlanView(plan, click.message));
      click.noteOutcome?.('shown: the form');
      return undefined;
    }),
  };
}
