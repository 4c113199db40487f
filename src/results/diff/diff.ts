import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { findBackup } from '../../backup/catalogue/catalogue.ts';
import type { BackupLocation } from '../../backup/catalogue/location.ts';
import type { DifferenceKind } from '../../backup/compare/compare.ts';
import { BackupOfAnotherTableError } from '../../backup/errors.ts';
import type { BackupRecord } from '../../backup/format/backup-record.ts';
import { entryId, keyReader, keyText } from '../../backup/format/item-key.ts';
import { readBack } from '../../backup/verify/verify.ts';
import { readSupplements } from '../../backup/write/supplement.ts';
import { createLineSorter, visitGroups } from '../../lib/disk/external-sort.ts';
import { createLineFile, type LineFile } from '../../lib/disk/lines.ts';
import { canonicalNumber } from '../../pipeline/table/canonical.ts';
import type { AttributeValue, Item } from '../../pipeline/table/item.ts';
import { type KeyNames, kindOfRecord, type RecordKind } from '../../pipeline/table/records.ts';
import { scanTable } from '../../pipeline/table/scan.ts';
import { describeTable, keyNamesOf } from '../../pipeline/table/table.ts';
import {
  changedFields,
  DIFFERENCE_ORDER,
  type DiffEntry,
  FIELDS_CHANGED_BY_EVERY_RUN,
  type FieldChange,
  fieldFilter,
} from './diff-entry.ts';
import { createDiffSum, type DiffSum, type DiffTotals } from './diff-totals.ts';

export interface DiffRequest {
  readonly table: string;
  readonly backupId: string;
  /** Fields that do not count, names or beginnings (`OCR*`). FIELDS_CHANGED_BY_EVERY_RUN where not given. */
  readonly ignoredFields?: readonly string[];
  /** Only records of these kinds, on either side; all where not given. */
  readonly kinds?: readonly RecordKind[];
  /** How many people and fields are named in the totals; 20 where not given. */
  readonly top?: number;
  readonly segments?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: DiffProgress) => void;
  /** Memory for items before they go to temporary files, bytes. */
  readonly memoryBytes?: number;
  /** Of the temporary files. */
  readonly folder?: string;
}

/** How far a diff is: items read of each side, then keys compared (of both sides together). */
export interface DiffProgress {
  readonly tableItems: number;
  readonly backupItems: number;
  readonly compared: number;
}

/** What a diff found; its entries are in temporary files until `dispose`. */
export interface Diff {
  readonly backup: BackupRecord;
  readonly keys: KeyNames;
  readonly totals: DiffTotals;
  /** Every difference of these kinds: removed first, then changed, then added; by key within. Can be read again. */
  readonly entries: (kinds?: readonly DifferenceKind[], signal?: AbortSignal) => AsyncGenerator<DiffEntry>;
  /** Frees the disk. */
  readonly dispose: () => Promise<void>;
}

const SEGMENTS = 2;
const TOP = 20;

/**
 * The table as a consistent scan finds it against a backup and its supplements as S3 holds them, in the same memory for any
 * size: both sides are sorted by key in temporary files (compressed, about a tenth of the items' size) and merged. The backup is
 * verified on the way. Nothing is written to the table. Writers may go on meanwhile: what they change during the scan counts
 * as before or after it.
 * @throws BackupNotFoundError, TableNotFoundError, BackupOfAnotherTableError before anything is read; BackupDamagedError; the
 * SDK's or the file system's error; `signal.reason`. No file is left then.
 */
export async function diffWithBackup(
  parts: { readonly dynamodb: DynamoDBClient; readonly location: BackupLocation },
  request: DiffRequest,
): Promise<Diff> {
  const backup = await findBackup(parts.location, request.backupId);
  const facts = await describeTable(parts.dynamodb, request.table);
  if (backup.table.arn !== facts.arn) throw new BackupOfAnotherTableError(backup.id, backup.table.arn, facts.arn);
  const keys = keyNamesOf(facts);
  const options = {
    ...(request.memoryBytes !== undefined && { memoryBytes: request.memoryBytes }),
    ...(request.folder !== undefined && { folder: request.folder }),
  };
  const sorter = createLineSorter(options);
  const sum = createDiffSum(options);
  const found = {
    removed: createLineFile(request.folder),
    changed: createLineFile(request.folder),
    added: createLineFile(request.folder),
  };
  const dispose = async () => {
    for (const kind of DIFFERENCE_ORDER) await found[kind].dispose();
  };
  try {
    const read = await sortBothSides(parts, backup, request, sorter);
    const join = joinSides(request, keys, found, sum);
    let compared = 0;
    const visit = (key: string, values: readonly string[]) => {
      join(key, values);
      compared += 1;
    };
    await visitGroups(sorter.sorted(request.signal), visit, async () => {
      for (const kind of DIFFERENCE_ORDER) await found[kind].flushIfLarge();
      await sum.flushIfLarge();
      request.onProgress?.({ ...read, compared });
      request.signal?.throwIfAborted();
    });
    const totals = await sum.totals(request.top ?? TOP, request.signal);
    const entries = (kinds = DIFFERENCE_ORDER, signal?: AbortSignal) => readEntries(found, keys, kinds, signal);
    return { backup, keys, totals, entries, dispose };
  } catch (error) {
    await dispose();
    throw error;
  } finally {
    await sorter.dispose();
    await sum.dispose();
  }
}

/** How a side's items are told apart in the sorted lines: the backup's come first. */
const BACKUP = 'b';
const TABLE = 't';

/** Puts the items of the backup (its supplements in place of what they replace) and of the table into the sorter. */
async function sortBothSides(
  parts: { readonly dynamodb: DynamoDBClient; readonly location: BackupLocation },
  backup: BackupRecord,
  request: DiffRequest,
  sorter: ReturnType<typeof createLineSorter>,
): Promise<DiffProgress> {
  const names = keyNamesOf(backup.table);
  const keyOf = keyReader(backup.table.keys);
  const read = { tableItems: 0, backupItems: 0, compared: 0 };
  const take = (side: typeof BACKUP | typeof TABLE, key: string, item: Item, json: string) => {
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
  for (const { stored } of overlay.byKey.values()) take(BACKUP, sortKey(stored.item, names), stored.item, stored.json);
  const reading = readBack(parts.location, backup, {
    signal,
    visit({ item, json }) {
      read.backupItems += 1;
      if (overlay.byKey.size > 0 && overlay.byKey.has(keyText(keyOf(item)))) return;
      take(BACKUP, sortKey(item, names), item, json);
    },
    flushIfLarge: sorter.flushIfLarge,
    onProgress: () => request.onProgress?.({ ...read }),
  });
  const scans = scanTable(parts.dynamodb, backup.table.name, { segments: request.segments ?? SEGMENTS, signal });
  const scanning = scans.map(async (segment) => {
    for await (const { items } of segment) {
      for (const item of items) take(TABLE, sortKey(item, names), item, JSON.stringify(item));
      read.tableItems += items.length;
      request.onProgress?.({ ...read });
      await sorter.flushIfLarge();
    }
  });
  // All are waited for: none may add to a sorter that is being disposed of.
  const ended = await Promise.allSettled([orFail(reading), ...scanning.map(orFail)]);
  request.signal?.throwIfAborted();
  failed.signal.throwIfAborted();
  for (const end of ended) if (end.status === 'rejected') throw end.reason;
  return read;
}

/** The key as the text that lines are sorted by: equal texts, same record; a person's records stand together. */
function sortKey(key: Item, names: KeyNames): string {
  const text = (value: AttributeValue | undefined) =>
    value === undefined ? '' : 'S' in value ? value.S : 'N' in value ? canonicalNumber(value.N) : JSON.stringify(value);
  return JSON.stringify([text(key[names.hash]), ...(names.range === undefined ? [] : [text(key[names.range])])]);
}

type Found = Readonly<Record<DifferenceKind, LineFile>>;

/** Takes the two sides of a key: adds them to the totals, and what differs to its file. */
function joinSides(request: DiffRequest, keys: KeyNames, found: Found, sum: DiffSum) {
  const isLeftOut = fieldFilter(request.ignoredFields ?? FIELDS_CHANGED_BY_EVERY_RUN);
  return (key: string, values: readonly string[]): void => {
    const sides = new Map(values.map((value) => [value[0], value.slice(1)]));
    if (sides.size < values.length) throw new Error(`A side of the diff holds the key ${key.slice(0, 200)} twice`);
    const [was, is] = [sides.get(BACKUP), sides.get(TABLE)];
    const before: Item | undefined = was === undefined ? undefined : JSON.parse(was);
    const after: Item | undefined = is === undefined ? undefined : JSON.parse(is);
    const record = kindOfRecord(after ?? before ?? {}, keys);
    const here = { record, hashKey: keys.hash };
    if (before !== undefined && after !== undefined) {
      const all = was === is ? [] : changedFields(before, after);
      const fields = all.filter(({ name }) => !isLeftOut(name));
      if (fields.length === 0) return sum.same(record, all.length > 0);
      sum.add({ ...here, kind: 'changed', before, after, fields });
      found.changed.add(JSON.stringify({ key: keyOfItem(after, keys), record, fields }));
    } else if (before !== undefined && was !== undefined) {
      sum.add({ ...here, kind: 'removed', before });
      found.removed.add(was);
    } else if (after !== undefined && is !== undefined) {
      sum.add({ ...here, kind: 'added', after });
      found.added.add(is);
    }
  };
}

const keyOfItem = (item: Item, keys: KeyNames): Item =>
  Object.fromEntries(Object.entries(item).filter(([name]) => name === keys.hash || name === keys.range));

async function* readEntries(
  found: Found,
  keys: KeyNames,
  kinds: readonly DifferenceKind[],
  signal: AbortSignal | undefined,
): AsyncGenerator<DiffEntry> {
  for (const kind of DIFFERENCE_ORDER) {
    if (!kinds.includes(kind)) continue;
    for await (const lines of found[kind].read(signal)) for (const line of lines) yield entryIn(line, kind, keys);
  }
}

function entryIn(line: string, kind: DifferenceKind, keys: KeyNames): DiffEntry {
  if (kind === 'changed') {
    const changed: { key: Item; record: RecordKind; fields: readonly FieldChange[] } = JSON.parse(line);
    return { kind, id: entryId(changed.key), ...changed };
  }
  const item: Item = JSON.parse(line);
  const key = keyOfItem(item, keys);
  return { kind, id: entryId(key), key, record: kindOfRecord(item, keys), item };
}

/** A record that the table lost, whole as the backup has it: `item` is what a put takes. */
export type RemovedEntry = Extract<DiffEntry, { readonly item: Item }>;

/**
 * The removed entries that `chosen` picks (by `id`, person, kind …), whole and exact, by key. Whoever puts them back does so on
 * the condition that the key is still free: an image may have brought the record meanwhile.
 * @throws `signal.reason`
 */
export async function* chosenRemoved(
  diff: Pick<Diff, 'entries'>,
  chosen: (entry: RemovedEntry) => boolean,
  signal?: AbortSignal,
): AsyncGenerator<RemovedEntry> {
  for await (const entry of diff.entries(['removed'], signal))
    if (entry.kind === 'removed' && chosen(entry)) yield entry;
}
