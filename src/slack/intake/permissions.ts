import type { Clock } from '../../lib/clock.ts';
import type { Outsider, People, Person } from './people.ts';

/**
 * What a person may do: a viewer reads, an operator changes things, an approver also approves. A stopper may stop and pause:
 * everyone in the channel, or operators (setting `STOP_FOR`).
 */
export type Role = 'viewer' | 'stopper' | 'operator' | 'approver';

/** Why a person does not have a role. `who`: the ids of the people and user groups that have it. */
export type PermissionRefusal =
  | { readonly reason: 'nobody'; readonly role: Role; readonly setting: string }
  | { readonly reason: 'not-listed'; readonly role: Role; readonly who: readonly string[] }
  | { readonly reason: 'outsider'; readonly role: Role; readonly outsider: Outsider }
  /** `group`: the user group that could not be read; absent where the person could not be looked up. */
  | { readonly reason: 'look-up-failed'; readonly role: Role; readonly group?: string; readonly cause: unknown };

export type Permission = { readonly ok: true } | { readonly ok: false; readonly refusal: PermissionRefusal };

/**
 * How current the look-ups of a check are. `refreshed`: from the cache, and read once more before a refusal. `cached`: from
 * the cache, for what is only shown. `fresh`: read now.
 */
export type Freshness = 'refreshed' | 'cached' | 'fresh';

export interface Permissions {
  /** Whether the person has the role. Never throws: a failed lookup is a refusal, except for a stop. */
  check(person: string, role: Role, freshness?: Freshness): Promise<Permission>;
}

const isGroup = (id: string) => id.startsWith('S');

/**
 * Everyone is a viewer; `operators` and `approvers` are operators. Operators and approvers must be active members of the
 * bot's workspace: no bot, no guest, nobody from outside. Members of user groups are looked up and cached for `cacheMs`.
 * Persons are compared, not ids. Fails closed: nobody has a role whose list is empty, and a failed lookup is a refusal that
 * says so. Only a stop is never refused because of a failed lookup.
 */
export function createPermissions(ports: {
  operators: readonly string[];
  approvers: readonly string[];
  stopFor: 'everyone' | 'operators';
  membersOf: (group: string) => Promise<readonly string[]>;
  people: People;
  clock: Pick<Clock, 'now'>;
  cacheMs?: number;
}): Permissions {
  const { clock, people, cacheMs = 60_000 } = ports;
  const cache = new Map<string, { readonly at: number; readonly members: Promise<readonly string[]> }>();

  function membersOf(group: string, readAfter: number): Promise<readonly string[]> {
    const cached = cache.get(group);
    if (cached && cached.at > readAfter) return cached.members;
    const members = ports.membersOf(group);
    cache.set(group, { at: clock.now(), members });
    // A failure is not cached: the next click asks again.
    members.catch(() => {
      if (cache.get(group)?.members === members) cache.delete(group);
    });
    return members;
  }

  /** Whether one of the ids names this person. Where the ids differ, the listed ones are looked up, on Grid only. */
  async function isAmong(person: Person, ids: readonly string[]): Promise<boolean> {
    if (ids.some((id) => person.ids.includes(id))) return true;
    if (!person.isOnGrid) return false;
    const listed = await Promise.allSettled(ids.map((id) => people.lookUp(id)));
    return listed.some(
      (result) => result.status === 'fulfilled' && result.value.ids.some((id) => person.ids.includes(id)),
    );
  }

  async function evaluate(id: string, role: 'operator' | 'approver', readAfter: number): Promise<Permission> {
    const refused = (refusal: PermissionRefusal): Permission => ({ ok: false, refusal });
    const who = role === 'approver' ? ports.approvers : [...new Set([...ports.operators, ...ports.approvers])];
    if (who.length === 0)
      return refused({ reason: 'nobody', role, setting: role === 'approver' ? 'APPROVERS' : 'OPERATORS' });
    let person: Person;
    try {
      person = await people.lookUp(id, readAfter);
    } catch (cause) {
      return refused({ reason: 'look-up-failed', role, cause });
    }
    let failed: { group: string; cause: unknown } | undefined;
    let isListed = await isAmong(
      person,
      who.filter((listed) => !isGroup(listed)),
    );
    for (const group of who.filter(isGroup)) {
      if (isListed) break;
      try {
        isListed = await isAmong(person, await membersOf(group, readAfter));
      } catch (cause) {
        failed = { group, cause };
      }
    }
    if (isListed)
      return person.outsider ? refused({ reason: 'outsider', role, outsider: person.outsider }) : { ok: true };
    return refused(failed ? { reason: 'look-up-failed', role, ...failed } : { reason: 'not-listed', role, who });
  }

  /** A refusal of what was read from the cache is checked once more: the person may have been added a moment ago. */
  async function evaluateTwice(person: string, role: 'operator' | 'approver'): Promise<Permission> {
    const began = clock.now();
    const first = await evaluate(person, role, began - cacheMs);
    if (first.ok || first.refusal.reason === 'nobody' || first.refusal.reason === 'look-up-failed') return first;
    // What was read for this very check is not read again.
    return evaluate(person, role, began - 1);
  }

  return {
    async check(person, role, freshness = 'refreshed') {
      if (role === 'viewer' || (role === 'stopper' && ports.stopFor === 'everyone')) return { ok: true };
      const needed = role === 'stopper' ? 'operator' : role;
      const permission =
        freshness === 'refreshed'
          ? await evaluateTwice(person, needed)
          : await evaluate(person, needed, freshness === 'fresh' ? Number.POSITIVE_INFINITY : clock.now() - cacheMs);
      const isUnknown = !permission.ok && permission.refusal.reason === 'look-up-failed';
      return role === 'stopper' && isUnknown ? { ok: true } : permission;
    },
  };
}
