import { expect, test } from 'vitest';
import { createApproverCheck } from '../../../src/slack/intake/approver-check.ts';
import { createPermissions } from '../../../src/slack/intake/permissions.ts';

const member = { id: 'U2', team_id: 'T1' };

function standing(options: { user?: unknown; groups?: readonly (readonly string[])[]; approvers?: string[] } = {}) {
  const answers = [...(options.groups ?? [])];
  const permissions = createPermissions({
    operators: ['U1'],
    approvers: options.approvers ?? ['U2'],
    membersOf: async () => answers.shift() ?? [],
    clock: { now: () => 0 },
  });
  return createApproverCheck({
    permissions,
    async readUser() {
      if (options.user instanceof Error) throw options.user;
      return options.user ?? member;
    },
    teamId: async () => 'T1',
    onError: () => {},
  });
}

test('an active member on the list is an approver, one on the other list an operator, anybody else neither', async () => {
  expect(await standing()('U2')).toBe('approver');
  expect(await standing()('U1')).toBe('operator');
  expect(await standing()('U3')).toBe('neither');
});

test.each([
  ['was deactivated', { deleted: true }],
  ['is a bot', { is_bot: true }],
  ['is a guest of several channels', { is_restricted: true }],
  ['is a guest of one channel', { is_ultra_restricted: true }],
  ['shares no channel', { is_stranger: true }],
  ['is of another workspace, in a shared channel', { team_id: 'T2', is_stranger: false }],
  ['is of another organisation', { team_id: 'E2', enterprise_user: { teams: ['T7'] } }],
  ['is of a workspace that Slack does not tell', { team_id: undefined }],
])('who %s may decide nothing, listed or not', async (_, change) => {
  expect(await standing({ user: { ...member, ...change } })('U2')).toBe('neither');
});

test('a member of the organisation who is in this workspace may', async () => {
  expect(await standing({ user: { ...member, team_id: 'E1', enterprise_user: { teams: ['T7', 'T1'] } } })('U2')).toBe(
    'approver',
  );
});

test('who cannot be looked up may decide nothing', async () => {
  expect(await standing({ user: new Error('Slack is away') })('U2')).toBe('neither');
});

test('who was taken out of the approvers’ group a moment ago may not approve any more', async () => {
  const checkApprover = standing({ approvers: ['S1'], groups: [['U2'], [], []] });
  expect(await checkApprover('U2')).toBe('approver');
  expect(await checkApprover('U2')).toBe('neither');
});
