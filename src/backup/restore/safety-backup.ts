import { defined } from '../../lib/defined.ts';
import { createHashSet, type HashSet } from '../../lib/disk/hash-set.ts';
import type { Item } from '../../pipeline/table/item.ts';
import { findBackup } from '../catalogue/catalogue.ts';
import { BackupNotVerifiedError } from '../errors.ts';
import type { BackupRecord } from '../format/backup-record.ts';
import { keyReader, keyText } from '../format/item-key.ts';
import type { BackupPorts } from '../ports.ts';
import { readBack } from '../verify/verify.ts';
import { makeBackup } from '../write/make-backup.ts';
import { readSupplements } from '../write/supplement.ts';

/** A verified backup of the table as it was before a restore, and which versions are in it. */
export interface SafetyBackup {
  readonly record: BackupRecord;
  /** Whether a restore of the safety backup and its supplements would bring exactly this version of the record back. */
  holds(item: Item, itemHash: Buffer): boolean;
  dispose(): Promise<void>;
}

/**
 * Makes the safety backup of a restore, or opens the one of an earlier attempt. Calls `visit` for every item in it.
 * @throws BackupNotVerifiedError, BackupDamagedError, what `makeBackup` throws.
 */
export async function openSafetyBackup(
  ports: BackupPorts,
  request: { readonly table: string; readonly by: string; readonly signal?: AbortSignal },
  restoredBackupId: string,
  earlierId: string | undefined,
  visit: (item: Item) => void,
): Promise<SafetyBackup> {
  let hashes: HashSet | undefined;
  const { signal } = request;
  const collect = async (record: BackupRecord) => {
    const set = await createHashSet(record.digest.items);
    hashes = set;
    return ({ item }: { readonly item: Item }, itemHash: Buffer) => {
      set.add(itemHash);
      visit(item);
    };
  };
  try {
    const record = await (earlierId === undefined ? makeSafetyBackup() : readSafetyBackup(earlierId));
    const keyOf = keyReader(record.table.keys);
    const overlay = await readSupplements(ports.location, record.id, keyOf, signal);
    for (const { stored } of overlay.byKey.values()) visit(stored.item);
    return {
      record,
      holds(item, itemHash) {
        const supplemented = overlay.byKey.size === 0 ? undefined : overlay.byKey.get(keyText(keyOf(item)));
        return supplemented === undefined ? hashes?.has(itemHash) === true : supplemented.itemHash.equals(itemHash);
      },
      dispose: async () => hashes?.dispose(),
    };
  } catch (error) {
    await hashes?.dispose();
    throw error;
  }

  async function makeSafetyBackup(): Promise<BackupRecord> {
    const { record } = await makeBackup(
      ports,
      defined({
        table: request.table,
        by: request.by,
        note: `before the restore of ${restoredBackupId}`,
        purpose: 'safety' as const,
        signal,
        visitReadBack: collect,
      }),
    );
    if (record.verification.kind === 'unverified')
      throw new BackupNotVerifiedError(record.id, record.verification.reason);
    return record;
  }
  async function readSafetyBackup(id: string): Promise<BackupRecord> {
    const record = await findBackup(ports.location, id);
    await readBack(ports.location, record, defined({ signal, visit: await collect(record) }));
    return record;
  }
}
