import type { Clock } from '../../lib/clock.ts';

/** What somebody may do here: read, act, approve. */
export type Role = 'viewer' | 'operator' | 'approver';

/** Why somebody may not. `who` are the ids (people and groups) that may. */
export type PermissionRefusal =
  | { readonly reason: 'nobody'; readonly role: Role; readonly setting: string }
  | { readonly reason: 'not-listed'; readonly role: Role; readonly who: readonly string[] }
  | { readonly reason: 'look-up-failed'; readonly role: Role; readonly group: string; readonly cause: unknown };

export type Permission = { readonly ok: true } | { readonly ok: false; readonly refusal: PermissionRefusal };

export interface Permissions {
  /** Never throws: what cannot be found out is a refusal. `fresh`: groups are looked up now, whatever was known of them. */
  check(person: string, role: Role, how?: { readonly fresh: boolean }): Promise<Permission>;
}

const isGroup = (id: string) => id.startsWith('S');

/**
 * Who may do what: everyone reads, `operators` act, `approvers` act and approve. Members of user groups are looked up
 * and kept for `cacheMs`. Fails closed: an empty list means nobody, a failed look-up a refusal that says so.
 */
export function createPermissions(ports: {
  operators: readonly string[];
  approvers: readonly string[];
  membersOf: (group: string) => Promise<readonly string[]>;
  clock: Pick<Clock, 'now'>;
  cacheMs?: number;
}): Permissions {
  const { clock, cacheMs = 60_000 } = ports;
  const known = new Map<string, { readonly at: number; readonly members: Promise<readonly string[]> }>();

  function membersOf(group: string, fresh: boolean): Promise<readonly string[]> {
    const kept = known.get(group);
    if (kept && !fresh && clock.now() - kept.at < cacheMs) return kept.members;
    const members = ports.membersOf(group);
    known.set(group, { at: clock.now(), members });
    // What failed is not kept: the next click asks again.
    members.catch(() => {
      if (known.get(group)?.members === members) known.delete(group);
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
