import { readSync, writeSync } from 'node:fs';
import { openTemporaryFile } from './temporary-file.ts';

/** A set of SHA-256 hashes, by their first 16 bytes: exact but for a collision of 128 bits. */
export interface HashSet {
  add(hash: Buffer): void;
  has(hash: Buffer): boolean;
  /** Frees the space. */
  dispose(): Promise<void>;
}

const BYTES = 16;
/** Up to 1,000,000 hashes, 32 MB. */
const MAX_SLOTS_IN_MEMORY = 2 ** 21;

interface Slots {
  /** Copies slot `index` into `into`. */
  readonly read: (index: number, into: Buffer) => void;
  readonly write: (index: number, hash: Buffer) => void;
  readonly dispose: () => Promise<void>;
}

/**
 * An empty set for at most `most` hashes: in memory for up to a million, else in a temporary file, where each look-up reads 16
 * bytes of what the operating system has cached.
 */
export async function createHashSet(most: number, maxSlotsInMemory = MAX_SLOTS_IN_MEMORY): Promise<HashSet> {
  const slotCount = 2 ** Math.ceil(Math.log2(Math.max(16, most * 1.5)));
  const slots = slotCount <= maxSlotsInMemory ? slotsInMemory(slotCount) : await slotsOnDisk();
  const found = Buffer.alloc(BYTES);
  /** The slot that has the hash, or the free one where it belongs. Hashes spread evenly, so runs of taken slots are short. */
  const find = (hash: Buffer): { index: number; isFree: boolean } => {
    let index = hash.readUInt32BE(BYTES) % slotCount;
    for (;;) {
      slots.read(index, found);
      if (hash.compare(found, 0, BYTES, 0, BYTES) === 0) return { index, isFree: false };
      if (found.every((byte) => byte === 0)) return { index, isFree: true };
      index = (index + 1) % slotCount;
    }
  };
  return {
    add(hash) {
      const { index, isFree } = find(hash);
      if (isFree) slots.write(index, hash);
    },
    has: (hash) => !find(hash).isFree,
    dispose: slots.dispose,
  };
}

function slotsInMemory(count: number): Slots {
  const bytes = Buffer.alloc(count * BYTES);
  return {
    read: (index, into) => void bytes.copy(into, 0, index * BYTES, (index + 1) * BYTES),
    write: (index, hash) => void hash.copy(bytes, index * BYTES, 0, BYTES),
    dispose: async () => {},
  };
}

async function slotsOnDisk(): Promise<Slots> {
  const file = await openTemporaryFile();
  const { fd } = file.handle;
  return {
    read(index, into) {
      // Beyond the end of the file, and in its holes, every slot is free.
      if (readSync(fd, into, 0, BYTES, index * BYTES) < BYTES) into.fill(0);
    },
    write: (index, hash) => void writeSync(fd, hash, 0, BYTES, index * BYTES),
    dispose: file.dispose,
  };
}
