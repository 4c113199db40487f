import { expect, test } from 'vitest';
import { piecesOf, workThrough } from '../../../src/lib/async/workers.ts';

/** Work that ends when the test says so. */
function controlledWork() {
  const running = new Map<number, { resolve: () => void; reject: (error: unknown) => void }>();
  const started: number[] = [];
  const work = (piece: number) =>
    new Promise<void>((resolve, reject) => {
      started.push(piece);
      running.set(piece, { resolve, reject });
    });
  const settle = () => new Promise<void>((resolve) => setImmediate(resolve));
  return { started, running, work, settle };
}

test('at most the given number of pieces is worked on at once', async () => {
  const { started, running, work, settle } = controlledWork();
  const done = workThrough([1, 2, 3, 4], 2, work);
  await settle();
  expect(started).toEqual([1, 2]);
  running.get(2)?.resolve();
  await settle();
  expect(started).toEqual([1, 2, 3]);
  for (const piece of [1, 3]) running.get(piece)?.resolve();
  await settle();
  running.get(4)?.resolve();
  await done;
  expect(started).toEqual([1, 2, 3, 4]);
});

test('after an error no further piece is started, and the work that is running is awaited', async () => {
  const { started, running, work, settle } = controlledWork();
  let isSettled = false;
  const done = workThrough([1, 2, 3], 2, work).finally(() => {
    isSettled = true;
  });
  const result = done.catch((error: unknown) => error);
  await settle();
  const failure = new Error('broken');
  running.get(1)?.reject(failure);
  await settle();
  expect([started, isSettled]).toEqual([[1, 2], false]);
  running.get(2)?.resolve();
  expect(await result).toBe(failure);
});

test('after an abort no further piece is started, and the reason is thrown', async () => {
  const { started, running, work, settle } = controlledWork();
  const aborter = new AbortController();
  const result = workThrough([1, 2], 1, work, aborter.signal).catch((error: unknown) => error);
  await settle();
  const reason = new Error('shutting down');
  aborter.abort(reason);
  running.get(1)?.resolve();
  expect(await result).toBe(reason);
  expect(started).toEqual([1]);
});

test('pieces of an async iterable are read only as they are needed', async () => {
  const { started, running, work, settle } = controlledWork();
  let read = 0;
  async function* pieces() {
    for (; read < 5; ) yield ++read;
  }
  const aborter = new AbortController();
  const result = workThrough(pieces(), 1, work, aborter.signal).catch((error: unknown) => error);
  await settle();
  expect([read, started]).toEqual([1, [1]]);
  aborter.abort(new Error('stop'));
  running.get(1)?.resolve();
  await result;
  expect(read).toBe(1);
});

test('a list is cut into pieces of the given size', () => {
  expect(piecesOf([1, 2, 3, 4, 5], 2)).toEqual([[1, 2], [3, 4], [5]]);
  expect(piecesOf([], 2)).toEqual([]);
});
