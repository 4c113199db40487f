import { z } from 'zod';
import type { Permissions } from './permissions.ts';

/** What somebody may decide about an approval. */
export type Standing = 'approver' | 'operator' | 'neither';

const userSchema = z.looseObject({
  deleted: z.boolean().optional(),
  is_bot: z.boolean().optional(),
  is_restricted: z.boolean().optional(),
  is_ultra_restricted: z.boolean().optional(),
  is_stranger: z.boolean().optional(),
});

/**
 * Looks somebody up at the moment of their click: on which list they are, and that they are an active member of this
 * workspace (no bot, no guest, nobody from outside). Fails closed: what cannot be found out is `neither`.
 */
export function createStanding(ports: {
  permissions: Permissions;
  readUser: (person: string) => Promise<unknown>;
  onTrouble: (error: unknown, message: string) => void;
}): (person: string) => Promise<Standing> {
  return async (person) => {
    try {
      const user = userSchema.parse(await ports.readUser(person));
      const { deleted, is_bot, is_restricted, is_ultra_restricted, is_stranger } = user;
      if (deleted || is_bot || is_restricted || is_ultra_restricted || is_stranger) return 'neither';
      if ((await ports.permissions.may(person, 'approver')).ok) return 'approver';
      return (await ports.permissions.may(person, 'operator')).ok ? 'operator' : 'neither';
    } catch (error) {
      ports.onTrouble(error, 'somebody could not be looked up, and may decide nothing');
      return 'neither';
    }
  };
}
