import { randomUUID } from 'node:crypto';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A file without a name: only its handle can read it, and closing the handle deletes it. */
export interface TemporaryFile {
  readonly handle: FileHandle;
  /** Deletes the file. Deleting it again does nothing. */
  dispose(): Promise<void>;
}

/**
 * Creates an empty file that no other process can open. Its name is removed at once, so that the space is freed even
 * when the process is killed. @throws the file system's error
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
