import { z } from 'zod';
import type { Clock } from '../../lib/clock.ts';

/** Why a person may change nothing, although listed. */
export type Outsider = 'deactivated' | 'bot' | 'guest' | 'external';

/** A person as Slack knows them now. */
export interface Person {
  /** Every id under which Slack reports this person. On Enterprise Grid the same person appears as `U…` and as `W…`. */
  readonly ids: readonly string[];
  /** The person belongs to an Enterprise Grid organisation, so that lists may name them by another id. */
  readonly isOnGrid: boolean;
  /** Absent for an active member of the bot's workspace. */
  readonly outsider?: Outsider;
}

export interface People {
  /**
   * Read after `readAfter` (epoch ms), by default within the last minute.
   * @throws what Slack's client throws, and an error for an unknown answer
   */
  lookUp(id: string, readAfter?: number): Promise<Person>;
  /** Whether two ids are the same person. @throws as `lookUp` does, where the ids differ */
  areSame(one: string, other: string): Promise<boolean>;
}

const userSchema = z.looseObject({
  id: z.string(),
  team_id: z.string(),
  /** The workspaces of a member of an Enterprise organisation. */
  enterprise_user: z.looseObject({ id: z.string().optional(), teams: z.array(z.string()).optional() }).optional(),
  deleted: z.boolean().optional(),
  is_bot: z.boolean().optional(),
  is_restricted: z.boolean().optional(),
  is_ultra_restricted: z.boolean().optional(),
  is_stranger: z.boolean().optional(),
});

const CACHE_MS = 60_000;
const MOST_CACHED = 1_000;

/**
 * Looks people up. Slack sets `is_stranger` only for people who share no channel with the bot, so the workspace is compared
 * as well.
 */
export function createPeople(ports: {
  readUser: (person: string) => Promise<unknown>;
  /** The workspace of the bot. */
  teamId: () => Promise<string>;
  clock: Pick<Clock, 'now'>;
}): People {
  const { clock } = ports;
  const cache = new Map<string, { readonly at: number; readonly person: Promise<Person> }>();

  async function read(id: string): Promise<Person> {
    const user = userSchema.parse(await ports.readUser(id));
    const { enterprise_user: onGrid } = user;
    const ids = [...new Set([id, user.id, ...(onGrid?.id === undefined ? [] : [onGrid.id])])];
    const outsider = outsiderOf(user, await ports.teamId());
    return { ids, isOnGrid: onGrid !== undefined, ...(outsider ? { outsider } : {}) };
  }

  const people: People = {
    lookUp(id, readAfter = clock.now() - CACHE_MS) {
      const cached = cache.get(id);
      if (cached && cached.at > readAfter) return cached.person;
      const person = read(id);
      if (cache.size >= MOST_CACHED) cache.clear();
      cache.set(id, { at: clock.now(), person });
      // A failure is not cached: the next request asks again.
      person.catch(() => {
        if (cache.get(id)?.person === person) cache.delete(id);
      });
      return person;
    },
    async areSame(one, other) {
      if (one === other) return true;
      const [first, second] = await Promise.all([people.lookUp(one), people.lookUp(other)]);
      return first.ids.some((id) => second.ids.includes(id));
    },
  };
  return people;
}

function outsiderOf(user: z.infer<typeof userSchema>, ownTeam: string): Outsider | undefined {
  if (user.deleted) return 'deactivated';
  if (user.is_bot) return 'bot';
  if (user.is_restricted || user.is_ultra_restricted) return 'guest';
  const teams = [user.team_id, ...(user.enterprise_user?.teams ?? [])];
  return user.is_stranger || !teams.includes(ownTeam) ? 'external' : undefined;
}
