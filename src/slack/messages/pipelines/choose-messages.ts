import type { Fault } from '../../../pipeline/invoke/invocation.ts';
import { code, linkChannel, mention } from '../kit/escape.ts';
import { clockTime } from '../kit/format.ts';
import { type Message, refuseWith, say } from '../kit/message.ts';
import { describeFault, faultLines } from '../run/describe-run.ts';

/** Which pipeline a channel belongs to. Names of pipelines hold only `a-z 0-9 -`. */
export type Belonging =
  | { readonly kind: 'listed'; readonly pipeline: string }
  | { readonly kind: 'chosen'; readonly pipeline: string; readonly by: string; readonly at: number }
  /** Two choices at once. */
  | { readonly kind: 'contradictory'; readonly pipelines: readonly string[] }
  | { readonly kind: 'none' };

/** Why a pipeline was not chosen for a channel. */
export type UseRefusal =
  | {
      readonly reason: 'unknown';
      readonly typed: string;
      readonly nearest: readonly string[];
      readonly names: readonly string[];
    }
  | { readonly reason: 'already'; readonly pipeline: string }
  | { readonly reason: 'listed'; readonly pipeline: string }
  | { readonly reason: 'not-in-channel' }
  | { readonly reason: 'unavailable'; readonly pipeline: string }
  | { readonly reason: 'busy'; readonly pipeline: string; readonly with: readonly string[] }
  | { readonly reason: 'unread'; readonly pipeline: string }
  | { readonly reason: 'chosen-at-once' };

const names = (pipelines: readonly string[]): string => pipelines.map((name) => code(name)).join(', ');

function belongingLine(belonging: Belonging): string {
  switch (belonging.kind) {
    case 'listed':
      return `This channel belongs to the pipeline ${code(belonging.pipeline)}: the bot’s settings list it.`;
    case 'chosen':
      return `This channel belongs to the pipeline ${code(belonging.pipeline)}. ${mention(belonging.by)} chose it at ${clockTime(belonging.at)}.`;
    case 'contradictory':
      return `This channel belongs to no pipeline: ${names(belonging.pipelines)} were chosen for it at the same time.`;
    case 'none':
      return 'This channel belongs to no pipeline.';
  }
}

/** What is bound, and what could be. `allowed`: the pipelines that this person may choose here. */
export function belongingMessage(
  belonging: Belonging,
  pipelines: { readonly all: readonly string[]; readonly allowed: readonly string[] },
): Message {
  const others = pipelines.allowed.filter((name) => !('pipeline' in belonging) || belonging.pipeline !== name);
  const next =
    belonging.kind === 'listed'
      ? 'It cannot be changed here: change `SLACK_CHANNELS` in the file of pipelines.'
      : others.length === 0
        ? 'You are an operator of no other pipeline. An operator of a pipeline chooses it with `/rescan use NAME`.'
        : `You can choose ${names(others)} for it: ${code(`/rescan use ${others[0]}`)}.`;
  return say(belongingLine(belonging), `The pipelines are ${names(pipelines.all)}.`, next);
}

export const chosenMessage = (pipeline: string, before: string | undefined): Message =>
  say(
    `This channel belongs to the pipeline ${code(pipeline)} now${before === undefined ? '' : `, and no longer to ${code(before)}`}.`,
    'Commands and buttons in this channel act on it. See its state with `/rescan status`.',
  );

/** For everybody in the channel. */
export const chosenNotice = (pipeline: string, by: string): Message =>
  say(`${mention(by)} chose the pipeline ${code(pipeline)} for this channel. Commands in this channel act on it.`);

export function useRefusalMessage(refusal: UseRefusal): Message {
  switch (refusal.reason) {
    case 'unknown':
      return refuseWith(
        `Nothing was changed: there is no pipeline ${code(refusal.typed, 40)}.`,
        refusal.nearest.length === 0
          ? `The pipelines are ${names(refusal.names)}.`
          : `Did you mean ${names(refusal.nearest)}?`,
      );
    case 'already':
      return refuseWith(`This channel belongs to the pipeline ${code(refusal.pipeline)} already. Nothing was changed.`);
    case 'listed':
      return refuseWith(
        `Nothing was changed: the bot’s settings list this channel for the pipeline ${code(refusal.pipeline)}.`,
        'Change `SLACK_CHANNELS` in the file of pipelines, or use another channel.',
      );
    case 'not-in-channel':
      return refuseWith(
        'Nothing was changed: the bot cannot post in this channel.',
        'Invite it with `/invite @rescan-bot`, then try again.',
      );
    case 'unavailable':
      return refuseWith(
        `Nothing was changed: the pipeline ${code(refusal.pipeline)} could not be started yet, so nothing of it can be read.`,
        'Its own channel says why. Try again when it has started.',
      );
    case 'busy':
      return refuseWith(
        `Nothing was changed: the pipeline ${code(refusal.pipeline)} of this channel is busy (${refusal.with.join(', ')}).`,
        'Wait until that has ended, or stop it with `/rescan stop`. Decide about requests for approval or withdraw them.',
      );
    case 'unread':
      return refuseWith(
        `Nothing was changed: whether the pipeline ${code(refusal.pipeline)} of this channel is busy cannot be read.`,
        'Try again in a minute.',
      );
    case 'chosen-at-once':
      return refuseWith(
        'Nothing was changed: somebody else chose a pipeline for this channel at the same time.',
        'See it with `/rescan use`.',
      );
  }
}

/** In a channel without a pipeline. */
export const noPipelineMessage = (): Message =>
  refuseWith(
    'Nothing was done: this channel belongs to no pipeline.',
    'An operator of a pipeline chooses it with `/rescan use NAME`. `/rescan use` shows the names.',
  );

/** Where there is one pipeline. */
export const onePipelineMessage = (channels: readonly string[]): Message =>
  say(
    'This bot has one pipeline, so there is nothing to choose.',
    `Its channels are ${channels.map(linkChannel).join(', ')}. The setting \`PIPELINES_FILE\` describes several.`,
  );

/** The pipeline could not be started. `retryAt`: when it is tried again, epoch ms. */
export function unavailableMessage(pipeline: string, fault: Fault | undefined, retryAt: number): Message {
  return refuseWith(
    `The pipeline ${code(pipeline)} could not be started${fault ? `: ${describeFault(fault)}` : ' by an unexpected error, which the log of the bot shows'}.`,
    ...(fault ? faultLines(fault) : []),
    `This process runs nothing of it. It is tried again at ${clockTime(retryAt)}. The other pipelines are not affected.`,
    '`/rescan stop` and the buttons Stop and Pause work: they store the request for a process that does run it.',
  );
}

/** In the channel of the pipeline, once it could be started after all. */
export const availableMessage = (pipeline: string): Message =>
  say(`The pipeline ${code(pipeline)} has started. See its state with \`/rescan status\`.`);
