import type { WebClient } from '@slack/web-api';

/** What the bot looks up about people and channels. Every method throws what Slack's client throws. */
export interface Lookups {
  /** The user ids of a user group. */
  readonly membersOf: (group: string) => Promise<readonly string[]>;
  readonly readChannel: (
    channel: string,
  ) => Promise<{ readonly is_member?: boolean; readonly is_archived?: boolean } | undefined>;
  readonly readUser: (person: string) => Promise<unknown>;
  /** The workspace of the bot; looked up once. @throws also when Slack does not return it. */
  readonly teamId: () => Promise<string>;
}

export function createLookups(client: Pick<WebClient, 'usergroups' | 'conversations' | 'users' | 'auth'>): Lookups {
  let ownTeam: string | undefined;
  return {
    membersOf: async (group) => (await client.usergroups.users.list({ usergroup: group })).users ?? [],
    readChannel: async (channel) => (await client.conversations.info({ channel })).channel,
    readUser: async (person) => (await client.users.info({ user: person })).user,
    async teamId() {
      ownTeam ??= (await client.auth.test()).team_id;
      if (ownTeam === undefined) throw new Error('auth.test succeeded but returned no team_id.');
      return ownTeam;
    },
  };
}
