import { expect, test } from 'vitest';
import { createDeliveryClaims } from '../../src/state/delivery-claims.ts';
import { DELETE_AFTER } from '../../src/state/table/format.ts';
import { failOnWarning } from '../support/fail-on-warning.ts';
import { createMemoryControlTable } from '../support/memory/memory-control-table.ts';

const HOUR = 3_600_000;
const NOW = Date.parse('2026-03-02T09:00:00Z');
const requestAt = (at: number) => ({ who: 'U1', what: 'x', shownAs: 'x', at, isRead: false, isAudited: true });

test('a delivery is claimed by the first process that asks, and by no later one', async () => {
  const { table } = createMemoryControlTable();
  const [one, two] = [
    createDeliveryClaims({ table, name: 'ocr', warn: failOnWarning }),
    createDeliveryClaims({ table, name: 'ocr', warn: failOnWarning }),
  ];
  expect(await Promise.all([one.claim('a', requestAt(NOW)), two.claim('a', requestAt(NOW))])).toEqual([true, false]);
  expect(await one.claim('a', requestAt(NOW))).toBe(false);
  expect(await two.claim('b', requestAt(NOW))).toBe(true);
  expect(await createDeliveryClaims({ table, name: 'other', warn: failOnWarning }).claim('a', requestAt(NOW))).toBe(
    true,
  );
  expect((await table.read({ pk: 'deliveries#ocr', sk: 'a' }))?.[DELETE_AFTER]).toBe((NOW + HOUR) / 1_000);
});

test('claims that are older than an hour are removed, wherever they are among the others', async () => {
  const { table } = createMemoryControlTable();
  const claims = createDeliveryClaims({ table, name: 'ocr', warn: failOnWarning });
  const idOf = (number: number) => `trigger-${String(number).padStart(3, '0')}`;
  // The first 40 and the last one are recent.
  for (let number = 0; number < 100; number += 1)
    await claims.claim(idOf(number), requestAt(number < 40 || number === 99 ? NOW + HOUR : NOW));
  for (let look = 0; look < 5; look += 1) await claims.removeOld(NOW + HOUR);
  const left = await Array.fromAsync(table.list('deliveries#ocr'), ({ sk }) => sk);
  expect(left).toEqual([...Array.from({ length: 40 }, (_, number) => idOf(number)), idOf(99)]);
});

test('a request is open until it is finished, and is taken by one process unless it was renewed', async () => {
  const { table } = createMemoryControlTable();
  const [one, two] = [1, 2].map(() => createDeliveryClaims({ table, name: 'ocr', warn: failOnWarning }));
  if (!one || !two) throw new Error('no claims');
  const openIds = () => Array.fromAsync(one.open(), ({ deliveryId, renewals }) => `${deliveryId} ${renewals}`);
  for (const id of ['a', 'b']) await one.claim(id, requestAt(NOW));
  await one.renew('a');
  expect(await openIds()).toEqual(['a 1', 'b 0']);
  const [a, b] = await Array.fromAsync(two.open());
  if (!a || !b) throw new Error('no open requests');
  expect(b.request).toEqual(requestAt(NOW));
  await one.renew('a');
  expect(await two.take(a)).toBe(false);
  expect(await Promise.all([one.take(b), two.take(b)])).toEqual([true, false]);
  expect(await openIds()).toEqual(['a 2']);
  await two.giveBack(b);
  expect(await openIds()).toEqual(['a 2', 'b 0']);
  for (const id of ['a', 'b']) await one.finish(id);
  // Late, as from a process that was slow.
  await one.renew('a');
  expect(await openIds()).toEqual([]);
  expect(await two.take(a)).toBe(false);
  expect(await one.claim('a', requestAt(NOW))).toBe(false);
});
