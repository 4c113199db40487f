import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Approval } from '../../src/approvals/approval.ts';
import { type ApprovalStore, createApprovalStore } from '../../src/approvals/approval-store.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { type ControlTable, openControlTable } from '../../src/state/table/control-table.ts';
import { type LocalDynamo, startDynalite } from '../support/aws/dynalite.ts';

let dynamo: LocalDynamo;
let store: ApprovalStore;
let table: ControlTable;
beforeAll(async () => {
  dynamo = await startDynalite();
  table = await openControlTable({ dynamodb: dynamo.client, tableName: 'control', clock: systemClock });
  store = createApprovalStore(table, 'TimesheetOCR-ocr-dev');
});
afterAll(() => dynamo.stop());

let count = 0;
async function pending(): Promise<Approval> {
  const approval: Approval = {
    id: `a-${++count}`,
    action: 'flush',
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

test('An approval is stored as it was requested, and its message is stored once', async () => {
  const approval = await pending();
  await store.setMessage(approval.id, '1.1');
  await store.setMessage(approval.id, '2.2');
  expect(await store.read(approval.id)).toEqual({ ...approval, ts: '1.1' });
});

test('Several persons become requesters at the same time, each once, and only while the request is pending', async () => {
  const { id } = await pending();
  await Promise.all(['U2', 'U3', 'U4', 'U2'].map((person) => store.addRequester(id, person)));
  expect([...((await store.read(id))?.alsoRequestedBy ?? [])].sort()).toEqual(['U2', 'U3', 'U4']);
  await store.move(id, 'pending', { kind: 'approved', by: 'U9', at: 5 });
  await store.addRequester(id, 'U5');
  expect((await store.read(id))?.alsoRequestedBy).not.toContain('U5');
});

test('A request with several requesters is stored with them, and takes more', async () => {
  const { id, ...rest } = await pending();
  const other = { ...rest, id: `${id}-x`, alsoRequestedBy: ['U2'] };
  await store.create(other);
  await store.addRequester(other.id, 'U3');
  expect((await store.read(other.id))?.alsoRequestedBy).toEqual(['U2', 'U3']);
});

test('Of two clicks on an approval at the same time one wins, and the other gets the stored decision', async () => {
  const { id } = await pending();
  const [first, second] = await Promise.all([
    store.move(id, 'pending', { kind: 'approved', by: 'U2', at: 5 }),
    store.move(id, 'pending', { kind: 'denied', by: 'U3', at: 5 }),
  ]);
  expect([first.ok, second.ok].filter(Boolean)).toHaveLength(1);
  const winner = first.ok ? first : second;
  const loser = first.ok ? second : first;
  expect(winner.approval?.state).toEqual(
    first.ok ? { kind: 'approved', by: 'U2', at: 5 } : { kind: 'denied', by: 'U3', at: 5 },
  );
  expect(loser.approval?.state).toEqual(winner.approval?.state);
});

test('An approval is used at most once', async () => {
  const { id } = await pending();
  await store.move(id, 'pending', { kind: 'approved', by: 'U2', at: 5 });
  const used = { kind: 'used', by: 'U2', at: 5, usedAt: 6 } as const;
  const uses = await Promise.all([1, 2, 3].map(() => store.move(id, 'approved', used)));
  expect(uses.filter((use) => use.ok)).toHaveLength(1);
});

test('An approval is open while it is pending, and no longer once it is denied', async () => {
  const kept = await pending();
  const denied = await pending();
  expect(await openIds()).toEqual(expect.arrayContaining([kept.id, denied.id]));
  await store.move(denied.id, 'pending', { kind: 'denied', by: 'U2', at: 5 });
  expect(await openIds()).not.toContain(denied.id);
  expect(await openIds()).toContain(kept.id);
});

test('An approval stays open after it was given, until it is used', async () => {
  const { id } = await pending();
  await store.move(id, 'pending', { kind: 'approved', by: 'U2', at: 5 });
  expect(await openIds()).toContain(id);
  await store.move(id, 'approved', { kind: 'used', by: 'U2', at: 5, usedAt: 6 });
  expect(await openIds()).not.toContain(id);
});

test('An entry in the list of open ones without its approval is removed', async () => {
  const { id } = await pending();
  await table.remove({ pk: `approval#${id}`, sk: 'approval' });
  expect(await openIds()).not.toContain(id);
  expect(await table.read({ pk: 'approvals#TimesheetOCR-ocr-dev', sk: `open#${id}` })).toBeUndefined();
});

test('Listing the open requests and listing the outdated messages do not change each other', async () => {
  const { id } = await pending();
  const { id: denied } = await pending();
  await store.move(denied, 'pending', { kind: 'denied', by: 'U2', at: 5 });
  for (let turn = 0; turn < 2; turn += 1) {
    expect((await Array.fromAsync(store.unshown())).map((approval) => approval.id)).toContain(denied);
    expect(await openIds()).toContain(id);
  }
  expect((await Array.fromAsync(store.open({ strict: true }))).map((approval) => approval.id)).toContain(id);
});

test('A second approval with the same id is refused', async () => {
  const approval = await pending();
  await expect(store.create(approval)).rejects.toThrow(`Approval ${approval.id} already exists`);
});

test('An approval of an older version is read: what it called `act` is `action`, and `hold` in its options stays in the text', async () => {
  const approval = await pending();
  const { action, ...rest } = {
    ...approval,
    id: 'a-old',
    options: '{"kind":"flush","backupId":"b","failedOnly":false,"hold":true}',
  };
  await table.create({ pk: 'approval#a-old', sk: 'approval' }, { ...rest, act: action, stateKind: 'pending' });
  expect(await store.read('a-old')).toEqual({ ...rest, action });
});

test('An approval whose entry in the list of open ones was left after its decision is not listed', async () => {
  const { id } = await pending();
  await table.update({ pk: `approval#${id}`, sk: 'approval' }, { set: { state: { kind: 'denied', by: 'U2', at: 5 } } });
  expect(await openIds()).not.toContain(id);
  expect(await Array.fromAsync(table.list('approvals#TimesheetOCR-ocr-dev', { prefix: `open#${id}` }))).toEqual([]);
});

test('A malformed approval is reported and left out of the open ones, and is an error where none may be overlooked', async () => {
  const warnings: string[] = [];
  const warned = createApprovalStore(table, 'TimesheetOCR-ocr-dev', (message) => void warnings.push(message));
  const broken = await pending();
  const whole = await pending();
  await table.update({ pk: `approval#${broken.id}`, sk: 'approval' }, { set: { state: { kind: 'perhaps' } } });
  const ids = (await Array.fromAsync(warned.open())).map(({ id }) => id);
  expect(ids).toContain(whole.id);
  expect(ids).not.toContain(broken.id);
  expect(warnings).toEqual([
    `The record of approval ${broken.id} in the control table cannot be read. It is left out.`,
  ]);
  await expect(Array.fromAsync(warned.open({ strict: true }))).rejects.toThrow();
  await Array.fromAsync(warned.unshown());
  expect(await table.read({ pk: 'approvals#TimesheetOCR-ocr-dev', sk: `message#${broken.id}` })).toBeDefined();
  // It stays open, so that it is listed again once it is repaired.
  expect(await table.read({ pk: 'approvals#TimesheetOCR-ocr-dev', sk: `open#${broken.id}` })).toBeDefined();
  await table.remove({ pk: `approval#${broken.id}`, sk: 'approval' });
});

test('The message of a request is outdated from the decision on, until it is noted that the message shows it', async () => {
  const unshown = async () => (await Array.fromAsync(store.unshown())).map(({ id }) => id);
  const { id } = await pending();
  expect(await unshown()).not.toContain(id);
  await store.move(id, 'pending', { kind: 'approved', by: 'U2', at: 5 });
  expect(await unshown()).not.toContain(id);
  await store.move(id, 'approved', { kind: 'used', by: 'U2', at: 5, usedAt: 6 });
  expect(await unshown()).toContain(id);
  await store.setShown(id);
  expect(await unshown()).not.toContain(id);
  const other = await pending();
  await store.move(other.id, 'pending', { kind: 'expired', at: 5 });
  expect(await unshown()).toContain(other.id);
  await table.remove({ pk: `approval#${other.id}`, sk: 'approval' });
  expect(await unshown()).not.toContain(other.id);
});
