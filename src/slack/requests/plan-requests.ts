import type { StartControl } from '../../checklist/contracts/result-control.ts';
import type { Clock } from '../../lib/clock.ts';
import type { RunControl, RunPlan } from '../../run/model/run-control.ts';
import type { EngineKind, ImageSelection, PaceSetting } from '../../run/model/types.ts';
import { coversEverything, describeScope, type Scope } from '../../run/scope/scope.ts';
import type { Chat, MessageLocation } from '../client/chat.ts';
import type { Requester } from '../commands/command.ts';
import type { MessageLinks } from '../delivery/message-links.ts';
import { count } from '../messages/kit/format.ts';
import { type Message, say } from '../messages/kit/message.ts';
import { refusalMessage } from '../messages/refusals/refusals.ts';
import { startRefusalMessage } from '../messages/refusals/start-refusals.ts';
import { listingMessage } from '../messages/run/answers.ts';
import { previewMessage } from '../messages/run/preview.ts';

export interface PlanningPorts {
  readonly starts: Pick<StartControl, 'plan'>;
  readonly runs: Pick<RunControl, 'cancelPlan' | 'setLocation'>;
  readonly chat: Pick<Chat, 'post' | 'edit'>;
  readonly links: MessageLinks;
  readonly clock: Clock;
}

/** What a plan is made for. */
interface PlanRequest {
  readonly selection: ImageSelection;
  readonly paceSetting: PaceSetting;
  readonly keep?: boolean;
  readonly engine?: EngineKind;
}

/** How long after its start a listing that takes long is reported, ms. */
const STILL_LISTING_MS = [10_000, 60_000, 300_000];

/**
 * Plans a run and posts its preview in the channel. Returns a message only if there is no plan. `scope`: what the plan must cover;
 * the checklist may have been closed, or got another scope, since it was set.
 */
export async function planAndShow(
  request: PlanRequest,
  requester: Requester,
  ports: PlanningPorts,
  scope?: Scope,
): Promise<Message | undefined> {
  const planned = await makePlan(request, requester, ports);
  if ('refused' in planned) return planned.refused;
  const { runId, selection } = planned.plan;
  if (scope && !coversEverything(scope.criteria) && selection.scope?.id !== scope.id) {
    await ports.runs.cancelPlan(runId, requester.person);
    return startRefusalMessage({ reason: 'scope-changed', asked: describeScope(scope.criteria) });
  }
  return showPlan(planned.plan, requester, ports);
}

/**
 * Replaces the plan `old.runId`: its message, `old.preview`, shows the new plan. When the old plan was started or cancelled
 * meanwhile, the new plan is cancelled instead. Returns a message only if there is no new plan.
 */
export async function replan(
  request: PlanRequest,
  old: { runId: string; preview: MessageLocation },
  requester: Requester,
  ports: PlanningPorts,
): Promise<Message | undefined> {
  const planned = await makePlan(request, requester, ports);
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
    requester.noteOutcome?.(`shown: plan ${plan.runId} in place of ${old.runId}`);
    return undefined;
  } catch {
    // The message may have been deleted: the plan gets a new one.
    return showPlan(plan, requester, ports);
  }
}

/** Posts the preview of a plan. A plan whose preview cannot be posted is cancelled: nobody could start it. @throws what Slack's client throws. */
export async function showPlan(
  plan: RunPlan,
  requester: Requester,
  ports: PlanningPorts,
): Promise<Message | undefined> {
  try {
    const ts = await ports.chat.post(requester.channel, previewMessage(plan));
    await ports.runs.setLocation(plan.runId, { channel: requester.channel, ts });
    requester.noteOutcome?.(`shown: plan ${plan.runId}`);
    return undefined;
  } catch (error) {
    await ports.runs.cancelPlan(plan.runId, requester.person);
    throw error;
  }
}

async function makePlan(
  request: PlanRequest,
  requester: Requester,
  { starts, links, clock }: PlanningPorts,
): Promise<{ plan: RunPlan } | { refused: Message }> {
  const startedAt = clock.now();
  const due = [...STILL_LISTING_MS];
  let isListing = false;
  const answer = await starts.plan(
    { ...request, by: requester.person, location: { channel: requester.channel } },
    (seen) => {
      if (!isListing) void requester.reply(listingMessage());
      isListing = true;
      if (clock.now() - startedAt < (due[0] ?? Number.POSITIVE_INFINITY)) return;
      due.shift();
      void requester.reply(say(`Still listing the bucket: ${count(seen)} objects so far.`));
    },
  );
  if (answer.ok) return { plan: answer.value };
  return { refused: startRefusalMessage(answer.refusal, await links.toRunOf(answer.refusal)) };
}
