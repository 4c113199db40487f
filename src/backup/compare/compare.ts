import { createLineSorter, type LineSorter, visitGroups } from '../../lib/disk/external-sort.ts';
import type { RecordKind } from '../../pipeline/profile/record-kinds.ts';
import type { Item } from '../../pipeline/table/item.ts';
import { kindOfRecord } from '../../pipeline/table/records.ts';
import { scanTable } from '../../pipeline/table/scan.ts';
import { shapeOf } from '../../pipeline/table/table.ts';
import type { DifferenceCounts } from '../errors.ts';
import type { BackupRecord } from '../format/backup-record.ts';
import { createDigestSum, type Digest, hashOfItem, sameDigest } from '../format/digest.ts';
import { keyReader, keyText } from '../format/item-key.ts';
import { type BackupPorts, backoffOf, RECORDS_PER_PAGE } from '../ports.ts';
import type { Positions } from '../verify/read-windows.ts';
import { checkFiles, readBack } from '../verify/verify.ts';
import type { Overlay } from '../write/supplement.ts';

/** Seen from the backup: `added` is in the table alone, `removed` in the backup alone, `changed` in both and not equal. */
export type DifferenceKind = keyof DifferenceCounts;

export interface Comparison extends DifferenceCounts {
  readonly same: number;
  /** Records of the backup up to `started` that are not in the table; not among `removed`. */
  readonly removedAsStarted: number;
  /** Records of the backup that are not in the table because they are past their time to live; not among `removed`. */
  readonly expired: number;
  /** Up to five keys of each kind. */
  readonly examples: Readonly<Record<DifferenceKind, readonly Item[]>>;
  /** Of what was compared: with `kinds` or `covers`, of those records alone; that of the backup includes its supplements. */
  readonly tableDigest: Digest;
  readonly backupDigest: Digest;
  /** The names of all attributes that an item of the table, the backup or its supplements has. */
  readonly attributeNames: ReadonlySet<string>;
}

/** Records that were read so far. */
export interface ReadProgress {
  readonly tableItems: number;
  readonly backupItems: number;
}

export interface CompareRequest {
  readonly record: BackupRecord;
  /** Taken as part of the backup, in place of its items with the same key. */
  readonly overlay?: Overlay;
  readonly kinds?: readonly RecordKind[];
  /** Only these records, as with `kinds`. */
  readonly covers?: (item: Item) => boolean;
  /** Whether a record of the backup is past its time to live, so that the table may have lost it. */
  readonly isExpired?: (item: Item) => boolean;
  /** What a flush may already have deleted: the records of each data file up to here, and the supplements. */
  readonly started?: Positions;
  readonly segments?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (read: ReadProgress) => void;
  /** Called for each difference, in the order of the keys; waited for. */
  readonly onDifference?: (kind: DifferenceKind, key: Item) => Promise<void> | void;
  /** Memory for the fingerprints before they go to temporary files, bytes; 1 MB when absent. */
  readonly memoryBytes?: number;
}

const EXAMPLES = 5;
const SEGMENTS = 6;
const HASH_BYTES = 16;
/** With 8 MB the peak memory of a comparison is 50 MB higher, because V8 moves the lines to its old generation. */
const SORT_MEMORY_BYTES = 2 ** 20;

/**
 * Where a line of the join comes from, as its first letter. `started`: of the backup, up to `CompareRequest.started`; `expired`: of the
 * backup, and past its time to live.
 */
const SIDES = { table: 't', backup: 'b', started: 's', expired: 'x' } as const;
type Side = keyof typeof SIDES;

/**
 * Compares the table, read by a consistent scan, with a backup, read from S3, in the same memory for any size. This verifies
 * the backup as well. What writers change during the scan may count on either side. Where the digest of the table is the one on
 * record, only the MD5 of each object of the backup is checked: the items in it were proven when it was verified.
 * @throws BackupDamagedError, the SDK's error, `signal.reason`.
 */
export async function compareWithBackup(ports: BackupPorts, request: CompareRequest): Promise<Comparison> {
  const { record, kinds, covers, overlay, started } = request;
  const names = shapeOf(record.table, ports.profile);
  const keyOf = keyReader(record.table.keys);
  const isCompared = (item: Item) =>
    (kinds === undefined || kinds.includes(kindOfRecord(item, names))) && (covers === undefined || covers(item));
  const isSuperseded = (item: Item) =>
    overlay !== undefined && overlay.byKey.size > 0 && overlay.byKey.has(keyText(keyOf(item)));
  const sorter = createLineSorter({ memoryBytes: request.memoryBytes ?? SORT_MEMORY_BYTES });
  const sums = { table: createDigestSum(), backup: createDigestSum() };
  const attributeNames = new Set<string>();
  const failed = new AbortController();
  const signal = request.signal ? AbortSignal.any([request.signal, failed.signal]) : failed.signal;
  const orFail = async (work: Promise<void>) => {
    await work.catch((error: unknown) => {
      failed.abort(error);
      throw error;
    });
  };
  // Both sides have their keys from DynamoDB, which spells a number in one way only.
  const add = (side: Side, item: Item, itemHash: Buffer) =>
    sorter.add(`${JSON.stringify(keyOf(item))}\t${SIDES[side]}${itemHash.toString('hex', 0, HASH_BYTES)}`);
  const take = (of: 'table' | 'backup', side: Side, item: Item, itemHash: Buffer) => {
    for (const name in item) attributeNames.add(name);
    if (!isCompared(item)) return;
    sums[of].addHash(itemHash);
    add(side === 'backup' && request.isExpired?.(item) ? 'expired' : side, item, itemHash);
  };
  const progress = () => request.onProgress?.({ tableItems: sums.table.items(), backupItems: sums.backup.items() });

  const readBackup = () =>
    readBack(ports.location, record, {
      signal,
      visit({ item }, itemHash, fileKey, index) {
        if (isSuperseded(item)) return;
        take('backup', index < (started?.[fileKey] ?? 0) ? 'started' : 'backup', item, itemHash);
      },
      flushIfLarge: sorter.flushIfLarge,
      onProgress: progress,
    });
  try {
    for (const { stored, itemHash } of overlay?.byKey.values() ?? [])
      take('backup', started === undefined ? 'backup' : 'started', stored.item, itemHash);
    const { segments = SEGMENTS } = request;
    const scans = scanTable(ports.dynamodb, record.table.name, {
      segments,
      signal,
      pageLimit: RECORDS_PER_PAGE,
      backoff: backoffOf(ports),
    });
    const scanning = scans.map(async (segment) => {
      for await (const page of segment) {
        for (const item of page.items) take('table', 'table', item, hashOfItem(item));
        progress();
        await sorter.flushIfLarge();
      }
    });
    const all = async (work: readonly Promise<void>[]) => {
      const ended = await Promise.allSettled(work.map(orFail));
      // Nothing may be added when the temporary files are deleted.
      for (const end of ended) if (end.status === 'rejected') throw failed.signal.reason;
    };
    const isWhole =
      kinds === undefined && covers === undefined && started === undefined && (overlay?.byKey.size ?? 0) === 0;
    await all([isWhole ? checkFiles(ports.location, record, signal) : readBackup(), ...scanning]);
    const tableDigest = sums.table.digest();
    if (isWhole && sameDigest(tableDigest, record.digest)) {
      const none = { added: 0, changed: 0, removed: 0, removedAsStarted: 0, expired: 0 };
      const examples = { added: [], changed: [], removed: [] };
      return { ...none, same: tableDigest.items, examples, attributeNames, tableDigest, backupDigest: record.digest };
    }
    if (isWhole) await all([readBackup()]);
    const joined = await join(sorter, request);
    return { ...joined, attributeNames, tableDigest, backupDigest: sums.backup.digest() };
  } finally {
    await sorter.dispose();
  }
}

/** Goes through the lines of each key, in the order of the keys. */
async function join(
  sorter: LineSorter,
  { onDifference, signal }: CompareRequest,
): Promise<Omit<Comparison, 'tableDigest' | 'backupDigest' | 'attributeNames'>> {
  const found = { added: 0, changed: 0, removed: 0 };
  const examples: Record<DifferenceKind, Item[]> = { added: [], changed: [], removed: [] };
  let same = 0;
  let removedAsStarted = 0;
  let expired = 0;
  let toReport: { kind: DifferenceKind; key: Item }[] = [];
  const note = (kind: DifferenceKind, keyJson: string) => {
    found[kind] += 1;
    if (onDifference === undefined && examples[kind].length >= EXAMPLES) return;
    const key: Item = JSON.parse(keyJson);
    if (examples[kind].length < EXAMPLES) examples[kind].push(key);
    toReport.push({ kind, key });
  };
  const visit = (key: string, values: readonly string[]) => {
    const hashes: Partial<Record<string, string>> = {};
    for (const value of values) hashes[value.charAt(0)] = value.slice(1);
    const { [SIDES.table]: table, [SIDES.started]: started, [SIDES.expired]: past } = hashes;
    const backup = hashes[SIDES.backup] ?? started ?? past;
    if (table !== undefined && table === backup) same += 1;
    else if (backup === undefined && table !== undefined) note('added', key);
    else if (table !== undefined) note('changed', key);
    else if (started !== undefined) removedAsStarted += 1;
    else if (past !== undefined) expired += 1;
    else if (backup !== undefined) note('removed', key);
  };
  await visitGroups(sorter.sorted(signal), visit, async () => {
    const differences = toReport;
    toReport = [];
    for (const { kind, key } of differences) await onDifference?.(kind, key);
  });
  return { ...found, same, removedAsStarted, expired, examples };
}
