import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { keyNamesOf } from '../../pipeline/table/table.ts';
import { kindOfWire, type RecordKind } from '../../pipeline/table/table-records.ts';
import { scanWire } from '../../pipeline/table/wire-table.ts';
import type { WireItem } from '../../pipeline/table/wire-value.ts';
import type { BackupPlace } from '../bucket/place.ts';
import type { Overlay } from '../bucket/supplement.ts';
import { readBack } from '../make/verify.ts';
import { createDigestSum, type Digest, hashOfItem } from '../model/digest.ts';
import type { DifferenceCounts } from '../model/errors.ts';
import type { BackupRecord } from '../model/format.ts';
import { keyReader, keyText } from '../model/item-key.ts';
import { createSpill, type Side, type SpilledEntry } from './partitions.ts';

/** Seen from the backup: `added` is in the table alone, `removed` in the backup alone, `changed` in both and not equal. */
export type DifferenceKind = keyof DifferenceCounts;

export interface Comparison extends DifferenceCounts {
  readonly same: number;
  /** Up to five keys of each, as DynamoDB JSON. */
  readonly examples: Readonly<Record<DifferenceKind, readonly WireItem[]>>;
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
  readonly witness?: BackupRecord;
  /** Told each difference, with the first 32 hexadecimal digits of the hash of the witness's item; waited for. */
  readonly onDifference?: (
    kind: DifferenceKind,
    key: WireItem,
    witnessHash: string | undefined,
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
  parts: { readonly dynamodb: DynamoDBClient; readonly place: BackupPlace },
  request: CompareRequest,
): Promise<Comparison> {
  const { record, kinds, overlay } = request;
  const names = keyNamesOf(record.table);
  const keyOf = keyReader(record.table.keys);
  const counts = (item: WireItem) => kinds === undefined || kinds.includes(kindOfWire(item, names));
  const spill = createSpill(request.memoryBytes === undefined ? {} : { memoryBytes: request.memoryBytes });
  const sums = { table: createDigestSum(), backup: createDigestSum(), witness: createDigestSum() };
  const failed = new AbortController();
  const signal = request.signal ? AbortSignal.any([request.signal, failed.signal]) : failed.signal;
  const orFail = async (work: Promise<void>) => {
    await work.catch((error: unknown) => {
      failed.abort(error);
      throw error;
    });
  };
  const take = (side: Side, item: WireItem, itemHash: Buffer) => {
    if (!counts(item)) return;
    sums[side].addHash(itemHash);
    // Both sides have their keys from DynamoDB, which spells a number in one way only.
    spill.add(side, JSON.stringify(keyOf(item)), itemHash);
  };
  const progress = () => request.onProgress?.({ tableItems: sums.table.items(), backupItems: sums.backup.items() });

  try {
    for (const { stored, itemHash } of overlay?.byKey.values() ?? []) take('backup', stored.item, itemHash);
    const reading = readBack(parts.place, record, {
      signal,
      visit({ item }, itemHash) {
        if (overlay !== undefined && overlay.byKey.size > 0 && overlay.byKey.has(keyText(keyOf(item)))) return;
        take('backup', item, itemHash);
      },
      breathe: spill.breathe,
      onProgress: progress,
    });
    const witnessing =
      request.witness === undefined
        ? Promise.resolve()
        : readBack(parts.place, request.witness, {
            signal,
            visit: ({ item }, itemHash) => take('witness', item, itemHash),
            breathe: spill.breathe,
          });
    const scans = scanWire(parts.dynamodb, record.table.name, { segments: request.segments ?? SEGMENTS, signal });
    const scanning = scans.map(async (segment) => {
      for await (const page of segment) {
        for (const item of page.items) take('table', item, hashOfItem(item));
        progress();
        await spill.breathe();
      }
    });
    await Promise.all([orFail(reading), orFail(witnessing), ...scanning.map(orFail)]);
    const joined = await join(spill.partitions(), request);
    return { ...joined, tableDigest: sums.table.digest(), backupDigest: sums.backup.digest() };
  } finally {
    await spill.dispose();
  }
}

async function join(
  partitions: ReturnType<ReturnType<typeof createSpill>['partitions']>,
  { onDifference, signal }: CompareRequest,
): Promise<Omit<Comparison, 'tableDigest' | 'backupDigest'>> {
  const found = { added: 0, changed: 0, removed: 0 };
  const examples: Record<DifferenceKind, WireItem[]> = { added: [], changed: [], removed: [] };
  let same = 0;
  const note = async (kind: DifferenceKind, entry: SpilledEntry, witnessed: ReadonlyMap<string, string>) => {
    found[kind] += 1;
    if (onDifference === undefined && examples[kind].length >= EXAMPLES) return;
    const key: WireItem = JSON.parse(entry.key);
    if (examples[kind].length < EXAMPLES) examples[kind].push(key);
    await onDifference?.(kind, key, witnessed.get(entry.key));
  };
  for await (const { table, backup, witness } of partitions) {
    signal?.throwIfAborted();
    const saved = new Map(backup.map((entry) => [entry.key, entry]));
    const witnessed = new Map(witness.map((entry) => [entry.key, entry.itemHash]));
    for (const entry of table) {
      const counterpart = saved.get(entry.key);
      if (counterpart === undefined) {
        await note('added', entry, witnessed);
        continue;
      }
      saved.delete(entry.key);
      if (counterpart.itemHash === entry.itemHash) same += 1;
      else await note('changed', entry, witnessed);
    }
    for (const entry of saved.values()) await note('removed', entry, witnessed);
  }
  return { ...found, same, examples };
}
