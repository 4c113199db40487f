import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { createKnownItems } from '../../../src/backup/restore/known-items.ts';

const hashOf = (index: number) => createHash('sha256').update(String(index)).digest();

test('what was added is always known, and what was not is hardly ever taken for it', () => {
  const known = createKnownItems(20_000);
  for (let index = 0; index < 20_000; index += 1) known.add(hashOf(index));
  for (let index = 0; index < 20_000; index += 1) expect(known.has(hashOf(index))).toBe(true);
  let mistaken = 0;
  for (let index = 20_000; index < 120_000; index += 1) if (known.has(hashOf(index))) mistaken += 1;
  expect(mistaken).toBe(0);
});

test('nothing is known where nothing was added', () => {
  expect(createKnownItems(0).has(hashOf(1))).toBe(false);
});
