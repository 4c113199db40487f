import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { createHashSet } from '../../../src/lib/disk/hash-set.ts';

const hashOf = (index: number) => createHash('sha256').update(String(index)).digest();

test.each([
  ['in memory', 2 ** 21],
  ['in a temporary file', 0],
])('A set of hashes %s has exactly the hashes that were added', async (_where, maxSlotsInMemory) => {
  const set = await createHashSet(20_000, maxSlotsInMemory);
  for (let index = 0; index < 20_000; index += 1) set.add(hashOf(index));
  for (let index = 0; index < 20_000; index += 100) set.add(hashOf(index));
  for (let index = 0; index < 20_000; index += 1) expect(set.has(hashOf(index))).toBe(true);
  let mistaken = 0;
  for (let index = 20_000; index < 60_000; index += 1) if (set.has(hashOf(index))) mistaken += 1;
  expect(mistaken).toBe(0);
  await set.dispose();
});

test('An empty set has no hash', async () => {
  const set = await createHashSet(0);
  expect(set.has(hashOf(1))).toBe(false);
  await set.dispose();
});
