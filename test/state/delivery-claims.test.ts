import { expect, test } from 'vitest';
import { createDeliveryClaims } from '../../src/state/delivery-claims.ts';
import { DELETE_AFTER } from '../../src/state/table/format.ts';
import { failOnWarning } from '../support/fail-on-warning.ts';
import { createMemoryControlTable } from '../support/memory/memory-control-table.ts';

const HOUR = 3_600_000;
const NOW = Date.parse('2026-03-02T09:00:00Z');
const REQUEST = { who: 'U1', what: 'x', shownAs: 'x', at: NOW, isAudited: true };

function claimsIn({ table } = createMemoryControlTable()) {
  const claims = createDeliveryClaims({ table, name: 'ocr', warn: failOnWarning });
  const openIds = () =>
    Array.fromAsync(claims.open(), ({ deliveryId, owner, renewals }) => `${deliveryId} ${owner} ${renewals}`);
  const found = async (id: string) => {
    const open = (await Array.fromAsync(claims.open())).find(({ deliveryId }) => deliveryId === id);
    if (!open) throw new Error(`${id} is not open`);
    return open;
  };
  return { table, claims, openIds, found };
}

test('a delivery is claimed by the first process that asks, and by no later one', async () => {
  const { table, claims } = claimsIn();
  expect(await Promise.all([claims.claim('a', 'one', REQUEST), claims.claim('a', 'two', REQUEST)])).toEqual([
    true,
    false,
  ]);
  expect(await claims.claim('a', 'one', REQUEST)).toBe(false);
  expect(await claims.claim('b', 'two', REQUEST)).toBe(true);
  const other = createDeliveryClaims({ table, name: 'other', warn: failOnWarning });
  expect(await other.claim('a', 'one', REQUEST)).toBe(true);
});

test('claims that were finished more than an hour ago are removed, and open ones never', async () => {
  const { table, claims } = claimsIn();
  const idOf = (number: number) => `trigger-${String(number).padStart(3, '0')}`;
  // The first 40 and the last one ended recently; 50 is open.
  for (let number = 0; number < 100; number += 1) {
    await claims.claim(idOf(number), 'one', REQUEST);
    if (number !== 50) await claims.finish(idOf(number), 'one', number < 40 || number === 99 ? NOW + HOUR : NOW);
  }
  expect((await table.read({ pk: 'deliveries#ocr', sk: idOf(60) }))?.[DELETE_AFTER]).toBe((NOW + HOUR) / 1_000);
  // DynamoDB may delete what has this attribute.
  expect((await table.read({ pk: 'deliveries#ocr', sk: idOf(50) }))?.[DELETE_AFTER]).toBeUndefined();
  await claims.removeOld(NOW + HOUR);
  const left = await Array.fromAsync(table.list('deliveries#ocr'), ({ sk }) => sk);
  expect(left).toEqual([...Array.from({ length: 40 }, (_, number) => idOf(number)), idOf(50), idOf(99)]);
});

test('a request is open until its owner finishes it', async () => {
  const { claims, openIds, found } = claimsIn();
  for (const id of ['a', 'b']) await claims.claim(id, 'one', REQUEST);
  expect(await claims.renew('a', 'one')).toBe('renewed');
  expect(await openIds()).toEqual(['a one 1', 'b one 0']);
  expect((await found('b')).request).toEqual(REQUEST);
  await claims.finish('a', 'two', NOW);
  expect(await openIds()).toEqual(['a one 1', 'b one 0']);
  for (const id of ['a', 'b']) await claims.finish(id, 'one', NOW);
  // Late, as from a process that was slow.
  expect(await claims.renew('a', 'one')).toBe('taken');
  expect(await claims.renew('c', 'one')).toBe('gone');
  expect(await openIds()).toEqual([]);
  expect(await claims.claim('a', 'one', REQUEST)).toBe(false);
});

test('a request is taken once, and only as long as it was not renewed, taken or finished since it was read', async () => {
  const { claims, openIds, found } = claimsIn();
  for (const id of ['a', 'b', 'c']) await claims.claim(id, 'one', REQUEST);
  const [a, b, c] = [await found('a'), await found('b'), await found('c')];
  await claims.renew('a', 'one');
  expect(await claims.take(a, 'two')).toBe(false);
  expect(await Promise.all([claims.take(b, 'two'), claims.take(b, 'three')])).toEqual([true, false]);
  await claims.finish('c', 'one', NOW);
  expect(await claims.take(c, 'two')).toBe(false);
  expect(await openIds()).toEqual(['a one 1', 'b two 0']);
  // The first owner was frozen.
  expect(await claims.renew('b', 'one')).toBe('taken');
  await claims.finish('b', 'one', NOW);
  expect(await openIds()).toEqual(['a one 1', 'b two 0']);
  await claims.finish('b', 'two', NOW);
  expect(await openIds()).toEqual(['a one 1']);
});
