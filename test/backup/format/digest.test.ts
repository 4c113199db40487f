import { createHash } from 'node:crypto';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { createDigestSum, sameDigest, versionId } from '../../../src/backup/format/digest.ts';
import { canonicalItem, canonicalNumber, MalformedItemError } from '../../../src/pipeline/table/canonical.ts';
import type { Item } from '../../../src/pipeline/table/item.ts';

const digestOf = (items: readonly Item[]) => {
  const sum = createDigestSum();
  for (const item of items) sum.addItem(item);
  return sum.digest();
};
const item = (index: number): Item => ({ k: { S: `k${index}` }, v: { N: String(index) } });
const items = fc.array(fc.integer({ min: 0, max: 1e6 }).map(item), { maxLength: 30 });

test('The digest does not depend on the order of the items', () => {
  fc.assert(
    fc.property(items, fc.integer(), (list, seed) => {
      const shuffled = list.toSorted((a, b) => canonicalItem(a).localeCompare(canonicalItem(b)) * (seed % 2 ? 1 : -1));
      expect(digestOf(shuffled)).toEqual(digestOf(list));
    }),
  );
});

test('The digests of parts add up to the digest of the whole', () => {
  fc.assert(
    fc.property(items, items, (left, right) => {
      const sum = createDigestSum();
      const other = createDigestSum();
      for (const one of left) sum.addItem(one);
      for (const one of right) other.addItem(one);
      sum.addSum(other);
      expect(sum.digest()).toEqual(digestOf([...left, ...right]));
    }),
  );
});

test('The sum of a digest is exact modulo 2^256', () => {
  const sum = createDigestSum();
  let wanted = 0n;
  for (let at = 0; at < 300; at += 1) {
    const hash = Buffer.alloc(32, 0xff - (at % 3));
    sum.addHash(hash);
    wanted = (wanted + BigInt(`0x${hash.toString('hex')}`)) % 2n ** 256n;
  }
  expect(sum.digest()).toEqual({ items: 300, sum: wanted.toString(16).padStart(64, '0') });
});

test('A digest has 64 digits, whatever its value', () => {
  const sum = createDigestSum();
  sum.addHash(Buffer.from('01'.padStart(64, '0'), 'hex'));
  expect(sum.digest().sum).toBe('1'.padStart(64, '0'));
});

test('Two digests are the same when number and sum are', () => {
  const digest = { items: 2, sum: 'ab' };
  expect(sameDigest(digest, { ...digest })).toBe(true);
  expect(sameDigest(digest, { ...digest, items: 3 })).toBe(false);
  expect(sameDigest(digest, { ...digest, sum: 'ac' })).toBe(false);
});

test('The id of a version is the beginning of the SHA-256 of its canonical form', () => {
  const wanted = createHash('sha256')
    .update(canonicalItem(item(1)))
    .digest('base64url');
  expect(versionId(item(1))).toBe(wanted.slice(0, 22));
});

test('A set with an item twice has another digest than one with it once or not at all', () => {
  expect(digestOf([item(1), item(1)]).sum).not.toBe(digestOf([]).sum);
  expect(digestOf([item(1), item(1)])).not.toEqual(digestOf([item(1)]));
});

test.each([
  ['1', '1.0'],
  ['1', '1E0'],
  ['100', '1e2'],
  ['0.5', '.5'],
  ['0', '-0.00'],
  ['-12.50', '-1.25E+1'],
  ['12345678901234567890123456789012345678', '1234567890123456789012345678901234567.8E1'],
])('%s and %s are one number', (a, b) => {
  expect(canonicalNumber(a)).toBe(canonicalNumber(b));
});

test.each([
  ['1', '10'],
  ['1', '-1'],
  ['0.1', '0.01'],
  ['12345678901234567890123456789012345678', '12345678901234567890123456789012345679'],
])('%s and %s are two numbers', (a, b) => {
  expect(canonicalNumber(a)).not.toBe(canonicalNumber(b));
});

test('attribute order and order within sets do not matter, everything else does', () => {
  const one: Item = { a: { SS: ['x', 'y'] }, b: { NS: ['1', '2'] } };
  expect(canonicalItem({ b: { NS: ['2.0', '1'] }, a: { SS: ['y', 'x'] } })).toBe(canonicalItem(one));
  const others: Item[] = [
    { a: { L: [{ S: 'x' }, { S: 'y' }] }, b: { NS: ['1', '2'] } },
    { a: { SS: ['x', 'y'] }, b: { SS: ['1', '2'] } },
    { a: { SS: ['x'] }, b: { NS: ['1', '2'] } },
    { a: { SS: ['x', 'y'] }, c: { NS: ['1', '2'] } },
    { a: { SS: ['x', 'y'] }, b: { NS: ['1', '2'] }, c: { NULL: true } },
  ];
  for (const other of others) expect(canonicalItem(other)).not.toBe(canonicalItem(one));
});

test('a value cannot imitate the end of another', () => {
  const forged: Item = { a: { S: 'x1:bS1:y' } };
  expect(canonicalItem(forged)).not.toBe(canonicalItem({ a: { S: 'x' }, b: { S: 'y' } }));
});

test('a number that is none is an error', () => {
  for (const text of ['', 'NaN', '1..2', 'e5', '.', '1e'])
    expect(() => canonicalNumber(text)).toThrow(MalformedItemError);
});
