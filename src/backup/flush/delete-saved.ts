import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { type Backoff, waitBefore } from '../../lib/backoff.ts';
import type { Clock, Random } from '../../lib/clock.ts';
import { piecesOf, workThrough } from '../../lib/workers.ts';
import {
  BATCH_SIZE,
  deleteIfUnchanged,
  deleteJson,
  tryBatch,
  UnprocessedWritesError,
} from '../../pipeline/table/batch-writes.ts';
import type { Item } from '../../pipeline/table/item.ts';
import { readItems } from '../../pipeline/table/read.ts';
import { patientBackoff } from '../../pipeline/table/scan.ts';
import type { BackupLocation } from '../catalogue/location.ts';
import { hashOfItem } from '../format/digest.ts';
import { type KeyOf, keyText } from '../format/item-key.ts';
import { saveToSupplement } from '../write/supplement.ts';

/**
 * Whether somebody may write to the table meanwhile. `active`: each record is deleted by a call of its own, on the condition
 * that it still is what was saved. `held`: the function has been held and has come to rest; records are read again and what
 * is as saved goes at once in batches of 25 (docs/decisions/0002-flush.md).
 */
export type Writers = 'active' | 'held';

export interface DeleteDeps {
  readonly dynamodb: DynamoDBClient;
  readonly location: BackupLocation;
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
  /** Of the batches; each call of its own has the patient one. */
  readonly backoff?: Backoff;
}

const CALLS_AT_ONCE = 48;
const BATCHES_AT_ONCE = 16;
const READ_SIZE = 100;

/**
 * Deletes of these items, all of them durably saved, those that still are in the table as they were saved. What is not as
 * saved stays. A stop takes effect between batches.
 * @throws UnprocessedWritesError, the SDK's error, `signal.reason`; what was under way has ended by then.
 */
export async function deleteSaved(deps: DeleteDeps, items: readonly Item[], options: DeleteOptions): Promise<void> {
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

async function deleteOne(deps: DeleteDeps, item: Item, options: DeleteOptions): Promise<void> {
  const deleted = await deleteIfUnchanged(
    deps.dynamodb,
    options.table,
    { item, key: options.keyOf(item) },
    options.signal ? { signal: options.signal } : {},
  );
  if (deleted === undefined) return;
  // The condition cannot see everything: what went without being saved is saved before anything else.
  if (!hashOfItem(deleted).equals(hashOfItem(item)))
    await saveToSupplement(deps.location, options.backupId, [deleted], deps);
  options.onDeleted(1);
}

/** A record that may still have to go. `isUncounted`: the last attempt at it may have taken it, and did not say so. */
interface Candidate {
  readonly item: Item;
  readonly isUncounted: boolean;
}

/** What was not taken is read again before it is tried again: a wait may be long enough for somebody's edit. */
async function deleteAsRead(deps: DeleteDeps, items: readonly Item[], options: DeleteOptions): Promise<void> {
  const { backoff = patientBackoff, signal } = options;
  let left: readonly Candidate[] = items.map((item) => ({ item, isUncounted: false }));
  let cause: unknown;
  for (let attempt = 1; attempt <= backoff.attempts; attempt += 1) {
    if (attempt > 1) await waitBefore(backoff, attempt - 1, signal);
    signal?.throwIfAborted();
    const tried = await deleteOnceAsRead(deps, left, options);
    if (tried.left.length === 0) return;
    left = tried.left;
    cause = tried.cause ?? cause;
  }
  const unprocessed = left.map(({ item }) => deleteJson(options.keyOf(item)));
  throw new UnprocessedWritesError(options.table, unprocessed, backoff.attempts, cause);
}

/** One reading and one attempt at what is as it was saved. `left`: the batches of which not all was taken, or nobody knows. */
async function deleteOnceAsRead(
  deps: DeleteDeps,
  candidates: readonly Candidate[],
  options: DeleteOptions,
): Promise<{ readonly left: readonly Candidate[]; readonly cause?: unknown }> {
  const { table, keyOf, signal } = options;
  const keys = candidates.map(({ item }) => keyOf(item));
  const read = await readItems(deps.dynamodb, table, keys, signal ? { signal } : {});
  const now = new Map(read.map((item) => [keyText(keyOf(item)), hashOfItem(item)]));
  const unseen = candidates.filter(({ item, isUncounted }) => isUncounted && !now.has(keyText(keyOf(item))));
  if (unseen.length > 0) options.onDeleted(unseen.length);
  const asSaved = candidates.filter(({ item }) => now.get(keyText(keyOf(item)))?.equals(hashOfItem(item)));
  const left: Candidate[] = [];
  let cause: unknown;
  await workThrough(piecesOf(asSaved, BATCH_SIZE), READ_SIZE / BATCH_SIZE, async (batch) => {
    const writes = batch.map(({ item }) => deleteJson(keyOf(item)));
    const tried = await tryBatch(deps.dynamodb, table, writes);
    const isUncounted = tried.cause !== undefined;
    if (!isUncounted && batch.length > tried.left.length) options.onDeleted(batch.length - tried.left.length);
    if (tried.left.length > 0) left.push(...batch.map(({ item }) => ({ item, isUncounted })));
    cause ??= tried.cause;
  });
  return { left, ...(cause === undefined ? {} : { cause }) };
}
