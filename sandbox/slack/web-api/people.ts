import { z } from 'zod';
import { WebApiError } from '../errors.ts';
import type { Parts } from '../rules/parts.ts';
import { toSlackUser } from '../workspace/directory.ts';
import { visibleChannel } from '../workspace/posting.ts';
import { count, flag, type MethodTable, method, name, page } from './method.ts';

/** users.*, usergroups.* and reactions.*. */
export function peopleMethods(parts: Pick<Parts, 'directory' | 'messages'>): MethodTable {
  const { directory, messages } = parts;
  return {
    'users.info': method({ scopes: ['users:read'], tier: 4 }, z.object({ user: name }), (args) => {
      const user = directory.users().find((one) => one.id === args.user);
      if (!user) throw new WebApiError('user_not_found');
      return { user: toSlackUser(user) };
    }),
    'users.list': method(
      { scopes: ['users:read'], tier: 2 },
      z.object({ limit: count.min(0).max(1000).default(0), cursor: z.string().optional() }),
      (args) => {
        const limit = args.limit === 0 ? directory.users().length : args.limit;
        const { page: part, nextCursor } = page(directory.users(), limit, args.cursor);
        return { members: part.map(toSlackUser), response_metadata: { next_cursor: nextCursor } };
      },
    ),
    'usergroups.list': method(
      { scopes: ['usergroups:read'], tier: 2 },
      z.object({ include_users: flag.default(false), include_count: flag.default(false) }),
      (args) => ({
        usergroups: directory.groups().map((group) => ({
          id: group.id,
          team_id: directory.team.id,
          is_usergroup: true,
          name: group.name,
          handle: group.handle,
          date_delete: 0,
          ...(args.include_users ? { users: group.members } : {}),
          ...(args.include_count ? { user_count: group.members.length } : {}),
        })),
      }),
    ),
    'usergroups.users.list': method({ scopes: ['usergroups:read'], tier: 2 }, z.object({ usergroup: name }), (args) => {
      const group = directory.groups().find((one) => one.id === args.usergroup);
      if (!group) throw new WebApiError('no_such_subteam');
      return { users: group.members };
    }),
    'reactions.add': method(
      { scopes: ['reactions:write'], tier: 3 },
      z.object({ channel: name, timestamp: name, name: z.string().min(1) }),
      (args) => {
        const channel = visibleChannel(directory, args.channel);
        const message = messages.find(channel.id, args.timestamp);
        if (!message || message.onlyFor) throw new WebApiError('message_not_found');
        if (!/^[a-z0-9_+'-]+(::skin-tone-\d)?$/.test(args.name)) throw new WebApiError('invalid_name');
        if (!messages.react(channel.id, message.ts, args.name, directory.bot.id))
          throw new WebApiError('already_reacted');
        return {};
      },
    ),
  };
}
