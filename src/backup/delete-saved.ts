import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { Clock, Random } from '../clock.ts';
import { BATCH_SIZE } from '../pipeline/table-write.ts';
import { deleteIfUnchanged } from '../pipeline/wire-delete.ts';
import { deleteJson, getWireBatch, writeWireBatch } from '../pipeline/wire-table.ts';
import type { WireItem } from '../pipeline/wire-value.ts';
import { hashOfItem } from './digest.ts';
import { type KeyOf, keyText } from './item-key.ts';
import type { BackupPlace } from './place.ts';
import { saveToSupplement } from './supplement.ts';
import { piecesOf, workThrough } from './workers.ts';

/**
 * Whether somebody may write to the table meanwhile. `active`: each record is deleted by a call of its own, on the condition
 * that it still is what was saved. `held`: the function has been held and has come to rest; records are read again and what
 * is as saved goes at once in batches of 25 (docs/decisions/0002-flush.md).
 */
export type Writers = 'active' | 'held';

export interface DeleteDeps {
  readonly dynamodb: DynamoDBClient;
  readonly place: BackupPlace;
  readonly clock: Clock;
  readonly random: Random;
}

export interface DeleteOptions {
  readonly table: string;
  readonly backupId: string;
  readonly keyOf: KeyOf;
  readonly writers: Writers;
  readonly signal?: AbortSignal;
  /** How many records were deleted just now. */
  readonly onDeleted: (count: number) => void;
}

const CALLS_AT_ONCE = 48;
const BATCHES_AT_ONCE = 16;
const READ_SIZE = 100;

/**
 * Deletes of these items, all of them durably saved, those that still are in the table as they were saved. What is not as
 * saved stays. A stop takes effect between batches.
 * @throws UnprocessedWritesError, the SDK's error, `signal.reason`; what was under way has ended by then.
 */
export async function deleteSaved(deps: DeleteDeps, items: readonly WireItem[], options: DeleteOptions): Promise<void> {
  if (options.writers === 'active')
    await workThrough(items, CALLS_AT_ONCE, (item) => deleteOne(deps, item, options), options.signal);
  else
    await workThrough(
      piecesOf(items, READ_SIZE),
      BATCHES_AT_ONCE,
      (piece) => deleteAsRead(deps, piece, options),
      options.signal,
    );
}

async function deleteOne(deps: DeleteDeps, item: WireItem, options: DeleteOptions): Promise<void> {
  const deleted = await deleteIfUnchanged(
    deps.dynamodb,
    options.table,
    { item, key: options.keyOf(item) },
    options.signal ? { signal: options.signal } : {},
  );
  if (deleted === undefined) return;
  // The condition cannot see everything: what went without being saved is saved before anything else.
  if (!hashOfItem(deleted).equals(hashOfItem(item)))
    await saveToSupplement(deps.place, options.backupId, [deleted], deps);
  options.onDeleted(1);
}

async function deleteAsRead(deps: DeleteDeps, items: readonly WireItem[], options: DeleteOptions): Promise<void> {
  const { table, keyOf, signal } = options;
  const saved = new Map(items.map((item) => [keyText(keyOf(item)), hashOfItem(item)]));
  const now = await getWireBatch(deps.dynamodb, table, items.map(keyOf), signal ? { signal } : {});
  const asSaved = now
    .map((item) => ({ item, key: keyOf(item) }))
    .filter(({ item, key }) => saved.get(keyText(key))?.equals(hashOfItem(item)))
    .map(({ key }) => deleteJson(key));
  await workThrough(piecesOf(asSaved, BATCH_SIZE), READ_SIZE / BATCH_SIZE, async (batch) => {
    await writeWireBatch(deps.dynamodb, table, batch, signal ? { signal } : {});
    options.onDeleted(batch.length);
  });
}
