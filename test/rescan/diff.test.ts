import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DeleteObjectCommand, GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import * as fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { canonicalItem } from '../../src/backup/canonical.ts';
import { BackupDamagedError, BackupNotFoundError, BackupOfAnotherTableError } from '../../src/backup/errors.ts';
import { saveToSupplement } from '../../src/backup/supplement.ts';
import { systemClock } from '../../src/clock.ts';
import { ALWAYS_CHANGING } from '../../src/config.ts';
import { csvBytes } from '../../src/csv/write.ts';
import { type Item, TableNotFoundError } from '../../src/pipeline/table.ts';
import { kindOfWire } from '../../src/pipeline/table-records.ts';
import { type Write, writeUntilProcessed } from '../../src/pipeline/table-write.ts';
import { scanWire } from '../../src/pipeline/wire-table.ts';
import type { WireItem } from '../../src/pipeline/wire-value.ts';
import {
  chosenRemoved,
  type Diff,
  type DiffProgress,
  type DiffRequest,
  diffWithBackup,
} from '../../src/rescan/diff.ts';
import { diffCsvColumns, diffRows } from '../../src/rescan/diff-csv.ts';
import { type DiffEntry, fieldFilter } from '../../src/rescan/diff-entry.ts';
import { arbitraryItems } from '../backup/arbitrary-items.ts';
import { type BackupWorld, startBackupWorld } from '../backup/world.ts';
import { parseCsv } from '../csv/arbitrary-cells.ts';
import { openFilesIn } from '../csv/open-files.ts';
import { coverage, failedImage, timesheetEntry } from '../support/pipeline-table.ts';

let world: BackupWorld;
let folder = '';
beforeAll(async () => {
  world = await startBackupWorld();
  folder = await mkdtemp(join(tmpdir(), 'diff-'));
});
afterAll(async () => {
  await world.stop();
  await rm(folder, { recursive: true });
});

afterEach(async () => {
  expect(await readdir(folder)).toEqual([]);
  expect(await openFilesIn(folder)).toEqual([]);
});

const write = (table: string, writes: readonly Write[]) => writeUntilProcessed(world.dynamodb, table, writes);
const put = (table: string, ...items: Item[]) =>
  write(
    table,
    items.map((item) => ({ kind: 'put', item })),
  );
const remove = (table: string, ...items: Item[]) =>
  write(
    table,
    items.map(({ ResourceName, DateProjectCode }) => ({
      kind: 'delete',
      key: { ...(ResourceName && { ResourceName }), ...(DateProjectCode && { DateProjectCode }) },
    })),
  );
async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}
/** Runs a diff, and frees it when `look` is through. */
async function diffed<T>(request: DiffRequest, look: (diff: Diff) => Promise<T>): Promise<T> {
  const diff = await diffWithBackup(world, { folder, ...request });
  try {
    return await look(diff);
  } finally {
    await diff.dispose();
  }
}
/** A table with a backup of `before`, which then holds `after`. */
async function changedTable(before: readonly Item[], after: readonly Item[]) {
  const table = await world.table(before);
  const { id } = await world.backup(table);
  await remove(table, ...before);
  await put(table, ...after);
  return { table, backupId: id };
}
const itemsOf = async (table: string): Promise<WireItem[]> =>
  (await all(scanWire(world.dynamodb, table, { segments: 1 })[0] ?? (async function* () {})())).flatMap(
    ({ items }) => items,
  );

describe('a diff', () => {
  test('tells removed, changed and added records with the values of both sides, removed first', async () => {
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
          id: expect.stringMatching(/^[0-9a-f]{16}$/),
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
        sameButLeftOut: 1,
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
          { name: 'Person_2', totals: { removed: 0, changed: 1, added: 0, hours: { gained: '0.5', lost: '0' } } },
          { name: 'Person_3', totals: { removed: 1, changed: 0, added: 0, hours: { gained: '0', lost: '7.5' } } },
          { name: 'Person_4', totals: { removed: 0, changed: 0, added: 1, hours: { gained: '7.5', lost: '0' } } },
        ],
        others: { names: 0, totals: { removed: 0, changed: 0, added: 0, hours: { gained: '0', lost: '0' } } },
      });
    });
  });

  test('leaves out the fields it is told to, and no other', async () => {
    const request = await changedTable(
      [timesheetEntry(1)],
      [timesheetEntry(1, { ModelId: { S: 'm' }, OCRVersion: { S: '9' } })],
    );
    const fieldsWith = (leaveOut: readonly string[]) =>
      diffed({ ...request, leaveOut }, async (diff) =>
        (await all(diff.entries())).flatMap((entry) => ('fields' in entry ? entry.fields.map(({ name }) => name) : [])),
      );
    expect(await fieldsWith([])).toEqual(['ModelId', 'OCRVersion']);
    expect(await fieldsWith(['OCR*'])).toEqual(['ModelId']);
    expect(await fieldsWith(['OCR'])).toEqual(['ModelId', 'OCRVersion']);
    expect(await fieldsWith(['*'])).toEqual([]);
  });

  test('holds sets without order and numbers by value equal', async () => {
    const item = (set: string[], number: string): Item => ({
      ...coverage(1),
      WeeksSubmitted: { SS: set },
      Numbers: { NS: [number, '5'] },
    });
    const request = await changedTable([item(['b', 'a'], '1.50')], [item(['a', 'b'], '1.5')]);
    await diffed(request, async ({ totals }) => expect(totals).toMatchObject({ changed: 0, same: 1 }));
  });

  test('compares numbers of 38 digits exactly, and adds hours up without rounding', async () => {
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

  test('takes hours that became text for what they say, and counts what is no number', async () => {
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

  test('takes a supplement as part of the backup', async () => {
    const table = await world.table([timesheetEntry(1), timesheetEntry(2)]);
    const { id } = await world.backup(table);
    const late: WireItem[] = [
      { ResourceName: { S: 'Zoë' }, DateProjectCode: { S: 'late' } },
      { ResourceName: { S: 'Person_2' }, DateProjectCode: { S: '2025-09-03#PJ2' }, Hours: { N: '1' } },
    ];
    await saveToSupplement(world.place, id, late, { clock: systemClock, random: Math.random });
    await diffed({ table, backupId: id }, async (diff) => {
      expect(diff.totals).toMatchObject({ removed: 1, changed: 1, added: 0, same: 1 });
      expect(await all(diff.entries(['removed']))).toMatchObject([{ item: late[0] }]);
    });
  });

  test('of some kinds of records alone', async () => {
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

  test('of an attribute that is called like a method of every object', async () => {
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

  test('of any two contents is what a comparison in memory finds, with little memory too', async () => {
    const isLeftOut = fieldFilter(ALWAYS_CHANGING);
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
          const keyOf = (item: Item | WireItem) => JSON.stringify([item.ResourceName, item.DateProjectCode]);
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
  }, 60_000);
});

type Bare = DiffEntry extends infer Entry ? (Entry extends DiffEntry ? Omit<Entry, 'id'> : never) : never;
function naiveDiff(
  before: readonly WireItem[],
  after: readonly WireItem[],
  keyOf: (item: WireItem) => string,
  isLeftOut: (name: string) => boolean,
): Bare[] {
  const saved = new Map(before.map((item) => [keyOf(item), item]));
  const found: Bare[] = [];
  const about = (item: WireItem) => ({
    key: {
      ...(item.ResourceName && { ResourceName: item.ResourceName }),
      ...(item.DateProjectCode && { DateProjectCode: item.DateProjectCode }),
    },
    record: kindOfWire(item),
  });
  for (const item of after) {
    const was = saved.get(keyOf(item));
    saved.delete(keyOf(item));
    if (was === undefined) {
      found.push({ kind: 'added', ...about(item), item });
      continue;
    }
    const names = [...new Set([...Object.keys(was), ...Object.keys(item)])].filter((name) => !isLeftOut(name)).sort();
    const fields = names.flatMap((name) => {
      const [a, b] = [was[name], item[name]];
      if (a && b && canonicalItem({ a }) === canonicalItem({ a: b })) return [];
      return [{ name, ...(a && { before: a }), ...(b && { after: b }) }];
    });
    if (fields.length > 0) found.push({ kind: 'changed', ...about(item), fields });
  }
  for (const item of saved.values()) found.push({ kind: 'removed', ...about(item), item });
  return found;
}

describe('removed entries', () => {
  test('are chosen by their ids, whole, and have the same id in the next diff', async () => {
    const before = [timesheetEntry(1), timesheetEntry(2), timesheetEntry(3)];
    const request = await changedTable(before, [timesheetEntry(9)]);
    const ids = await diffed(request, async (diff) => (await all(diff.entries(['removed']))).map(({ id }) => id));
    expect(new Set(ids).size).toBe(3);
    await diffed(request, async (diff) => {
      const chosen = await all(chosenRemoved(diff, ({ id }) => id === ids[0] || id === ids[2]));
      expect(chosen.map(({ item }) => item)).toEqual([timesheetEntry(1), timesheetEntry(3)]);
      expect(await all(chosenRemoved(diff, () => false))).toEqual([]);
    });
  });
});

describe('the CSV of a diff', () => {
  test('has a line for each removed and added record and each changed field, and hours that sum up', async () => {
    const request = await changedTable(
      [timesheetEntry(1, { ProjectName: { S: '=1+1' } }), timesheetEntry(2)],
      [timesheetEntry(2, { Hours: { N: '-8' }, ProjectCode: { N: '2' }, Note: { S: '<!channel>,\n"x"' } })],
    );
    await diffed(request, async (diff) => {
      const chunks = await all(csvBytes(diffCsvColumns(diff.keys), diffRows(diff.entries())));
      const [header, ...rows] = parseCsv(Buffer.concat(chunks).toString());
      expect(header).toEqual(
        'Change,Id,Record,ResourceName,DateProjectCode,HoursBefore,HoursAfter,Field,Before,After,Item'.split(','),
      );
      const [removed, ...changed] = rows.map((row) => row.toSpliced(1, 1));
      expect(removed?.slice(0, 9)).toEqual(['removed', 'entry', 'Person_1', '2025-09-02#PJ1', '7.5', '', '', '', '']);
      expect(JSON.parse(removed?.[9] ?? '')).toMatchObject({ ProjectName: { S: '=1+1' } });
      const of = ['changed', 'entry', 'Person_2', '2025-09-03#PJ2'];
      expect(changed).toEqual([
        [...of, '7.5', '-8', 'Hours', '7.5', "'-8", ''],
        [...of, '', '', 'Note', '', '<!channel>,\n"x"', ''],
        [...of, '', '', 'ProjectCode', '{"S":"PJ2"}', '{"N":"2"}', ''],
      ]);
    });
  });
});

describe('a diff is refused', () => {
  test('against the backup of another table', async () => {
    const [one, other] = [await world.table([timesheetEntry(1)]), await world.table()];
    const { id } = await world.backup(one);
    await expect(diffWithBackup(world, { table: other, backupId: id, folder })).rejects.toThrow(
      BackupOfAnotherTableError,
    );
  });

  test('against no backup, and of no table', async () => {
    const table = await world.table();
    await expect(diffWithBackup(world, { table, backupId: 'nope', folder })).rejects.toThrow(BackupNotFoundError);
    const { id } = await world.backup(table);
    await expect(diffWithBackup(world, { table: 'No-such', backupId: id, folder })).rejects.toThrow(TableNotFoundError);
  });

  test('against a backup that lost or changed an object, and leaves no file', async () => {
    const table = await world.table(Array.from({ length: 200 }, (_, index) => timesheetEntry(index)));
    const record = await world.backup(table);
    const file = record.files.find(({ items }) => items > 1);
    const at = { Bucket: world.place.bucket, Key: file?.key ?? '' };
    const { Body } = await world.s3.client.send(new GetObjectCommand(at));
    const bytes = Buffer.from((await Body?.transformToByteArray()) ?? []);
    const request = { table, backupId: record.id, folder, memoryBytes: 5_000 };
    await world.s3.client.send(new PutObjectCommand({ ...at, Body: bytes.subarray(0, bytes.length - 20) }));
    await expect(diffWithBackup(world, request)).rejects.toThrow(BackupDamagedError);
    await world.s3.client.send(new DeleteObjectCommand(at));
    await expect(diffWithBackup(world, request)).rejects.toThrow(BackupDamagedError);
    await world.s3.client.send(new PutObjectCommand({ ...at, Body: bytes }));
    await diffed(request, async ({ totals }) => expect(totals.same).toBe(200));
  });

  test.each(['reading', 'comparing'])('when it is stopped while %s, with the reason', async (stage) => {
    const table = await world.table(Array.from({ length: 300 }, (_, index) => timesheetEntry(index)));
    const { id } = await world.backup(table);
    await remove(table, ...Array.from({ length: 200 }, (_, index) => timesheetEntry(index)));
    const stop = new AbortController();
    const request = { table, backupId: id, folder, memoryBytes: 100_000, signal: stop.signal };
    const onProgress = ({ compared }: DiffProgress) => {
      if (compared >= (stage === 'reading' ? 0 : 250)) stop.abort(new Error('stopped by U1'));
    };
    await expect(diffWithBackup(world, { ...request, onProgress })).rejects.toThrow('stopped by U1');
  });
});
