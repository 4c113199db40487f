import { type JsonRecord, present, textOf } from '../rules/json.ts';
import type { Directory } from './directory.ts';
import type { EventLog } from './event-log.ts';
import type { Ids } from './ids.ts';

/** The content of a message of an app or a person. */
export interface MessageContent {
  readonly text: string;
  readonly blocks: readonly JsonRecord[];
  readonly metadata?: JsonRecord;
}

export interface Message extends MessageContent {
  readonly ts: string;
  readonly channelId: string;
  readonly userId: string;
  /** The ts of the parent, on a reply and on a parent that has replies. */
  readonly threadTs?: string;
  /** A reply that is also shown in the channel. */
  readonly isBroadcast: boolean;
  readonly editedTs?: string;
  readonly files: readonly JsonRecord[];
  readonly reactions: readonly { readonly name: string; readonly users: readonly string[] }[];
  /** Set on an ephemeral message: the only person who sees it. */
  readonly onlyFor?: string;
  /** The author when it is neither the bot nor a person: Slack itself. */
  readonly fromSlack?: boolean;
}

export interface NewMessage extends MessageContent {
  readonly channelId: string;
  readonly userId: string;
  readonly threadTs?: string;
  readonly isBroadcast?: boolean;
  readonly files?: readonly JsonRecord[];
  readonly onlyFor?: string;
  readonly fromSlack?: boolean;
}

export interface Messages {
  /** Adds a message. One with `onlyFor` is ephemeral. */
  add(message: NewMessage): Message;
  /** The message with this ts. Includes ephemeral messages. */
  find(channelId: string, ts: string): Message | undefined;
  /** Replaces the content of a message. Returns undefined when it does not exist. */
  change(channelId: string, ts: string, content: Partial<MessageContent>): Message | undefined;
  /** Removes a message. Returns whether it existed. */
  remove(channelId: string, ts: string): boolean;
  /** Adds a reaction. Returns false when the user already has it. */
  react(channelId: string, ts: string, name: string, userId: string): boolean;
  /** The messages of the channel itself, oldest first, without ephemeral ones. */
  inChannel(channelId: string): readonly Message[];
  /** A parent and its replies, oldest first. Empty when the parent does not exist. */
  thread(channelId: string, parentTs: string): readonly Message[];
  /** All messages, ephemeral ones included, oldest first. */
  all(): readonly Message[];
  /** The messages of a channel belong to the channel's new id from now on. */
  moveChannel(from: string, to: string): void;
}

export function createMessages(ids: Pick<Ids, 'ts' | 'next'>, log: Pick<EventLog, 'record'>): Messages {
  const byChannel = new Map<string, Map<string, Message>>();
  const channelOf = (channelId: string) => {
    const known = byChannel.get(channelId) ?? new Map<string, Message>();
    byChannel.set(channelId, known);
    return known;
  };
  const find = (channelId: string, ts: string) => byChannel.get(channelId)?.get(ts);
  const shown = (channelId: string) => [...channelOf(channelId).values()].filter((message) => !message.onlyFor);
  const kind = (message: Message, of: 'changed' | 'deleted') =>
    message.onlyFor ? (`ephemeral_${of}` as const) : (`message_${of}` as const);
  /** Slack gives an id to each block without one. */
  const named = (blocks: readonly JsonRecord[]) =>
    blocks.map((block) => ({ ...block, block_id: textOf(block.block_id) ?? ids.next('b') }));

  return {
    add(fresh) {
      const message: Message = {
        files: [],
        isBroadcast: false,
        ...fresh,
        blocks: named(fresh.blocks),
        ts: ids.ts(),
        reactions: [],
      };
      channelOf(message.channelId).set(message.ts, message);
      log.record(message.onlyFor ? 'ephemeral' : 'message', { message });
      return message;
    },
    find,
    change(channelId, ts, content) {
      const before = find(channelId, ts);
      if (!before) return undefined;
      const after: Message = {
        ...before,
        ...content,
        ...(content.blocks ? { blocks: named(content.blocks) } : {}),
        editedTs: ids.ts(),
      };
      channelOf(channelId).set(ts, after);
      log.record(kind(after, 'changed'), { message: after });
      return after;
    },
    remove(channelId, ts) {
      const message = find(channelId, ts);
      if (!message) return false;
      channelOf(channelId).delete(ts);
      log.record(kind(message, 'deleted'), present({ channelId, ts, onlyFor: message.onlyFor }));
      return true;
    },
    react(channelId, ts, name, userId) {
      const message = find(channelId, ts);
      const others = message?.reactions.filter((reaction) => reaction.name !== name) ?? [];
      const users = message?.reactions.find((reaction) => reaction.name === name)?.users ?? [];
      if (!message || users.includes(userId)) return false;
      const after = { ...message, reactions: [...others, { name, users: [...users, userId] }] };
      channelOf(channelId).set(ts, after);
      log.record('reaction_added', { channelId, ts, name, userId });
      return true;
    },
    inChannel: (channelId) =>
      shown(channelId).filter((message) => message.threadTs === undefined || message.isBroadcast),
    thread: (channelId, parentTs) => {
      const parent = find(channelId, parentTs);
      if (!parent || parent.onlyFor) return [];
      return [parent, ...shown(channelId).filter((message) => message.threadTs === parentTs)];
    },
    all: () => [...byChannel.values()].flatMap((messages) => [...messages.values()]),
    moveChannel(from, to) {
      const moved = [...channelOf(from)].map(([ts, message]) => [ts, { ...message, channelId: to }] as const);
      byChannel.set(to, new Map(moved));
      byChannel.delete(from);
    },
  };
}

/** The message in the format that the app receives. */
export function toSlackMessage(
  message: Message,
  directory: Pick<Directory, 'app' | 'bot' | 'team'>,
  replies = 0,
): JsonRecord {
  const fromApp = message.userId === directory.bot.id;
  return present({
    type: 'message',
    subtype: message.isBroadcast ? 'thread_broadcast' : undefined,
    user: message.userId,
    ...(fromApp ? { bot_id: directory.bot.botId, app_id: directory.app.id } : {}),
    team: directory.team.id,
    ts: message.ts,
    text: message.text,
    blocks: message.blocks.length > 0 ? message.blocks : undefined,
    metadata: message.metadata,
    files: message.files.length > 0 ? message.files : undefined,
    reactions:
      message.reactions.length > 0
        ? message.reactions.map((reaction) => ({ ...reaction, count: reaction.users.length }))
        : undefined,
    thread_ts: message.threadTs ?? (replies > 0 ? message.ts : undefined),
    reply_count: replies > 0 ? replies : undefined,
    edited: message.editedTs === undefined ? undefined : { user: message.userId, ts: message.editedTs },
  });
}
