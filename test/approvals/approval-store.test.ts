import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Approval } from '../../src/approvals/approval.ts';
import { type ApprovalStore, createApprovalStore } from '../../src/approvals/approval-store.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { openControlTable } from '../../src/state/control-table.ts';
import { type LocalDynamo, startDynalite } from '../support/dynalite.ts';

let dynamo: LocalDynamo;
let store: ApprovalStore;
beforeAll(async () => {
  dynamo = await startDynalite();
  const table = await openControlTable({ dynamodb: dynamo.client, tableName: 'control', clock: systemClock });
  store = createApprovalStore(table, 'TimesheetOCR-ocr-dev');
});
afterAll(() => dynamo.stop());

let count = 0;
async function pending(): Promise<Approval> {
  const approval: Approval = {
    id: `a-${++count}`,
    act: 'flush',
    fingerprint: [{ name: 'entries counted', value: '12' }],
    options: '{"kinds":"all"}',
    requestedBy: 'U1',
    requestedAt: 1,
    expiresAt: 2,
    channel: 'C1',
    state: { kind: 'pending' },
  };
  await store.create(approval);
  return approval;
}
const openIds = async () => (await Array.fromAsync(store.open())).map((approval) => approval.id);

test('an approval is kept as it was asked for, and its message is noted once', async () => {
  const approval = await pending();
  await store.setMessage(approval.id, '1.1');
  await store.setMessage(approval.id, '2.2');
  expect(await store.read(approval.id)).toEqual({ ...approval, ts: '1.1' });
});

test('of two clicks at once one wins, and the other is told what stands', async () => {
  const { id } = await pending();
  const [first, second] = await Promise.all([
    store.move(id, 'pending', { kind: 'approved', by: 'U2', at: 5 }),
    store.move(id, 'pending', { kind: 'denied', by: 'U3', at: 5 }),
  ]);
  expect([first.ok, second.ok].filter(Boolean)).toHaveLength(1);
  const winner = first.ok ? first : second;
  const loser = first.ok ? second : first;
  expect(loser.approval?.state).toEqual(winner.approval?.state);
});

test('it is used once', async () => {
  const { id } = await pending();
  await store.move(id, 'pending', { kind: 'approved', by: 'U2', at: 5 });
  const used = { kind: 'used', by: 'U2', at: 5, usedAt: 6 } as const;
  const uses = await Promise.all([1, 2, 3].map(() => store.move(id, 'approved', used)));
  expect(uses.filter((use) => use.ok)).toHaveLength(1);
});

test('it is open while it waits, and no longer once it is decided against or used', async () => {
  const kept = await pending();
  const denied = await pending();
  expect(await openIds()).toEqual(expect.arrayContaining([kept.id, denied.id]));
  await store.move(denied.id, 'pending', { kind: 'denied', by: 'U2', at: 5 });
  expect(await openIds()).not.toContain(denied.id);
  expect(await openIds()).toContain(kept.id);
});

test('the same id twice is refused', async () => {
  const approval = await pending();
  await expect(store.create(approval)).rejects.toThrow(`Approval ${approval.id} is on record already`);
});
