/** The names of attributes in records of earlier versions, and what they are called today. */
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
  ['untold', 'unannounced'],
  ['wanted', 'blocker'],
  ['wish', 'paceSetting'],
  ['wishSince', 'settingSince'],
]);

/** The earlier names of an attribute. The control table uses them in changes and conditions. */
export const previousNamesOf = (name: string): readonly string[] =>
  [...NAMES_TODAY].flatMap(([previous, today]) => (today === name ? [previous] : []));

/**
 * The value with every name of an earlier version replaced by the name of today, at any depth. When a record has both,
 * the name of today wins. The control table applies this to everything that it reads. It cannot read JSON inside an
 * attribute, so the code that parses such JSON must call this function.
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
