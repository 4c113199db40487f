import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { findBackup } from '../../backup/catalogue/catalogue.ts';
import type { BackupLocation } from '../../backup/catalogue/location.ts';
import { BackupOfAnotherTableError } from '../../backup/errors.ts';
import type { BackupRecord } from '../../backup/format/backup-record.ts';
import { versionId } from '../../backup/format/digest.ts';
import { keyReader, keyText } from '../../backup/format/item-key.ts';
import { readBack } from '../../backup/verify/verify.ts';
import { readSupplements } from '../../backup/write/supplement.ts';
import { defined } from '../../lib/defined.ts';
import { createLineSorter, visitGroups } from '../../lib/disk/external-sort.ts';
import type { Profile } from '../../pipeline/profile/profile.ts';
import type { RecordKind } from '../../pipeline/profile/record-kinds.ts';
import type { Item } from '../../pipeline/table/item.ts';
import { kindOfRecord, type RecordShape } from '../../pipeline/table/records.ts';
import { scanTable } from '../../pipeline/table/scan.ts';
import { describeTable, shapeOf } from '../../pipeline/table/table.ts';
import {
  changedFields,
  DIFFERENCE_ORDER,
  type DiffEntry,
  type DiffKind,
  keyOfItem,
  personBesideKey,
  sortKey,
} from './diff-entry.ts';
import { createDifferences, type Differences, readEntries } from './diff-files.ts';
import { createDiffTotals, type DiffTotals, type DiffTotalsBuilder } from './diff-totals.ts';
import { findMoves } from './moves.ts';
import { changeKinds } from './noise.ts';

/** What a diff reads, and the profile by which it reads records. */
export interface DiffParts {
  readonly dynamodb: DynamoDBClient;
  readonly location: BackupLocation;
  readonly profile: Profile;
}

export interface DiffRequest {
  readonly table: string;
  readonly backupId: string;
  /** Fields whose changes are noise (see `changeKinds`): names, or prefixes such as `OCR*`. */
  readonly ignoredFields?: readonly string[];
  /** Only records of these kinds, on either side; all by default. */
  readonly kinds?: readonly RecordKind[];
  /** Only keys whose record in the backup or in the table is of a scope; all by default. The others are only counted. */
  readonly covers?: (item: Item) => boolean;
  /** How many people and fields the totals list; 20 by default. */
  readonly top?: number;
  readonly segments?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: DiffProgress) => void;
  /** The memory for items before they are moved to temporary files. */
  readonly memoryBytes?: number;
  /** The folder of the temporary files. */
  readonly folder?: string;
}

/** The progress of a diff: the items read from each side, then the keys compared (of both sides together). */
export interface DiffProgress {
  readonly tableItems: number;
  readonly backupItems: number;
  readonly compared: number;
}

/** The result of a diff. Its entries are in temporary files until `dispose`. */
export interface Diff {
  readonly backup: BackupRecord;
  readonly keys: RecordShape;
  readonly totals: DiffTotals;
  /** The differences of these kinds: removed, changed, moved, added, each but the moved sorted by key. Can be read repeatedly. */
  readonly entries: (kinds?: readonly DiffKind[], signal?: AbortSignal) => AsyncGenerator<DiffEntry>;
  /** Deletes the temporary files. */
  readonly dispose: () => Promise<void>;
}

const SEGMENTS = 2;
const TOP = 20;

/**
 * Compares the table, by a consistent scan, with a backup and its supplements in S3, in constant memory: both sides are
 * sorted by key in temporary files (compressed, about a tenth of the size of the items) and merged. The backup is
 * verified at the same time. Nothing is written to the table. What other writers change during the scan may or may not
 * be included.
 * @throws BackupNotFoundError, TableNotFoundError, BackupOfAnotherTableError before anything is read;
 * BackupDamagedError; the error of the SDK or the file system; `signal.reason`. No temporary file is left then.
 */
export async function diffWithBackup(parts: DiffParts, request: DiffRequest): Promise<Diff> {
  const backup = await findBackup(parts.location, request.backupId);
  const facts = await describeTable(parts.dynamodb, request.table);
  if (backup.table.arn !== facts.arn) throw new BackupOfAnotherTableError(backup.id, backup.table.arn, facts.arn);
  const keys = shapeOf(facts, parts.profile);
  const options = defined({ memoryBytes: request.memoryBytes, folder: request.folder });
  const sorter = createLineSorter(options);
  const totalsBuilder = createDiffTotals(keys, options);
  const found = createDifferences(request.folder);
  try {
    const read = await sortBothSides(parts, backup, request, sorter);
    const join = joinSides(request, keys, found, totalsBuilder);
    let compared = 0;
    const visit = (key: string, values: readonly string[]) => {
      join(key, values);
      compared += 1;
    };
    await visitGroups(sorter.sorted(request.signal), visit, async () => {
      await found.flushIfLarge();
      await totalsBuilder.flushIfLarge();
      request.onProgress?.({ ...read, compared });
      request.signal?.throwIfAborted();
    });
    await findMoves(found, found.moves, keys, totalsBuilder.move, {
      ...options,
      ...defined({ signal: request.signal }),
    });
    const totals = await totalsBuilder.totals(request.top ?? TOP, request.signal);
    const entries = (kinds = DIFFERENCE_ORDER, signal?: AbortSignal) => readEntries(found, keys, kinds, signal);
    return { backup, keys, totals, entries, dispose: found.dispose };
  } catch (error) {
    await found.dispose();
    throw error;
  } finally {
    await sorter.dispose();
    await totalsBuilder.dispose();
  }
}

/** Marks the side of an item in the sorted lines. The backup sorts first. */
const BACKUP = 'b';
const TABLE = 't';

/** Adds the items of the backup (with its supplements) and of the table to the sorter. */
async function sortBothSides(
  parts: DiffParts,
  backup: BackupRecord,
  request: DiffRequest,
  sorter: ReturnType<typeof createLineSorter>,
): Promise<DiffProgress> {
  const names = shapeOf(backup.table, parts.profile);
  const keyOf = keyReader(backup.table.keys);
  const read = { tableItems: 0, backupItems: 0, compared: 0 };
  const addItem = (side: typeof BACKUP | typeof TABLE, key: string, item: Item, json: string) => {
    if (request.kinds !== undefined && !request.kinds.includes(kindOfRecord(item, names))) return;
    sorter.add(`${key}\t${side}${json}`);
  };
  const failed = new AbortController();
  const signal = request.signal ? AbortSignal.any([request.signal, failed.signal]) : failed.signal;
  const orFail = async (work: Promise<void>) => {
    await work.catch((error: unknown) => {
      failed.abort(error);
      throw error;
    });
  };
  const overlay = await readSupplements(parts.location, backup.id, keyOf, signal);
  for (const { stored } of overlay.byKey.values())
    addItem(BACKUP, sortKey(stored.item, names), stored.item, stored.json);
  const reading = readBack(parts.location, backup, {
    signal,
    visit({ item, json }) {
      read.backupItems += 1;
      if (overlay.byKey.size > 0 && overlay.byKey.has(keyText(keyOf(item)))) return;
      addItem(BACKUP, sortKey(item, names), item, json);
    },
    flushIfLarge: sorter.flushIfLarge,
    onProgress: () => request.onProgress?.({ ...read }),
  });
  const scans = scanTable(parts.dynamodb, backup.table.name, { segments: request.segments ?? SEGMENTS, signal });
  const scanning = scans.map(async (segment) => {
    for await (const { items } of segment) {
      for (const item of items) addItem(TABLE, sortKey(item, names), item, JSON.stringify(item));
      read.tableItems += items.length;
      request.onProgress?.({ ...read });
      await sorter.flushIfLarge();
    }
  });
  // All must have ended, because none may add to a sorter that is being disposed of.
  const ended = await Promise.allSettled([orFail(reading), ...scanning.map(orFail)]);
  request.signal?.throwIfAborted();
  failed.signal.throwIfAborted();
  for (const end of ended) if (end.status === 'rejected') throw end.reason;
  return read;
}

/** Returns a function that compares the two sides of a key, adds to the totals, and writes differences to the files. */
function joinSides(request: DiffRequest, keys: RecordShape, found: Differences, totals: DiffTotalsBuilder) {
  const kindOf = changeKinds(request.ignoredFields ?? keys.profile.noise, keys.profile);
  const { writtenAt } = keys.profile.record;
  const { covers } = request;
  return (key: string, values: readonly string[]): void => {
    const sides = new Map(values.map((value) => [value[0], value.slice(1)]));
    if (sides.size < values.length) throw new Error(`One side of the diff has the key ${key.slice(0, 200)} twice.`);
    const [backupJson, tableJson] = [sides.get(BACKUP), sides.get(TABLE)];
    const before: Item | undefined = backupJson === undefined ? undefined : JSON.parse(backupJson);
    const after: Item | undefined = tableJson === undefined ? undefined : JSON.parse(tableJson);
    const record = kindOfRecord(after ?? before ?? {}, keys);
    const pair = { record };
    if (covers && ![before, after].some((side) => side !== undefined && covers(side))) {
      if (!before || !after) return totals.addOutside(before ? 'removed' : 'added');
      const isChanged =
        backupJson !== tableJson && changedFields(before, after).some((field) => kindOf(field) === 'meaningful');
      return totals.addOutside(isChanged ? 'changed' : 'same');
    }
    if (before !== undefined && after !== undefined) {
      // Most records are the same: nothing is built for them.
      if (backupJson === tableJson) return totals.addSame(record, false);
      const all = changedFields(before, after);
      const kinds = Map.groupBy(all, kindOf);
      totals.addEmptied(kinds.get('empty') ?? []);
      const fields = kinds.get('meaningful') ?? [];
      if (fields.length === 0) return totals.addSame(record, all.length > 0);
      totals.add({ ...pair, kind: 'changed', before, after, fields });
      const seen = versionId(after);
      // The function writes it anew each time; an import of corrected entries keeps it.
      const isByHand =
        writtenAt !== undefined && before[writtenAt] !== undefined && all.every(({ name }) => name !== writtenAt);
      const person = personBesideKey(after, record, keys);
      found.changed.add(JSON.stringify({ key: keyOfItem(after, keys), record, ...person, fields, seen, isByHand }));
    } else if (before !== undefined && backupJson !== undefined) {
      totals.add({ ...pair, kind: 'removed', before });
      found.removed.add(backupJson);
    } else if (after !== undefined && tableJson !== undefined) {
      totals.add({ ...pair, kind: 'added', after });
      found.added.add(tableJson);
    }
  };
}

/** A record that is in the backup and not in the table, and was not moved. `item` is complete and can be written back. */
export type RemovedEntry = Extract<DiffEntry, { readonly item: Item }>;

/** A record that differs between the backup and the table. */
export type ChangedEntry = Extract<DiffEntry, { readonly kind: 'changed' }>;

/** The changed entries that `isChosen` selects, sorted by key. They may be overwritten only while they have the version `seen`. */
export async function* chooseChanged(
  diff: Pick<Diff, 'entries'>,
  isChosen: (entry: ChangedEntry) => boolean,
): AsyncGenerator<ChangedEntry> {
  for await (const entry of diff.entries(['changed'])) if (entry.kind === 'changed' && isChosen(entry)) yield entry;
}

/**
 * The removed entries that `isChosen` selects, complete and exact, sorted by key. They may be written back only where
 * the key is still free, because an image may have written the record again.
 */
export async function* chooseRemoved(
  diff: Pick<Diff, 'entries'>,
  isChosen: (entry: RemovedEntry) => boolean,
): AsyncGenerator<RemovedEntry> {
  for await (const entry of diff.entries(['removed'])) if (entry.kind === 'removed' && isChosen(entry)) yield entry;
}
