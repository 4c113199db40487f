import type { StoredMessage } from '../../client/chat.ts';
import { clockTime, duration } from './format.ts';
import { LIMITS } from './limits.ts';

/** A message that is posted later than this says when it was written, ms: what it says may have changed since. */
const LATE_MS = 60_000;

/** The message as it is posted at `now`. Both times are epoch ms. */
export function withTimeIfLate(message: StoredMessage, writtenAt: number, now: number): StoredMessage {
  const lateMs = now - writtenAt;
  if (lateMs < LATE_MS) return message;
  const note = `This is from ${clockTime(writtenAt)}, ${duration(lateMs)} ago. The bot could not post it before. \`/rescan status\` shows the present state.`;
  return {
    text: `${note}\n${message.text}`,
    blocks: [{ type: 'context', elements: [{ type: 'mrkdwn', text: note }] }, ...message.blocks].slice(
      0,
      LIMITS.blocks,
    ),
  };
}
