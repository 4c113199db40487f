import { z } from 'zod';
import type { Permissions } from './permissions.ts';

/** The role of a person who decides about an approval, as of now. */
export type ApproverCheck = 'approver' | 'operator' | 'neither';

const userSchema = z.looseObject({
  team_id: z.string(),
  /** The workspaces of a member of an Enterprise organisation. */
  enterprise_user: z.looseObject({ teams: z.array(z.string()).optional() }).optional(),
  deleted: z.boolean().optional(),
  is_bot: z.boolean().optional(),
  is_restricted: z.boolean().optional(),
  is_ultra_restricted: z.boolean().optional(),
  is_stranger: z.boolean().optional(),
});

/**
 * Looks a person up at the moment of the click. The person must be on a list (user groups are read again) and an active
 * member of the bot's workspace: no bot, no guest, nobody from outside. Slack sets `is_stranger` only for people who share
 * no channel with the bot, so the workspace is compared as well. Fails closed: after a failed lookup the result is `neither`.
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
      ports.onError(error, `The person ${person} could not be looked up and may not decide about an approval.`);
      return 'neither';
    }
  };
}
