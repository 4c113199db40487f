import type { BackupRecord } from '../format/backup-record.ts';
import { folderOf, RECORD_NAME } from '../format/backup-record.ts';
import { type BackupLocation, deleteObject, deleteUnder } from './location.ts';

export interface PrunePlan {
  readonly remove: readonly BackupRecord[];
  /** Why a backup beyond the newest `keep` stays all the same. */
  readonly spared: readonly { readonly record: BackupRecord; readonly because: 'last-verified' | 'in-use' }[];
}

/**
 * Which backups of a table go when the newest `keep` are to stay. Never the last verified one, never one that an open approval,
 * a run or an unfinished flush or restore refers to (`inUse`).
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

/** Deletes a backup: its record first, so that at no moment a part of it looks whole. @returns objects deleted. */
export async function deleteBackup(location: BackupLocation, backupId: string): Promise<number> {
  const folder = folderOf(location.prefix, backupId);
  await deleteObject(location, `${folder}${RECORD_NAME}`);
  return 1 + (await deleteUnder(location, folder));
}
