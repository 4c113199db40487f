import { expect, test } from 'vitest';
import { createEmitter } from '../../../src/lib/async/emitter.ts';

test('listeners are called in the order in which they were added, one after the other', async () => {
  const calls: string[] = [];
  const { emit, watch } = createEmitter<number>(() => {});
  watch(async (event) => {
    await new Promise((resolve) => setImmediate(resolve));
    calls.push(`first ${event}`);
  });
  watch((event) => void calls.push(`second ${event}`));
  expect(await emit(1)).toBe(true);
  expect(calls).toEqual(['first 1', 'second 1']);
});

test('the error of a listener is reported with the event, and the other listeners are called', async () => {
  const errors: unknown[] = [];
  const calls: number[] = [];
  const { emit, watch } = createEmitter<number>((error, event) => void errors.push([String(error), event]));
  watch(() => {
    throw new Error('broken');
  });
  watch((event) => void calls.push(event));
  expect(await emit(7)).toBe(false);
  expect([errors, calls]).toEqual([[['Error: broken', 7]], [7]]);
});

test('a removed listener is not called any more, and an event that nobody saw has not succeeded', async () => {
  const calls: number[] = [];
  const { emit, watch } = createEmitter<number>(() => {});
  const unwatch = watch((event) => void calls.push(event));
  await emit(1);
  unwatch();
  expect(await emit(2)).toBe(false);
  expect(calls).toEqual([1]);
});
