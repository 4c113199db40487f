import { z } from 'zod';
import type { Clock } from '../../lib/clock.ts';
import type { AnswerStore } from '../../state/answer-store.ts';
import { type Chat, onceIdOf } from '../client/chat.ts';
import { ACTION, button } from '../messages/kit/buttons.ts';
import { withinLimits } from '../messages/kit/limits.ts';
import { type Message, withButton } from '../messages/kit/message.ts';
import { alreadySharedMessage, answerGoneMessage, sharedAnswer } from '../messages/results/shared-answer.ts';

/** Long answers to one person, which this person can share with the channel. */
export interface Answers {
  /** The answer with a button that shares it; as it is, when it cannot be stored. Never throws. */
  offer(channel: string, message: Message): Promise<Message>;
  /**
   * Posts the answer in the channel for which it was made, once, with who shared it and the time for which it is true.
   * Returns why it was not shared; undefined when it was. @throws what Slack's client or the control table throws
   */
  share(id: string, by: string): Promise<Message | undefined>;
}

/** A message that was cut to Slack's limits before it was stored. */
const storedSchema = z.object({
  text: z.string(),
  blocks: z.array(z.looseObject({ type: z.string(), block_id: z.string().exactOptional() })),
  plain: z.array(z.looseObject({ type: z.string(), block_id: z.string().exactOptional() })).exactOptional(),
});

export function createAnswers(ports: {
  store: AnswerStore;
  chat: Pick<Chat, 'postStored'>;
  clock: Pick<Clock, 'now'>;
  onError: (error: unknown, message: string) => void;
}): Answers {
  const { store, clock } = ports;
  return {
    async offer(channel, message) {
      try {
        const { text, blocks, plain } = withinLimits(message);
        const stored = z.json().parse({ text, blocks, ...(plain ? { plain } : {}) });
        const id = await store.put({ channel, at: clock.now(), message: stored });
        return withButton(message, button(ACTION.share, 'Share in channel', id));
      } catch (error) {
        ports.onError(error, 'An answer is not stored. It is shown without the button that shares it.');
        return message;
      }
    },
    async share(id, by) {
      const claim = await store.claim(id, by, clock.now());
      if (claim.kind === 'gone') return answerGoneMessage();
      if (claim.kind === 'shared') return alreadySharedMessage(claim.by, claim.at);
      const { channel, at, message } = claim.answer;
      try {
        const shared = sharedAnswer(storedSchema.parse(message), by, at);
        // With an id: whoever presses again after a lost reply does not post it twice.
        await ports.chat.postStored(channel, shared, undefined, onceIdOf(`answer ${id}`, channel));
        return undefined;
      } catch (error) {
        await store.release(id).catch((releaseError: unknown) => {
          ports.onError(releaseError, 'An answer that Slack did not accept cannot be shared again.');
        });
        throw error;
      }
    },
  };
}
