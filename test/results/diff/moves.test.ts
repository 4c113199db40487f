import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { csvBytes } from '../../../src/lib/csv/write.ts';
import type { Item } from '../../../src/pipeline/table/item.ts';
import { chooseRemoved } from '../../../src/results/diff/diff.ts';
import { diffCsvColumns, diffRows } from '../../../src/results/diff/diff-csv.ts';
import { diffMessage } from '../../../src/slack/messages/results/diff-message.ts';
import { parseCsv } from '../../lib/csv/arbitrary-cells.ts';
import { timesheetEntry } from '../../support/aws/pipeline-table.ts';
import { all, changedTable, diffed, inOneWorld } from './diff-rig.ts';

inOneWorld();

/** An entry of one week's sheet: the days share an image. */
const entry = (person: string, day: number, code = 'PJ021931', hours = '7.5', image = 'week.png'): Item =>
  timesheetEntry(day, {
    ResourceName: { S: person },
    DateProjectCode: { S: `2025-09-0${day}#${code}` },
    Date: { S: `2025-09-0${day}` },
    ProjectCode: { S: code },
    Hours: { N: hours },
    SourceImage: { S: image },
  });
const week = (person: string, code?: string) => [1, 2, 3, 4, 5, 6, 7].map((day) => entry(person, day, code));
const textOf = (message: { readonly text: string }) => message.text;

describe('moved records', () => {
  test('of a renamed person are no loss, and their hours are neither gained nor lost', async () => {
    const request = await changedTable([...week('Ana_Bel'), entry('Ben', 1)], week('Anabel_Lee'));
    await diffed(request, async (diff) => {
      expect(diff.totals).toMatchObject({
        removed: 1,
        added: 0,
        moved: 7,
        movedHours: '52.5',
        hours: { gained: '0', lost: '7.5', net: '-7.5' },
        byMove: {
          top: [{ field: 'ResourceName', before: 'Ana_Bel', after: 'Anabel_Lee', records: 7, hours: '52.5' }],
          others: 0,
        },
        byRecord: { entry: { removed: 1, added: 0, moved: 7 } },
      });
      expect(diff.totals.byPerson.top).toContainEqual({
        name: 'Ana_Bel',
        totals: { removed: 0, changed: 0, added: 0, moved: 7, hours: { gained: '0', lost: '0' } },
      });
      const text = textOf(diffMessage(diff, await all(diff.entries(['removed'])), Date.now()));
      expect(text).toMatch(/1 removed, 0 changed, 0 added, 7 moved/);
      expect(text).toMatch(/`Ana_Bel` → `Anabel_Lee` \(`ResourceName`, 7 records, 52\.5 h\)/);
      expect(text).toMatch(/would book 52\.5 hours twice/);
      // What "all removed" restores.
      expect((await all(chooseRemoved(diff, () => true))).map(({ item }) => item.ResourceName)).toEqual([{ S: 'Ben' }]);
    });
  });

  test('with a corrected project code are no loss, and have one line in the CSV', async () => {
    const request = await changedTable([entry('Ana_Bel', 1, 'PJ1', '4')], [entry('Ana_Bel', 1, 'PJ2', '4.0')]);
    await diffed(request, async (diff) => {
      expect(await all(diff.entries())).toMatchObject([
        { kind: 'moved', field: { name: 'ProjectCode', before: { S: 'PJ1' }, after: { S: 'PJ2' } }, hours: '4' },
      ]);
      const csv = Buffer.concat(await all(csvBytes(diffCsvColumns(diff.keys), diffRows(diff.entries())))).toString();
      const [, ...rows] = parseCsv(csv);
      expect(rows.map((row) => row.toSpliced(1, 1))).toEqual([
        ['moved', 'entry', 'Ana_Bel', '2025-09-01#PJ2', '4', '4', 'ProjectCode', 'PJ1', 'PJ2', ''],
      ]);
    });
  });

  test.each([
    ['another image', entry('Anabel_Lee', 1, 'PJ021931', '7.5', 'other.png')],
    ['other hours', entry('Anabel_Lee', 1, 'PJ021931', '7.25')],
    ['another date', entry('Anabel_Lee', 2)],
    ['another person and another code', entry('Anabel_Lee', 1, 'PJ2')],
  ])('are not recognised with %s', async (_, after) => {
    const request = await changedTable([entry('Ana_Bel', 1)], [after]);
    await diffed(request, async ({ totals }) => expect(totals).toMatchObject({ removed: 1, added: 1, moved: 0 }));
  });

  test('without an image stay removed, because nothing proves where they went', async () => {
    const { SourceImage: _, ...before } = entry('Ana_Bel', 1);
    const { SourceImage: __, ...after } = entry('Anabel_Lee', 1);
    const request = await changedTable([before], [after]);
    await diffed(request, async ({ totals }) => expect(totals).toMatchObject({ removed: 1, added: 1, moved: 0 }));
  });

  test('of any two contents are each in one move, with every other record listed once, also with little memory', async () => {
    const arbitrary = fc.uniqueArray(
      fc
        .tuple(
          fc.constantFrom('A', 'B', 'C'),
          fc.constantFrom(1, 2),
          fc.constantFrom('P', 'Q'),
          fc.constantFrom('0', '4'),
        )
        .map(([person, day, code, hours]) => entry(person, day, code, hours)),
      {
        selector: ({ ResourceName, DateProjectCode }) => JSON.stringify([ResourceName, DateProjectCode]),
        maxLength: 12,
      },
    );
    const keyOf = ({ ResourceName, DateProjectCode }: Item) => JSON.stringify({ ResourceName, DateProjectCode });
    await fc.assert(
      fc.asyncProperty(arbitrary, arbitrary, async (before, after) => {
        const request = await changedTable(before, after);
        await diffed({ ...request, memoryBytes: 500 }, async (diff) => {
          const entries = await all(diff.entries());
          const gone = entries.flatMap((each) =>
            each.kind === 'removed' ? [keyOf(each.key)] : each.kind === 'moved' ? [keyOf(each.from)] : [],
          );
          const come = entries.flatMap((each) =>
            each.kind === 'added' || each.kind === 'moved' ? [keyOf(each.key)] : [],
          );
          const [was, is] = [new Set(before.map(keyOf)), new Set(after.map(keyOf))];
          expect(gone.sort()).toEqual([...was.difference(is)].sort());
          expect(come.sort()).toEqual([...is.difference(was)].sort());
          const count = (kind: string) => entries.filter((each) => each.kind === kind).length;
          const { removed, added, moved } = diff.totals;
          expect([removed, added, moved]).toEqual([count('removed'), count('added'), count('moved')]);
          const hours = (items: readonly Item[]) =>
            items.reduce((sum, { Hours }) => sum + (Hours && 'N' in Hours ? Number(Hours.N) : 0), 0);
          expect(Number(diff.totals.hours.net)).toBe(hours(after) - hours(before));
        });
      }),
      { numRuns: 20 },
    );
  });
});

describe('noise', () => {
  test('is counted apart from hours that changed', async () => {
    const noisy = [1, 2, 3].map((day) => ({ ...entry('Ben', day), ZeroHourReason: { S: '' } }));
    const request = await changedTable(
      [{ ...entry('Ada_Price', 1, 'PJ021931', '4'), ZeroHourReason: { S: '' } }, ...noisy],
      [
        entry('Ada_Price', 1),
        ...[1, 2, 3].map((day) => ({ ...entry('Ben', day), ModelId: { S: 'another' }, InputTokens: { N: '7' } })),
      ],
    );
    await diffed(request, async (diff) => {
      expect(diff.totals).toMatchObject({
        changed: 1,
        same: 3,
        sameExceptIgnored: 3,
        byField: { top: [{ name: 'Hours', totals: 1 }] },
        emptied: { top: [{ name: 'ZeroHourReason', totals: 4 }] },
      });
      const text = textOf(diffMessage(diff, [], Date.now()));
      expect(text).toMatch(/`Hours` changed in 1 record: `4` → `7\.5` \(`Ada_Price 2025-09-01#PJ021931`\)/);
      expect(text).toMatch(/3 records differ only in fields that every rescan changes/);
      expect(text).toMatch(/Empty on one side and absent on the other: `ZeroHourReason` 4/);
    });
  });

  test('is not a text that was there and is empty now', async () => {
    const request = await changedTable(
      [{ ...entry('Ben', 1), ZeroHourReason: { S: 'Holiday' } }],
      [{ ...entry('Ben', 1), ZeroHourReason: { S: '' } }],
    );
    await diffed(request, async ({ totals }) => expect(totals).toMatchObject({ changed: 1, emptied: { top: [] } }));
  });
});
