import { hash } from 'node:crypto';
import { canonicalItem } from '../../pipeline/table/canonical.ts';
import type { Item } from '../../pipeline/table/item.ts';

/**
 * The fingerprint of a set of items, in any order: their number, and the sum modulo 2^256 of the SHA-256 of the canonical form of
 * each. Equal digests mean equal sets; digests of parts add up. A sum, because with an exclusive-or two equal items cancel out,
 * and linear algebra over a few hundred items finds a set with any wanted fingerprint.
 */
export interface Digest {
  readonly items: number;
  /** 64 lower-case hexadecimal digits. */
  readonly sum: string;
}

export const sameDigest = (a: Digest, b: Digest): boolean => a.items === b.items && a.sum === b.sum;

/** SHA-256 of an item's canonical form, 32 bytes. @throws MalformedItemError */
export const hashOfItem = (item: Item): Buffer => hash('sha256', canonicalItem(item), 'buffer');

/** One version of a record, for an approval that is bound to it: 22 characters, 132 bits of its SHA-256. @throws MalformedItemError */
export const versionId = (item: Item): string => hashOfItem(item).toString('base64url').slice(0, VERSION_ID_LENGTH);
export const VERSION_ID_LENGTH = 22;

const LANES = 8;
/** A lane is a 32-bit number in a double: 2^20 of them add up exactly. */
const CARRY_AFTER = 2 ** 20;
const LANE = 2 ** 32;

/** Adds items to a digest. Takes about 10 µs per item, most of it for the canonical form and SHA-256. */
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
