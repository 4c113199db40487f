import { type JsonRecord, present } from '../rules/json.ts';
import type { EventLog } from './event-log.ts';

/** A person or a bot of the workspace. */
export interface User {
  readonly id: string;
  readonly name: string;
  readonly realName: string;
  readonly teamId: string;
  readonly isBot: boolean;
  readonly isDeleted: boolean;
  /** A guest: sees only the channels they are a member of. */
  readonly isRestricted: boolean;
  /** From another workspace, through a shared channel. */
  readonly isStranger: boolean;
  readonly botId?: string;
}

export interface Channel {
  id: string;
  readonly name: string;
  readonly kind: 'public' | 'private' | 'im';
  isArchived: boolean;
  readonly members: Set<string>;
}

export interface UserGroup {
  readonly id: string;
  readonly handle: string;
  readonly name: string;
  readonly members: readonly string[];
}

export interface Directory {
  readonly team: { readonly id: string; readonly domain: string; readonly name: string };
  readonly app: { readonly id: string; readonly name: string };
  /** The bot user of the app. */
  readonly bot: User & { readonly botId: string };
  users(): readonly User[];
  channels(): readonly Channel[];
  groups(): readonly UserGroup[];
  /** By id or name. */
  user(idOrName: string): User | undefined;
  /** By id, name, or name with a `#`. */
  channel(idOrName: string): Channel | undefined;
  /** The direct messages of the bot and this user. Opens them when needed. */
  imWith(user: User): Channel;
  canSee(user: User, channel: Channel): boolean;
}

/** The users, channels and groups at the start. Lists that are left out are those of the sandbox README. */
export interface Seed {
  readonly users?: readonly SeedUser[];
  readonly channels?: readonly SeedChannel[];
  readonly groups?: readonly UserGroup[];
}
export type SeedUser = Pick<User, 'id' | 'name'> & Partial<User>;
export interface SeedChannel {
  readonly id: string;
  readonly name: string;
  readonly isPrivate?: boolean;
  readonly isArchived?: boolean;
  /** User ids. */
  readonly members: readonly string[];
  /** Whether the app's bot is a member. */
  readonly withBot: boolean;
}

export const TEAM_ID = 'T0SANDBOX';
export const BOT_USER_ID = 'U0BOT';
const PEOPLE = ['U0OPERATOR', 'U0APPROVER', 'U0VIEWER', 'U0GUEST', 'U0EXTERNAL', 'U0OTHERBOT'];

const DEFAULT_USERS: readonly SeedUser[] = [
  { id: 'U0OPERATOR', name: 'operator', realName: 'Olivia Operator' },
  { id: 'U0APPROVER', name: 'approver', realName: 'Arun Approver' },
  { id: 'U0VIEWER', name: 'viewer', realName: 'Vera Viewer' },
  { id: 'U0GUEST', name: 'guest', realName: 'Gus Guest', isRestricted: true },
  { id: 'U0EXTERNAL', name: 'external', realName: 'Ezra External', isStranger: true, teamId: 'T0ELSEWHERE' },
  { id: 'U0DELETED', name: 'deleted', realName: 'Dana Deleted', isDeleted: true },
  { id: 'U0OTHERBOT', name: 'otherbot', realName: 'Other Bot', isBot: true, botId: 'B0OTHER' },
];
export const DEFAULT_CHANNELS: readonly SeedChannel[] = [
  { id: 'C0TIMESHEET', name: 'timesheet-ocr', members: PEOPLE, withBot: true },
  { id: 'C0RANDOM', name: 'random', members: ['U0OPERATOR', 'U0APPROVER', 'U0VIEWER'], withBot: false },
];
const DEFAULT_GROUPS: readonly UserGroup[] = [
  { id: 'S0OPERATORS', handle: 'operators', name: 'Operators', members: ['U0OPERATOR', 'U0APPROVER'] },
];

export function createDirectory(
  app: { readonly name: string; readonly botName: string },
  log: Pick<EventLog, 'record'>,
  seed: Seed = {},
): Directory {
  const bot = { ...asUser({ id: BOT_USER_ID, name: app.botName, isBot: true }), botId: 'B0BOT' };
  const users = [...(seed.users ?? DEFAULT_USERS).map(asUser), bot];
  const channels: Channel[] = (seed.channels ?? DEFAULT_CHANNELS).map((channel) => ({
    id: channel.id,
    name: channel.name,
    kind: channel.isPrivate ? 'private' : 'public',
    isArchived: channel.isArchived ?? false,
    members: new Set([...channel.members, ...(channel.withBot ? [bot.id] : [])]),
  }));
  const groups = seed.groups ?? DEFAULT_GROUPS;
  return {
    team: { id: TEAM_ID, domain: 'sandbox', name: 'Sandbox' },
    app: { id: 'A0SANDBOX', name: app.name },
    bot,
    users: () => users,
    channels: () => channels,
    groups: () => groups,
    user: (idOrName) => users.find((user) => user.id === idOrName || user.name === idOrName),
    channel(idOrName) {
      const name = idOrName.replace(/^#/, '');
      return channels.find((channel) => channel.id === name || (channel.kind !== 'im' && channel.name === name));
    },
    imWith(user) {
      const id = `D${user.id.slice(1)}`;
      const existing = channels.find((channel) => channel.id === id);
      if (existing) return existing;
      const im: Channel = { id, name: user.name, kind: 'im', isArchived: false, members: new Set([user.id, bot.id]) };
      channels.push(im);
      log.record('channel_joined', { channel: id, user: user.id });
      return im;
    },
    canSee: (user, channel) =>
      channel.members.has(user.id) || (channel.kind === 'public' && !user.isRestricted && !user.isStranger),
  };
}

function asUser(seed: SeedUser): User {
  return {
    realName: seed.name,
    teamId: TEAM_ID,
    isBot: false,
    isDeleted: false,
    isRestricted: false,
    isStranger: false,
    ...seed,
  };
}

/** The user in the format of `users.info`. */
export function toSlackUser(user: User): JsonRecord {
  return present({
    id: user.id,
    team_id: user.teamId,
    name: user.name,
    deleted: user.isDeleted,
    real_name: user.realName,
    tz: 'Etc/UTC',
    tz_label: 'Coordinated Universal Time',
    tz_offset: 0,
    profile: present({
      real_name: user.realName,
      display_name: user.name,
      team: user.teamId,
      bot_id: user.botId,
    }),
    is_admin: false,
    is_owner: false,
    is_bot: user.isBot,
    is_app_user: false,
    is_restricted: user.isRestricted,
    is_ultra_restricted: false,
    ...(user.isStranger ? { is_stranger: true } : {}),
    updated: 0,
  });
}

/** The channel in the format that `conversations.info` returns to the bot. Direct messages have another format. */
export function toSlackChannel(channel: Channel, bot: User): JsonRecord {
  if (channel.kind === 'im')
    return {
      id: channel.id,
      created: 0,
      is_archived: channel.isArchived,
      is_im: true,
      is_org_shared: false,
      user: [...channel.members].find((id) => id !== bot.id),
      is_open: true,
    };
  const flags = {
    is_channel: channel.kind === 'public',
    is_group: channel.kind === 'private',
    is_im: false,
    is_mpim: false,
    is_private: channel.kind === 'private',
    is_archived: channel.isArchived,
    created: 0,
  };
  return {
    id: channel.id,
    name: channel.name,
    name_normalized: channel.name,
    ...flags,
    is_general: false,
    is_shared: false,
    is_ext_shared: false,
    is_member: channel.members.has(bot.id),
    num_members: channel.members.size,
  };
}
