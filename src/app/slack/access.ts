import { createApproverCheck } from '../../slack/intake/approver-check.ts';
import { createMembershipCheck } from '../../slack/intake/channel-membership.ts';
import { createPeople } from '../../slack/intake/people.ts';
import { createPermissions } from '../../slack/intake/permissions.ts';
import type { ClientParts } from './clients.ts';
import type { SlackPorts } from './ports.ts';

/** Who may do what, and where the bot can post. */
export function assembleAccess(ports: SlackPorts, { lookups }: ClientParts) {
  const { settings, clock, onError } = ports;
  const people = createPeople({ ...lookups, clock });
  const permissions = createPermissions({
    operators: settings.operators,
    approvers: settings.approvers,
    stopFor: settings.stopFor,
    membersOf: lookups.membersOf,
    people,
    clock,
  });
  return {
    permissions,
    membership: createMembershipCheck({ readChannel: lookups.readChannel, clock, onError }),
    checkApprover: createApproverCheck({ permissions, onError }),
    people,
    whoApproves: { policy: settings.approvalPolicy, approvers: settings.approvers },
  };
}
export type AccessParts = ReturnType<typeof assembleAccess>;
