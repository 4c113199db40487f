import { hash } from 'node:crypto';
import { canonicalItem } from '../../pipeline/table/canonical.ts';
import type { Item } from '../../pipeline/table/item.ts';

/**
 * The order-free fingerprint of a set of items: how many there are, and the sum modulo 2^256 of the SHA-256 of each
 * item's canonical form. A sum and not an exclusive-or: under the latter two equal items cancel out and vanish, and a set
 * with any wanted fingerprint is found by linear algebra over a few hundred items; the sum has neither weakness.
 * Equal digests, equal tables; the order in which segments came does not matter, and parts are added up.
 */
export interface Digest {
  readonly items: number;
  /** 64 lower-case hexadecimal digits. */
  readonly sum: string;
}

export const sameDigest = (a: Digest, b: Digest): boolean => a.items === b.items && a.sum === b.sum;

/** SHA-256 of an item's canonical form, 32 bytes. @throws MalformedItemError */
export const hashOfItem = (item: Item): Buffer => hash('sha256', canonicalItem(item), 'buffer');

const LANES = 8;
/** A lane is a 32-bit number kept in a double: 2^20 of them add up exactly. */
const CARRY_AFTER = 2 ** 20;
const LANE = 2 ** 32;

/** Adds items up to a digest; about 10 µs an item, nearly all of it the canonical form and SHA-256. */
export interface DigestSum {
  addItem(item: Item): void;
  addHash(itemHash: Buffer): void;
  addSum(other: DigestSum): void;
  readonly lanes: () => readonly number[];
  readonly items: () => number;
  digest(): Digest;
}

export function createDigestSum(): DigestSum {
  const lanes = new Float64Array(LANES);
  let items = 0;
  let untilCarry = CARRY_AFTER;

  const carry = () => {
    let over = 0;
    for (let lane = 0; lane < LANES; lane += 1) {
      const value = (lanes[lane] ?? 0) + over;
      over = Math.floor(value / LANE);
      lanes[lane] = value - over * LANE;
    }
    untilCarry = CARRY_AFTER;
  };
  const addHash = (itemHash: Buffer) => {
    // Lane 0 is the least significant: the last four bytes.
    for (let lane = 0; lane < LANES; lane += 1)
      lanes[lane] = (lanes[lane] ?? 0) + itemHash.readUInt32BE((LANES - 1 - lane) * 4);
    items += 1;
    untilCarry -= 1;
    if (untilCarry === 0) carry();
  };
  const settled = () => {
    carry();
    return [...lanes];
  };
  return {
    addItem: (item) => addHash(hashOfItem(item)),
    addHash,
    addSum(other) {
      carry();
      for (const [lane, value] of other.lanes().entries()) lanes[lane] = (lanes[lane] ?? 0) + value;
      carry();
      items += other.items();
    },
    lanes: settled,
    items: () => items,
    digest: () => ({
      items,
      sum: settled()
        .reverse()
        .map((lane) => lane.toString(16).padStart(8, '0'))
        .join(''),
    }),
  };
}
