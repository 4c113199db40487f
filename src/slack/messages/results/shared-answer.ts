import type { StoredMessage } from '../../client/chat.ts';
import { mention } from '../kit/escape.ts';
import { clockTime } from '../kit/format.ts';
import { LIMITS } from '../kit/limits.ts';
import { type Message, refuseWith, say } from '../kit/message.ts';

/** An answer to one person as it is shared: with who shared it and when it was true, above its buttons. */
export function sharedAnswer({ text, blocks, plain }: StoredMessage, by: string, at: number): StoredMessage {
  const line = `Shared by ${mention(by)}. As of ${clockTime(at)}.`;
  const dated = (shown: StoredMessage['blocks']) => {
    const isLast = shown.at(-1)?.type === 'actions';
    const content = (isLast ? shown.slice(0, -1) : shown).slice(0, LIMITS.blocks - 2);
    const note = { type: 'context', elements: [{ type: 'mrkdwn', text: line }] };
    return [...content, note, ...(isLast ? shown.slice(-1) : [])];
  };
  return { text: `${text}\n${line}`, blocks: dated(blocks), ...(plain ? { plain: dated(plain) } : {}) };
}

/** In place of an answer, once it was shared. */
export const answerSharedMessage = (): Message => say('You shared this answer in the channel.');

export const alreadySharedMessage = (by: string, at: number): Message =>
  refuseWith(`${mention(by)} shared this answer at ${clockTime(at)}. Nothing was posted again.`);

export const answerGoneMessage = (): Message =>
  refuseWith('Nothing was shared: this answer is more than a day old. Repeat the command for a current one.');
