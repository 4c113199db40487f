/** Checks of the tour as pure functions, so that a test can show that they fail. */

/** One invocation, as the function saw it; times in epoch ms. */
export interface Invoked {
  readonly key: string;
  readonly startedAt: number;
  readonly endedAt: number;
}

/**
 * The images that were invoked more than once in a run without an explanation. An image may run a second time only if
 * it was in flight when the bot was killed, or had answered so shortly before that its outcome was not yet written.
 */
export function invokedTwiceWithoutReason(
  invocations: readonly Invoked[],
  killed: { readonly at: number; readonly writeMs: number },
): readonly string[] {
  const byKey = new Map<string, Invoked[]>();
  for (const invocation of invocations) byKey.set(invocation.key, [...(byKey.get(invocation.key) ?? []), invocation]);
  return [...byKey].flatMap(([key, times]) => {
    const [first] = [...times].sort((a, b) => a.startedAt - b.startedAt);
    if (times.length === 1 || !first) return [];
    const wasInFlight = first.startedAt <= killed.at && first.endedAt >= killed.at - killed.writeMs;
    return times.length === 2 && wasInFlight ? [] : [key];
  });
}

/** The rows of a CSV (RFC 4180) as records by column name. */
export function csvRows(text: string): readonly Readonly<Record<string, string>>[] {
  const rows: string[][] = [[]];
  for (const [, quoted, bare = '', end] of text
    .replace(/^\uFEFF/, '')
    .matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/g)) {
    rows.at(-1)?.push(quoted === undefined ? bare : quoted.replaceAll('""', '"'));
    if (end === '') break;
    if (end !== ',') rows.push([]);
  }
  const [names = [], ...others] = rows.filter((row) => row.length > 1 || row[0] !== '');
  return others.map((row) => Object.fromEntries(names.map((name, at) => [name, row[at] ?? ''])));
}

/** The keys that are in only one of the two sets. */
export const difference = (one: ReadonlySet<string>, other: ReadonlySet<string>): readonly string[] => [
  ...[...one].filter((key) => !other.has(key)),
  ...[...other].filter((key) => !one.has(key)),
];
