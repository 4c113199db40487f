import { z } from 'zod';
import type { ControlTable, Key } from './table/control-table.ts';
import type { Condition } from './table/expression.ts';

const listSchema = z.array(z.string()).catch([]);
/** The attribute that holds the length of the list: a condition cannot compare lists. */
export const lengthOf = (attribute: string): string => `${attribute}Count`;

/** Holds where `condition` does and the list still has this length: nobody has added to it since it was read. */
export const withLength = (condition: Condition, attribute: string, length: number): Condition =>
  length === 0
    ? { ...condition, absent: [...(condition.absent ?? []), lengthOf(attribute)] }
    : { ...condition, equals: { ...condition.equals, [lengthOf(attribute)]: length } };

/**
 * Adds a text to a list of an entry, once, also where several processes add at the same time. Nothing changes where
 * `condition` does not hold. A list that `create` stores needs its length as well (see `lengthOf`).
 */
export async function addToList(
  table: Pick<ControlTable, 'read' | 'update'>,
  key: Key,
  attribute: string,
  text: string,
  condition: Condition,
): Promise<void> {
  for (;;) {
    const list = listSchema.parse((await table.read(key))?.[attribute]);
    if (list.includes(text)) return;
    const length = lengthOf(attribute);
    const set = { [attribute]: [...list, text], [length]: list.length + 1 };
    const added = await table.update(key, { set }, withLength(condition, attribute, list.length));
    if (added.ok || (added.entry?.[length] ?? 0) === list.length) return;
  }
}
