import { z } from 'zod';
import { WebApiError } from '../errors.ts';
import type { Parts } from '../rules/parts.ts';
import { type Channel, toSlackChannel } from '../workspace/directory.ts';
import { type Message, toSlackMessage } from '../workspace/messages.ts';
import { visibleChannel } from '../workspace/posting.ts';
import { count, flag, type MethodTable, method, name, nameList, page } from './method.ts';
import { anyConversationScope, conversationScope, requireScope } from './scopes.ts';

const READ = { scopes: anyConversationScope('read') };
const HISTORY = { scopes: anyConversationScope('history'), tier: 3 } as const;
const paged = { limit: count.min(1).max(1000).default(100), cursor: z.string().optional() };
const ranged = { ...paged, oldest: name.optional(), latest: name.optional(), inclusive: flag.default(false) };

export function conversationMethods(parts: Pick<Parts, 'directory' | 'manifest' | 'messages'>): MethodTable {
  const { directory, manifest, messages } = parts;
  function readable(id: string, what: 'read' | 'history'): Channel {
    const channel = visibleChannel(directory, id);
    requireScope(manifest, [conversationScope(channel, what)]);
    if (what === 'history' && !channel.members.has(directory.bot.id)) throw new WebApiError('not_in_channel');
    return channel;
  }
  const shown = (message: Message) =>
    toSlackMessage(message, directory, messages.thread(message.channelId, message.ts).length - 1);
  const inRange =
    (args: { oldest?: string | undefined; latest?: string | undefined; inclusive: boolean }) =>
    ({ ts }: Message) => {
      const isAfter = args.oldest === undefined || ts > args.oldest || (args.inclusive && ts === args.oldest);
      const isBefore = args.latest === undefined || ts < args.latest || (args.inclusive && ts === args.latest);
      return isAfter && isBefore;
    };
  const answer = (found: readonly Message[], args: { limit: number; cursor?: string | undefined }) => {
    const { page: part, nextCursor } = page(found, args.limit, args.cursor);
    return {
      messages: part.map(shown),
      has_more: nextCursor !== '',
      response_metadata: { next_cursor: nextCursor },
    };
  };

  return {
    'conversations.info': method({ ...READ, tier: 3 }, z.object({ channel: name }), (args) => ({
      channel: toSlackChannel(readable(args.channel, 'read'), directory.bot),
    })),
    'conversations.list': method(
      { ...READ, tier: 2 },
      z.object({ ...paged, types: nameList.default(['public_channel']), exclude_archived: flag.default(false) }),
      (args) => {
        const kinds: Readonly<Record<string, Channel['kind']>> = {
          public_channel: 'public',
          private_channel: 'private',
          im: 'im',
        };
        const asked = args.types.map((type) => kinds[type]).filter((kind) => kind !== undefined);
        for (const kind of asked) requireScope(manifest, [conversationScope({ kind }, 'read')]);
        const found = directory
          .channels()
          .filter((channel) => asked.includes(channel.kind))
          .filter((channel) => channel.kind === 'public' || channel.members.has(directory.bot.id))
          .filter((channel) => !(args.exclude_archived && channel.isArchived));
        const { page: part, nextCursor } = page(found, args.limit, args.cursor);
        return {
          channels: part.map((channel) => toSlackChannel(channel, directory.bot)),
          response_metadata: { next_cursor: nextCursor },
        };
      },
    ),
    'conversations.members': method({ ...READ, tier: 4 }, z.object({ channel: name, ...paged }), (args) => {
      const channel = readable(args.channel, 'read');
      const { page: part, nextCursor } = page([...channel.members], args.limit, args.cursor);
      return { members: part, response_metadata: { next_cursor: nextCursor } };
    }),
    'conversations.open': method(
      { scopes: ['im:write'], tier: 3 },
      z.object({ users: nameList.optional(), channel: name.optional(), return_im: flag.default(false) }),
      (args) => {
        if (args.channel) return { channel: { id: visibleChannel(directory, args.channel).id } };
        const [id, ...others] = args.users ?? [];
        if (id === undefined) throw new WebApiError('users_list_not_supplied');
        if (others.length > 0) throw new WebApiError('method_not_supported_for_channel_type');
        const user = directory.users().find((one) => one.id === id);
        if (!user) throw new WebApiError('user_not_found');
        if (user.isDeleted) throw new WebApiError('user_disabled');
        if (user.isBot) throw new WebApiError('cannot_dm_bot');
        const channel = directory.imWith(user);
        return { channel: args.return_im ? toSlackChannel(channel, directory.bot) : { id: channel.id } };
      },
    ),
    'conversations.history': method(HISTORY, z.object({ channel: name, ...ranged }), (args) => {
      const channel = readable(args.channel, 'history');
      return answer(messages.inChannel(channel.id).filter(inRange(args)).toReversed(), args);
    }),
    'conversations.replies': method(HISTORY, z.object({ channel: name, ts: name, ...ranged }), (args) => {
      const channel = readable(args.channel, 'history');
      const asked = messages.find(channel.id, args.ts);
      const thread = messages.thread(channel.id, asked?.threadTs ?? args.ts);
      if (thread.length === 0) throw new WebApiError('thread_not_found');
      const [parent, ...replies] = thread;
      return answer(parent ? [parent, ...replies.filter(inRange(args))] : [], args);
    }),
  };
}
