import { beforeEach, expect, test } from 'vitest';
import { type AnswerStore, createAnswerStore } from '../../src/state/answer-store.ts';
import { createMemoryControlTable } from '../support/memory/memory-control-table.ts';

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
