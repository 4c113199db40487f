import { describe, expect, test } from 'vitest';
import type { Click } from '../../../src/approvals/approval.ts';
import { createApprovalStore } from '../../../src/approvals/approval-store.ts';
import type { DeployPlan } from '../../../src/pipeline/package/function-package.ts';
import {
  audit,
  type Copy,
  copy,
  done,
  ends,
  events,
  FACTS,
  freshForEachTest,
  openDeploys,
  PLAN,
  planned,
  stateOf,
  store,
  table,
  until,
  world,
} from './deploys-rig.ts';

freshForEachTest();

const GIVEN: DeployPlan = { ...PLAN, given: 'new.zip', givenSha256: 'ab'.repeat(32) };
const click = (by: string, change: Partial<Click> = {}): Click => ({
  decision: 'approve',
  by,
  channel: 'C1',
  ts: '1.0',
  approverCheck: 'approver',
  ...change,
});

/** A request for approval of new code, as it is shown. */
async function requested(one: Copy, by = 'U1') {
  world.plan = GIVEN;
  const id = await planned(one);
  const asked = await one.deploys.request(id, by, { channel: 'C1', reason: 'a fix' });
  if (!asked.ok) throw new Error('The request was refused.', { cause: asked });
  await one.deploys.setApprovalMessage(asked.value.id, '1.0');
  return { id, approval: asked.value };
}
const approvalNow = async ({ deploys }: Copy, id: string) => (await deploys.approval(id))?.state;

describe('new code', () => {
  test('is deployed only after a second person approved exactly this zip', async () => {
    const one = copy('one');
    const { id, approval } = await requested(one);
    expect(approval.fingerprint).toEqual(
      expect.arrayContaining([
        { name: 'SHA-256 of the zip', value: GIVEN.givenSha256 },
        { name: 'function', value: FACTS.functionArn },
        { name: 'running code', value: PLAN.former.codeSha256 },
        { name: 'revision', value: 'revision 1' },
        { name: 'rollback target', value: PLAN.former.codeSha256 },
      ]),
    );
    expect(await one.deploys.deploy(id, 'U1')).toEqual({ ok: false, refusal: { reason: 'approval-needed' } });
    expect(await one.deploys.click(approval.id, click('U1'))).toMatchObject({
      ok: false,
      refusal: { reason: 'click', refusal: { reason: 'own-request' } },
    });
    expect(done).toEqual([]);
    expect(await one.deploys.click(approval.id, click('U2'))).toMatchObject({ ok: true });
    await until(async () => ends().length > 0, one.clock);
    expect(done).toEqual(['one deploys']);
    expect(await approvalNow(one, approval.id)).toMatchObject({ kind: 'used', by: 'U2' });
    expect(ends()).toMatchObject([{ deploy: { id, by: 'U1', approvedBy: 'U2', channel: 'C1' } }]);
    await until(async () => events.some(({ kind }) => kind === 'approval-changed'), one.clock);
    expect(audit.written.map(({ what, outcome }) => `${what}: ${outcome}`)).toEqual(
      expect.arrayContaining([
        `approval ${approval.id} of a deploy: asked: new.zip, SHA-256 ${GIVEN.givenSha256}`,
        `approval ${approval.id} of a deploy: approved`,
        `deploy ${id}: approved: with ${approval.id}, SHA-256 ${GIVEN.givenSha256}`,
        expect.stringMatching(new RegExp(`^deploy ${id}: begun: `)),
        expect.stringMatching(new RegExp(`^deploy ${id}: finished: `)),
      ]),
    );
  });

  test.each([
    ['the running code', { codeSha256: 'other' }, 'running code'],
    ['the configuration', { revisionId: 'revision 2' }, 'revision'],
    ['the handler', { handler: 'other.handler' }, 'handler'],
    ['the stored package of the rollback', { areStored: false }, 'rollback target'],
    ['the function', { functionArn: 'arn:other' }, 'function'],
  ])('is not deployed when %s changed after the request, and the message names it', async (_, change, name) => {
    const one = copy('one');
    const { id, approval } = await requested(one);
    world.facts = { ...FACTS, ...change };
    await one.deploys.click(approval.id, click('U2'));
    await until(async () => ends().length > 0, one.clock);
    expect(done).toEqual([]);
    expect(await stateOf(id)).toBe('refused');
    expect(await approvalNow(one, approval.id)).toMatchObject({
      kind: 'void',
      because: 'changed',
      changed: [{ name }],
    });
    expect(ends()).toMatchObject([
      { end: { kind: 'failed', refusal: { reason: 'approval', refusal: { reason: 'changed' } } } },
    ]);
  });

  test('is not deployed after the request has expired or was denied, and each is shown once', async () => {
    const one = copy('one');
    one.deploys.standBy();
    const denied = await requested(one);
    await one.deploys.click(denied.approval.id, click('U2', { decision: 'deny' }));
    await until(async () => events.length > 0, one.clock);
    const late = await requested(one);
    await one.clock.advance(16 * 60_000);
    expect(await one.deploys.click(late.approval.id, click('U2'))).toMatchObject({
      ok: false,
      refusal: { refusal: { reason: 'expired' } },
    });
    await until(async () => events.length > 1, one.clock);
    await one.clock.advance(60_000);
    expect(events).toMatchObject([
      { kind: 'approval-changed', approval: { id: denied.approval.id, state: { kind: 'denied', by: 'U2' } } },
      { kind: 'approval-changed', approval: { id: late.approval.id, state: { kind: 'expired' } } },
    ]);
    expect(done).toEqual([]);
  });

  test('is not deployed when something runs at the moment of the approval, and the reason is shown', async () => {
    const one = copy('one');
    const { id, approval } = await requested(one);
    world.run = 'r-0001';
    await one.deploys.click(approval.id, click('U2'));
    await until(async () => events.some(({ kind }) => kind === 'approval-changed'), one.clock);
    expect(events).toMatchObject([
      { kind: 'not-started', refusal: { reason: 'run-active', runId: 'r-0001' } },
      { kind: 'approval-changed', approval: { state: { kind: 'void', because: 'refused' } } },
    ]);
    expect(done).toEqual([]);
    expect(await stateOf(id)).toBe('planned');
  });

  test('is not deployed after a stop that came between its approval and its beginning', async () => {
    const one = copy('one');
    const { id, approval } = await requested(one);
    // Its process dies here: the approval is given and nothing has begun.
    const stored = createApprovalStore(table, 'fn#deploys');
    await stored.move(approval.id, 'pending', { kind: 'approved', by: 'U2', at: one.clock.now() });
    const other = copy('two');
    expect(await other.deploys.withdrawApproved('U9')).toMatchObject([{ id: approval.id }]);
    expect(await other.deploys.withdrawApproved('U9')).toEqual([]);
    expect(await approvalNow(one, approval.id)).toMatchObject({ kind: 'withdrawn', by: 'U9' });
    await store.begin(id, ['planned'], {
      state: 'deploying',
      begunAt: 1,
      by: 'U1',
      channel: 'C1',
      approvalId: approval.id,
    });
    expect(await other.deploys.inProgress()).toMatchObject({ id, approvalId: approval.id });
    other.deploys.standBy();
    await until(async () => ends().length > 0, other.clock);
    expect(done).toEqual([]);
    expect(await stateOf(id)).toBe('refused');
    expect(await other.deploys.inProgress()).toBeUndefined();
    expect(ends()).toMatchObject([
      { end: { refusal: { reason: 'approval', refusal: { state: { kind: 'withdrawn' } } } } },
    ]);
  });

  test('of a plan of an older version, which does not name the hash of the zip, is refused', async () => {
    const one = copy('one');
    const { givenSha256: _, ...older } = GIVEN;
    world.plan = older;
    const id = await planned(one);
    expect(await one.deploys.deploy(id, 'U1')).toEqual({ ok: false, refusal: { reason: 'approval-needed' } });
    expect(await one.deploys.request(id, 'U1', { channel: 'C1' })).toEqual({
      ok: false,
      refusal: { reason: 'deploy-gone' },
    });
  });

  test('that is byte for byte the running code needs no approval: only our handler is added', async () => {
    const one = copy('one');
    world.plan = { ...GIVEN, givenSha256: Buffer.from(PLAN.former.codeSha256, 'base64').toString('hex') };
    expect(await one.deploys.deploy(await planned(one), 'U1')).toMatchObject({ ok: true });
  });

  test('needs no second person to be rolled back: the code of before ran before', async () => {
    const one = copy('one');
    const { id, approval } = await requested(one);
    await one.deploys.click(approval.id, click('U2'));
    await until(async () => (await stateOf(id)) === 'deployed', one.clock);
    await until(async () => (await openDeploys()).length === 0, one.clock);
    expect(await one.deploys.rollback(id, 'U1')).toMatchObject({ ok: true });
    expect(done).toEqual(['one deploys', 'one rolls back']);
  });
});

describe('a process that dies', () => {
  test('after the approval and before the start leaves an approval that ends, and says so', async () => {
    const one = copy('one');
    const { id, approval } = await requested(one);
    await table.update(
      { pk: `approval#${approval.id}`, sk: 'approval' },
      { set: { state: { kind: 'approved', by: 'U2', at: one.clock.now() }, stateKind: 'approved' } },
    );
    const two = copy('two');
    two.deploys.standBy();
    await until(async () => events.length > 0, two.clock);
    expect(events).toMatchObject([
      { kind: 'approval-changed', approval: { state: { kind: 'void', because: 'never-started' } } },
    ]);
    expect(done).toEqual([]);
    expect(await stateOf(id)).toBe('planned');
  });

  /** A process that began the deploy and died: its approval is in the state `kind`. */
  async function diedWith(kind: 'approved' | 'used') {
    const one = copy('one');
    const { id, approval } = await requested(one);
    const at = one.clock.now();
    const state = { kind, by: 'U2', at, ...(kind === 'used' ? { usedAt: at } : {}) };
    await table.update({ pk: `approval#${approval.id}`, sk: 'approval' }, { set: { state, stateKind: kind } });
    await store.begin(id, ['planned'], {
      state: 'deploying',
      begunAt: at,
      approvalId: approval.id,
      approvedBy: 'U2',
      at,
    });
    return { id, approval };
  }
  const AFTER_EXPIRY_MS = 3 * 24 * 3_600_000;

  test.each([
    ['before the approval is used', 'approved'],
    ['after the approval is used', 'used'],
  ] as const)('%s leaves a deploy that the next process carries out with that approval', async (_, kind) => {
    const { id, approval } = await diedWith(kind);
    const two = copy('two');
    two.deploys.standBy();
    await until(async () => (await stateOf(id)) === 'deployed', two.clock);
    expect(done).toEqual(['two deploys']);
    expect(await approvalNow(two, approval.id)).toMatchObject({ kind: 'used' });
  });

  test.each([
    ['has expired since', AFTER_EXPIRY_MS, {}, { reason: 'expired' }],
    [
      'was for another revision',
      0,
      { revisionId: 'revision 2' },
      { reason: 'changed', changed: [{ name: 'revision' }] },
    ],
    ['was for another handler', 0, { handler: 'other.handler' }, { reason: 'changed', changed: [{ name: 'handler' }] }],
  ] as const)(
    'leaves a deploy that does not begin with a used approval that %s',
    async (_, laterMs, change, refusal) => {
      const { id } = await diedWith('used');
      world.facts = { ...FACTS, ...change };
      const two = copy('two');
      two.clock.jump(laterMs);
      two.deploys.standBy();
      await until(async () => ends().length > 0, two.clock);
      expect(done).toEqual([]);
      expect(await stateOf(id)).toBe('refused');
      expect(ends()).toMatchObject([{ end: { kind: 'failed', refusal: { reason: 'approval', refusal } } }]);
    },
  );

  test('after the new code was deployed leaves a deploy that is finished, also when its approval has expired', async () => {
    const { id } = await diedWith('used');
    world.facts = { ...FACTS, codeSha256: GIVEN.next.codeSha256, revisionId: 'revision 2' };
    const two = copy('two');
    two.clock.jump(AFTER_EXPIRY_MS);
    two.deploys.standBy();
    await until(async () => (await stateOf(id)) === 'deployed', two.clock);
    expect(done).toEqual(['two deploys']);
  });

  test('does not deploy with an approval that was withdrawn, nor without one', async () => {
    const one = copy('one');
    const { id } = await requested(one);
    await store.begin(id, ['planned'], { state: 'deploying', begunAt: one.clock.now(), at: one.clock.now() });
    const two = copy('two');
    two.deploys.standBy();
    await until(async () => (await stateOf(id)) === 'refused', two.clock);
    expect(done).toEqual([]);
  });
});
