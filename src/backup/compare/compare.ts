import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { Item } from '../../pipeline/table/item.ts';
import { kindOfRecord, type RecordKind } from '../../pipeline/table/records.ts';
import { scanTable } from '../../pipeline/table/scan.ts';
import { keyNamesOf } from '../../pipeline/table/table.ts';
import type { BackupLocation } from '../catalogue/location.ts';
import type { DifferenceCounts } from '../errors.ts';
import type { BackupRecord } from '../format/backup-record.ts';
import { createDigestSum, type Digest, hashOfItem } from '../format/digest.ts';
import { keyReader, keyText } from '../format/item-key.ts';
import { readBack } from '../verify/verify.ts';
import type { Overlay } from '../write/supplement.ts';
import { createPartitions, type PartitionEntry, type Side } from './partitions.ts';

/** Seen from the backup: `added` is in the table alone, `removed` in the backup alone, `changed` in both and not equal. */
export type DifferenceKind = keyof DifferenceCounts;

export interface Comparison extends DifferenceCounts {
  readonly same: number;
  /** Up to five keys of each, as DynamoDB JSON. */
  readonly examples: Readonly<Record<DifferenceKind, readonly Item[]>>;
  /** Of what was compared: with `kinds`, of those records alone; the backup's with its supplements. */
  readonly tableDigest: Digest;
  readonly backupDigest: Digest;
}

export interface CompareRequest {
  readonly record: BackupRecord;
  /** Taken as part of the backup, in place of its items with the same key. */
  readonly overlay?: Overlay;
  readonly kinds?: readonly RecordKind[];
  readonly segments?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: { readonly tableItems: number; readonly backupItems: number }) => void;
  /** Another backup of the table, to tell of each difference what it holds for that key. */
  readonly safetyBackup?: BackupRecord;
  /** Told each difference, with the first 32 hexadecimal digits of the hash of the witness's item; waited for. */
  readonly onDifference?: (
    kind: DifferenceKind,
    key: Item,
    safetyBackupHash: string | undefined,
  ) => Promise<void> | void;
  /** Memory for the fingerprints before they go to temporary files, bytes. */
  readonly memoryBytes?: number;
}

const EXAMPLES = 5;
const SEGMENTS = 6;

/**
 * The table as a consistent scan finds it against a backup as S3 holds it, in the same memory for any size. The backup is
 * verified on the way. Writers may go on meanwhile: what they change during the scan may count on either side.
 * @throws BackupDamagedError, the SDK's error, `signal.reason`.
 */
export async function compareWithBackup(
  parts: { readonly dynamodb: DynamoDBClient; readonly location: BackupLocation },
  request: CompareRequest,
): Promise<Comparison> {
  const { record, kinds, overlay } = request;
  const names = keyNamesOf(record.table);
  const keyOf = keyReader(record.table.keys);
  const counts = (item: Item) => kinds === undefined || kinds.includes(kindOfRecord(item, names));
  const partitions = createPartitions(request.memoryBytes === undefined ? {} : { memoryBytes: request.memoryBytes });
  const sums = { table: createDigestSum(), backup: createDigestSum(), safetyBackup: createDigestSum() };
  const failed = new AbortController();
  const signal = request.signal ? AbortSignal.any([request.signal, failed.signal]) : failed.signal;
  const orFail = async (work: Promise<void>) => {
    await work.catch((error: unknown) => {
      failed.abort(error);
      throw error;
    });
  };
  const take = (side: Side, item: Item, itemHash: Buffer) => {
    if (!counts(item)) return;
    sums[side].addHash(itemHash);
    // Both sides have their keys from DynamoDB, which spells a number in one way only.
    partitions.add(side, JSON.stringify(keyOf(item)), itemHash);
  };
  const progress = () => request.onProgress?.({ tableItems: sums.table.items(), backupItems: sums.backup.items() });

  try {
    for (const { stored, itemHash } of overlay?.byKey.values() ?? []) take('backup', stored.item, itemHash);
    const reading = readBack(parts.location, record, {
      signal,
      visit({ item }, itemHash) {
        if (overlay !== undefined && overlay.byKey.size > 0 && overlay.byKey.has(keyText(keyOf(item)))) return;
        take('backup', item, itemHash);
      },
      flushIfLarge: partitions.flushIfLarge,
      onProgress: progress,
    });
    const readingSafetyBackup =
      request.safetyBackup === undefined
        ? Promise.resolve()
        : readBack(parts.location, request.safetyBackup, {
            signal,
            visit: ({ item }, itemHash) => take('safetyBackup', item, itemHash),
            flushIfLarge: partitions.flushIfLarge,
          });
    const scans = scanTable(parts.dynamodb, record.table.name, { segments: request.segments ?? SEGMENTS, signal });
    const scanning = scans.map(async (segment) => {
      for await (const page of segment) {
        for (const item of page.items) take('table', item, hashOfItem(item));
        progress();
        await partitions.flushIfLarge();
      }
    });
    await Promise.all([orFail(reading), orFail(readingSafetyBackup), ...scanning.map(orFail)]);
    const joined = await join(partitions.partitions(), request);
    return { ...joined, tableDigest: sums.table.digest(), backupDigest: sums.backup.digest() };
  } finally {
    await partitions.dispose();
  }
}

async function join(
  partitions: ReturnType<ReturnType<typeof createPartitions>['partitions']>,
  { onDifference, signal }: CompareRequest,
): Promise<Omit<Comparison, 'tableDigest' | 'backupDigest'>> {
  const found = { added: 0, changed: 0, removed: 0 };
  const examples: Record<DifferenceKind, Item[]> = { added: [], changed: [], removed: [] };
  let same = 0;
  const note = async (kind: DifferenceKind, entry: PartitionEntry, safetyBackupRead: ReadonlyMap<string, string>) => {
    found[kind] += 1;
    if (onDifference === undefined && examples[kind].length >= EXAMPLES) return;
    const key: Item = JSON.parse(entry.key);
    if (examples[kind].length < EXAMPLES) examples[kind].push(key);
    await onDifference?.(kind, key, safetyBackupRead.get(entry.key));
  };
  for await (const { table, backup, safetyBackup } of partitions) {
    signal?.throwIfAborted();
    const saved = new Map(backup.map((entry) => [entry.key, entry]));
    const safetyBackupRead = new Map(safetyBackup.map((entry) => [entry.key, entry.itemHash]));
    for (const entry of table) {
      const counterpart = saved.get(entry.key);
      if (counterpart === undefined) {
        await note('added', entry, safetyBackupRead);
        continue;
      }
      saved.delete(entry.key);
      if (counterpart.itemHash === entry.itemHash) same += 1;
      else await note('changed', entry, safetyBackupRead);
    }
    for (const entry of saved.values()) await note('removed', entry, safetyBackupRead);
  }
  return { ...found, same, examples };
}
