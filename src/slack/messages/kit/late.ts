import type { StoredMessage } from '../../client/chat.ts';
import { clockTime, duration } from './format.ts';
import { cutMrkdwn, LIMITS } from './limits.ts';

/** A message that is posted later than this says when it was written, ms: what it says may have changed since. */
const LATE_MS = 60_000;

/** The message as it is posted at `now`. Both times are epoch ms. */
export function withTimeIfLate(message: StoredMessage, writtenAt: number, now: number): StoredMessage {
  const lateMs = now - writtenAt;
  if (lateMs < LATE_MS) return message;
  const note = `This is from ${clockTime(writtenAt)}, ${duration(lateMs)} ago. The bot could not post it before. \`/rescan status\` shows the present state.`;
  const { blocks } = message;
  const buttons = blocks.at(-1)?.type === 'actions' ? blocks.slice(-1) : [];
  const content = blocks.slice(0, Math.min(blocks.length, LIMITS.blocks - 1) - buttons.length);
  return {
    text: cutMrkdwn(`${note}\n${message.text}`, LIMITS.text),
    blocks: [{ type: 'context', elements: [{ type: 'mrkdwn', text: note }] }, ...content, ...buttons],
  };
}
