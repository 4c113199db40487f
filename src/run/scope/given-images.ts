import { likeSpelling } from '../../lib/look-alike.ts';

/** The names of one image that somebody typed, and the keys that look like it. */
export interface Ambiguous {
  readonly typed: string;
  readonly names: readonly string[];
}

/** As many keys that look alike are named at the most. */
const MAX_NAMED = 5;

/**
 * Finds the keys that are meant by the given names: the exact key, else the only one that looks like it (see `likeSpelling`). Every
 * known key is offered once or more; memory is for the given names only.
 */
export function createGivenImages(given: readonly string[]) {
  const exact = new Set<string>();
  const wanted = new Set(given);
  const byLook = new Map(given.map((name) => [likeSpelling(name), new Set<string>()]));
  return {
    offer(key: string): void {
      if (wanted.size === 0) return;
      if (wanted.has(key)) exact.add(key);
      const like = byLook.get(likeSpelling(key));
      if (like && like.size < MAX_NAMED) like.add(key);
    },
    /** The keys, without repetition; a name without any key stays as it is. Or the names that mean several keys, if there are any. */
    keys(): { readonly keys: readonly string[]; readonly ambiguous: readonly Ambiguous[] } {
      const keys = new Set<string>();
      const ambiguous: Ambiguous[] = [];
      for (const typed of wanted) {
        const names = exact.has(typed) ? [typed] : [...(byLook.get(likeSpelling(typed)) ?? [])].sort();
        if (names.length > 1) ambiguous.push({ typed, names });
        else keys.add(names[0] ?? typed);
      }
      return { keys: [...keys], ambiguous };
    },
  };
}
export type GivenImages = ReturnType<typeof createGivenImages>;
