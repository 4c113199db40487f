import { expect, test } from 'vitest';
import { createDigestSum } from '../../../src/backup/format/digest.ts';

test('The sum of a digest is exact for more hashes than a double can add up', () => {
  const sum = createDigestSum();
  const most = Buffer.alloc(32, 0xff);
  const count = 3 * 2 ** 20 + 1;
  for (let at = 0; at < count; at += 1) sum.addHash(most);
  expect(sum.digest()).toEqual({ items: count, sum: (2n ** 256n - BigInt(count)).toString(16) });
});
