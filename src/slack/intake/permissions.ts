import type { Clock } from '../../lib/clock.ts';

/** What a person may do: a viewer reads, an operator changes things, an approver also approves. */
export type Role = 'viewer' | 'operator' | 'approver';

/** Why a person does not have a role. `who`: the ids of the people and user groups that have it. */
export type PermissionRefusal =
  | { readonly reason: 'nobody'; readonly role: Role; readonly setting: string }
  | { readonly reason: 'not-listed'; readonly role: Role; readonly who: readonly string[] }
  | { readonly reason: 'look-up-failed'; readonly role: Role; readonly group: string; readonly cause: unknown };

export type Permission = { readonly ok: true } | { readonly ok: false; readonly refusal: PermissionRefusal };

export interface Permissions {
  /** Whether the person has the role. Never throws: a failed lookup is a refusal. `fresh`: user groups are not read from the cache. */
  check(person: string, role: Role, how?: { readonly fresh: boolean }): Promise<Permission>;
}

const isGroup = (id: string) => id.startsWith('S');

/**
 * Everyone is a viewer; `operators` and `approvers` are operators. Members of user groups are looked up and cached for
 * `cacheMs`. Fails closed: nobody has a role whose list is empty, and a failed lookup is a refusal that says so.
 */
export function createPermissions(ports: {
  operators: readonly string[];
  approvers: readonly string[];
  membersOf: (group: string) => Promise<readonly string[]>;
  clock: Pick<Clock, 'now'>;
  cacheMs?: number;
}): Permissions {
  const { clock, cacheMs = 60_000 } = ports;
  const cache = new Map<string, { readonly at: number; readonly members: Promise<readonly string[]> }>();

  function membersOf(group: string, fresh: boolean): Promise<readonly string[]> {
    const cached = cache.get(group);
    if (cached && !fresh && clock.now() - cached.at < cacheMs) return cached.members;
    const members = ports.membersOf(group);
    cache.set(group, { at: clock.now(), members });
    // A failure is not cached: the next click asks again.
    members.catch(() => {
      if (cache.get(group)?.members === members) cache.delete(group);
    });
    return members;
  }

  return {
    async check(person, role, { fresh } = { fresh: false }) {
      if (role === 'viewer') return { ok: true };
      const who = role === 'approver' ? ports.approvers : [...new Set([...ports.operators, ...ports.approvers])];
      if (who.length === 0) {
        const setting = role === 'approver' ? 'APPROVERS' : 'OPERATORS';
        return { ok: false, refusal: { reason: 'nobody', role, setting } };
      }
      if (who.includes(person)) return { ok: true };
      let failed: { group: string; cause: unknown } | undefined;
      for (const group of who.filter(isGroup))
        try {
          if ((await membersOf(group, fresh)).includes(person)) return { ok: true };
        } catch (cause) {
          failed = { group, cause };
        }
      return {
        ok: false,
        refusal: failed ? { reason: 'look-up-failed', role, ...failed } : { reason: 'not-listed', role, who },
      };
    },
  };
}
