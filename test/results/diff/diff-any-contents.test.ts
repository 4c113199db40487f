import { isDeepStrictEqual } from 'node:util';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { versionId } from '../../../src/backup/format/digest.ts';
import { TIMESHEETS } from '../../../src/pipeline/profile/timesheets.ts';
import { canonicalItem } from '../../../src/pipeline/table/canonical.ts';
import { attributeOf, type Item } from '../../../src/pipeline/table/item.ts';
import { kindOfRecord } from '../../../src/pipeline/table/records.ts';
import type { DiffEntry, FieldChange } from '../../../src/results/diff/diff-entry.ts';
import { changeKinds } from '../../../src/results/diff/noise.ts';
import { arbitraryItems } from '../../support/aws/arbitrary-items.ts';
import { PIPELINE_KEYS } from '../../support/aws/pipeline-keys.ts';
import { all, diffed, inOneWorld, itemsOf, put, remove, world } from './diff-rig.ts';

inOneWorld();

describe('a diff', () => {
  test('of any two contents equals a comparison in memory, also with little memory', async () => {
    const kindOf = changeKinds(TIMESHEETS.noise, TIMESHEETS);
    const isLeftOut = (change: FieldChange) => kindOf(change) !== 'meaningful';
    await fc.assert(
      fc.asyncProperty(
        arbitraryItems(14),
        arbitraryItems(8),
        fc.infiniteStream(fc.nat(3)),
        async (items, more, fate) => {
          const keep = items.filter(() => fate.next().value !== 0);
          const touched = keep.map((item): Item => {
            const what = fate.next().value;
            if (what === 1) return { ...item, ProcessingTimestamp: { S: 'now' } };
            return what === 2 ? { ...item, Hours: { N: '3' } } : item;
          });
          const table = await world.table(items);
          const { id } = await world.backup(table);
          const before = await itemsOf(table);
          await remove(table, ...items);
          const keyOf = (item: Item | Item) => JSON.stringify([item.ResourceName, item.DateProjectCode]);
          const taken = new Set(touched.map(keyOf));
          await put(table, ...touched, ...more.filter((item) => !taken.has(keyOf(item))));
          const after = await itemsOf(table);

          const wanted = naiveDiff(before, after, keyOf, isLeftOut);
          await diffed({ table, backupId: id, memoryBytes: 2_000 }, async (diff) => {
            const found = (await all(diff.entries())).map(({ id: _, ...entry }) => entry);
            const byText = (a: unknown, b: unknown) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);
            expect(found.toSorted(byText)).toEqual(wanted.toSorted(byText));
            expect(found.map(({ kind }) => kind)).toEqual(
              found.map(({ kind }) => kind).toSorted((a, b) => 'rca'.indexOf(a.charAt(0)) - 'rca'.indexOf(b.charAt(0))),
            );
            const count = (kind: string) => wanted.filter((entry) => entry.kind === kind).length;
            expect(diff.totals).toMatchObject({
              removed: count('removed'),
              changed: count('changed'),
              added: count('added'),
              same: after.length - count('changed') - count('added'),
            });
          });
        },
      ),
      { numRuns: 15 },
    );
  });
});

type Bare = DiffEntry extends infer Entry ? (Entry extends DiffEntry ? Omit<Entry, 'id'> : never) : never;
function naiveDiff(
  before: readonly Item[],
  after: readonly Item[],
  keyOf: (item: Item) => string,
  isLeftOut: (change: FieldChange) => boolean,
): Bare[] {
  const saved = new Map(before.map((item) => [keyOf(item), item]));
  const found: Bare[] = [];
  const about = (item: Item) => ({
    key: {
      ...(item.ResourceName && { ResourceName: item.ResourceName }),
      ...(item.DateProjectCode && { DateProjectCode: item.DateProjectCode }),
    },
    record: kindOfRecord(item, PIPELINE_KEYS),
  });
  for (const item of after) {
    const was = saved.get(keyOf(item));
    saved.delete(keyOf(item));
    if (was === undefined) {
      found.push({ kind: 'added', ...about(item), item });
      continue;
    }
    const names = [...new Set([...Object.keys(was), ...Object.keys(item)])].sort();
    const fields = names.flatMap((name) => {
      const [a, b] = [attributeOf(was, name), attributeOf(item, name)];
      if (a && b && canonicalItem({ a }) === canonicalItem({ a: b })) return [];
      const change = { name, ...(a && { before: a }), ...(b && { after: b }) };
      return isLeftOut(change) ? [] : [change];
    });
    const isByHand =
      was.ProcessingTimestamp !== undefined && isDeepStrictEqual(was.ProcessingTimestamp, item.ProcessingTimestamp);
    if (fields.length > 0) found.push({ kind: 'changed', ...about(item), fields, seen: versionId(item), isByHand });
  }
  for (const item of saved.values()) found.push({ kind: 'removed', ...about(item), item });
  return found;
}
