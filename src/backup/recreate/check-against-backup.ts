import { piecesOf } from '../../lib/async/workers.ts';
import { defined } from '../../lib/defined.ts';
import type { Item } from '../../pipeline/table/item.ts';
import { KEYS_PER_READ, readItems } from '../../pipeline/table/read.ts';
import { compareWithBackup } from '../compare/compare.ts';
import { FlushRefusedError } from '../errors.ts';
import type { BackupRecord } from '../format/backup-record.ts';
import { keyReader } from '../format/item-key.ts';
import { type BackupPorts, backoffOf } from '../ports.ts';
import { createSupplementWriter, readSupplements } from '../write/supplement.ts';

export interface CheckedDifference {
  /** Records in the table. */
  readonly tableItems: number;
  /** Versions that were in neither the backup nor its supplement, and are in the supplement now. */
  readonly saved: number;
}

/**
 * Compares the whole table with the backup and its supplement, and saves the versions that neither has. When it resolves,
 * every version that the comparison met is in S3.
 * @throws FlushRefusedError where more differs than may; BackupDamagedError; what `mayWrite` throws; the SDK's error.
 */
export async function checkAgainstBackup(
  ports: BackupPorts,
  request: {
    readonly record: BackupRecord;
    readonly maxDifference: number;
    readonly mayWrite: () => void;
    readonly signal?: AbortSignal;
    readonly onProgress?: (tableItems: number) => void;
  },
): Promise<CheckedDifference> {
  const { record, maxDifference, mayWrite, signal } = request;
  const keyOf = keyReader(record.table.keys);
  const overlay = await readSupplements(ports.location, record.id, keyOf, signal);
  const keys: Item[] = [];
  mayWrite();
  const difference = await compareWithBackup(
    ports,
    defined({
      record,
      overlay,
      signal,
      onProgress: ({ tableItems }: { tableItems: number }) => request.onProgress?.(tableItems),
      onDifference(kind: 'added' | 'changed' | 'removed', key: Item) {
        // The check of the number comes after the comparison: more keys than this are not needed.
        if (kind !== 'removed' && keys.length <= maxDifference) keys.push(key);
      },
    }),
  );
  const { added, changed, removed, tableDigest } = difference;
  if (added + changed + removed > maxDifference) throw new FlushRefusedError(record.id, difference, maxDifference);
  const supplement = createSupplementWriter(ports.location, record.id, {
    ...ports,
    mayWrite,
    attributeNames: new Set(),
  });
  for (const piece of piecesOf(keys, KEYS_PER_READ)) {
    const found = await readItems(
      ports.dynamodb,
      record.table.name,
      piece,
      defined({ signal, backoff: backoffOf(ports) }),
    );
    if (found.length > 0) await supplement.save(found);
  }
  return { tableItems: tableDigest.items, saved: keys.length };
}
