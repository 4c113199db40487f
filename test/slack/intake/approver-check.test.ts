import { expect, test } from 'vitest';
import { createApproverCheck } from '../../../src/slack/intake/approver-check.ts';
import { createPermissions } from '../../../src/slack/intake/permissions.ts';
import { peopleWith } from '../../support/messages/people.ts';

const member = { id: 'U2', team_id: 'T1' };

function createCheck(
  options: {
    user?: object | Error;
    groups?: readonly (readonly string[])[];
    approvers?: string[];
    operators?: string[];
    onError?: (error: unknown, message: string) => void;
  } = {},
) {
  const answers = [...(options.groups ?? [])];
  const permissions = createPermissions({
    operators: options.operators ?? ['U1'],
    approvers: options.approvers ?? ['U2'],
    stopFor: 'everyone',
    membersOf: async () => answers.shift() ?? [],
    people: peopleWith({ U2: options.user ?? {} }),
    clock: { now: () => 0 },
  });
  return createApproverCheck({ permissions, onError: options.onError ?? (() => {}) });
}

test('an active member is an approver, an operator or neither, by the lists', async () => {
  expect(await createCheck()('U2')).toBe('approver');
  expect(await createCheck()('U1')).toBe('operator');
  expect(await createCheck()('U3')).toBe('neither');
});

test.each([
  ['was deactivated', { deleted: true }],
  ['is a bot', { is_bot: true }],
  ['is a guest of several channels', { is_restricted: true }],
  ['is a guest of one channel', { is_ultra_restricted: true }],
  ['shares no channel', { is_stranger: true }],
  ['is in another workspace, in a shared channel', { team_id: 'T2', is_stranger: false }],
  ['is in another organisation', { team_id: 'E2', enterprise_user: { teams: ['T7'] } }],
  ['is in a workspace that Slack does not name', { team_id: undefined }],
])('a person who %s may decide nothing, even if listed', async (_, change) => {
  expect(await createCheck({ user: { ...member, ...change } })('U2')).toBe('neither');
});

test('a member of the organisation who is in this workspace may approve', async () => {
  expect(
    await createCheck({ user: { ...member, team_id: 'E1', enterprise_user: { teams: ['T7', 'T1'] } } })('U2'),
  ).toBe('approver');
});

test('a person who cannot be looked up may decide nothing, and the failed lookup is reported', async () => {
  const user = new Error('Slack is away');
  const reported: unknown[] = [];
  const onError = (...report: unknown[]) => void reported.push(report);
  expect(await createCheck({ user, onError })('U2')).toBe('neither');
  expect(reported).toEqual([[user, 'The person U2 could not be looked up and may not decide about an approval.']]);
});

test('a person who is not listed is not reported', async () => {
  const reported: unknown[] = [];
  expect(await createCheck({ onError: (error) => void reported.push(error) })('U3')).toBe('neither');
  expect(reported).toEqual([]);
});

test('a person who was just removed from the user group of the operators is an operator no more', async () => {
  const checkApprover = createCheck({ operators: ['S1'], groups: [['U3'], []] });
  expect(await checkApprover('U3')).toBe('operator');
  expect(await checkApprover('U3')).toBe('neither');
});

test('a person who was just removed from the user group of the approvers may not approve any more', async () => {
  const checkApprover = createCheck({ approvers: ['S1'], groups: [['U2'], [], []] });
  expect(await checkApprover('U2')).toBe('approver');
  expect(await checkApprover('U2')).toBe('neither');
});
