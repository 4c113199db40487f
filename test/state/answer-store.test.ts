import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeEach, expect, test } from 'vitest';
import { type AnswerStore, createAnswerStore } from '../../src/state/answer-store.ts';
import { DELETE_AFTER } from '../../src/state/table/format.ts';
import { createMemoryControlTable } from '../support/memory/memory-control-table.ts';

const SOURCE = fileURLToPath(new URL('../../src', import.meta.url));
const HOUR = 3_600_000;
const NOW = Date.parse('2026-03-02T09:00:00Z');
const answer = (at: number) => ({ channel: 'C1', at, message: { text: 'x', blocks: [] } });
let store: AnswerStore;
beforeEach(() => {
  store = createAnswerStore({ table: createMemoryControlTable().table, name: 'ocr' });
});

test('an answer is claimed once, and again after it was released', async () => {
  const id = await store.put(answer(NOW));
  expect(await store.claim(id, 'U1', NOW + 5)).toEqual({ kind: 'claimed', answer: answer(NOW) });
  expect(await store.claim(id, 'U2', NOW + 9)).toEqual({ kind: 'shared', by: 'U1', at: NOW + 5 });
  await store.release(id);
  expect(await store.claim(id, 'U2', NOW + 9)).toMatchObject({ kind: 'claimed' });
});

test('answers that are older than a day are removed when another one is stored', async () => {
  const old = await store.put(answer(NOW));
  const fresh = await store.put(answer(NOW + 2 * HOUR));
  expect(await store.claim(old, 'U1', NOW)).toMatchObject({ kind: 'claimed' });
  await store.put(answer(NOW + 25 * HOUR));
  expect(await store.claim(old, 'U1', NOW)).toEqual({ kind: 'gone' });
  expect(await store.claim(fresh, 'U1', NOW)).toMatchObject({ kind: 'claimed' });
  expect(await store.claim('no such id', 'U1', NOW)).toEqual({ kind: 'gone' });
});

test('DynamoDB itself may delete an answer a day after it was made', async () => {
  const { table } = createMemoryControlTable();
  const id = await createAnswerStore({ table, name: 'ocr' }).put(answer(NOW + 500));
  const entry = await table.read({ pk: 'answers#ocr', sk: id });
  expect(entry?.[DELETE_AFTER]).toBe(NOW / 1_000 + 1 + 24 * 3_600);
});

test('DynamoDB itself may delete answers and claims of deliveries, and nothing else', () => {
  const naming = globSync('**/*.ts', { cwd: SOURCE }).filter((file) =>
    /DELETE_AFTER|deleteAfter/.test(readFileSync(`${SOURCE}/${file}`, 'utf8')),
  );
  expect(naming.sort()).toEqual(['state/answer-store.ts', 'state/delivery-claims.ts', 'state/table/format.ts']);
});
