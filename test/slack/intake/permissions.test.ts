import { describe, expect, test } from 'vitest';
import { createPermissions } from '../../../src/slack/intake/permissions.ts';
import { peopleWith } from '../../support/messages/people.ts';
import { createFakeClock } from '../../support/rigs/fake-clock.ts';

function permissionsWith(change: Partial<Parameters<typeof createPermissions>[0]> = {}) {
  const clock = createFakeClock();
  const asked: string[] = [];
  const permissions = createPermissions({
    operators: ['U1', 'S1'],
    approvers: ['U9'],
    stopFor: 'everyone',
    people: peopleWith({}, clock),
    clock,
    membersOf: async (group) => {
      asked.push(group);
      return ['U2'];
    },
    ...change,
  });
  return { clock, asked, permissions };
}

describe('permissions', () => {
  test('everyone is a viewer, operators and approvers are operators, approvers are approvers', async () => {
    const { permissions } = permissionsWith();
    expect(await permissions.check('U7', 'viewer')).toEqual({ ok: true });
    for (const person of ['U1', 'U2', 'U9']) expect(await permissions.check(person, 'operator')).toEqual({ ok: true });
    expect(await permissions.check('U9', 'approver')).toEqual({ ok: true });
    expect(await permissions.check('U1', 'approver')).toMatchObject({ refusal: { reason: 'not-listed', who: ['U9'] } });
    expect(await permissions.check('U7', 'operator')).toMatchObject({
      refusal: { reason: 'not-listed', who: ['U1', 'S1', 'U9'] },
    });
  });

  test('with an empty list nobody has the role', async () => {
    const { permissions } = permissionsWith({ operators: [], approvers: [] });
    expect(await permissions.check('U1', 'operator')).toMatchObject({
      refusal: { reason: 'nobody', setting: 'OPERATORS' },
    });
    expect(await permissions.check('U1', 'approver')).toMatchObject({
      refusal: { reason: 'nobody', setting: 'APPROVERS' },
    });
  });

  test('the members of a user group are looked up once a minute', async () => {
    const { permissions, asked, clock } = permissionsWith();
    await permissions.check('U2', 'operator');
    await permissions.check('U2', 'operator');
    expect(asked).toEqual(['S1']);
    await clock.advance(60_000);
    await permissions.check('U2', 'operator');
    expect(asked).toEqual(['S1', 'S1']);
  });

  test('a failed lookup is a refusal, is not cached, and does not affect people who are listed by id', async () => {
    let isDown = true;
    const { permissions } = permissionsWith({
      membersOf: async () => {
        if (isDown) throw new Error('ratelimited');
        return ['U2'];
      },
    });
    expect(await permissions.check('U2', 'operator')).toMatchObject({
      refusal: { reason: 'look-up-failed', group: 'S1' },
    });
    expect(await permissions.check('U1', 'operator')).toEqual({ ok: true });
    isDown = false;
    expect(await permissions.check('U2', 'operator')).toEqual({ ok: true });
  });

  test('a refusal from the cache is checked once more, so that a person who was just added is not refused', async () => {
    const members = ['U2'];
    const { permissions, asked, clock } = permissionsWith({
      membersOf: async (group) => {
        asked.push(group);
        return [...members];
      },
    });
    expect((await permissions.check('U3', 'operator')).ok).toBe(false);
    expect(asked).toEqual(['S1']);
    members.push('U3');
    await clock.advance(1_000);
    expect((await permissions.check('U3', 'operator', 'cached')).ok).toBe(false);
    expect(await permissions.check('U3', 'operator')).toEqual({ ok: true });
    expect(asked).toEqual(['S1', 'S1']);
  });

  test.each([
    ['deactivated', { deleted: true }],
    ['bot', { is_bot: true }],
    ['guest', { is_restricted: true }],
    ['guest', { is_ultra_restricted: true }],
    ['external', { is_stranger: true }],
    ['external', { team_id: 'T2' }],
  ])('a listed person who is %s (%j) is no operator, by id or by group, and may stop', async (outsider, user) => {
    const { permissions } = permissionsWith({ people: peopleWith({ U1: user, U2: user }) });
    for (const person of ['U1', 'U2'])
      expect(await permissions.check(person, 'operator')).toMatchObject({ refusal: { reason: 'outsider', outsider } });
    expect(await permissions.check('U1', 'stopper')).toEqual({ ok: true });
    const strict = permissionsWith({ people: peopleWith({ U1: user }), stopFor: 'operators' }).permissions;
    expect(await strict.check('U1', 'stopper')).toMatchObject({ refusal: { reason: 'outsider' } });
  });

  test('on Enterprise Grid the same person has a role under either id, and another person does not', async () => {
    const onGrid = (id: string) => ({ team_id: 'E1', enterprise_user: { id, teams: ['T1'] } });
    const people = peopleWith({
      U1: onGrid('W1'),
      W1: onGrid('W1'),
      U2: onGrid('W2'),
      W2: onGrid('W2'),
      W3: onGrid('W3'),
    });
    const { permissions } = permissionsWith({ people, operators: ['U1', 'S1'], approvers: ['W9'] });
    for (const person of ['U1', 'W1', 'U2', 'W2'])
      expect(await permissions.check(person, 'operator')).toEqual({ ok: true });
    expect((await permissions.check('W3', 'operator')).ok).toBe(false);
    expect(await people.areSame('U1', 'W1')).toBe(true);
    expect(await people.areSame('U1', 'W2')).toBe(false);
  });

  test('on Enterprise Grid a listed person who cannot be looked up does not keep the others from their role', async () => {
    const onGrid = { team_id: 'E1', enterprise_user: { id: 'W2', teams: ['T1'] } };
    const people = peopleWith({ U1: new Error('Slack is down'), U2: onGrid, W2: onGrid });
    const { permissions } = permissionsWith({ people, operators: ['U1', 'U2'], approvers: [] });
    expect(await permissions.check('W2', 'operator')).toEqual({ ok: true });
  });

  test('everyone may stop, only operators with `STOP_FOR=operators`, and a failed lookup blocks no stop', async () => {
    expect(await permissionsWith().permissions.check('U7', 'stopper')).toEqual({ ok: true });
    const people = peopleWith({ U1: new Error('Slack is down') });
    const { permissions } = permissionsWith({ stopFor: 'operators', people });
    expect(await permissions.check('U7', 'stopper')).toMatchObject({
      refusal: { reason: 'not-listed', role: 'operator' },
    });
    expect(await permissions.check('U1', 'stopper')).toEqual({ ok: true });
    expect(await permissions.check('U1', 'operator')).toMatchObject({ refusal: { reason: 'look-up-failed' } });
  });
});
