import type { BackupRecord } from '../../backup/format/backup-record.ts';
import { keyReader, keyText } from '../../backup/format/item-key.ts';
import { readBack } from '../../backup/verify/verify.ts';
import { readSupplements } from '../../backup/write/supplement.ts';
import { type Decimal, formatDecimal, plus, ZERO } from '../../lib/decimal.ts';
import { defined } from '../../lib/defined.ts';
import type { Item } from '../../pipeline/table/item.ts';
import { kindOfRecord } from '../../pipeline/table/records.ts';
import { scanTable } from '../../pipeline/table/scan.ts';
import { shapeOf } from '../../pipeline/table/table.ts';
import type { DiffParts } from '../diff/diff.ts';
import { hoursOf } from '../diff/diff-entry.ts';

/** The timesheet entries and zero-hour weeks of one side. */
export interface EntryHours {
  readonly entries: number;
  /** Those with more or less than 0 hours. */
  readonly withHours: number;
  /** The exact sum, in plain decimal notation. */
  readonly hours: string;
  /** Their hours are not a number. */
  readonly unreadable: number;
}

/** All entries of the backup (`before`) and of the table (`now`). */
export interface EntryHoursComparison {
  readonly before: EntryHours;
  readonly now: EntryHours;
}

/**
 * Whether fewer entries are no loss: the hours are exactly equal, and no entry with hours is gone, so that only entries without hours
 * are. Hours that are not a number prove nothing.
 */
export const isWithoutLoss = ({ before, now }: EntryHoursComparison): boolean =>
  before.unreadable === 0 && now.unreadable === 0 && before.hours === now.hours && now.withHours >= before.withHours;

const SEGMENTS = 2;

/**
 * Adds up the entries of a backup, with its supplements, and of the table, by a consistent scan.
 * @throws BackupDamagedError; the SDK's error; `signal.reason`
 */
export async function compareEntryHours(
  parts: DiffParts,
  backup: BackupRecord,
  /** Only of the records for which this is true, on each side. */
  { covers, signal }: { readonly covers?: (item: Item) => boolean; readonly signal?: AbortSignal } = {},
): Promise<EntryHoursComparison> {
  const names = shapeOf(backup.table, parts.profile);
  const keyOf = keyReader(backup.table.keys);
  const [before, now] = [createSum(), createSum()];
  const overlay = await readSupplements(parts.location, backup.id, keyOf, signal);
  await readBack(parts.location, backup, {
    ...defined({ signal }),
    visit({ item }) {
      if (overlay.byKey.size === 0 || !overlay.byKey.has(keyText(keyOf(item)))) before.add(item);
    },
  });
  for (const { stored } of overlay.byKey.values()) before.add(stored.item);
  const scans = scanTable(parts.dynamodb, backup.table.name, { segments: SEGMENTS, ...defined({ signal }) });
  await Promise.all(
    scans.map(async (segment) => {
      for await (const { items } of segment) for (const item of items) now.add(item);
    }),
  );
  return { before: before.total(), now: now.total() };

  function createSum() {
    let entries = 0;
    let withHours = 0;
    let unreadable = 0;
    let sum: Decimal = ZERO;
    return {
      add(item: Item): void {
        if (covers && !covers(item)) return;
        const record = kindOfRecord(item, names);
        if (record !== 'entry' && record !== 'zero-hour') return;
        entries += 1;
        const hours = hoursOf(item, record, names.profile);
        if (hours === 'unreadable') unreadable += 1;
        if (typeof hours !== 'object' || hours.units === 0n) return;
        withHours += 1;
        sum = plus(sum, hours);
      },
      total: (): EntryHours => ({ entries, withHours, hours: formatDecimal(sum), unreadable }),
    };
  }
}
