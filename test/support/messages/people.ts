import { createPeople, type People } from '../../../src/slack/intake/people.ts';

/** Everybody is an active member of the workspace, unless `users` says something else about them. */
export function peopleWith(
  users: Readonly<Record<string, object | Error>> = {},
  clock: { now: () => number } = { now: () => 0 },
): People {
  return createPeople({
    async readUser(id) {
      const user = users[id];
      if (user instanceof Error) throw user;
      return { id, team_id: 'T1', ...user };
    },
    teamId: async () => 'T1',
    clock,
  });
}
