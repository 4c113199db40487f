import type { Item } from '../../../src/pipeline/table/item.ts';
import type { Change } from '../../../src/pipeline/table/swap-plan.ts';

export const keyOf = ({ ResourceName = { S: '' }, DateProjectCode = { S: '' } }: Item): Item => ({
  ResourceName,
  DateProjectCode,
});
export const putNew = (next: Item): Change => ({ key: keyOf(next), expected: undefined, next });
export const remove = (expected: Item): Change => ({ key: keyOf(expected), expected, next: undefined });
export const replace = (expected: Item, next: Item): Change => ({ key: keyOf(expected), expected, next });
export const done = { kind: 'done' } as const;
export const conflict = (found: Item | undefined) => ({ kind: 'conflict' as const, found });

/** A record with a value of every type. */
export const everyType = (index: number, more: Item = {}): Item => ({
  ResourceName: { S: `Person_${index}` },
  DateProjectCode: { S: '2025-09-29#PJ1' },
  Text: { S: 'é "quoted"\n' },
  Empty: { S: '' },
  Hours: { N: '7.5' },
  Seal: { B: 'AP8H' },
  IsDraft: { BOOL: false },
  Nothing: { NULL: true },
  Weeks: { SS: ['a', 'b'] },
  Days: { NS: ['1', '2.5'] },
  Stamps: { BS: ['AA==', 'AQ=='] },
  Lines: { L: [{ S: 'one' }, { L: [{ N: '2' }] }] },
  Details: { M: { depth: { M: { value: { N: '1' } } }, tags: { SS: ['x'] } } },
  ...more,
});
