import { describe, expect, test } from 'vitest';
import { saveToSupplement } from '../../../src/backup/write/supplement.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import type { Item } from '../../../src/pipeline/table/item.ts';
import { chooseRemoved } from '../../../src/results/diff/diff.ts';
import { coverage, failedImage, timesheetEntry } from '../../support/aws/pipeline-table.ts';
import { all, changedTable, diffed, inOneWorld, world } from './diff-rig.ts';

inOneWorld();

describe('a diff', () => {
  test('lists removed, changed and added records with the values of both sides, removed first', async () => {
    const before = [timesheetEntry(1), timesheetEntry(2), timesheetEntry(3), coverage(1)];
    const after = [
      timesheetEntry(1, { ProcessingTimestamp: { S: '2026-01-01T00:00:00Z' }, OCRVersion: { S: '3' } }),
      timesheetEntry(2, { Hours: { N: '8' }, Note: { S: 'new' }, CostEstimateUSD: { N: '9' } }),
      timesheetEntry(4),
      coverage(1),
    ];
    const request = await changedTable(before, after);
    await diffed(request, async (diff) => {
      expect(await all(diff.entries())).toEqual([
        {
          kind: 'removed',
          id: expect.stringMatching(/^[g-z]{16}$/),
          key: { ResourceName: { S: 'Person_3' }, DateProjectCode: { S: '2025-09-04#PJ3' } },
          record: 'entry',
          item: timesheetEntry(3),
        },
        {
          kind: 'changed',
          id: expect.any(String),
          key: { ResourceName: { S: 'Person_2' }, DateProjectCode: { S: '2025-09-03#PJ2' } },
          record: 'entry',
          fields: [
            { name: 'Hours', before: { N: '7.5' }, after: { N: '8' } },
            { name: 'Note', after: { S: 'new' } },
          ],
          seen: expect.stringMatching(/^[\w-]{22}$/),
          isByHand: true,
        },
        {
          kind: 'added',
          id: expect.any(String),
          key: { ResourceName: { S: 'Person_4' }, DateProjectCode: { S: '2025-09-05#PJ4' } },
          record: 'entry',
          item: timesheetEntry(4),
        },
      ]);
      expect(diff.totals).toMatchObject({
        removed: 1,
        changed: 1,
        added: 1,
        same: 2,
        sameExceptIgnored: 1,
        removedWithoutImage: 0,
        hours: { gained: '8', lost: '7.5', net: '0.5', unreadable: 0 },
        byRecord: {
          entry: { removed: 1, changed: 1, added: 1, same: 1 },
          coverage: { removed: 0, changed: 0, added: 0, same: 1 },
        },
        byField: {
          top: [
            { name: 'Hours', totals: 1 },
            { name: 'Note', totals: 1 },
          ],
          others: { names: 0, totals: 0 },
        },
      });
      expect(diff.totals.byPerson).toEqual({
        top: [
          {
            name: 'Person_2',
            totals: { removed: 0, changed: 1, added: 0, moved: 0, hours: { gained: '0.5', lost: '0' } },
          },
          {
            name: 'Person_3',
            totals: { removed: 1, changed: 0, added: 0, moved: 0, hours: { gained: '0', lost: '7.5' } },
          },
          {
            name: 'Person_4',
            totals: { removed: 0, changed: 0, added: 1, moved: 0, hours: { gained: '7.5', lost: '0' } },
          },
        ],
        others: { names: 0, totals: { removed: 0, changed: 0, added: 0, moved: 0, hours: { gained: '0', lost: '0' } } },
      });
    });
  });

  test('ignores the given fields and no other', async () => {
    const request = await changedTable(
      [timesheetEntry(1)],
      [timesheetEntry(1, { ModelId: { S: 'm' }, OCRVersion: { S: '9' } })],
    );
    const fieldsWith = (ignoredFields: readonly string[]) =>
      diffed({ ...request, ignoredFields }, async (diff) =>
        (await all(diff.entries())).flatMap((entry) => ('fields' in entry ? entry.fields.map(({ name }) => name) : [])),
      );
    expect(await fieldsWith([])).toEqual(['ModelId', 'OCRVersion']);
    expect(await fieldsWith(['OCR*'])).toEqual(['ModelId']);
    expect(await fieldsWith(['OCR'])).toEqual(['ModelId', 'OCRVersion']);
    expect(await fieldsWith(['*'])).toEqual([]);
  });

  test('treats sets as unordered and compares numbers by value', async () => {
    const item = (set: string[], number: string): Item => ({
      ...coverage(1),
      WeeksSubmitted: { SS: set },
      Numbers: { NS: [number, '5'] },
    });
    const request = await changedTable([item(['b', 'a'], '1.50')], [item(['a', 'b'], '1.5')]);
    await diffed(request, async ({ totals }) => expect(totals).toMatchObject({ changed: 0, same: 1 }));
  });

  test('compares numbers of 38 digits exactly, and adds hours without rounding', async () => {
    const hours = (index: number, N: string) => timesheetEntry(index, { Hours: { N } });
    const request = await changedTable(
      [hours(1, '12345678901234567890123456789012345678'), hours(2, '0.1'), hours(3, '0.2')],
      [hours(1, '12345678901234567890123456789012345679')],
    );
    await diffed(request, async (diff) => {
      expect(diff.totals.hours).toEqual({ gained: '1', lost: '0.3', net: '0.7', unreadable: 0 });
      expect(await all(diff.entries(['changed']))).toMatchObject([
        {
          fields: [
            {
              name: 'Hours',
              before: { N: '12345678901234567890123456789012345678' },
              after: { N: '12345678901234567890123456789012345679' },
            },
          ],
        },
      ]);
    });
  });

  test('reads hours that became text, and counts hours that are not a number', async () => {
    const hours = (index: number, value: Item[string]) => timesheetEntry(index, { Hours: value });
    const request = await changedTable(
      [hours(1, { N: '7.5' }), hours(2, { N: '7.5' })],
      [hours(1, { S: '7.5' }), hours(2, { S: 'seven' })],
    );
    await diffed(request, async ({ totals }) => {
      expect(totals).toMatchObject({ changed: 2, hours: { gained: '0', lost: '0', unreadable: 1 } });
    });
  });

  test('counts removed entries that name no image', async () => {
    const { SourceImage: _, ...byHand } = timesheetEntry(1);
    const request = await changedTable([byHand, timesheetEntry(2)], []);
    await diffed(request, async ({ totals }) => expect(totals).toMatchObject({ removed: 2, removedWithoutImage: 1 }));
  });

  test('treats a supplement as part of the backup', async () => {
    const table = await world.table([timesheetEntry(1), timesheetEntry(2)]);
    const { id } = await world.backup(table);
    const late: Item[] = [
      { ResourceName: { S: 'Zoë' }, DateProjectCode: { S: 'late' } },
      { ResourceName: { S: 'Person_2' }, DateProjectCode: { S: '2025-09-03#PJ2' }, Hours: { N: '1' } },
    ];
    await saveToSupplement(world.location, id, late, { clock: systemClock, random: Math.random });
    await diffed({ table, backupId: id }, async (diff) => {
      expect(diff.totals).toMatchObject({ removed: 1, changed: 1, added: 0, same: 1 });
      expect(await all(diff.entries(['removed']))).toMatchObject([{ item: late[0] }]);
    });
  });

  test('can be limited to some kinds of records', async () => {
    const request = await changedTable([timesheetEntry(1), failedImage(1)], [failedImage(2)]);
    await diffed({ ...request, kinds: ['failed'] }, async ({ totals }) =>
      expect(totals).toMatchObject({
        removed: 1,
        added: 1,
        byRecord: { entry: { removed: 0 } },
        byPerson: { top: [] },
      }),
    );
  });

  test('handles an attribute with the name of a method of every object', async () => {
    const odd: Item = { constructor: { S: 'x' }, toString: { N: '1' }, hasOwnProperty: { BOOL: true } };
    const request = await changedTable([timesheetEntry(1)], [timesheetEntry(1, odd)]);
    await diffed(request, async (diff) =>
      expect(await all(diff.entries())).toMatchObject([
        {
          fields: [
            { name: 'constructor', after: { S: 'x' } },
            { name: 'hasOwnProperty', after: { BOOL: true } },
            { name: 'toString', after: { N: '1' } },
          ],
        },
      ]),
    );
  });
});

describe('removed entries', () => {
  test('can be selected by their ids, are complete, and have the same id in the next diff', async () => {
    const before = [timesheetEntry(1), timesheetEntry(2), timesheetEntry(3)];
    const request = await changedTable(before, [timesheetEntry(9)]);
    const ids = await diffed(request, async (diff) => (await all(diff.entries(['removed']))).map(({ id }) => id));
    expect(new Set(ids).size).toBe(3);
    await diffed(request, async (diff) => {
      const chosen = await all(chooseRemoved(diff, ({ id }) => id === ids[0] || id === ids[2]));
      expect(chosen.map(({ item }) => item)).toEqual([timesheetEntry(1), timesheetEntry(3)]);
      expect(await all(chooseRemoved(diff, () => false))).toEqual([]);
    });
  });
});
