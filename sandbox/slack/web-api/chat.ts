import { z } from 'zod';
import { WebApiError } from '../errors.ts';
import { present } from '../rules/json.ts';
import type { Parts } from '../rules/parts.ts';
import { toSlackMessage } from '../workspace/messages.ts';
import { messageBlocks, messageContent, postableChannel, threadOf, visibleChannel } from '../workspace/posting.ts';
import { blocks, flag, type MethodTable, method, name, record, text } from './method.ts';

const MOST_UPDATE_TEXT = 4_000;
const content = { text: text.optional(), blocks: blocks.optional(), metadata: record.optional() };
const WRITE = { scopes: ['chat:write'] };

export function chatMethods(
  parts: Pick<Parts, 'directory' | 'ids' | 'manifest' | 'messages' | 'world' | 'url'>,
): MethodTable {
  const { directory, ids, messages, world } = parts;
  /** Messages by channel and client_msg_id: Slack posts one once. */
  const posted = new Map<string, string>();
  /** A message of the bot. Throws `is_inactive`, `message_not_found`, or `refusal` when somebody else wrote it. */
  function ownMessage(channel: string, ts: string, refusal: string) {
    const { id, isArchived } = visibleChannel(directory, channel);
    if (isArchived) throw new WebApiError('is_inactive');
    const message = messages.find(id, ts);
    if (!message || message.onlyFor) throw new WebApiError('message_not_found');
    if (message.userId !== directory.bot.id) throw new WebApiError(refusal);
    return message;
  }

  return {
    'chat.postMessage': method(
      { ...WRITE, tier: 'special' },
      z.object({
        channel: name,
        thread_ts: name.optional(),
        reply_broadcast: flag.optional(),
        client_msg_id: name.optional(),
        ...content,
      }),
      (args) => {
        const channel = postableChannel(parts, args.channel, { allowPublic: true });
        const before = posted.get(`${channel.id}/${args.client_msg_id}`);
        if (before !== undefined) {
          const message = messages.find(channel.id, before);
          if (!message) throw new WebApiError('duplicate_message_not_found');
          return { channel: channel.id, ts: message.ts, message: toSlackMessage(message, directory) };
        }
        const threadTs = threadOf(messages, channel.id, args.thread_ts);
        const message = messages.add({
          ...messageContent(args, world),
          channelId: channel.id,
          userId: directory.bot.id,
          ...(threadTs === undefined ? {} : { threadTs, isBroadcast: args.reply_broadcast ?? false }),
        });
        if (args.client_msg_id !== undefined) posted.set(`${channel.id}/${args.client_msg_id}`, message.ts);
        return { channel: channel.id, ts: message.ts, message: toSlackMessage(message, directory) };
      },
    ),
    'chat.update': method({ ...WRITE, tier: 3 }, z.object({ channel: name, ts: name, ...content }), (args) => {
      const before = ownMessage(args.channel, args.ts, 'cant_update_message');
      if ((args.text?.length ?? 0) > MOST_UPDATE_TEXT) throw new WebApiError('msg_too_long');
      // chat.update keeps fields that are left out, blocks included. An empty list removes the blocks.
      const newBlocks = messageBlocks(args.blocks, world);
      if (!(args.text ?? before.text) && (newBlocks ?? before.blocks).length === 0) throw new WebApiError('no_text');
      const after = messages.change(before.channelId, before.ts, {
        ...(args.text === undefined ? {} : { text: args.text }),
        ...(newBlocks === undefined ? {} : { blocks: newBlocks }),
        ...(args.metadata === undefined ? {} : { metadata: args.metadata }),
      });
      if (!after) throw new WebApiError('message_not_found');
      // In this answer the ts is beside the message, not inside.
      const { ts, ...message } = toSlackMessage(after, directory);
      return { channel: after.channelId, ts, text: after.text, message };
    }),
    'chat.delete': method({ ...WRITE, tier: 3 }, z.object({ channel: name, ts: name }), (args) => {
      const message = ownMessage(args.channel, args.ts, 'cant_delete_message');
      messages.remove(message.channelId, message.ts);
      return { channel: message.channelId, ts: message.ts };
    }),
    'chat.postEphemeral': method(
      { ...WRITE, tier: 4 },
      z.object({ channel: name, user: name, thread_ts: name.optional(), ...content }),
      (args) => {
        const channel = postableChannel(parts, args.channel, { allowPublic: false });
        if (!channel.members.has(args.user)) throw new WebApiError('user_not_in_channel');
        const threadTs = threadOf(messages, channel.id, args.thread_ts);
        const content = messageContent(args, world);
        // "Ephemeral messages in threads are only shown if there is already an active thread" (chat.postEphemeral).
        if (threadTs !== undefined && messages.thread(channel.id, threadTs).length < 2) return { message_ts: ids.ts() };
        const message = messages.add({
          ...content,
          channelId: channel.id,
          userId: directory.bot.id,
          onlyFor: args.user,
          ...(threadTs === undefined ? {} : { threadTs }),
        });
        return { message_ts: message.ts };
      },
    ),
    'chat.getPermalink': method(
      { scopes: [], tier: 'special' },
      z.object({ channel: name, message_ts: name }),
      (args) => {
        const channel = visibleChannel(directory, args.channel);
        const message = messages.find(channel.id, args.message_ts);
        if (!message || message.onlyFor) throw new WebApiError('message_not_found');
        const link = `${parts.url()}/archives/${channel.id}/p${message.ts.replace('.', '')}`;
        return present({
          channel: channel.id,
          permalink: message.threadTs ? `${link}?thread_ts=${message.threadTs}&cid=${channel.id}` : link,
        });
      },
    ),
  };
}
