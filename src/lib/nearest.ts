/** The number of insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`. */
export function editDistance(a: string, b: string): number {
  let rowBeforeLast: number[] = [];
  let lastRow = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const thisRow = [row];
    for (let column = 1; column <= b.length; column++) {
      const replaced = (lastRow[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1);
      let best = Math.min((lastRow[column] ?? 0) + 1, (thisRow[column - 1] ?? 0) + 1, replaced);
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1])
        best = Math.min(best, (rowBeforeLast[column - 2] ?? 0) + 1);
      thisRow.push(best);
    }
    rowBeforeLast = lastRow;
    lastRow = thisRow;
  }
  return lastRow[b.length] ?? 0;
}

const MAX_SUGGESTIONS = 3;
/** Longer texts are not compared. */
const MAX_LENGTH = 40;

/** The candidates that were probably meant, nearest first: at most three, and none when nothing is near. */
export function suggestNearest(typed: string, candidates: readonly string[]): readonly string[] {
  const lowerTyped = typed.toLowerCase();
  if (lowerTyped === '' || lowerTyped.length > MAX_LENGTH) return [];
  return candidates
    .map((candidate) => {
      const lower = candidate.toLowerCase();
      // A beginning is near, however much is missing.
      const isPrefix = lowerTyped.length >= 2 && lower.startsWith(lowerTyped);
      return { candidate, distance: isPrefix ? 0.5 : editDistance(lowerTyped, lower) };
    })
    .filter(
      ({ candidate, distance }) =>
        distance <= Math.max(1, Math.floor(Math.max(lowerTyped.length, candidate.length) / 2)),
    )
    .sort((a, b) => a.distance - b.distance || a.candidate.localeCompare(b.candidate))
    .slice(0, MAX_SUGGESTIONS)
    .map(({ candidate }) => candidate);
}
