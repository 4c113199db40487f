import { piecesOf, workThrough } from '../../lib/async/workers.ts';
import { defined } from '../../lib/defined.ts';
import { sameItem } from '../../pipeline/table/canonical.ts';
import type { Item } from '../../pipeline/table/item.ts';
import { readItems } from '../../pipeline/table/read.ts';
import type { Swapper } from '../../pipeline/table/swap.ts';
import type { Change } from '../../pipeline/table/swap-plan.ts';
import { compareWithBackup } from '../compare/compare.ts';
import type { BackupRecord } from '../format/backup-record.ts';
import { hashOfItem } from '../format/digest.ts';
import { type KeyOf, keyText } from '../format/item-key.ts';
import { type BackupPorts, backoffOf } from '../ports.ts';
import { swapSaved } from '../swap-saved.ts';
import type { Overlay } from '../write/supplement.ts';
import type { SafetyBackup } from './safety-backup.ts';

/** What the two writing parts of a restore share. */
export interface RestoreWriter {
  readonly ports: BackupPorts;
  readonly table: string;
  readonly record: BackupRecord;
  readonly overlay: Overlay;
  readonly safety: SafetyBackup;
  readonly keyOf: KeyOf;
  /** Records of one read and one transaction, at most 100. */
  readonly recordsPerSwap: number;
  /** Saves versions beside the safety backup. */
  readonly save: (versions: readonly Item[]) => Promise<void>;
  readonly swapper: Swapper;
  readonly signal: AbortSignal | undefined;
}

/** Each reads, then writes. */
export const PIECES_AT_ONCE = 16;
/** Records to remove that are collected before they are read and removed. */
const REMOVED_AT_ONCE = 3_200;

const readNow = ({ ports, table, signal }: RestoreWriter, keys: readonly Item[]) =>
  readItems(ports.dynamodb, table, keys, defined({ signal, backoff: backoffOf(ports) }));

/** Reads what the table has at the keys of these items and replaces what differs, saved first where it is not safe yet. */
export async function putPiece(
  writer: RestoreWriter,
  items: readonly Item[],
  onSettled: (settled: { readonly changed: number; readonly same: number }) => void,
): Promise<void> {
  if (items.length === 0) return;
  const { keyOf, safety } = writer;
  const keys = items.map(keyOf);
  const present = new Map<string, Item>();
  for (const item of await readNow(writer, keys)) present.set(keyText(keyOf(item)), item);
  const changes: Change[] = [];
  const unsaved: Item[] = [];
  let same = 0;
  for (let index = 0; index < items.length; index += 1) {
    const next = items[index];
    const key = keys[index];
    if (next === undefined || key === undefined) continue;
    const expected = present.size === 0 ? undefined : present.get(keyText(key));
    if (expected !== undefined && sameItem(expected, next)) {
      same += 1;
      continue;
    }
    changes.push({ key, expected, next });
    if (expected !== undefined && !safety.holds(expected, hashOfItem(expected))) unsaved.push(expected);
  }
  if (same > 0) onSettled({ changed: 0, same });
  if (unsaved.length > 0) await writer.save(unsaved);
  await swapSaved(changes, { swapper: writer.swapper, save: writer.save, onSettled });
}

/** Removes the records that the backup does not have, each saved first where the safety backup does not have it as it is. */
export async function removeOthers(writer: RestoreWriter, onRemoved: (count: number) => void): Promise<number> {
  const { ports, record, overlay, safety, keyOf, recordsPerSwap, signal } = writer;
  let removed = 0;
  let others: Item[] = [];
  const removePiece = async (keys: readonly Item[]) => {
    const versions = await readNow(writer, keys);
    const unsaved = versions.filter((item) => !safety.holds(item, hashOfItem(item)));
    if (unsaved.length > 0) await writer.save(unsaved);
    const changes = versions.map((item) => ({ key: keyOf(item), expected: item, next: undefined }));
    await swapSaved(changes, {
      swapper: writer.swapper,
      save: writer.save,
      onSettled({ changed }) {
        removed += changed;
        onRemoved(removed);
      },
    });
  };
  const removeCollected = async () => {
    const keys = others;
    others = [];
    await workThrough(piecesOf(keys, recordsPerSwap), PIECES_AT_ONCE, removePiece, signal);
  };
  await compareWithBackup(
    ports,
    defined({
      record,
      overlay,
      signal,
      async onDifference(kind: string, key: Item) {
        if (kind !== 'added') return;
        others.push(key);
        if (others.length === REMOVED_AT_ONCE) await removeCollected();
      },
    }),
  );
  await removeCollected();
  return removed;
}
