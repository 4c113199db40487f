/** Names that earlier versions gave to fields of records, checkpoints and journal entries, and their names now. */
const CURRENT_NAMES: Readonly<Record<string, string>> = {
  pushbacks: 'throttles',
  place: 'location',
  mend: 'fix',
  paceWish: 'paceSetting',
  wish: 'paceSetting',
  wishSince: 'settingSince',
  untold: 'unannounced',
  entriesSeenAt: 'entriesCountedAt',
  lookedAt: 'checkedAt',
  triedAt: 'attemptedAt',
  outcomesSinceLook: 'outcomesSinceCheck',
};

/** A stored value with the current names of its fields, at any depth. A field that is there under both names keeps the current one. */
export function withCurrentNames(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withCurrentNames);
  if (typeof value !== 'object' || value === null) return value;
  const fields = Object.entries(value).map(([name, field]): [string, unknown] => [name, withCurrentNames(field)]);
  const isFormer = ([name]: [string, unknown]) => name in CURRENT_NAMES;
  const former = fields
    .filter(isFormer)
    .map(([name, field]): [string, unknown] => [CURRENT_NAMES[name] ?? name, field]);
  return Object.fromEntries([...former, ...fields.filter((field) => !isFormer(field))]);
}
