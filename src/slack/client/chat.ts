import { createHash } from 'node:crypto';
import type { Block, KnownBlock } from '@slack/types';
import type { WebClient } from '@slack/web-api';
import type { Clock } from '../../lib/clock.ts';
import { withinLimits } from '../messages/kit/limits.ts';
import type { Message } from '../messages/kit/message.ts';
import { classifySlackError, isFirstPostDeleted, isThreadGone, ThreadGoneError } from './slack-errors.ts';

type Blocks = readonly (KnownBlock | Block)[];

/** A message as it was stored or as Slack delivered it: its blocks may be of any type. */
export interface StoredMessage {
  readonly text: string;
  readonly blocks: Blocks;
  /** The same content in section blocks only, for a Slack that refuses `blocks`. */
  readonly plain?: Blocks;
}

export interface MessageLocation {
  readonly channel: string;
  readonly ts: string;
}

/** Where a reply goes: under the message `ts`. `broadcast`: the reply is shown in the channel as well. */
export interface Thread {
  readonly ts: string;
  readonly broadcast: boolean;
}

/**
 * Posts and edits messages. Each method makes one call and throws what Slack's client throws; only when Slack refuses the
 * blocks is the message sent again in a simpler form.
 */
export interface Chat {
  /**
   * Returns the `ts` of the new message. `onceId`: Slack posts a message with this id once in a channel, and answers a repetition
   * with the first one. @throws ThreadGoneError when it is in the channel instead of the thread; an error of which
   * `isFirstPostDeleted` is true.
   */
  post(channel: string, message: Message, thread?: Thread, onceId?: string): Promise<string>;
  /** The same for a message that was cut to Slack's limits before. */
  postStored(channel: string, message: StoredMessage, thread?: Thread, onceId?: string): Promise<string>;
  edit(location: MessageLocation, message: Message): Promise<void>;
  /** Edits with a message that was cut to Slack's limits before. */
  editStored(location: MessageLocation, message: StoredMessage): Promise<void>;
  /** Removes the buttons of a message that Slack delivered; everything else stays. */
  removeButtons(location: MessageLocation, message: StoredMessage): Promise<void>;
  /** Posts a message that only this person sees. `threadTs`: in this thread, which must have replies. */
  postEphemeral(channel: string, person: string, message: Message, threadTs?: string): Promise<void>;
  permalink(location: MessageLocation): Promise<string | undefined>;
}

/** The id of a post (`onceId`): the same for each repetition, different in each channel. In the form of a UUID, as Slack's own clients send it. */
export function onceIdOf(key: string, channel: string): string {
  const hex = createHash('sha256').update(`${key} ${channel}`).digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join('-');
}

export function createChat(client: Pick<WebClient, 'chat'>): Chat {
  async function postStored(
    channel: string,
    message: StoredMessage,
    thread?: Thread,
    onceId?: string,
  ): Promise<string> {
    // Slack documents client_msg_id only by its errors (chat.postMessage, `duplicate_message_not_found`).
    const once = onceId === undefined ? {} : { client_msg_id: onceId };
    const base = { channel, text: message.text, unfurl_links: false, unfurl_media: false, ...once };
    const { ts, message: shown } = await inAcceptedForm(message, (blocks) => {
      const content = blocks.length === 0 ? base : { ...base, blocks };
      return client.chat.postMessage(
        thread ? { ...content, thread_ts: thread.ts, reply_broadcast: thread.broadcast } : content,
      );
    });
    if (!ts) throw new Error('chat.postMessage succeeded but returned no ts.');
    if (thread && shown && shown.thread_ts === undefined) throw new ThreadGoneError(channel, thread.ts, ts);
    return ts;
  }
  // Without `parse: 'none'` chat.update parses the text as if a person had typed it; chat.postMessage does not.
  const update = (location: MessageLocation, text: string, blocks: (KnownBlock | Block)[]) =>
    client.chat.update({ ...location, parse: 'none', text, blocks });
  async function editStored(location: MessageLocation, message: StoredMessage): Promise<void> {
    await inAcceptedForm(message, (blocks) => update(location, message.text, blocks));
  }
  return {
    post: (channel, message, ...rest) => postStored(channel, withinLimits(message), ...rest),
    postStored,
    edit: (location, message) => editStored(location, withinLimits(message)),
    editStored,
    async removeButtons(location, { text, blocks }) {
      await update({ channel: location.channel, ts: location.ts }, text, withoutButtons(blocks));
    },
    async postEphemeral(channel, user, message, threadTs) {
      const fitted = withinLimits(message);
      const base = { channel, user, text: fitted.text, ...(threadTs === undefined ? {} : { thread_ts: threadTs }) };
      await inAcceptedForm(fitted, (blocks) =>
        client.chat.postEphemeral(blocks.length === 0 ? base : { ...base, blocks }),
      );
    },
    async permalink({ channel, ts }) {
      return (await client.chat.getPermalink({ channel, message_ts: ts })).permalink;
    },
  };
}

const withoutButtons = (blocks: Blocks): (KnownBlock | Block)[] =>
  blocks
    .filter(({ type }) => type !== 'actions')
    .map((block) => {
      if (!('accessory' in block) || !isButton(block.accessory)) return block;
      const { accessory: _, ...rest } = block;
      return rest;
    });
const isButton = (accessory: unknown): boolean =>
  typeof accessory === 'object' && accessory !== null && 'type' in accessory && accessory.type === 'button';

/** Sends the blocks; when Slack refuses them as `invalid_blocks`, the plain blocks; when it refuses those too, the text alone. */
async function inAcceptedForm<T>(
  { blocks, plain }: StoredMessage,
  send: (blocks: (KnownBlock | Block)[]) => Promise<T>,
): Promise<T> {
  const forms = plain ? [blocks, plain] : [blocks];
  for (const form of forms)
    try {
      return await send([...form]);
    } catch (error) {
      const failure = classifySlackError(error);
      if (failure.kind !== 'refused' || !failure.code.startsWith('invalid_blocks')) throw error;
    }
  return send([]);
}

/**
 * Posts into the thread, or into the channel when there is no thread or its first message was deleted. `onThreadGone`: the
 * first message was deleted, and the message with the returned `ts` is in the channel.
 */
export async function postInThreadOrChannel(
  post: (thread: Thread | undefined) => Promise<string>,
  thread: Thread | undefined,
  onThreadGone: (ts: string) => void = () => {},
): Promise<string> {
  try {
    return await post(thread);
  } catch (error) {
    if (!thread || !isThreadGone(error)) throw error;
    // Slack itself has posted the message in the channel, or it refused the thread.
    const ts = error instanceof ThreadGoneError ? error.ts : await post(undefined);
    onThreadGone(ts);
    return ts;
  }
}

/**
 * Posts a message whose place must be known: also where the answer to an earlier post with this key was lost, the channel has one
 * message, and its `ts` is returned. Where that one was deleted, the message is posted anew.
 */
export async function postOnce(
  chat: Pick<Chat, 'post'>,
  channel: string,
  message: Message,
  key: string,
): Promise<string> {
  try {
    return await chat.post(channel, message, undefined, onceIdOf(key, channel));
  } catch (error) {
    if (!isFirstPostDeleted(error)) throw error;
    return chat.post(channel, message);
  }
}

/** How long a message that a person waits for may be delayed by rate limits before that is an error, ms. */
const MAX_RATE_LIMIT_WAIT_MS = 30_000;

/**
 * The same chat, for messages that a person waits for (a preview, a request for approval): a rate-limited call is repeated
 * after the time that Slack names, for up to 30 s. Not for progress, where a newer state is better, nor for alerts, which
 * have a delivery of their own.
 */
export function withRateLimitRetries(chat: Chat, clock: Clock): Chat {
  async function retry<T>(call: () => Promise<T>): Promise<T> {
    const until = clock.now() + MAX_RATE_LIMIT_WAIT_MS;
    for (;;) {
      try {
        return await call();
      } catch (error) {
        const failure = classifySlackError(error);
        if (failure.kind !== 'rate-limited' || clock.now() + failure.retryAfterMs > until) throw error;
        await clock.sleep(failure.retryAfterMs);
      }
    }
  }
  return {
    ...chat,
    post: (...call) => retry(() => chat.post(...call)),
    edit: (...call) => retry(() => chat.edit(...call)),
    postEphemeral: (...call) => retry(() => chat.postEphemeral(...call)),
  };
}
