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

describe('who may', () => {
  test('everyone reads; operators and approvers act; approvers approve', async () => {
    const { permissions } = permissionsWith();
    expect(await permissions.check('U7', 'viewer')).toEqual({ ok: true });
    for (const person of ['U1', 'U2', 'U9']) expect(await permissions.check(person, 'operator')).toEqual({ ok: true });
    expect(await permissions.check('U9', 'approver')).toEqual({ ok: true });
    expect(await permissions.check('U1', 'approver')).toMatchObject({ refusal: { reason: 'not-listed', who: ['U9'] } });
    expect(await permissions.check('U7', 'operator')).toMatchObject({
      refusal: { reason: 'not-listed', who: ['U1', 'S1', 'U9'] },
    });
  });

  test('an empty list means nobody', async () => {
    const { permissions } = permissionsWith({ operators: [], approvers: [] });
    expect(await permissions.check('U1', 'operator')).toMatchObject({
      refusal: { reason: 'nobody', setting: 'OPERATORS' },
    });
    expect(await permissions.check('U1', 'approver')).toMatchObject({
      refusal: { reason: 'nobody', setting: 'APPROVERS' },
    });
  });

  test('the members of a group are looked up once a minute', async () => {
    const { permissions, asked, clock } = permissionsWith();
    await permissions.check('U2', 'operator');
    await permissions.check('U3', 'operator');
    expect(asked).toEqual(['S1']);
    await clock.advance(60_000);
    await permissions.check('U2', 'operator');
    expect(asked).toEqual(['S1', 'S1']);
  });

  test('a look-up that fails refuses, is not remembered, and leaves those alone who are listed by name', async () => {
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
