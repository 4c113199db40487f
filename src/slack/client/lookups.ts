import type { WebClient } from '@slack/web-api';

/** What the bot looks up about people and channels. Every method throws what Slack's client throws. */
export interface Lookups {
  /** The user ids of a user group. */
  readonly membersOf: (group: string) => Promise<readonly string[]>;
  readonly readChannel: (
    channel: string,
  ) => Promise<{ readonly is_member?: boolean; readonly is_archived?: boolean } | undefined>;
  readonly readUser: (person: string) => Promise<unknown>;
  /** The name of a person as Slack shows it; undefined where Slack has none. */
  readonly nameOf: (person: string) => Promise<string | undefined>;
  /** The channel of a person's direct messages with the bot; looked up once. @throws also when Slack does not return it. */
  readonly directChannel: (person: string) => Promise<string>;
  /** The workspace of the bot; looked up once. @throws also when Slack does not return it. */
  readonly teamId: () => Promise<string>;
}

export function createLookups(client: Pick<WebClient, 'usergroups' | 'conversations' | 'users' | 'auth'>): Lookups {
  let ownTeam: string | undefined;
  const directChannels = new Map<string, string>();
  return {
    membersOf: async (group) => (await client.usergroups.users.list({ usergroup: group })).users ?? [],
    readChannel: async (channel) => (await client.conversations.info({ channel })).channel,
    readUser: async (person) => (await client.users.info({ user: person })).user,
    async nameOf(person) {
      const { user } = await client.users.info({ user: person });
      return [user?.profile?.display_name, user?.real_name, user?.name].find(
        (name) => name !== undefined && name !== '',
      );
    },
    async directChannel(person) {
      const known = directChannels.get(person);
      if (known !== undefined) return known;
      const { channel } = await client.conversations.open({ users: person });
      if (channel?.id === undefined) throw new Error('conversations.open succeeded but returned no channel.');
      directChannels.set(person, channel.id);
      return channel.id;
    },
    async teamId() {
      ownTeam ??= (await client.auth.test()).team_id;
      if (ownTeam === undefined) throw new Error('auth.test succeeded but returned no team_id.');
      return ownTeam;
    },
  };
}
