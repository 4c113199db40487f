import { type FileHandle, mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Fingerprints of several sets of items, joined in little memory: each goes by its key into one of 64 partitions, in memory
 * while all are small and in files of a temporary folder once they are not. A partition is 1/64 of the whole: of 10,000,000
 * items with 100 bytes of key about 20 MB.
 */
export interface Partitions {
  /** `key` is one line of text: it decides the partition and is kept; `itemHash` is 32 bytes. */
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

/** FNV-1a over the UTF-16 units: spreads keys that differ in their last letter only. */
function partitionOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < key.length; at += 1) hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193);
  return (hash ^ (hash >>> 16)) & (PARTITIONS - 1);
}

export function createPartitions(
  options: { readonly memoryBytes?: number; readonly folder?: string } = {},
): Partitions {
  const memoryBytes = options.memoryBytes ?? 8 * 2 ** 20;
  const empty = (): string[][] => Array.from({ length: PARTITIONS }, () => []);
  const pending: Record<Side, string[][]> = {
    table: empty(),
    backup: empty(),
    started: empty(),
    safetyBackup: empty(),
  };
  let pendingBytes = 0;
  let folder: string | undefined;
  const files = new Map<string, FileHandle>();
  let flushing: Promise<void> | undefined;

  const flush = async () => {
    folder ??= await mkdtemp(join(options.folder ?? tmpdir(), 'rescan-compare-'));
    pendingBytes = 0;
    for (const side of SIDES)
      for (let partition = 0; partition < PARTITIONS; partition += 1) {
        const lines = pending[side][partition];
        if (lines === undefined || lines.length === 0) continue;
        pending[side][partition] = [];
        const name = `${side}-${partition}`;
        const file = files.get(name) ?? (await open(join(folder, name), 'a+', 0o600));
        files.set(name, file);
        await file.appendFile(lines.join(''));
      }
  };

  return {
    add(side, key, itemHash) {
      const line = `${itemHash.toString('hex', 0, HASH_BYTES)}${key}\n`;
      pending[side][partitionOf(key)]?.push(line);
      pendingBytes += line.length * 2 + 32;
    },
    async flushIfLarge() {
      if (pendingBytes <= memoryBytes && flushing === undefined) return;
      flushing ??= flush().finally(() => {
        flushing = undefined;
      });
      await flushing;
    },
    async *partitions() {
      if (folder !== undefined) await flush();
      for (let partition = 0; partition < PARTITIONS; partition += 1) {
        const read = async (side: Side) =>
          folder === undefined
            ? (pending[side][partition] ?? []).join('')
            : files.has(`${side}-${partition}`)
              ? await readFile(join(folder, `${side}-${partition}`), 'utf8')
              : '';
        yield {
          table: entriesIn(await read('table')),
          backup: entriesIn(await read('backup')),
          started: entriesIn(await read('started')),
          safetyBackup: entriesIn(await read('safetyBackup')),
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

function entriesIn(text: string): readonly PartitionEntry[] {
  const entries: PartitionEntry[] = [];
  for (const line of text.split('\n')) {
    if (line === '') continue;
    entries.push({ key: line.slice(HASH_BYTES * 2), itemHash: line.slice(0, HASH_BYTES * 2) });
  }
  return entries;
}
