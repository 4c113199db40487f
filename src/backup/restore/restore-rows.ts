import { piecesOf, workThrough } from '../../lib/async/workers.ts';
import { defined } from '../../lib/defined.ts';
import { readLetterId } from '../../lib/letter-id.ts';
import { sameItem } from '../../pipeline/table/canonical.ts';
import type { Item } from '../../pipeline/table/item.ts';
import { readItems } from '../../pipeline/table/read.ts';
import { createSwapper } from '../../pipeline/table/swap.ts';
import type { Change } from '../../pipeline/table/swap-plan.ts';
import { describeTable } from '../../pipeline/table/table.ts';
import { findBackup, requireUsable } from '../catalogue/catalogue.ts';
import { versionId } from '../format/digest.ts';
import { ENTRY_ID_LENGTH, entryId, keyReader, keyText } from '../format/item-key.ts';
import { type BackupPorts, backoffOf } from '../ports.ts';
import { readBack } from '../verify/verify.ts';
import { createSupplementWriter, readSupplements } from '../write/supplement.ts';

/** A record to overwrite with the version of the backup: by its `entryId`, and the version of the table by its `versionId`. */
export interface Overwrite {
  readonly id: string;
  readonly seen: string;
}

export interface RestoreRowsRequest {
  readonly table: string;
  readonly backupId: string;
  /** Records to restore where the table has none with their key, by their `entryId`. */
  readonly entries: readonly string[];
  /** Records to overwrite where the table still has the version that was seen. */
  readonly overwrites?: readonly Overwrite[];
  /** Throws when this process may not write any more (lease lost, stopped). Asked before every write. */
  readonly mayWrite: () => void;
  /** Records of one transaction; 100 when absent. */
  readonly recordsPerSwap?: number;
  readonly signal?: AbortSignal;
  /** Called with the number of records looked at so far; first with 0, right before anything is written. */
  readonly onProgress?: (done: number) => void;
}

export interface RestoreRowsResult {
  /** Records of `entries` that are in the table, exactly as the backup has them. */
  readonly restored: number;
  /** Records of `entries` whose key has another version in the table: it was left alone. */
  readonly taken: number;
  /** Records of `overwrites` that are in the table, exactly as the backup has them. */
  readonly overwritten: number;
  /** Records of `overwrites` that were edited or deleted since they were seen: they were left alone. */
  readonly changedSince: number;
  /** Chosen, but not in the backup. */
  readonly notInBackup: number;
}

/** The most that one transaction and one BatchGetItem take. */
const PIECE = 100;
const PIECES_AT_ONCE = 4;

/** The version of the backup, and the version that it may replace: none, or the one with this `versionId`. */
interface Chosen {
  readonly item: Item;
  readonly seen: string | undefined;
}

/**
 * Restores single records of a backup. Each is written only where the table has none with its key, or where it still has the version
 * that somebody chose to overwrite. That version is saved beside the backup and read back first. Any other version is left alone and
 * counted. The backup is read and proven before anything is written. Called again with the same request after a crash, it continues.
 * @throws BackupNotFoundError, BackupNotVerifiedError, BackupOfAnotherTableError, BackupDamagedError before anything is written;
 * `signal.reason`, what `mayWrite` throws or the SDK's error at any time.
 */
export async function restoreRows(ports: BackupPorts, request: RestoreRowsRequest): Promise<RestoreRowsResult> {
  const { signal, mayWrite, recordsPerSwap = PIECE, overwrites = [] } = request;
  const facts = await describeTable(ports.dynamodb, request.table);
  const record = await findBackup(ports.location, request.backupId);
  requireUsable(record, facts.arn);
  const keyOf = keyReader(facts.keys);
  const idOf = (text: string) => readLetterId(text, ENTRY_ID_LENGTH) ?? text;
  const wanted = new Map<string, string | undefined>([
    ...request.entries.map((id) => [idOf(id), undefined] as const),
    ...overwrites.map(({ id, seen }) => [idOf(id), seen] as const),
  ]);
  const chosen = new Map<string, Chosen>();
  const attributeNames = new Set<string>();
  const choose = ({ item }: { readonly item: Item }) => {
    for (const name in item) attributeNames.add(name);
    const id = entryId(keyOf(item));
    if (wanted.has(id)) chosen.set(id, { item, seen: wanted.get(id) });
  };
  await readBack(ports.location, record, defined({ signal, visit: choose }));
  // A record of a supplement takes the place of the one in the data files.
  const overlay = await readSupplements(ports.location, record.id, keyOf, signal);
  for (const { stored } of overlay.byKey.values()) choose(stored);

  const replaced = createSupplementWriter(ports.location, record.id, {
    ...ports,
    mayWrite,
    attributeNames,
    signal,
    folder: 'replaced',
  });
  let hasBegun = false;
  const beforeWrite = () => {
    mayWrite();
    // The reply to the first write may be lost: from now on some of the records may be written.
    if (!hasBegun) request.onProgress?.(0);
    hasBegun = true;
  };
  const swapper = createSwapper(ports, defined({ table: facts.name, attributeNames, mayWrite: beforeWrite, signal }));
  const options = defined({ signal, backoff: backoffOf(ports) });
  const readNow = async (pieces: readonly Chosen[]): Promise<ReadonlyMap<string, Item>> => {
    const keys = pieces.map(({ item }) => keyOf(item));
    const items = await readItems(ports.dynamodb, facts.name, keys, options);
    return new Map(items.map((item) => [keyText(keyOf(item)), item]));
  };
  const pieces = piecesOf([...chosen.values()], recordsPerSwap);
  let done = 0;
  await workThrough(
    pieces,
    PIECES_AT_ONCE,
    async (piece) => {
      const now = piece.some(({ seen }) => seen !== undefined) ? await readNow(piece) : new Map<string, Item>();
      const changes = piece.flatMap(({ item, seen }): Change[] => {
        const key = keyOf(item);
        const expected = seen === undefined ? undefined : now.get(keyText(key));
        const isAsSeen = seen === undefined || (expected !== undefined && versionId(expected) === seen);
        return isAsSeen && !(expected && sameItem(expected, item)) ? [{ key, expected, next: item }] : [];
      });
      const toReplace = changes.flatMap(({ expected }) => (expected ? [expected] : []));
      if (toReplace.length > 0) await replaced.save(toReplace);
      if (changes.length > 0) await swapper.swap(changes);
      done += piece.length;
      request.onProgress?.(done);
    },
    signal,
  );
  // What counts is the table as it is now: a repeated write does not tell what it did the first time.
  let restored = 0;
  let overwritten = 0;
  await workThrough(pieces, PIECES_AT_ONCE, async (piece) => {
    const now = await readNow(piece);
    for (const { item, seen } of piece)
      if (sameItem(now.get(keyText(keyOf(item))), item)) {
        if (seen === undefined) restored += 1;
        else overwritten += 1;
      }
  });
  const toOverwrite = [...chosen.values()].filter(({ seen }) => seen !== undefined).length;
  return {
    restored,
    taken: chosen.size - toOverwrite - restored,
    overwritten,
    changedSince: toOverwrite - overwritten,
    notInBackup: wanted.size - chosen.size,
  };
}
