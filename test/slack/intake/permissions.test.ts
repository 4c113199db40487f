import { describe, expect, test } from 'vitest';
import { createPermissions } from '../../../src/slack/intake/permissions.ts';
import { createFakeClock } from '../../support/fake-clock.ts';

function permissionsWith(change: Partial<Parameters<typeof createPermissions>[0]> = {}) {
  const clock = createFakeClock();
  const asked: string[] = [];
  const permissions = createPermissions({
    operators: ['U1', 'S1'],
    approvers: ['U9'],
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
    await permissions.check('U3', 'operator');
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
});
