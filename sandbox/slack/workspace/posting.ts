import { WebApiError } from '../errors.ts';
import { checkBlocks } from '../rules/block-check.ts';
import { type JsonRecord, recordsOf } from '../rules/json.ts';
import type { Parts } from '../rules/parts.ts';
import { refuseProblems } from '../web-api/method.ts';
import type { Channel } from './directory.ts';
import type { MessageContent } from './messages.ts';

/** Slack truncates longer texts. An app that sends one has a bug, so they are refused here. */
const MOST_TEXT = 40_000;

/** The valid blocks of a message. Throws `invalid_blocks_format` or `invalid_blocks`. Undefined when there are none. */
export function messageBlocks(blocks: unknown, world: Parts['world']): readonly JsonRecord[] | undefined {
  if (blocks === undefined || blocks === null || blocks === '') return undefined;
  if (!Array.isArray(blocks)) throw new WebApiError('invalid_blocks_format');
  refuseProblems(
    'invalid_blocks',
    checkBlocks(blocks, 'message', { refusedTypes: new Set(world.state().rejectBlocks) }),
  );
  return recordsOf(blocks);
}

/** The content of a new message. Throws `no_text`, `msg_too_long` or an error for its blocks. */
export function messageContent(
  args: { readonly text?: string | undefined; readonly blocks?: unknown; readonly metadata?: JsonRecord | undefined },
  world: Parts['world'],
): MessageContent {
  const text = args.text ?? '';
  const blocks = messageBlocks(args.blocks, world) ?? [];
  if (text.length > MOST_TEXT) throw new WebApiError('msg_too_long');
  if (text === '' && blocks.length === 0) throw new WebApiError('no_text');
  return { text, blocks, ...(args.metadata ? { metadata: args.metadata } : {}) };
}

/**
 * The conversation with this id, if the bot can see it. Only Slack's posting methods also accept a name. Throws
 * `channel_not_found`.
 */
export function visibleChannel(directory: Parts['directory'], id: string): Channel {
  const channel = directory.channel(id);
  if (channel?.id !== id) throw new WebApiError('channel_not_found');
  return knownToBot(directory, channel);
}

function knownToBot(directory: Parts['directory'], channel: Channel | undefined): Channel {
  if (!channel || (channel.kind !== 'public' && !channel.members.has(directory.bot.id)))
    throw new WebApiError('channel_not_found');
  return channel;
}

/**
 * A conversation in which the bot may post, by id or name. The id of a user stands for their direct messages. Throws
 * Slack's error when the bot may not post there.
 */
export function postableChannel(
  parts: Pick<Parts, 'directory' | 'manifest'>,
  idOrName: string,
  options: { allowPublic: boolean },
): Channel {
  const { directory, manifest } = parts;
  const user = idOrName.startsWith('U') ? directory.users().find((one) => one.id === idOrName) : undefined;
  const channel = user ? directory.imWith(user) : knownToBot(directory, directory.channel(idOrName));
  if (channel.isArchived) throw new WebApiError('is_archived');
  if (channel.members.has(directory.bot.id)) return channel;
  if (options.allowPublic && manifest.scopes.has('chat:write.public')) return channel;
  throw new WebApiError('not_in_channel');
}

/**
 * The thread that a reply to `threadTs` joins. Undefined without `threadTs`, and when there is no message with this ts (it
 * was deleted): Slack then posts the message in the channel, and its answer has no `message.thread_ts`. Throws for a ts
 * that cannot be the parent of a thread.
 */
export function threadOf(
  messages: Parts['messages'],
  channelId: string,
  threadTs: string | undefined,
): string | undefined {
  if (threadTs === undefined) return undefined;
  if (!/^\d+\.\d{6}$/.test(threadTs)) throw new WebApiError('invalid_thread_ts');
  const parent = messages.find(channelId, threadTs);
  if (parent?.threadTs !== undefined && parent.threadTs !== parent.ts) throw new WebApiError('cannot_reply_to_message');
  return parent && !parent.onlyFor ? threadTs : undefined;
}
