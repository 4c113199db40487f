/** Blocks, views and payloads are JSON of the app. They are stored unchanged and read with these functions. */
export type JsonRecord = Readonly<Record<string, unknown>>;

export const isRecord = (value: unknown): value is JsonRecord =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The value if it is a record, otherwise an empty record. */
export const recordOf = (value: unknown): JsonRecord => (isRecord(value) ? value : {});

/** The records of a list; empty when the value is not a list. */
export const recordsOf = (value: unknown): readonly JsonRecord[] =>
  Array.isArray(value) ? value.filter((entry): entry is JsonRecord => isRecord(entry)) : [];

/** The value if it is a string. */
export const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

/** The record without keys whose value is undefined, as in JSON. */
export function present(record: JsonRecord): JsonRecord {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined));
}
