import { z } from 'zod';
import type { Clock, Random } from '../../lib/clock.ts';
import type { ButtonMessage, ButtonMessages } from '../../state/button-messages.ts';
import type { Chat, MessageLocation, StoredMessage } from '../client/chat.ts';
import { classifySlackError, isPostingForbidden } from '../client/slack-errors.ts';
import { createRetryLoop } from './retry-loop.ts';

/** The state of a run or an autopilot, as far as it decides about buttons; undefined if there is no such thing any more. */
export type StateOf = (id: string) => Promise<{ readonly state: string; readonly isOpen: boolean } | undefined>;

/** Of a message about a state that could not be written: its buttons hold until the run ends or a newer message has some. */
export const UNWRITTEN_STATE = 'unwritten';

/**
 * Removes the buttons of messages whose moment has passed: the state that they were posted for has ended, or a newer message
 * about the same run has buttons. What was posted is stored and compared with what is, so that neither a crash nor an outage
 * of Slack leaves buttons behind.
 */
export interface ExpiredButtons {
  /** A message with buttons was posted. Never throws. */
  note(location: MessageLocation, message: StoredMessage, of: Pick<ButtonMessage, 'id' | 'state'>): Promise<void>;
  /** Something may have changed its state. Returns at once. */
  changed(): void;
  start(): void;
  idle(): Promise<void>;
  close(): void;
}

const POLL_MS = 60_000;
/** The most edits of one pass, and the time until the next one, ms: Slack takes about 50 edits a minute. */
const MOST_EDITS = 10;
const NEXT_EDITS_MS = 15_000;

const messageSchema = z.object({
  text: z.string(),
  blocks: z.array(z.looseObject({ type: z.string(), block_id: z.string().exactOptional() })),
});

export function createExpiredButtons(ports: {
  messages: ButtonMessages;
  stateOf: StateOf;
  chat: Pick<Chat, 'removeButtons'>;
  clock: Clock;
  random: Random;
  onError: (error: unknown, message: string) => void;
}): ExpiredButtons {
  const { messages, onError } = ports;
  const loop = createRetryLoop({
    pass: removeExpired,
    onError: (error) => onError(error, 'The buttons of earlier messages are not removed yet. It will be retried.'),
    clock: ports.clock,
    random: ports.random,
    pollMs: POLL_MS,
  });

  /** The messages whose buttons have no meaning any more, oldest first. */
  async function findExpired(): Promise<readonly ButtonMessage[]> {
    const newest = new Map<string, ButtonMessage>();
    const expired: ButtonMessage[] = [];
    for await (const message of messages.list()) {
      const before = newest.get(message.id);
      if (before) expired.push(before);
      newest.set(message.id, message);
    }
    for (const message of newest.values()) {
      const now = await ports.stateOf(message.id);
      const isCurrent = message.state === UNWRITTEN_STATE ? now?.isOpen : now?.state === message.state;
      if (!isCurrent) expired.push(message);
    }
    return expired.sort((a, b) => (a.ts < b.ts ? -1 : 1));
  }

  async function removeExpired(): Promise<number | undefined> {
    const expired = await findExpired();
    /** Archived, or the bot was removed: their messages are edited when they are open again. */
    const closedChannels = new Set<string>();
    let edits = 0;
    for (const message of expired) {
      if (loop.closed.aborted) return undefined;
      if (closedChannels.has(message.channel)) continue;
      if (edits === MOST_EDITS) return NEXT_EDITS_MS;
      edits += 1;
      const posted = messageSchema.safeParse(message.message);
      try {
        if (posted.success) await ports.chat.removeButtons(message, posted.data);
      } catch (error) {
        const failure = classifySlackError(error);
        if (failure.kind !== 'refused') throw error;
        onError(error, `The buttons of a message about ${message.id} could not be removed.`);
        if (isPostingForbidden(failure.code)) {
          closedChannels.add(message.channel);
          continue;
        }
        // The message was deleted: a retry would be refused again.
      }
      await messages.remove(message);
    }
    return undefined;
  }

  return {
    async note({ channel, ts }, { text, blocks }, of) {
      try {
        const message = z.json().parse({ text, blocks });
        await messages.put({ ...of, channel, ts, message });
        loop.wake();
      } catch (error) {
        onError(error, `The buttons of a message about ${of.id} will not be removed when their moment has passed.`);
      }
    },
    changed: loop.wake,
    start: loop.start,
    idle: loop.idle,
    close: loop.close,
  };
}
