/** Letters that must be put in, taken out, replaced or swapped with their neighbour to make `a` of `b`. */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const now = [row];
    for (let column = 1; column <= b.length; column++) {
      const replaced = (last[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1);
      let best = Math.min((last[column] ?? 0) + 1, (now[column - 1] ?? 0) + 1, replaced);
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1])
        best = Math.min(best, (beforeLast[column - 2] ?? 0) + 1);
      now.push(best);
    }
    beforeLast = last;
    last = now;
  }
  return last[b.length] ?? 0;
}

const MOST_OFFERED = 3;
/** Nobody mistypes more: what is longer is not compared at all. */
const LONGEST = 40;

/** The words that were probably meant, nearest first: up to three, none where nothing is near. */
export function suggestNearest(typed: string, words: readonly string[]): readonly string[] {
  const word = typed.toLowerCase();
  if (word === '' || word.length > LONGEST) return [];
  return words
    .map((candidate) => {
      const lower = candidate.toLowerCase();
      // A word half typed is near, however much is missing.
      const isBegun = word.length >= 2 && lower.startsWith(word);
      return { candidate, distance: isBegun ? 0.5 : editDistance(word, lower) };
    })
    .filter(
      ({ candidate, distance }) => distance <= Math.max(1, Math.floor(Math.max(word.length, candidate.length) / 2)),
    )
    .sort((a, b) => a.distance - b.distance || a.candidate.localeCompare(b.candidate))
    .slice(0, MOST_OFFERED)
    .map(({ candidate }) => candidate);
}
