/** Removes the oldest entries of a `Map` or `Set` until it has at most `most`. Oldest: added first. */
export function keepNewest<Key>(
  entries: { readonly size: number; keys(): Iterable<Key>; delete(key: Key): boolean },
  most: number,
): void {
  for (const key of entries.keys()) {
    if (entries.size <= most) return;
    entries.delete(key);
  }
}
