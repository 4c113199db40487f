import { readdir, readlink } from 'node:fs/promises';

/**
 * The files of a folder that this process has open, including deleted ones: a temporary file takes space until it is
 * closed. Works on Linux only; elsewhere it returns none.
 */
export async function openFilesIn(folder: string): Promise<readonly string[]> {
  const numbers = await readdir('/proc/self/fd').catch(() => []);
  const paths = await Promise.all(numbers.map((number) => readlink(`/proc/self/fd/${number}`).catch(() => '')));
  return paths.filter((path) => path.startsWith(`${folder}/`));
}
