import { readdir, readlink } from 'node:fs/promises';

/**
 * The files of a folder that this process has open, those without a name too: a temporary file takes space until it is
 * closed. Known on Linux alone; elsewhere it answers none.
 */
export async function openFilesIn(folder: string): Promise<readonly string[]> {
  const numbers = await readdir('/proc/self/fd').catch(() => []);
  const paths = await Promise.all(numbers.map((number) => readlink(`/proc/self/fd/${number}`).catch(() => '')));
  return paths.filter((path) => path.startsWith(`${folder}/`));
}
