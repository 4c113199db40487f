/**
 * Which items were seen, in 4 bytes for each: what was added is always known, and what never was is taken for known in about
 * one of five million cases (a Bloom filter of 32 bits an item, 22 of them set for each).
 */
export interface KnownItems {
  /** `itemHash` is the SHA-256 of an item's canonical form. */
  add(itemHash: Buffer): void;
  has(itemHash: Buffer): boolean;
}

const BITS_EACH = 32;
const SET_EACH = 22;

/** For about `expected` items. */
export function createKnownItems(expected: number): KnownItems {
  const size = Math.max(1_024, expected * BITS_EACH);
  const bits = new Uint8Array(Math.ceil(size / 8));
  /** The places of a hash, until `visit` says false; whether it never did. */
  const every = (itemHash: Buffer, visit: (byte: number, mask: number) => boolean): boolean => {
    // The eight words of the hash are eight places; two of them together give the others.
    for (let turn = 0; turn < SET_EACH; turn += 1) {
      const word = itemHash.readUInt32BE((turn & 7) * 4);
      const other = itemHash.readUInt32BE(((turn + 3) & 7) * 4);
      const location = (word + (turn >>> 3) * other) % size;
      if (!visit(location >>> 3, 1 << (location & 7))) return false;
    }
    return true;
  };
  return {
    add(itemHash) {
      every(itemHash, (byte, mask) => {
        bits[byte] = (bits[byte] ?? 0) | mask;
        return true;
      });
    },
    has: (itemHash) => every(itemHash, (byte, mask) => ((bits[byte] ?? 0) & mask) !== 0),
  };
}
