import type { StartControl } from '../../checklist/steps/start-control.ts';
import type { Clock } from '../../lib/clock.ts';
import type { RunControl, RunPlan } from '../../run/model/run-control.ts';
import type { ImageSelection, PaceSetting } from '../../run/model/types.ts';
import type { Chat, MessageLocation } from '../client/chat.ts';
import type { Requester } from '../commands/command.ts';
import type { RunLinks } from '../delivery/run-links.ts';
import { count } from '../messages/kit/format.ts';
import { type Message, say } from '../messages/kit/message.ts';
import { refusalMessage } from '../messages/refusals/refusals.ts';
import { startRefusalMessage } from '../messages/refusals/start-refusals.ts';
import { previewMessage } from '../messages/run/preview.ts';

export interface PlanningPorts {
  readonly starts: Pick<StartControl, 'plan'>;
  readonly runs: Pick<RunControl, 'cancelPlan' | 'setLocation'>;
  readonly chat: Pick<Chat, 'post' | 'edit'>;
  readonly links: RunLinks;
  readonly clock: Clock;
}

type Wanted = { readonly selection: ImageSelection; readonly paceSetting: PaceSetting; readonly keep?: boolean };

/** When somebody hears that the listing still goes on, ms after it began. */
const STILL_LISTING_MS = [10_000, 60_000, 300_000];

/** Plans a run and shows the preview: as a new message in the channel. Answers what is to be told where there is none. */
export async function planAndShow(
  wanted: Wanted,
  requester: Requester,
  ports: PlanningPorts,
): Promise<Message | undefined> {
  const planned = await makePlan(wanted, requester, ports);
  if ('refused' in planned) return planned.refused;
  return showPlan(planned.plan, requester, ports);
}

/**
 * Plans another run in place of `oldRunId`, whose preview is at `preview`: the same message shows the new plan. Where
 * the old one was started or cancelled meanwhile, it stays as it is and the new one is cancelled.
 */
export async function replan(
  wanted: Wanted,
  old: { runId: string; preview: MessageLocation },
  requester: Requester,
  ports: PlanningPorts,
): Promise<Message | undefined> {
  const planned = await makePlan(wanted, requester, ports);
  if ('refused' in planned) return planned.refused;
  const { plan } = planned;
  const cancelled = await ports.runs.cancelPlan(old.runId, requester.person);
  if (!cancelled.ok) {
    await ports.runs.cancelPlan(plan.runId, requester.person);
    return refusalMessage(cancelled.refusal);
  }
  try {
    await ports.runs.setLocation(plan.runId, old.preview);
    await ports.chat.edit(old.preview, previewMessage(plan));
    return undefined;
  } catch {
    // The message may be gone: the plan then shows itself in a new one.
    return showPlan(plan, requester, ports);
  }
}

/** Shows a plan that was just made; one that cannot be shown is cancelled. */
export async function showPlan(
  plan: RunPlan,
  requester: Requester,
  ports: PlanningPorts,
): Promise<Message | undefined> {
  try {
    const ts = await ports.chat.post(requester.channel, previewMessage(plan));
    await ports.runs.setLocation(plan.runId, { channel: requester.channel, ts });
    return undefined;
  } catch (error) {
    // Nobody can start what nobody sees.
    await ports.runs.cancelPlan(plan.runId, requester.person);
    throw error;
  }
}

async function makePlan(
  wanted: Wanted,
  requester: Requester,
  { starts, links, clock }: PlanningPorts,
): Promise<{ plan: RunPlan } | { refused: Message }> {
  const began = clock.now();
  const due = [...STILL_LISTING_MS];
  const answer = await starts.plan(
    { ...wanted, by: requester.person, location: { channel: requester.channel } },
    (seen) => {
      if (clock.now() - began < (due[0] ?? Number.POSITIVE_INFINITY)) return;
      due.shift();
      void requester.reply(say(`Still listing: ${count(seen)} objects seen so far.`));
    },
  );
  if (answer.ok) return { plan: answer.value };
  return { refused: startRefusalMessage(answer.refusal, await links.ofRefusal(answer.refusal)) };
}
