import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Approval, ApprovalState, Click } from '../../src/approvals/approval.ts';
import { type ApprovalLifecyclePorts, createApprovalLifecycle } from '../../src/approvals/approval-lifecycle.ts';
import { createApprovalStore } from '../../src/approvals/approval-store.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { type ControlTable, openControlTable } from '../../src/state/table/control-table.ts';
import { type LocalDynamo, startDynalite } from '../support/aws/dynalite.ts';

let dynamo: LocalDynamo;
let table: ControlTable;
beforeAll(async () => {
  dynamo = await startDynalite();
  table = await openControlTable({ dynamodb: dynamo.client, tableName: 'control', clock: systemClock });
});
afterAll(() => dynamo.stop());

/** The clock of a machine returns fractions of a millisecond. */
const NOW = 1_000.4;
const approvedBy = (by: string): ApprovalState => ({ kind: 'approved', by, at: 900 });
let pipelines = 0;

/** The requests of a pipeline of its own, and what was announced about them. */
function requestsWith(change: Partial<ApprovalLifecyclePorts> = {}) {
  const store = createApprovalStore(table, `pipeline-${++pipelines}`);
  const heard: string[] = [];
  const lifecycle = createApprovalLifecycle({
    approvals: store,
    policy: 'second-person',
    clock: { now: () => NOW, sleep: async () => {} },
    isOurs: ({ action }) => action !== 'deploy',
    onDecided: async (approval, by) => {
      await new Promise(setImmediate);
      heard.push(`${approval.id.replace(/^\d+-/, '')} ${approval.state.kind} by ${by}`);
    },
    onEnded: async ({ id, state }, ended) => {
      await new Promise(setImmediate);
      heard.push(`${id.replace(/^\d+-/, '')} ${state.kind} ${ended.kind}`);
    },
    ...change,
  });
  const prefix = `${pipelines}-`;
  return {
    ...lifecycle,
    heard,
    async add(name: string, overrides: Partial<Approval> = {}): Promise<string> {
      const id = prefix + name;
      await store.create({
        id,
        action: 'flush',
        fingerprint: [],
        options: '{}',
        requestedBy: 'U1',
        requestedAt: 1,
        expiresAt: 2_000,
        channel: 'C1',
        ts: '1.1',
        state: { kind: 'pending' },
        ...overrides,
      });
      return id;
    },
    read: store.read,
    move: store.move,
  };
}
const click = (change: Partial<Click> = {}): Click => ({
  decision: 'approve',
  by: 'U2',
  channel: 'C1',
  ts: '1.1',
  approverCheck: 'approver',
  ...change,
});

test('a click of an approver is stored with a whole time, and is announced before the answer', async () => {
  const requests = requestsWith();
  const id = await requests.add('a');
  const decided = await requests.decide(id, click());
  expect(decided).toMatchObject({ ok: true, value: { id, state: { kind: 'approved', by: 'U2', at: 1_000 } } });
  expect(requests.heard).toEqual(['a approved by U2']);
  expect((await requests.read(id))?.state).toEqual({ kind: 'approved', by: 'U2', at: 1_000 });
});

test('a click that may not decide changes nothing, and the refusal has the request', async () => {
  const requests = requestsWith();
  const id = await requests.add('a');
  expect(await requests.decide(id, click({ by: 'U1' }))).toEqual({
    ok: false,
    refusal: { reason: 'click', refusal: { reason: 'own-request' }, approval: await requests.read(id) },
  });
  expect((await requests.read(id))?.state).toEqual({ kind: 'pending' });
  expect(requests.heard).toEqual([]);
});

test('a request that is unknown, or that belongs elsewhere, cannot be decided', async () => {
  const requests = requestsWith();
  const id = await requests.add('a', { action: 'deploy' });
  for (const approvalId of [id, 'unknown'])
    expect(await requests.decide(approvalId, click())).toEqual({
      ok: false,
      refusal: { reason: 'approval-gone', approvalId },
    });
  expect((await requests.read(id))?.state).toEqual({ kind: 'pending' });
});

test('of two clicks at once one decides, and the answer to the other one says what was decided', async () => {
  let waiting = 0;
  let meet = () => {};
  const both = new Promise<void>((resolve) => {
    meet = resolve;
  });
  const store = createApprovalStore(table, 'pipeline-of-two-clicks');
  const requests = requestsWith({
    approvals: {
      ...store,
      // Both clicks have read the request before one of them is stored.
      async read(id) {
        const approval = await store.read(id);
        waiting += 1;
        if (waiting === 2) meet();
        await both;
        return approval;
      },
    },
  });
  const id = await requests.add('a');
  const answers = await Promise.all([
    requests.decide(id, click()),
    requests.decide(id, click({ by: 'U3', decision: 'deny' })),
  ]);
  const [winner, loser] = answers.toSorted((a, b) => Number(b.ok) - Number(a.ok));
  expect(winner?.ok).toBe(true);
  const approval = winner?.ok ? winner.value : undefined;
  expect(loser).toEqual({
    ok: false,
    refusal: { reason: 'click', refusal: { reason: 'decided', state: approval?.state }, approval },
  });
  expect(requests.heard).toHaveLength(1);
});

test.each([
  ['the person who clicked', 'U2', [], { ok: false, refusal: { refusal: { reason: 'own-request' } } }, 'pending'],
  [
    'the person who clicked, as one of several',
    'U2',
    ['U3'],
    { ok: false, refusal: { refusal: { reason: 'own-request' } } },
    'pending',
  ],
  ['somebody else', 'U4', ['U3'], { ok: true, value: { alsoRequestedBy: ['U3', 'U4'] } }, 'approved'],
] as const)(
  '%s becomes a requester between the click and its decision, which counts',
  async (_, added, before, answer, state) => {
    const store = createApprovalStore(table, 'pipeline-of-a-requester');
    const requests = requestsWith({
      approvals: {
        ...store,
        async read(id) {
          const approval = await store.read(id);
          await store.addRequester(id, added);
          return approval;
        },
      },
    });
    const id = await requests.add('a', before.length > 0 ? { alsoRequestedBy: before } : {});
    expect(await requests.decide(id, click())).toMatchObject(answer);
    expect((await requests.read(id))?.state.kind).toBe(state);
  },
);

test('a request that is deleted between the click and its decision is not decided', async () => {
  const store = createApprovalStore(table, 'pipeline-of-a-deletion');
  const requests = requestsWith({
    approvals: {
      ...store,
      async read(id) {
        const approval = await store.read(id);
        await table.remove({ pk: `approval#${id}`, sk: 'approval' });
        return approval;
      },
    },
  });
  const id = await requests.add('a');
  expect(await requests.decide(id, click())).toMatchObject({
    ok: false,
    refusal: { reason: 'click', refusal: { reason: 'decided', state: { kind: 'pending' } }, approval: { id } },
  });
  expect(requests.heard).toEqual([]);
});

test('a request ends only from the state that is named, and once', async () => {
  const requests = requestsWith();
  const id = await requests.add('a');
  const expired = { kind: 'expired', at: 5 } as const;
  expect(await requests.end(id, 'approved', expired)).toBeUndefined();
  expect(await requests.end('unknown', 'pending', expired)).toBeUndefined();
  expect(requests.heard).toEqual([]);
  expect(await requests.end(id, 'pending', expired)).toMatchObject({ id, state: expired });
  expect(await requests.end(id, 'pending', expired)).toBeUndefined();
  expect(requests.heard).toEqual(['a expired expired']);
});

test('approvals that were given and not used are withdrawn, and pending requests stay', async () => {
  const requests = requestsWith();
  await requests.add('a', { state: approvedBy('U2') });
  await requests.add('b');
  await requests.add('c', { state: approvedBy('U2') });
  const withdrawn = await requests.withdrawApproved('U7');
  expect(withdrawn.map(({ state }) => state)).toEqual(Array(2).fill({ kind: 'withdrawn', by: 'U7', at: 1_000 }));
  expect(requests.heard).toEqual(['a withdrawn withdrawn', 'c withdrawn withdrawn']);
  expect((await requests.open()).map(({ id }) => id.slice(-1))).toEqual(['b']);
});

test('an approval that is used in the meantime is not withdrawn', async () => {
  const requests: ReturnType<typeof requestsWith> = requestsWith({
    onEnded: async ({ id }) => {
      const other = id.replace(/a$/, 'b');
      await requests.move(other, 'approved', { kind: 'used', by: 'U2', at: 900, usedAt: 950 });
    },
  });
  const first = await requests.add('a', { state: approvedBy('U2') });
  const second = await requests.add('b', { state: approvedBy('U2') });
  expect((await requests.withdrawApproved('U7')).map(({ id }) => id)).toEqual([first]);
  expect((await requests.read(second))?.state.kind).toBe('used');
});

test('requests whose time is over expire at that time, decided or not, and the others stay open', async () => {
  const requests = requestsWith();
  await requests.add('a', { expiresAt: 1_000 });
  await requests.add('b', { expiresAt: 1_001 });
  await requests.add('c', { expiresAt: 10, state: approvedBy('U2') });
  await requests.add('d', { state: approvedBy('U2') });
  await requests.expire();
  expect(requests.heard).toEqual(['a expired expired', 'c expired expired']);
  expect((await requests.open()).map(({ id }) => id.slice(-1))).toEqual(['b', 'd']);
  expect((await requests.read((await requests.open())[0]?.id.replace(/b$/, 'c') ?? ''))?.state).toEqual({
    kind: 'expired',
    at: 10,
  });
});
