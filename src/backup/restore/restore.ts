import { piecesOf, workThrough } from '../../lib/async/workers.ts';
import { defined } from '../../lib/defined.ts';
import type { Item } from '../../pipeline/table/item.ts';
import { createSwapper } from '../../pipeline/table/swap.ts';
import { describeTable, isExpired, readTimeToLive, type TableFacts } from '../../pipeline/table/table.ts';
import { findBackup, requireUsable, setUsedBy } from '../catalogue/catalogue.ts';
import { type CompareRequest, type Comparison, compareWithBackup } from '../compare/compare.ts';
import { RestoreDigestMismatchError, TableNotActiveError } from '../errors.ts';
import type { BackupRecord } from '../format/backup-record.ts';
import { keyReader, keyText } from '../format/item-key.ts';
import type { RestoreJob } from '../jobs/job.ts';
import type { BackupPorts, JobPorts } from '../ports.ts';
import { readBack } from '../verify/verify.ts';
import { workThroughBackup } from '../verify/work-through-backup.ts';
import { createSupplementWriter, type Overlay, readSupplements } from '../write/supplement.ts';
import { PIECES_AT_ONCE, putPiece, type RestoreWriter, removeOthers } from './restore-writer.ts';
import { openSafetyBackup } from './safety-backup.ts';

/** `merge`: the items of the backup are written, others stay. `replace`: the table becomes equal to the backup. */
export type RestoreMode = 'merge' | 'replace';

export interface RestoreRequest {
  /** The same id again continues a restore that was stopped or whose process died. */
  readonly jobId: string;
  readonly table: string;
  readonly backupId: string;
  readonly mode: RestoreMode;
  readonly by: string;
  /** Throws when this process may not write any more (lease lost, stopped). Asked before every write. */
  readonly mayWrite: () => void;
  /** Records of one read and one transaction; 100 when absent. */
  readonly recordsPerSwap?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: RestoreProgress) => void;
}

export interface RestoreProgress {
  readonly stage: 'checking' | 'safety-backup' | 'writing' | 'removing' | 'proving';
  /** Records of the backup that are in the table again; `removing`: records removed. */
  readonly done: number;
  /** Records of the backup and its supplements; `removing`: records that the backup does not have. At least `done`. */
  readonly total: number;
}

export interface RestoreResult {
  /** Records written; after a crash, those that were written just before it count as unchanged. */
  readonly written: number;
  /** Records that were in the table as the backup has them. */
  readonly unchanged: number;
  readonly removed: number;
  /** A restore of it undoes this one. */
  readonly safetyBackupId: string;
  /** Files of supplements without a digest: they were left out, and the proof does not cover them. */
  readonly leftOut: number;
  /** The table at the end, by a scan: in `replace` mode its digests are equal, in `merge` mode nothing is missing or changed. */
  readonly proof: Comparison;
}

/** The most that one BatchGetItem and one transaction take. */
const PIECE = 100;

interface OpenedBackup {
  readonly facts: TableFacts;
  readonly record: BackupRecord;
  readonly overlay: Overlay;
}

async function openBackup(
  ports: BackupPorts,
  request: Pick<RestoreRequest, 'table' | 'backupId' | 'signal'>,
): Promise<OpenedBackup> {
  const facts = await describeTable(ports.dynamodb, request.table);
  if (facts.status !== 'ACTIVE' && facts.status !== 'UPDATING') throw new TableNotActiveError(facts.name, facts.status);
  const record = await findBackup(ports.location, request.backupId);
  requireUsable(record, facts.arn);
  const overlay = await readSupplements(ports.location, record.id, keyReader(facts.keys), request.signal);
  return { facts, record, overlay };
}

/** What a restore would change. `expired`: records of the backup that are past their time to live, so that DynamoDB deletes them again. */
export interface RestorePreview {
  readonly added: number;
  readonly overwritten: number;
  readonly removed: number;
  readonly same: number;
  readonly expired: number;
  /** Files of supplements without a digest: the restore leaves them out. */
  readonly leftOut: number;
}

/** Tells which records are past their time to live now; undefined where the table has no TTL. */
async function expiryTest({ dynamodb, clock }: BackupPorts, table: string) {
  const attribute = await readTimeToLive(dynamodb, table);
  return attribute === undefined ? undefined : (item: Item) => isExpired(item, attribute, clock.now());
}

/**
 * What a restore would change, by a comparison of the table with the backup and its supplements. Writes nothing.
 * @returns records that would be added, overwritten and (in `replace` mode) removed, and those that are the same.
 */
export async function previewRestore(
  ports: BackupPorts,
  request: Pick<RestoreRequest, 'table' | 'backupId' | 'mode' | 'signal'> & Pick<CompareRequest, 'onProgress'>,
): Promise<RestorePreview> {
  const { record, overlay, facts } = await openBackup(ports, request);
  const isExpired = await expiryTest(ports, facts.name);
  let expired = 0;
  const countExpired = (item: Item) => {
    const is = isExpired?.(item) ?? false;
    if (is) expired += 1;
    return is;
  };
  const found = await compareWithBackup(
    ports,
    defined({
      ...{ record, overlay, signal: request.signal, onProgress: request.onProgress },
      isExpired: isExpired && countExpired,
    }),
  );
  return {
    added: found.removed + found.expired,
    expired,
    overwritten: found.changed,
    removed: request.mode === 'replace' ? found.added : 0,
    same: found.same,
    leftOut: overlay.leftOut,
  };
}

/**
 * Writes a backup and its supplements back into the table, after a safety backup of the table. Every version that is
 * overwritten or removed is in the safety backup or saved beside it first. When it resolves, a scan has proven the table. A
 * restore that was stopped or whose process died continues when it is called again with its id, with the same safety backup.
 * The caller removes its job.
 * @throws BackupNotFoundError, BackupNotVerifiedError, BackupOfAnotherTableError, BackupDamagedError, TableNotActiveError: all
 * before anything is written; RestoreDigestMismatchError at the end; `signal.reason`, what `mayWrite` throws or the SDK's error
 * at any time.
 */
export async function restoreBackup(ports: JobPorts, request: RestoreRequest): Promise<RestoreResult> {
  const backup = await openBackup(ports, request);
  const { record, overlay } = backup;
  const { signal, mayWrite, recordsPerSwap = PIECE } = request;
  const keyOf = keyReader(backup.facts.keys);
  const total = { items: record.digest.items };
  const show = (stage: RestoreProgress['stage'], done: number, of = total.items) =>
    request.onProgress?.({ stage, done, total: Math.max(of, done) });
  show('checking', 0);
  const attributeNames = await proveBackup(ports, request, backup, (items) => {
    total.items = items;
  });

  show('safety-backup', 0);
  const previous = await ports.jobs.read(request.jobId);
  const resumed = previous?.kind === 'restore' && previous.backupId === record.id ? previous : undefined;
  const safety = await openSafetyBackup(ports, request, record.id, resumed?.safetyBackupId, (item) => {
    for (const name in item) attributeNames.add(name);
  });
  try {
    let job: RestoreJob = resumed ?? {
      kind: 'restore',
      id: request.jobId,
      backupId: record.id,
      mode: request.mode,
      startedAt: ports.clock.now(),
      written: 0,
      unchanged: 0,
      done: {},
    };
    job = { ...job, safetyBackupId: safety.record.id };
    mayWrite();
    await ports.jobs.write(job);
    const supplement = createSupplementWriter(ports.location, safety.record.id, {
      ...ports,
      mayWrite,
      attributeNames,
      signal,
    });
    const swapper = createSwapper(ports, defined({ table: backup.facts.name, attributeNames, mayWrite, signal }));
    const writer: RestoreWriter = {
      ports,
      table: backup.facts.name,
      record,
      overlay,
      safety,
      keyOf,
      recordsPerSwap,
      save: supplement.save,
      swapper,
      signal,
    };

    let { written, unchanged } = job;
    const put = (items: readonly Item[]) =>
      putPiece(writer, items, (settled) => {
        written += settled.changed;
        unchanged += settled.same;
        show('writing', written + unchanged);
      });
    const isSuperseded = (item: Item) => overlay.byKey.size > 0 && overlay.byKey.has(keyText(keyOf(item)));
    await workThroughBackup(ports.location, record, {
      done: job.done,
      random: ports.random,
      pieceSize: recordsPerSwap,
      atOnce: PIECES_AT_ONCE,
      signal,
      work: (items) => put(items.filter((item) => !isSuperseded(item))),
      async note({ done }) {
        mayWrite();
        job = { ...job, written, unchanged, done };
        await ports.jobs.write(job);
      },
    });
    const saved = [...overlay.byKey.values()].map(({ stored }) => stored.item);
    await workThrough(piecesOf(saved, recordsPerSwap), PIECES_AT_ONCE, put, signal);

    show('proving', written + unchanged);
    const isExpired = await expiryTest(ports, backup.facts.name);
    const compare = () => compareWithBackup(ports, defined({ record, overlay, signal, isExpired }));
    let proof = await compare();
    let removed = 0;
    if (request.mode === 'replace' && proof.added > 0) {
      removed = await removeOthers(writer, (count) => show('removing', count, proof.added));
      show('proving', written + unchanged);
      proof = await compare();
    }
    requireProof(record, request.mode, proof);
    if (record.usedBy !== undefined) {
      mayWrite();
      await setUsedBy(ports.location, record.id, undefined);
    }
    return { written, unchanged, removed, safetyBackupId: safety.record.id, leftOut: overlay.leftOut, proof };
  } finally {
    await safety.dispose();
  }
}

/**
 * Reads the backup once more before anything is written, and counts its records with those of its supplements.
 * @returns the attribute names in it.
 */
async function proveBackup(
  ports: JobPorts,
  request: RestoreRequest,
  { facts, record, overlay }: OpenedBackup,
  onCounted: (items: number) => void,
): Promise<Set<string>> {
  const keyOf = keyReader(facts.keys);
  const attributeNames = new Set<string>();
  let superseded = 0;
  await readBack(
    ports.location,
    record,
    defined({
      signal: request.signal,
      visit({ item }: { readonly item: Item }) {
        for (const name in item) attributeNames.add(name);
        if (overlay.byKey.size > 0 && overlay.byKey.has(keyText(keyOf(item)))) superseded += 1;
      },
    }),
  );
  for (const { stored } of overlay.byKey.values()) for (const name in stored.item) attributeNames.add(name);
  onCounted(record.digest.items - superseded + overlay.byKey.size);
  return attributeNames;
}

function requireProof(record: BackupRecord, mode: RestoreMode, proof: Comparison): void {
  const { added, changed, removed } = proof;
  if (changed + removed + (mode === 'replace' ? added : 0) === 0) return;
  const difference = { added, changed, removed };
  throw new RestoreDigestMismatchError(record.id, proof.backupDigest.sum, proof.tableDigest.sum, difference);
}
