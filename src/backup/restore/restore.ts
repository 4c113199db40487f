import { piecesOf, workThrough } from '../../lib/workers.ts';
import { BATCH_SIZE, putJson, writeBatch } from '../../pipeline/table/batch-writes.ts';
import type { Item } from '../../pipeline/table/item.ts';
import { readItems } from '../../pipeline/table/read.ts';
import { describeTable, type TableFacts } from '../../pipeline/table/table.ts';
import { findBackup, requireUsable } from '../catalogue/catalogue.ts';
import { type Comparison, compareWithBackup } from '../compare/compare.ts';
import { BackupNotVerifiedError, RestoreDigestMismatchError, TableNotActiveError } from '../errors.ts';
import { type DeleteDeps, deleteSaved } from '../flush/delete-saved.ts';
import type { BackupRecord } from '../format/backup-record.ts';
import { hashOfItem } from '../format/digest.ts';
import { type KeyOf, keyReader, keyText } from '../format/item-key.ts';
import type { JobStore, RestoreJob } from '../jobs/job.ts';
import type { StoredItem } from '../verify/read-file.ts';
import { readWindows } from '../verify/read-windows.ts';
import { readBack } from '../verify/verify.ts';
import { makeBackup } from '../write/make-backup.ts';
import { type Overlay, readSupplements, saveToSupplement } from '../write/supplement.ts';
import { createKnownItems } from './known-items.ts';

/** `merge`: the backup's items are put, others stay. `replace`: the table becomes equal to the backup. */
export type RestoreMode = 'merge' | 'replace';

export interface RestoreDeps extends DeleteDeps {
  readonly jobs: JobStore;
}

export interface RestoreRequest {
  /** The same id again goes on with a restore that was stopped or died. */
  readonly jobId: string;
  readonly table: string;
  readonly backupId: string;
  readonly mode: RestoreMode;
  readonly by: string;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: RestoreProgress) => void;
}

export interface RestoreProgress {
  readonly stage: 'checking' | 'safety-backup' | 'writing' | 'removing' | 'proving';
  readonly written: number;
  /** Items of the backup and its supplements. */
  readonly total: number;
}

export interface RestoreResult {
  readonly written: number;
  readonly removed: number;
  /** A restore of it undoes this one. */
  readonly safetyBackupId: string;
  /** The table at the end, by a scan: in `replace` mode its digests are equal, in `merge` mode nothing is missing or changed. */
  readonly proof: Comparison;
}

const WINDOW = 4_000;
/** Each is read at once and then written in batches of 25, one after the other. */
const PIECES_AT_ONCE = 24;
const READ_SIZE = 100;

async function openBackup(
  deps: Pick<RestoreDeps, 'dynamodb' | 'location'>,
  request: Pick<RestoreRequest, 'table' | 'backupId' | 'signal'>,
): Promise<{ facts: TableFacts; record: BackupRecord; overlay: Overlay }> {
  const facts = await describeTable(deps.dynamodb, request.table);
  if (facts.status !== 'ACTIVE' && facts.status !== 'UPDATING') throw new TableNotActiveError(facts.name, facts.status);
  const record = await findBackup(deps.location, request.backupId);
  requireUsable(record, facts.arn);
  const overlay = await readSupplements(deps.location, record.id, keyReader(facts.keys), request.signal);
  return { facts, record, overlay };
}

/**
 * What a restore would change, computed by comparing the table with the backup and its supplements: nothing is written.
 * @returns records that would be added, overwritten and (in `replace` mode) removed.
 */
export async function previewRestore(
  deps: Pick<RestoreDeps, 'dynamodb' | 'location'>,
  request: Pick<RestoreRequest, 'table' | 'backupId' | 'mode' | 'signal'>,
): Promise<{ readonly added: number; readonly overwritten: number; readonly removed: number; readonly same: number }> {
  const { record, overlay } = await openBackup(deps, request);
  const { signal, mode } = request;
  const found = await compareWithBackup(deps, { record, overlay, ...(signal && { signal }) });
  return {
    added: found.removed,
    overwritten: found.changed,
    removed: mode === 'replace' ? found.added : 0,
    same: found.same,
  };
}

/**
 * Brings a backup and its supplements back into the table, after a safety backup of what is there. When it resolves, a scan
 * has proven the table: equal in digest (`replace`), or holding every item (`merge`). A stopped or dead restore goes on when
 * called again with its id, one that was done too; its safety backup is the one of the first attempt. Its job is the caller's to
 * remove.
 * @throws BackupNotFoundError, BackupNotVerifiedError, BackupOfAnotherTableError, BackupDamagedError, TableNotActiveError: all
 * before anything is written; RestoreDigestMismatchError at the end; `signal.reason` or the SDK's error at any time.
 */
export async function restoreBackup(deps: RestoreDeps, request: RestoreRequest): Promise<RestoreResult> {
  const { signal } = request;
  const progress = (stage: RestoreProgress['stage'], written = 0) => request.onProgress?.({ stage, written, total });
  let total = 0;
  const { facts, record, overlay } = await openBackup(deps, request);
  total = record.digest.items;
  progress('checking');
  await readBack(deps.location, record, signal ? { signal } : {});
  let job = await openJob(deps, request, record, progress);
  await deps.jobs.write(job);

  const keyOf = keyReader(facts.keys);
  const isSafe = await readSafe(deps, job.safetyBackupId, keyOf, signal);
  const put = async (items: readonly StoredItem[]) => {
    await workThrough(
      piecesOf(items, READ_SIZE),
      PIECES_AT_ONCE,
      async (piece) => {
        await saveNewer(deps, { table: facts.name, safetyBackupId: job.safetyBackupId, keyOf, isSafe, signal }, piece);
        for (const batch of piecesOf(piece, BATCH_SIZE)) {
          const writes = batch.map((stored) => putJson(stored.json));
          await writeBatch(deps.dynamodb, facts.name, writes, signal ? { signal } : {});
          written += batch.length;
          progress('writing', written);
        }
      },
      signal,
    );
  };
  let written = job.written;
  const read = { size: WINDOW, done: job.done, random: deps.random, ...(signal && { signal }) };
  for await (const window of readWindows(deps.location, record, read)) {
    const superseded = overlay.byKey.size > 0;
    await put(superseded ? window.items.filter(({ item }) => !overlay.byKey.has(keyText(keyOf(item)))) : window.items);
    job = { ...job, written, done: window.done };
    await deps.jobs.write(job);
  }
  await put([...overlay.byKey.values()].map(({ stored }) => stored));

  progress('proving', written);
  const compare = () => compareWithBackup(deps, { record, overlay, ...(signal && { signal }) });
  let proof = await compare();
  let removed = 0;
  if (request.mode === 'replace' && proof.added > 0) {
    removed = await removeOthers(deps, request, { facts, record, overlay, job });
    progress('proving', written);
    proof = await compare();
  }
  const wrong = proof.changed + proof.removed + (request.mode === 'replace' ? proof.added : 0);
  if (wrong > 0)
    throw new RestoreDigestMismatchError(record.id, proof.backupDigest.sum, proof.tableDigest.sum, {
      added: proof.added,
      changed: proof.changed,
      removed: proof.removed,
    });
  return { written, removed, safetyBackupId: job.safetyBackupId, proof };
}

type StartedJob = RestoreJob & { readonly safetyBackupId: string };

async function openJob(
  deps: RestoreDeps,
  request: RestoreRequest,
  record: BackupRecord,
  progress: (stage: RestoreProgress['stage']) => void,
): Promise<StartedJob> {
  const kept = await deps.jobs.read(request.jobId);
  if (kept?.kind === 'restore' && kept.backupId === record.id && kept.safetyBackupId !== undefined)
    return { ...kept, safetyBackupId: kept.safetyBackupId };
  progress('safety-backup');
  const safety = await makeBackup(deps, {
    table: request.table,
    by: request.by,
    note: `before the restore of ${record.id}`,
    purpose: 'safety',
    ...(request.signal && { signal: request.signal }),
  });
  const { verification, id } = safety.record;
  if (verification.kind === 'unverified') throw new BackupNotVerifiedError(id, verification.reason);
  return {
    kind: 'restore',
    id: request.jobId,
    backupId: record.id,
    mode: request.mode,
    startedAt: deps.clock.now(),
    safetyBackupId: id,
    written: 0,
    done: {},
  };
}

/** Tells whether an item is in the safety backup or its supplements just as it is (see KnownItems for how surely). */
async function readSafe(
  deps: Pick<RestoreDeps, 'location'>,
  safetyBackupId: string,
  keyOf: KeyOf,
  signal: AbortSignal | undefined,
): Promise<(item: Item) => boolean> {
  const safety = await findBackup(deps.location, safetyBackupId);
  const known = createKnownItems(safety.digest.items);
  await readBack(deps.location, safety, { ...(signal && { signal }), visit: (_, itemHash) => known.add(itemHash) });
  const saved = await readSupplements(deps.location, safetyBackupId, keyOf, signal);
  for (const { itemHash } of saved.byKey.values()) known.add(itemHash);
  return (item) => known.has(hashOfItem(item));
}

/**
 * Saves to the safety backup's supplement what stands at these items' keys, is about to be overwritten by something else, and
 * came after the safety backup: uploads and people go on writing. What comes between this reading and the write is lost to it:
 * the time between two calls.
 */
async function saveNewer(
  deps: RestoreDeps,
  where: {
    readonly table: string;
    readonly safetyBackupId: string;
    readonly keyOf: KeyOf;
    readonly isSafe: (item: Item) => boolean;
    readonly signal: AbortSignal | undefined;
  },
  items: readonly StoredItem[],
): Promise<void> {
  const { keyOf, signal } = where;
  const wanted = new Map(items.map(({ item }) => [keyText(keyOf(item)), hashOfItem(item)]));
  const keys = items.map(({ item }) => keyOf(item));
  const there = await readItems(deps.dynamodb, where.table, keys, signal ? { signal } : {});
  const newer = there.filter(
    (item) => !wanted.get(keyText(keyOf(item)))?.equals(hashOfItem(item)) && !where.isSafe(item),
  );
  await saveToSupplement(deps.location, where.safetyBackupId, newer, deps);
}

const REMOVED_AT_ONCE = 1_000;

/**
 * Removes what the backup does not hold. A record that the safety backup does not hold as it is now is first saved to that
 * backup's supplement; then each is deleted if it is unchanged.
 */
async function removeOthers(
  deps: RestoreDeps,
  request: RestoreRequest,
  state: { facts: TableFacts; record: BackupRecord; overlay: Overlay; job: StartedJob },
): Promise<number> {
  const { facts, record, overlay, job } = state;
  const options = request.signal ? { signal: request.signal } : {};
  const keyOf = keyReader(facts.keys);
  let removed = 0;
  let others: { readonly key: Item; readonly safeHash: string | undefined }[] = [];
  const remove = async () => {
    const safe = new Map(others.map(({ key, safeHash }) => [keyText(key), safeHash]));
    const reads = piecesOf(others, READ_SIZE).map((piece) =>
      readItems(
        deps.dynamodb,
        facts.name,
        piece.map(({ key }) => key),
        options,
      ),
    );
    const items = (await Promise.all(reads)).flat();
    others = [];
    const isSafe = (item: Item) => {
      const safeHash = safe.get(keyText(keyOf(item)));
      return safeHash !== undefined && hashOfItem(item).toString('hex').startsWith(safeHash);
    };
    const unsaved = items.filter((item) => !isSafe(item));
    await saveToSupplement(deps.location, job.safetyBackupId, unsaved, deps);
    await deleteSaved(deps, items, {
      table: facts.name,
      backupId: job.safetyBackupId,
      keyOf,
      writers: 'active',
      ...options,
      onDeleted(count) {
        removed += count;
        request.onProgress?.({ stage: 'removing', written: job.written, total: record.digest.items });
      },
    });
  };
  await compareWithBackup(deps, {
    record,
    overlay,
    safetyBackup: await findBackup(deps.location, job.safetyBackupId),
    ...options,
    async onDifference(kind, key, safeHash) {
      if (kind !== 'added') return;
      others.push({ key, safeHash });
      if (others.length === REMOVED_AT_ONCE) await remove();
    },
  });
  if (others.length > 0) await remove();
  return removed;
}
