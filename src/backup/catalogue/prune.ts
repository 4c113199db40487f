import type { SpareReason } from '../errors.ts';
import { folderOf, RECORD_NAME } from '../format/backup-record.ts';
import { type CatalogueEntry, isUnread } from '../format/export-record.ts';
import { type BackupLocation, deleteObject, listKeys, writeObject } from './location.ts';

export interface Spared {
  readonly record: CatalogueEntry;
  readonly because: SpareReason;
}

export interface PrunePlan {
  /** Newest first. */
  readonly remove: readonly CatalogueEntry[];
  readonly spared: readonly Spared[];
}

export interface PruneRule {
  readonly tableArn: string;
  /** How many of the newest stay. */
  readonly keep: number;
  /** Epoch ms, as every time here. */
  readonly now: number;
  readonly inUse: ReadonlySet<string>;
  /** The backups that the open checklist relies on. */
  readonly checklist: ReadonlySet<string>;
  /** When a flush or restore last began with a backup, by the id of the backup. */
  readonly namedAt: ReadonlyMap<string, number>;
}

/** How long a safety backup, and a backup that a flush or restore has used, is kept, ms. */
const KEEP_USED_MS = 30 * 24 * 60 * 60_000;

/** Which backups of a table to delete when the newest `keep` are to stay; see `SpareReason` for what is never deleted. */
export function planPrune(records: readonly CatalogueEntry[], rule: PruneRule): PrunePlan {
  const ours = records
    .filter((record) => record.table.arn === rule.tableArn)
    .toSorted((a, b) => b.startedAt - a.startedAt);
  const verified = ours.filter((record) => record.verification.kind === 'verified');
  const usable = ours.filter((record) => record.verification.kind !== 'unverified');
  const largest = new Set([withMostRecords(ours), withMostRecords(verified)]);
  const isRecent = (at: number | undefined) => at !== undefined && rule.now - at < KEEP_USED_MS;
  const reasonToKeep = (record: CatalogueEntry): SpareReason | undefined => {
    if (rule.checklist.has(record.id)) return 'checklist';
    if (rule.inUse.has(record.id)) return 'in-use';
    if (largest.has(record)) return 'most-records';
    if (record === verified[0] || record === usable[0]) return 'last-verified';
    if (isRecent(rule.namedAt.get(record.id)) || isRecent(isUnread(record) ? undefined : record.usedBy?.at))
      return 'named';
    return record.purpose === 'safety' && isRecent(record.startedAt) ? 'safety' : undefined;
  };
  const remove: CatalogueEntry[] = [];
  const spared: Spared[] = [];
  for (const record of ours.slice(Math.max(0, rule.keep))) {
    const because = reasonToKeep(record);
    if (because === undefined) remove.push(record);
    else spared.push({ record, because });
  }
  return { remove, spared };
}

/** The first one with the most records: of several, the newest. */
const withMostRecords = (newestFirst: readonly CatalogueEntry[]): CatalogueEntry | undefined =>
  newestFirst.reduce<CatalogueEntry | undefined>(
    (most, record) => (most === undefined || record.counts.total > most.counts.total ? record : most),
    undefined,
  );

/** An object of this name in the folder of a backup says that the backup is being deleted; `clearUnfinished` deletes the rest. */
export const DELETION_MARKER = '_deleting';

/**
 * Deletes a backup: its record first, so that a part of it never looks whole. Repeat it where it failed or its process died.
 * `mayWrite` is asked before every object that is written or deleted.
 * @throws what `mayWrite` throws, BackupLocationError, the SDK's error.
 */
export async function deleteBackup(
  location: BackupLocation,
  backupId: string,
  mayWrite: () => void = () => {},
): Promise<void> {
  const folder = folderOf(location.prefix, backupId);
  const marker = `${folder}${DELETION_MARKER}`;
  mayWrite();
  await writeObject(location, marker, '{}');
  mayWrite();
  await deleteObject(location, `${folder}${RECORD_NAME}`);
  for await (const key of listKeys(location, folder)) {
    if (key === marker) continue;
    mayWrite();
    await deleteObject(location, key);
  }
  mayWrite();
  await deleteObject(location, marker);
}
