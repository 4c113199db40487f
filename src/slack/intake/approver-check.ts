import { z } from 'zod';
import type { Permissions } from './permissions.ts';

/** What somebody may decide about an approval. */
export type ApproverCheck = 'approver' | 'operator' | 'neither';

const userSchema = z.looseObject({
  team_id: z.string(),
  /** Of a member of an Enterprise organisation: the workspaces that they are in. */
  enterprise_user: z.looseObject({ teams: z.array(z.string()).optional() }).optional(),
  deleted: z.boolean().optional(),
  is_bot: z.boolean().optional(),
  is_restricted: z.boolean().optional(),
  is_ultra_restricted: z.boolean().optional(),
  is_stranger: z.boolean().optional(),
});

/**
 * Looks somebody up at the moment of their click: on which list they are (groups as they are now), and that they are an active
 * member of this workspace: no bot, no guest, nobody from outside. `is_stranger` says that of those alone who share no channel
 * with the bot, so that the workspace is compared as well. Fails closed: what cannot be found out is `neither`.
 */
export function createApproverCheck(ports: {
  permissions: Permissions;
  readUser: (person: string) => Promise<unknown>;
  /** The workspace of the bot. */
  teamId: () => Promise<string>;
  onError: (error: unknown, message: string) => void;
}): (person: string) => Promise<ApproverCheck> {
  return async (person) => {
    try {
      const user = userSchema.parse(await ports.readUser(person));
      const { deleted, is_bot, is_restricted, is_ultra_restricted, is_stranger } = user;
      if (deleted || is_bot || is_restricted || is_ultra_restricted || is_stranger) return 'neither';
      const teams = [user.team_id, ...(user.enterprise_user?.teams ?? [])];
      if (!teams.includes(await ports.teamId())) return 'neither';
      const fresh = { fresh: true };
      if ((await ports.permissions.check(person, 'approver', fresh)).ok) return 'approver';
      return (await ports.permissions.check(person, 'operator', fresh)).ok ? 'operator' : 'neither';
    } catch (error) {
      ports.onError(error, 'somebody could not be looked up, and may decide nothing');
      return 'neither';
    }
  };
}
