import { z } from 'zod';
import type { PackageContents } from './package-zip.ts';

/** A list for people: how many there are, and the first of them. */
export const namesSchema = z.object({ count: z.number(), names: z.array(z.string()).readonly() });
export type Names = z.infer<typeof namesSchema>;

/** The files of two packages by path. */
export const fileChangesSchema = z.object({
  added: namesSchema,
  changed: namesSchema,
  /** The former package has them, the next one does not. */
  missing: namesSchema,
  same: z.number(),
});
export type FileChanges = z.infer<typeof fileChangesSchema>;

/** As many names as a message or a form can show. */
const MAX_NAMES = 30;

export const listNames = (names: readonly string[]): Names => ({
  count: names.length,
  names: names.slice(0, MAX_NAMES),
});

/** Compares the files of two packages by the SHA-256 of their contents. Folders are left out. */
export function compareFiles(before: PackageContents, after: PackageContents): FileChanges {
  const former = hashes(before);
  const next = hashes(after);
  const paths = [...next.keys()];
  const both = paths.filter((path) => former.has(path));
  const changed = both.filter((path) => former.get(path) !== next.get(path));
  return {
    added: listNames(paths.filter((path) => !former.has(path))),
    changed: listNames(changed),
    missing: listNames([...former.keys()].filter((path) => !next.has(path))),
    same: both.length - changed.length,
  };
}

const hashes = ({ entries }: PackageContents): ReadonlyMap<string, string> =>
  new Map(entries.flatMap(({ path, sha256 }) => (sha256 === undefined ? [] : [[path, sha256]])));
