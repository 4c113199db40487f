import type { Block, KnownBlock } from '@slack/types';
import type { WebClient } from '@slack/web-api';
import type { Clock } from '../../lib/clock.ts';
import { withinLimits } from '../messages/kit/limits.ts';
import type { Message } from '../messages/kit/message.ts';
import { classifySlackError } from './slack-errors.ts';

/** A message as it went on record: its blocks are Slack's, whatever they are. */
export interface StoredMessage {
  readonly text: string;
  readonly blocks: readonly (KnownBlock | Block)[];
  readonly plain?: readonly (KnownBlock | Block)[];
}

export interface MessageLocation {
  readonly channel: string;
  readonly ts: string;
}

/** Saying things. Every method makes one call and throws what Slack's client throws. */
export interface Chat {
  /** Answers the ts. `broadcast`: a reply that the channel sees as well. */
  post(channel: string, message: Message, thread?: { ts: string; broadcast: boolean }): Promise<string>;
  /** The same, and whether Slack took the message as it is: else it stands there in a plainer form. */
  postKnowing(
    channel: string,
    message: Message,
    thread?: { ts: string; broadcast: boolean },
  ): Promise<{ readonly ts: string; readonly isWhole: boolean }>;
  /** Posts what passed the limits before. */
  postStored(channel: string, message: StoredMessage, thread?: { ts: string; broadcast: boolean }): Promise<string>;
  edit(location: MessageLocation, message: Message): Promise<void>;
  /** Takes the buttons off a message as Slack gave it; everything else stays. */
  removeButtons(location: MessageLocation, message: StoredMessage): Promise<void>;
  /** Seen by one person only. */
  postEphemeral(channel: string, person: string, message: Message): Promise<void>;
  permalink(location: MessageLocation): Promise<string | undefined>;
}

export function createChat(client: Pick<WebClient, 'chat'>): Chat {
  async function send(
    channel: string,
    { text, blocks, plain }: StoredMessage,
    thread?: { ts: string; broadcast: boolean },
  ): Promise<{ ts: string; isWhole: boolean }> {
    const quiet = { channel, text, unfurl_links: false, unfurl_media: false };
    const sendAs = (content: { blocks?: (KnownBlock | Block)[] }) =>
      thread
        ? client.chat.postMessage({ ...quiet, ...content, thread_ts: thread.ts, reply_broadcast: thread.broadcast })
        : client.chat.postMessage({ ...quiet, ...content });
    const asItIs = async () => ({ ...(await sendAs({ blocks: [...blocks] })), isWhole: true });
    const { ts, isWhole } = await plainIfRefused<{ ts?: string; isWhole: boolean }>(
      asItIs,
      plain && (async () => ({ ...(await sendAs({ blocks: [...plain] })), isWhole: false })),
      async () => ({ ...(await sendAs({})), isWhole: false }),
    );
    if (!ts) throw new Error('Slack took a message and gave no ts.');
    return { ts, isWhole };
  }
  // Slack parses an update as a person's typing unless it is told not to (chat.update, `parse`), a post never.
  const change = (location: MessageLocation, text: string, blocks: readonly (KnownBlock | Block)[]) =>
    client.chat.update({ ...location, parse: 'none', text, blocks: [...blocks] });
  const chat: Chat = {
    post: async (channel, message, thread) => (await send(channel, withinLimits(message), thread)).ts,
    postKnowing: (channel, message, thread) => send(channel, withinLimits(message), thread),
    postStored: async (channel, message, thread) => (await send(channel, message, thread)).ts,
    async edit(location, message) {
      const { text, blocks, plain } = withinLimits(message);
      await plainIfRefused(
        () => change(location, text, blocks),
        plain && (() => change(location, text, plain)),
        () => change(location, text, []),
      );
    },
    async removeButtons(location, { text, blocks }) {
      const rest = blocks.filter((block) => block.type !== 'actions');
      await change(location, text, rest);
    },
    async postEphemeral(channel, user, message) {
      const { text, blocks, plain } = withinLimits(message);
      await plainIfRefused(
        () => client.chat.postEphemeral({ channel, user, text, blocks: [...blocks] }),
        plain && (() => client.chat.postEphemeral({ channel, user, text, blocks: [...plain] })),
        () => client.chat.postEphemeral({ channel, user, text }),
      );
    },
    async permalink({ channel, ts }) {
      return (await client.chat.getPermalink({ channel, message_ts: ts })).permalink;
    },
  };
  return chat;
}

/** How long a message that a person waits for is held back by Slack's rate limits before that is an error, ms. */
const PATIENCE_MS = 30_000;

/**
 * The same chat, for what a person asked for and waits for (a preview, a request for approval): told to come back later, it
 * does, for up to 30 s. Not for progress, where the next state is better, nor for alerts, which have their own way.
 */
export function withRateLimitRetries(chat: Chat, clock: Clock): Chat {
  async function patiently<T>(say: () => Promise<T>): Promise<T> {
    const until = clock.now() + PATIENCE_MS;
    for (;;) {
      try {
        return await say();
      } catch (error) {
        const trouble = classifySlackError(error);
        if (trouble.kind !== 'rate-limited' || clock.now() + trouble.retryAfterMs > until) throw error;
        await clock.sleep(trouble.retryAfterMs);
      }
    }
  }
  return {
    ...chat,
    post: (...said) => patiently(() => chat.post(...said)),
    postKnowing: (...said) => patiently(() => chat.postKnowing(...said)),
    edit: (...said) => patiently(() => chat.edit(...said)),
    postEphemeral: (...said) => patiently(() => chat.postEphemeral(...said)),
  };
}

/** A Slack that refuses the blocks gets plainer ones that say the same, and at last the text alone. */
async function plainIfRefused<T>(...forms: ((() => Promise<T>) | undefined)[]): Promise<T> {
  const [form, ...plainer] = forms.filter((candidate) => candidate !== undefined);
  if (!form) throw new Error('There is no form of the message left: this is a defect.');
  try {
    return await form();
  } catch (error) {
    const trouble = classifySlackError(error);
    if (plainer.length > 0 && trouble.kind === 'refused' && trouble.code.startsWith('invalid_blocks'))
      return plainIfRefused(...plainer);
    throw error;
  }
}
