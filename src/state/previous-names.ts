/** Names in records that an earlier version of the bot wrote, and what the same field is called today. */
const NAMES_TODAY: ReadonlyMap<string, string> = new Map([
  ['act', 'action'],
  ['entriesSeenAt', 'entriesCountedAt'],
  ['lookedAt', 'checkedAt'],
  ['mend', 'fix'],
  ['outcomesSinceLook', 'outcomesSinceCheck'],
  ['paceWish', 'paceSetting'],
  ['place', 'location'],
  ['pushbacks', 'throttles'],
  ['triedAt', 'attemptedAt'],
  ['wish', 'paceSetting'],
  ['wishSince', 'settingSince'],
]);

/**
 * The value with every name of an earlier version replaced by the name of today, at any depth. Where a record has both, the
 * name of today wins. The control table applies this to every attribute it reads; JSON inside an attribute is text to
 * it, so whoever parses that JSON calls this function on the result.
 */
export function withNamesOfToday(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withNamesOfToday);
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, inner]) => {
      const today = NAMES_TODAY.get(name) ?? name;
      return today !== name && today in value ? [] : [[today, withNamesOfToday(inner)]];
    }),
  );
}
