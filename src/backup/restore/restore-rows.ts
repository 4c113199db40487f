import { putIfAbsent } from '../../pipeline/table/batch-writes.ts';
import type { Item } from '../../pipeline/table/item.ts';
import { readItems } from '../../pipeline/table/read.ts';
import { describeTable } from '../../pipeline/table/table.ts';
import { findBackup, requireUsable } from '../catalogue/catalogue.ts';
import type { BackupLocation } from '../catalogue/location.ts';
import { hashOfItem } from '../format/digest.ts';
import { entryId, keyReader, keyText } from '../format/item-key.ts';
import type { StoredItem } from '../verify/read-file.ts';
import { readBack } from '../verify/verify.ts';
import { readSupplements } from '../write/supplement.ts';
import type { RestoreDeps } from './restore.ts';

export interface RestoreRowsRequest {
  readonly table: string;
  readonly backupId: string;
  /** The records, by their `entryId`. */
  readonly entries: readonly string[];
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number) => void;
}

export interface RestoreRowsResult {
  /** Records that are in the table again, exactly as the backup has them. */
  readonly restored: number;
  /** Records at whose key something else stands by now: it was left alone. */
  readonly taken: number;
  /** Chosen, but not in the backup. */
  readonly notInBackup: number;
}

const READ_SIZE = 100;

/**
 * Puts single records of a backup back, each only where its key is free: nothing that stands in the table is ever overwritten,
 * and nothing is deleted. The backup is read and proven first. Again with the same entries after a crash: it goes on.
 * @throws BackupNotFoundError, BackupNotVerifiedError, BackupOfAnotherTableError, BackupDamagedError before anything is written;
 * `signal.reason` or the SDK's error at any time.
 */
export async function restoreRows(
  deps: Pick<RestoreDeps, 'dynamodb'> & { readonly location: BackupLocation },
  request: RestoreRowsRequest,
): Promise<RestoreRowsResult> {
  const options = request.signal ? { signal: request.signal } : {};
  const facts = await describeTable(deps.dynamodb, request.table);
  const record = await findBackup(deps.location, request.backupId);
  requireUsable(record, facts.arn);
  const keyOf = keyReader(facts.keys);
  const hashName = facts.keys[0]?.name ?? '';
  const overlay = await readSupplements(deps.location, record.id, keyOf, request.signal);
  const wanted = new Set(request.entries);
  const found = new Map<string, StoredItem>();
  const keep = (stored: StoredItem) => {
    const id = entryId(keyOf(stored.item));
    if (wanted.has(id)) found.set(id, stored);
  };
  await readBack(deps.location, record, { ...options, visit: keep });
  // A supplement's record takes the place of the one in the backup's files.
  for (const { stored } of overlay.byKey.values()) keep(stored);

  let done = 0;
  for (const { json } of found.values()) {
    request.signal?.throwIfAborted();
    await putIfAbsent(deps.dynamodb, facts.name, { json, hashName }, options);
    done += 1;
    request.onProgress?.(done);
  }
  // What stands there now, not what the writes said: one that was repeated after a broken connection says nothing.
  const there = new Map<string, Item>();
  const keys = [...found.values()].map(({ item }) => keyOf(item));
  for (let at = 0; at < keys.length; at += READ_SIZE)
    for (const item of await readItems(deps.dynamodb, facts.name, keys.slice(at, at + READ_SIZE), options))
      there.set(keyText(keyOf(item)), item);
  const restored = [...found.values()].filter(({ item }) => {
    const now = there.get(keyText(keyOf(item)));
    return now !== undefined && hashOfItem(now).equals(hashOfItem(item));
  }).length;
  return { restored, taken: found.size - restored, notInBackup: wanted.size - found.size };
}
