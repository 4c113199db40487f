import { expect, test } from 'vitest';
import { createDeliveryClaims } from '../../src/state/delivery-claims.ts';
import { DELETE_AFTER } from '../../src/state/table/format.ts';
import { createMemoryControlTable } from '../support/memory/memory-control-table.ts';

const HOUR = 3_600_000;
const NOW = Date.parse('2026-03-02T09:00:00Z');

test('a delivery is claimed by the first process that asks, and by no later one', async () => {
  const { table } = createMemoryControlTable();
  const [one, two] = [createDeliveryClaims({ table, name: 'ocr' }), createDeliveryClaims({ table, name: 'ocr' })];
  expect(await Promise.all([one.claim('a', NOW), two.claim('a', NOW)])).toEqual([true, false]);
  expect(await one.claim('a', NOW)).toBe(false);
  expect(await two.claim('b', NOW)).toBe(true);
  expect(await createDeliveryClaims({ table, name: 'other' }).claim('a', NOW)).toBe(true);
  expect((await table.read({ pk: 'deliveries#ocr', sk: 'a' }))?.[DELETE_AFTER]).toBe((NOW + HOUR) / 1_000);
});

test('claims that are older than an hour are removed, wherever they are among the others', async () => {
  const { table } = createMemoryControlTable();
  const claims = createDeliveryClaims({ table, name: 'ocr' });
  const idOf = (number: number) => `trigger-${String(number).padStart(3, '0')}`;
  // The first 40 and the last one are recent.
  for (let number = 0; number < 100; number += 1)
    await claims.claim(idOf(number), number < 40 || number === 99 ? NOW + HOUR : NOW);
  for (let look = 0; look < 5; look += 1) await claims.removeOld(NOW + HOUR);
  const left = await Array.fromAsync(table.list('deliveries#ocr'), ({ sk }) => sk);
  expect(left).toEqual([...Array.from({ length: 40 }, (_, number) => idOf(number)), idOf(99)]);
});
