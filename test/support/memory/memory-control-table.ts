import type { ControlTable, Entry, Key, Updated } from '../../../src/state/table/control-table.ts';
import type { Change, Condition } from '../../../src/state/table/expression.ts';

/** A call that writes to the control table. */
export interface ControlWrite {
  readonly operation: 'create' | 'update' | 'remove';
  readonly key: Key;
  readonly set: Readonly<Record<string, unknown>>;
}

export interface MemoryControlTable {
  readonly table: ControlTable;
  /**
   * The same table as a process sees it. `before` is called before each write, `after` when it is stored: what they throw, the
   * write throws; while their promise is pending, the write is.
   */
  as(process: {
    readonly before?: (write: ControlWrite) => Promise<void> | void;
    readonly after?: (write: ControlWrite) => Promise<void> | void;
    readonly beforeRead?: () => Promise<void> | void;
  }): ControlTable;
}

/** A control table in memory, for tests on a fake clock: no call needs real time. */
export function createMemoryControlTable(): MemoryControlTable {
  const entries = new Map<string, Entry>();
  const idOf = ({ pk, sk }: Key) => JSON.stringify([pk, sk]);
  // Stored values are copies, as with a real table: whoever changes what was read changes nothing here.
  const copy = (entry: Entry | undefined): Entry | undefined => entry && structuredClone(entry);

  function create(key: Key, attributes: Record<string, unknown>): boolean {
    if (entries.has(idOf(key))) return false;
    entries.set(idOf(key), structuredClone({ ...withoutUndefined(attributes), ...key }));
    return true;
  }
  function update(key: Key, change: Change, condition: Condition = {}): Updated {
    const found = entries.get(idOf(key));
    if (!holds(found, condition)) return found ? { ok: false, entry: structuredClone(found) } : { ok: false };
    const next: Entry = { ...key, ...found, ...structuredClone(withoutUndefined(change.set ?? {})) };
    for (const name of change.remove ?? []) delete next[name];
    for (const [name, by] of Object.entries(change.add ?? {})) next[name] = Number(next[name] ?? 0) + by;
    entries.set(idOf(key), next);
    return { ok: true, entry: structuredClone(next) };
  }
  function remove(key: Key, condition: Condition = {}): boolean {
    const found = entries.get(idOf(key));
    if (found && holds(found, condition)) entries.delete(idOf(key));
    return !entries.has(idOf(key));
  }
  const sorted = (pk: string, prefix: string) =>
    [...entries.values()]
      .filter((entry) => entry.pk === pk && entry.sk.startsWith(prefix))
      .sort((a, b) => (a.sk < b.sk ? -1 : 1));

  const as: MemoryControlTable['as'] = ({ before = () => {}, after = () => {}, beforeRead = () => {} }) => {
    async function written<T>(write: ControlWrite, store: () => T): Promise<T> {
      await before(write);
      const stored = store();
      await after(write);
      return stored;
    }
    return {
      async read(key) {
        await beforeRead();
        return copy(entries.get(idOf(key)));
      },
      create: (key, set) => written({ operation: 'create', key, set }, () => create(key, set)),
      update: (key, change, condition) =>
        written({ operation: 'update', key, set: change.set ?? {} }, () => update(key, change, condition)),
      remove: (key, condition) => written({ operation: 'remove', key, set: {} }, () => remove(key, condition)),
      async *list(pk, { prefix = '', from = '', descending = false, limit = Number.POSITIVE_INFINITY } = {}) {
        await beforeRead();
        const found = sorted(pk, prefix);
        const range = descending
          ? found.reverse().filter(({ sk }) => from === '' || sk <= from)
          : found.filter(({ sk }) => sk >= from);
        for (const entry of range.slice(0, limit)) yield structuredClone(entry);
      },
    };
  };
  return { table: as({}), as };
}

const withoutUndefined = (values: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));

function holds(
  entry: Entry | undefined,
  { exists, equals = {}, absent = [], in: among = {}, lessThan = {} }: Condition,
): boolean {
  if (exists !== undefined && exists !== (entry !== undefined)) return false;
  return (
    Object.entries(equals).every(([name, value]) => entry?.[name] === value) &&
    absent.every((name) => entry?.[name] === undefined) &&
    Object.entries(among).every(([name, values]) => values.some((value) => value === entry?.[name])) &&
    Object.entries(lessThan).every(([name, limit]) => {
      const value = entry?.[name];
      return typeof value === 'number' && value < limit;
    })
  );
}
