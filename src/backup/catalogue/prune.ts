import type { BackupRecord } from '../format/backup-record.ts';
import { folderOf, RECORD_NAME } from '../format/backup-record.ts';
import { type BackupLocation, deleteObject, listKeys, writeObject } from './location.ts';

export interface PrunePlan {
  readonly remove: readonly BackupRecord[];
  /** Older backups that are kept, and why. */
  readonly spared: readonly { readonly record: BackupRecord; readonly because: 'last-verified' | 'in-use' }[];
}

/**
 * Which backups of a table to delete when the newest `keep` are to stay. Never the last verified one, and never one that an open
 * approval, a run or an unfinished flush or restore refers to (`inUse`).
 */
export function planPrune(
  records: readonly BackupRecord[],
  rule: { readonly tableArn: string; readonly keep: number; readonly inUse: ReadonlySet<string> },
): PrunePlan {
  const ours = records
    .filter((record) => record.table.arn === rule.tableArn)
    .toSorted((a, b) => b.startedAt - a.startedAt);
  const lastVerified = ours.find((record) => record.verification.kind === 'verified');
  const remove: BackupRecord[] = [];
  const spared: { record: BackupRecord; because: 'last-verified' | 'in-use' }[] = [];
  for (const record of ours.slice(Math.max(0, rule.keep))) {
    if (record === lastVerified) spared.push({ record, because: 'last-verified' });
    else if (rule.inUse.has(record.id)) spared.push({ record, because: 'in-use' });
    else remove.push(record);
  }
  return { remove, spared };
}

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
