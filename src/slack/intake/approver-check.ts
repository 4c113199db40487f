import type { Permissions } from './permissions.ts';

/** The role of a person who decides about an approval, as of now. */
export type ApproverCheck = 'approver' | 'operator' | 'neither';

/** Looks a person up at the moment of the click, without the cache. Fails closed: after a failed lookup the result is `neither`. */
export function createApproverCheck(ports: {
  permissions: Permissions;
  onError: (error: unknown, message: string) => void;
}): (person: string) => Promise<ApproverCheck> {
  return async (person) => {
    const approver = await ports.permissions.check(person, 'approver', 'fresh');
    if (approver.ok) return 'approver';
    if (approver.refusal.reason === 'look-up-failed')
      ports.onError(
        approver.refusal.cause,
        `The person ${person} could not be looked up and may not decide about an approval.`,
      );
    return (await ports.permissions.check(person, 'operator', 'fresh')).ok ? 'operator' : 'neither';
  };
}
