import { access } from 'node:fs/promises';
import { compressBlock, expandBlock } from './block.ts';
import { openTemporaryFile, type TemporaryFile } from './temporary-file.ts';

/** Lines of text in a temporary file, in the order in which they were added: written once, read any number of times. */
export interface LineFile {
  /** `line` must not contain a line feed or a lone surrogate (JSON.stringify produces neither). */
  add(line: string): void;
  /** Moves all but the last block to disk. Await it every few hundred lines. */
  flushIfLarge(): Promise<void>;
  /** All lines, a few hundred at a time. No line may be added while reading. @throws `signal.reason` */
  read(signal?: AbortSignal): AsyncGenerator<readonly string[]>;
  count(): number;
  /** Deletes the temporary file. */
  dispose(): Promise<void>;
}

/** Characters of a block: what a reader has in memory, and what is compressed together. */
const BLOCK_CHARACTERS = 32 * 1024;

/** An empty file of lines. Nothing is written to disk before the first block is full. */
export function createLineFile(folder?: string): LineFile {
  let open: string[] = [];
  let characters = 0;
  let sealed: Buffer[] = [];
  let count = 0;
  /** Compressed size of each block on disk, in order. */
  const blocks: number[] = [];
  let end = 0;
  let file: TemporaryFile | undefined;
  let writing: Promise<void> | undefined;

  const writeSealed = async () => {
    file ??= await openTemporaryFile(folder);
    while (sealed.length > 0) {
      const batch = sealed;
      sealed = [];
      for (const block of batch) {
        for (let written = 0; written < block.length; ) {
          const { bytesWritten } = await file.handle.write(block, written, block.length - written, end + written);
          written += bytesWritten;
        }
        end += block.length;
        blocks.push(block.length);
      }
    }
  };
  const flushIfLarge = async () => {
    if (sealed.length === 0 && writing === undefined) return;
    writing ??= writeSealed().finally(() => {
      writing = undefined;
    });
    await writing;
  };

  return {
    add(line) {
      open.push(line);
      characters += line.length + 1;
      count += 1;
      if (characters < BLOCK_CHARACTERS) return;
      sealed.push(compressBlock(open.join('\n')));
      open = [];
      characters = 0;
    },
    flushIfLarge,
    async *read(signal) {
      await flushIfLarge();
      let start = 0;
      let buffer = Buffer.alloc(0);
      for (const size of blocks) {
        signal?.throwIfAborted();
        if (file === undefined) break;
        if (buffer.length < size) buffer = Buffer.allocUnsafeSlow(size * 2);
        const block = buffer.subarray(0, size);
        for (let filled = 0; filled < size; ) {
          const { bytesRead } = await file.handle.read(block, filled, size - filled, start + filled);
          if (bytesRead === 0) throw new Error('A temporary file is shorter than what was written to it.');
          filled += bytesRead;
        }
        start += size;
        yield expandBlock(block).split('\n');
      }
      signal?.throwIfAborted();
      if (open.length > 0) yield open;
    },
    count: () => count,
    async dispose() {
      await writing?.catch(() => {});
      await file?.dispose();
    },
  };
}

/** Whether something exists at the path. A path that may not be read counts as absent. */
export const fileExists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/** The values of a file whose lines are JSON, written by this process as `T`. @throws `signal.reason` */
export async function* readJsonLines<T>(file: Pick<LineFile, 'read'>, signal?: AbortSignal): AsyncGenerator<T> {
  for await (const lines of file.read(signal))
    for (const line of lines) {
      const value: T = JSON.parse(line);
      yield value;
    }
}
