import { piecesOf, workThrough } from '../../lib/async/workers.ts';
import { defined } from '../../lib/defined.ts';
import { readLetterId } from '../../lib/letter-id.ts';
import { sameItem } from '../../pipeline/table/canonical.ts';
import type { Item } from '../../pipeline/table/item.ts';
import { readItems } from '../../pipeline/table/read.ts';
import { createSwapper } from '../../pipeline/table/swap.ts';
import { describeTable } from '../../pipeline/table/table.ts';
import { findBackup, requireUsable } from '../catalogue/catalogue.ts';
import { ENTRY_ID_LENGTH, entryId, keyReader, keyText } from '../format/item-key.ts';
import { type BackupPorts, backoffOf } from '../ports.ts';
import { readBack } from '../verify/verify.ts';
import { readSupplements } from '../write/supplement.ts';

export interface RestoreRowsRequest {
  readonly table: string;
  readonly backupId: string;
  /** The records, by their `entryId`. */
  readonly entries: readonly string[];
  /** Throws when this process may not write any more (lease lost, stopped). Asked before every write. */
  readonly mayWrite: () => void;
  /** Records of one transaction; 100 when absent. */
  readonly recordsPerSwap?: number;
  readonly signal?: AbortSignal;
  /** Called with the number of records looked at so far. */
  readonly onProgress?: (done: number) => void;
}

export interface RestoreRowsResult {
  /** Records that are in the table, exactly as the backup has them. */
  readonly restored: number;
  /** Records whose key has another version in the table: it was left alone. */
  readonly taken: number;
  /** Chosen, but not in the backup. */
  readonly notInBackup: number;
}

/** The most that one transaction and one BatchGetItem take. */
const PIECE = 100;
const PIECES_AT_ONCE = 4;

/**
 * Restores single records of a backup, each only where the table has none with its key: nothing is overwritten or deleted.
 * The backup is read and proven first. Called again with the same entries after a crash, it continues.
 * @throws BackupNotFoundError, BackupNotVerifiedError, BackupOfAnotherTableError, BackupDamagedError before anything is written;
 * `signal.reason`, what `mayWrite` throws or the SDK's error at any time.
 */
export async function restoreRows(ports: BackupPorts, request: RestoreRowsRequest): Promise<RestoreRowsResult> {
  const { signal, mayWrite, recordsPerSwap = PIECE } = request;
  const facts = await describeTable(ports.dynamodb, request.table);
  const record = await findBackup(ports.location, request.backupId);
  requireUsable(record, facts.arn);
  const keyOf = keyReader(facts.keys);
  const wanted = new Set(request.entries.map((id) => readLetterId(id, ENTRY_ID_LENGTH) ?? id));
  const chosen = new Map<string, Item>();
  const choose = ({ item }: { readonly item: Item }) => {
    const id = entryId(keyOf(item));
    if (wanted.has(id)) chosen.set(id, item);
  };
  await readBack(ports.location, record, defined({ signal, visit: choose }));
  // A record of a supplement takes the place of the one in the data files.
  const overlay = await readSupplements(ports.location, record.id, keyOf, signal);
  for (const { stored } of overlay.byKey.values()) choose(stored);

  const attributeNames = new Set<string>();
  const swapper = createSwapper(ports, defined({ table: facts.name, attributeNames, mayWrite, signal }));
  const pieces = piecesOf([...chosen.values()], recordsPerSwap);
  let done = 0;
  await workThrough(
    pieces,
    PIECES_AT_ONCE,
    async (items) => {
      await swapper.swap(items.map((item) => ({ key: keyOf(item), expected: undefined, next: item })));
      done += items.length;
      request.onProgress?.(done);
    },
    signal,
  );
  // What counts is the table as it is now: a repeated write does not tell what it did the first time.
  let restored = 0;
  const options = defined({ signal, backoff: backoffOf(ports) });
  await workThrough(pieces, PIECES_AT_ONCE, async (items) => {
    const present = new Map<string, Item>();
    for (const item of await readItems(ports.dynamodb, facts.name, items.map(keyOf), options))
      present.set(keyText(keyOf(item)), item);
    for (const item of items) if (sameItem(present.get(keyText(keyOf(item))), item)) restored += 1;
  });
  return { restored, taken: chosen.size - restored, notInBackup: wanted.size - chosen.size };
}
