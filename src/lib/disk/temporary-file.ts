import { randomUUID } from 'node:crypto';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A file that only its handle leads to; closing the handle frees its space. */
export interface TemporaryFile {
  readonly handle: FileHandle;
  /** Frees the space; a second time does nothing. */
  dispose(): Promise<void>;
}

/**
 * A new, empty file that nobody else can open. Its name is taken off at once, so that the space is freed even when the process
 * is killed. @throws the file system's error.
 */
export async function openTemporaryFile(folder: string = tmpdir()): Promise<TemporaryFile> {
  const path = join(folder, `rescan-${randomUUID()}`);
  const handle = await open(path, 'wx+', 0o600);
  let closing: Promise<void> | undefined;
  const dispose = async () => {
    closing ??= handle.close();
    await closing;
  };
  try {
    await unlink(path);
  } catch (error) {
    await dispose();
    throw error;
  }
  return { handle, dispose };
}
