import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { keyReader } from '../../../src/backup/format/item-key.ts';
import { restoreRows } from '../../../src/backup/restore/restore-rows.ts';
import { verifyBackup } from '../../../src/backup/verify/verify.ts';
import { csvHeader } from '../../../src/lib/csv/write.ts';
import { TIMESHEETS } from '../../../src/pipeline/profile/timesheets.ts';
import { countByKind, countEntries } from '../../../src/pipeline/table/count.ts';
import { imagePart, listFailures, withDefaultNames } from '../../../src/pipeline/table/failure-records.ts';
import { recordsWith } from '../../../src/pipeline/table/image-rows.ts';
import type { Item } from '../../../src/pipeline/table/item.ts';
import { diffWithBackup } from '../../../src/results/diff/diff.ts';
import { diffCsvColumns } from '../../../src/results/diff/diff-csv.ts';
import { personOfEntry } from '../../../src/results/diff/diff-entry.ts';
import { comparePeople } from '../../../src/results/report/people.ts';
import { lookUpRows } from '../../../src/run/proof/look-up-rows.ts';
import { type BackupWorld, startBackupWorld } from '../../backup/backup-rig.ts';
import {
  createInvoiceTable,
  INVOICE_TABLES,
  INVOICES,
  type InvoiceTable,
  invoice,
  invoiceShape,
} from '../../support/aws/invoices.ts';
import { deleteKeys, putItems } from '../../support/aws/items.ts';

let world: BackupWorld;
let tables = 0;
beforeAll(async () => {
  world = await startBackupWorld();
});
afterAll(() => world.stop());

const profile = INVOICES;
const TABLES = ['a partition key only', 'a numeric sort key'] as const;

async function tableOf(of: InvoiceTable, items: readonly Item[]): Promise<string> {
  tables += 1;
  const name = `invoices-${tables}`;
  await createInvoiceTable(world.dynamodb, name, of);
  await putItems(world.dynamodb, name, items);
  return name;
}
const invoices = (of: InvoiceTable, from: number, to: number): Item[] =>
  Array.from({ length: to - from }, (_, at) => invoice(of, from + at));
const keysOf = (of: InvoiceTable, items: readonly Item[]) => items.map(keyReader(INVOICE_TABLES[of]));
const failure = (of: InvoiceTable, number: number): Item => ({
  ...(of === 'a numeric sort key'
    ? { Supplier: { S: 'NOT_READ' }, InvoiceNumber: { N: String(10 ** 15 + number) } }
    : { InvoiceNumber: { S: `NOT_READ#${imagePart(`${number}.png`)}#1` } }),
  Outcome: { S: 'NOT_READ' },
  Document: { S: `${number}.png` },
});

test('a failed image has the names of the failure logging for its readers, also where a rule of the profile describes it', () => {
  const own: Item = { State: { S: 'BROKEN' }, Document: { S: 'a.png' }, Cause: { S: 'JSON' } };
  const failed = { mark: 'NOT_READ', names: { ErrorMessage: 'Cause' } };
  expect(withDefaultNames(own, { ...profile, failed })).toEqual({
    State: { S: 'BROKEN' },
    Document: { S: 'a.png' },
    ImageKey: { S: 'a.png' },
    ErrorMessage: { S: 'JSON' },
  });
});

describe.each(TABLES)('a table of invoices with %s', (of) => {
  test('is counted by the kinds of its profile, and failures are no growth', async () => {
    const rejected = invoice(of, 5, { Outcome: { S: 'NOT_AN_INVOICE' } });
    const table = await tableOf(of, [...invoices(of, 0, 4), rejected, failure(of, 1)]);
    const keys = invoiceShape(of);
    const counts = await countByKind(world.dynamodb, table, { keys });
    expect(counts).toEqual({ entry: 4, 'zero-hour': 0, rejected: 1, coverage: 0, failed: 1, total: 6 });
    expect(await countEntries(world.dynamodb, table, { keys })).toBe(5);
    const onlyInvoices = invoiceShape(of, { ...profile, growth: ['entry'] });
    expect(await countEntries(world.dynamodb, table, { keys: onlyInvoices })).toBe(4);
    const found = await Promise.all(listFailures(world.dynamodb, table, keys).map((each) => Array.fromAsync(each)));
    expect(found.flat()).toMatchObject([{ ImageKey: { S: '1.png' } }]);
  });

  test('is backed up, flushed and restored exactly, and single records are restored', async () => {
    const items = invoices(of, 0, 40);
    const table = await tableOf(of, items);
    const before = await world.digest(table);
    const { id } = await world.backup(table, profile);
    expect((await world.flush(table, id, {}, { profile })).remaining.total).toBe(0);
    await world.restore(table, id, {}, { profile });
    expect(await world.digest(table)).toEqual(before);

    const [first = {}, second = {}] = items;
    await deleteKeys(world.dynamodb, table, keysOf(of, [first, second]));
    const diff = await diffWithBackup({ ...world, profile }, { table, backupId: id });
    const removed = await Array.fromAsync(diff.entries(['removed']));
    await diff.dispose();
    const entries = removed.map((entry) => entry.id);
    const restored = await restoreRows({ ...world.ports, profile }, { mayWrite() {}, table, backupId: id, entries });
    expect(restored).toMatchObject({ restored: 2 });
    expect(await world.digest(table)).toEqual(before);
  });

  test('is compared with a backup: amounts, suppliers, moves and noise by its profile', async () => {
    const table = await tableOf(of, invoices(of, 0, 6));
    const { id } = await world.backup(table, profile);
    await deleteKeys(world.dynamodb, table, keysOf(of, [invoice(of, 0), invoice(of, 1)]));
    await putItems(world.dynamodb, table, [
      // The number was misread: the same image, date and total under another key.
      { ...invoice(of, 0), ...keyReader(INVOICE_TABLES[of])(invoice(of, 900)), Supplier: { S: 'Supplier 0' } },
      invoice(of, 2, { Total: { N: '80.5' } }),
      invoice(of, 3, { StoredAt: { S: '2026-01-01T00:00:00.000Z' }, ReaderVersion: { S: '2' } }),
    ]);
    const diff = await diffWithBackup({ ...world, profile }, { table, backupId: id });
    const entries = await Array.fromAsync(diff.entries());
    const { totals, keys } = diff;
    await diff.dispose();
    expect(totals).toMatchObject({ removed: 1, changed: 1, added: 0, moved: 1, same: 3, sameExceptIgnored: 1 });
    expect(totals.hours).toMatchObject({ gained: '0', lost: '120.5' });
    expect(totals.byPerson.top).toEqual(
      expect.arrayContaining([
        {
          name: 'Supplier 0',
          totals: { removed: 0, changed: 0, added: 0, moved: 1, hours: { gained: '0', lost: '0' } },
        },
        {
          name: 'Supplier 1',
          totals: { removed: 1, changed: 0, added: 0, moved: 0, hours: { gained: '0', lost: '100.5' } },
        },
        {
          name: 'Supplier 2',
          totals: { removed: 0, changed: 1, added: 0, moved: 0, hours: { gained: '0', lost: '20' } },
        },
      ]),
    );
    expect(entries.map((entry) => [entry.kind, personOfEntry(entry, keys)])).toEqual([
      ['removed', 'Supplier 1'],
      ['changed', 'Supplier 2'],
      ['moved', 'Supplier 0'],
    ]);
    // Edited by hand: another total with the same time of writing.
    expect(entries.find(({ kind }) => kind === 'changed')).toMatchObject({ isByHand: true });
    expect(csvHeader(diffCsvColumns(keys)).trim()).toBe(
      `Change,Id,Record,${of === 'a numeric sort key' ? 'Supplier,InvoiceNumber' : 'InvoiceNumber'},TotalBefore,TotalAfter,Field,Before,After,Item`,
    );
  });

  test('is compared by supplier, although the supplier is not its partition key', async () => {
    const table = await tableOf(of, invoices(of, 0, 6));
    const backup = await world.backup(table, profile);
    await deleteKeys(world.dynamodb, table, keysOf(of, [invoice(of, 4)]));
    const compared = await comparePeople(
      { ...world, profile },
      { backup, choice: { kind: 'one', person: 'Supplier 1' } },
    );
    expect(compared).toMatchObject([
      { person: 'Supplier 1', before: { entries: 2, hours: '201' }, after: { entries: 1 }, removed: 1, same: 1 },
    ]);
  });

  test('has the rows of an image, or those of a newer image that replaced them, also where they are found by a scan', async () => {
    const table = await tableOf(of, invoices(of, 0, 6));
    const startedAt = Date.parse('2025-11-21T09:59:00.000Z');
    const claim = (number: number, day: string, resourceName = 'Supplier 1') => ({
      key: `2025/invoice_${number}.png`,
      startedAt,
      resourceName,
      dateRange: day,
    });
    const claims = [
      claim(1, '2025-09-02'),
      // Another image of the supplier and day has newer rows: image 4.
      claim(7, '2025-09-05'),
      claim(8, '2025-10-30'),
      // Of the day, but of another supplier.
      claim(9, '2025-09-05', 'Supplier 2'),
    ];
    const proofs = await lookUpRows(claims, {
      keys: invoiceShape(of),
      bucket: 'images',
      async *recordsOf() {},
      recordsWith: (attribute, texts) => recordsWith(world.dynamodb, table, attribute, texts),
    });
    expect(proofs).toEqual(['found', 'found', 'missing', 'missing']);
  });
});

test('the counts of a backup are checked by the rules of the profile that made it, and by no others', async () => {
  const table = await tableOf('a partition key only', [
    ...invoices('a partition key only', 0, 3),
    invoice('a partition key only', 5, { Outcome: { S: 'NOT_AN_INVOICE' } }),
  ]);
  const ofInvoices = await world.backup(table, profile);
  const ofTimesheets = await world.backup(table);
  expect(ofInvoices.kindRules).toMatch(/^[0-9a-f]{16}$/);
  expect(ofInvoices.counts).toMatchObject({ entry: 3, rejected: 1 });
  expect(ofTimesheets).not.toHaveProperty('kindRules');
  expect(ofTimesheets.counts).toMatchObject({ entry: 4, rejected: 0 });
  for (const backup of [ofInvoices, ofTimesheets])
    for (const of of [profile, TIMESHEETS]) {
      const { verification } = await verifyBackup(world.location, backup, Date.now, { profile: of });
      expect(verification).toMatchObject({ kind: 'verified' });
    }
  const wrong = { ...ofInvoices, counts: { ...ofInvoices.counts, entry: 2, rejected: 2 } };
  const { verification } = await verifyBackup(world.location, wrong, Date.now, { profile });
  expect(verification).toMatchObject({ kind: 'unverified', reason: expect.stringContaining('counts by kind') });
});
