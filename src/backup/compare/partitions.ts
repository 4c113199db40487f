import { type FileHandle, mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Fingerprints of several sets of items, joined in little memory: each goes by its key into one of 64 partitions, in memory
 * while all are small and in files of a temporary folder once they are not. A partition is 1/64 of the whole: of 10,000,000
 * items with 100 bytes of key about 20 MB.
 */
export interface Partitions {
  /** `key` decides the partition and is kept; `itemHash` is 32 bytes. */
  add(side: Side, key: string, itemHash: Buffer): void;
  /** Writes what was added to the files if it is much; to be awaited every few hundred items. */
  flushIfLarge(): Promise<void>;
  /** Every entry of all sides, partition by partition. */
  partitions(): AsyncIterable<Readonly<Record<Side, readonly PartitionEntry[]>>>;
  /** Deletes the files. */
  dispose(): Promise<void>;
}

/** `started`: records of the backup that a flush may already have deleted. */
export type Side = 'table' | 'backup' | 'started' | 'safetyBackup';
export interface PartitionEntry {
  readonly key: string;
  /** The first 16 bytes of the item's SHA-256, as 32 hexadecimal digits. */
  readonly itemHash: string;
}

const PARTITIONS = 64;
const SIDES: readonly Side[] = ['table', 'backup', 'started', 'safetyBackup'];
const HASH_BYTES = 16;
const LENGTH_BYTES = 4;
const BLOCK_BYTES = 16 * 1024;
/** UTF-8 takes at most 3 bytes for a UTF-16 unit. */
const MAX_BYTES_PER_UNIT = 3;

/** FNV-1a over the UTF-16 units: spreads keys that differ in their last letter only. */
function partitionOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < key.length; at += 1) hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193);
  return (hash ^ (hash >>> 16)) & (PARTITIONS - 1);
}

/** The entries of one side in one partition: blocks of bytes outside the JavaScript heap, the last one partly filled. */
interface Slot {
  readonly fileName: string;
  full: Buffer[];
  block: Buffer;
  used: number;
}
const EMPTY = Buffer.alloc(0);

export function createPartitions(
  options: { readonly memoryBytes?: number; readonly folder?: string } = {},
): Partitions {
  const memoryBytes = options.memoryBytes ?? 8 * 2 ** 20;
  const slotsOf = (side: Side): readonly Slot[] =>
    Array.from({ length: PARTITIONS }, (_, index) => ({
      fileName: `${side}-${index}`,
      full: [],
      block: EMPTY,
      used: 0,
    }));
  const slots = {
    table: slotsOf('table'),
    backup: slotsOf('backup'),
    started: slotsOf('started'),
    safetyBackup: slotsOf('safetyBackup'),
  };
  let heldBytes = 0;
  let folder: string | undefined;
  const files = new Map<string, FileHandle>();
  let flushing: Promise<void> | undefined;

  const closeBlock = (slot: Slot) => {
    if (slot.used > 0) slot.full.push(slot.block.subarray(0, slot.used));
    slot.block = EMPTY;
    slot.used = 0;
  };
  const flush = async () => {
    folder ??= await mkdtemp(join(options.folder ?? tmpdir(), 'rescan-compare-'));
    for (const side of SIDES)
      for (const slot of slots[side]) {
        closeBlock(slot);
        if (slot.full.length === 0) continue;
        const bytes = Buffer.concat(slot.full);
        slot.full = [];
        heldBytes -= bytes.length;
        const file = files.get(slot.fileName) ?? (await open(join(folder, slot.fileName), 'a+', 0o600));
        files.set(slot.fileName, file);
        await file.appendFile(bytes);
      }
  };

  return {
    add(side, key, itemHash) {
      const slot = slots[side][partitionOf(key)];
      if (slot === undefined) return;
      const most = HASH_BYTES + LENGTH_BYTES + key.length * MAX_BYTES_PER_UNIT;
      if (slot.used + most > slot.block.length) {
        closeBlock(slot);
        slot.block = Buffer.allocUnsafeSlow(Math.max(BLOCK_BYTES, most));
      }
      const { block, used } = slot;
      itemHash.copy(block, used, 0, HASH_BYTES);
      const keyBytes = block.write(key, used + HASH_BYTES + LENGTH_BYTES, 'utf8');
      block.writeUInt32LE(keyBytes, used + HASH_BYTES);
      const bytes = HASH_BYTES + LENGTH_BYTES + keyBytes;
      slot.used += bytes;
      heldBytes += bytes;
    },
    async flushIfLarge() {
      if (heldBytes <= memoryBytes && flushing === undefined) return;
      flushing ??= flush().finally(() => {
        flushing = undefined;
      });
      await flushing;
    },
    async *partitions() {
      await flushing;
      if (folder !== undefined) await flush();
      for (let partition = 0; partition < PARTITIONS; partition += 1) {
        const read = async (side: Side) => {
          const slot = slots[side][partition];
          if (slot === undefined) return [];
          closeBlock(slot);
          if (folder === undefined) return entriesIn(Buffer.concat(slot.full));
          return files.has(slot.fileName) ? entriesIn(await readFile(join(folder, slot.fileName))) : [];
        };
        yield {
          table: await read('table'),
          backup: await read('backup'),
          started: await read('started'),
          safetyBackup: await read('safetyBackup'),
        };
      }
    },
    async dispose() {
      await flushing?.catch(() => {});
      for (const file of files.values()) await file.close();
      if (folder !== undefined) await rm(folder, { recursive: true, force: true });
    },
  };
}

function entriesIn(bytes: Buffer): readonly PartitionEntry[] {
  const entries: PartitionEntry[] = [];
  for (let at = 0; at < bytes.length; ) {
    const keyAt = at + HASH_BYTES + LENGTH_BYTES;
    const end = keyAt + bytes.readUInt32LE(at + HASH_BYTES);
    entries.push({ key: bytes.toString('utf8', keyAt, end), itemHash: bytes.toString('hex', at, at + HASH_BYTES) });
    at = end;
  }
  return entries;
}
