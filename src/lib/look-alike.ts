const SPACES = /[\s\p{Z}]+/gu;
const INVISIBLE = /[\p{Cf}\p{Default_Ignorable_Code_Point}]/gu;
const DASHES = /[\p{Pd}\u2212]/gu;
const SINGLE_QUOTES = /[\u2018\u2019\u201a\u201b\u2032\u02bc\u0060\u00b4]/g;
const DOUBLE_QUOTES = /[\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb]/g;
/** Letters, digits and signs that have one spelling. */
const PLAIN = /^[A-Za-z0-9/._#]*$/;

/**
 * One text for names that look alike: kinds of space (and how many), quotes and dashes, invisible characters, and forms of Unicode. A
 * screenshot of macOS has U+202F before "PM"; whoever types its name types a space. Capitals stay different.
 */
export const likeSpelling = (name: string): string =>
  PLAIN.test(name)
    ? name
    : name
        .normalize('NFKC')
        .replace(INVISIBLE, '')
        .replace(SPACES, ' ')
        .replace(DASHES, '-')
        .replace(SINGLE_QUOTES, "'")
        .replace(DOUBLE_QUOTES, '"')
        .trim();

/** How many names that look alike are kept: enough to name them. */
const MAX_NAMED = 5;

/** Collects the different names that look like `wanted`, or that `spell` makes equal to it. */
export function createLookAlikes(wanted: string, spell: (name: string) => string = likeSpelling) {
  const spelling = spell(wanted);
  const names = new Set<string>();
  return {
    offer(name: string): void {
      if (names.size < MAX_NAMED && spell(name) === spelling) names.add(name);
    },
    /** Sorted; one name is meant, of several none is. */
    names: (): readonly string[] => [...names].sort(),
  };
}

/** The name with every character that may look like another as its code point: `4.05\u{202f}PM`. `readSpelling` reads it. */
export const visibleSpelling = (name: string): string =>
  name.replace(/[^\x20-\x7e]/gu, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);

/** A name as it was typed, also in the spelling of `visibleSpelling`. */
export const readSpelling = (typed: string): string =>
  typed.replace(/\\u\{([0-9a-f]{1,6})\}/gi, (escaped, hex: string) => {
    const point = Number.parseInt(hex, 16);
    return point <= 0x10ffff ? String.fromCodePoint(point) : escaped;
  });
