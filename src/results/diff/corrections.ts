import type { BackupRecord } from '../../backup/format/backup-record.ts';
import { type CatalogueEntry, isUnread } from '../../backup/format/export-record.ts';
import { defined } from '../../lib/defined.ts';
import { type DiffParts, type DiffRequest, diffWithBackup } from './diff.ts';

/** Entries that somebody edited, and the fields, the most frequent first. */
export interface Corrections {
  readonly rows: number;
  readonly fields: readonly { readonly name: string; readonly records: number }[];
}

/** So many fields are counted, and so many are returned. */
const MAX_COUNTED_FIELDS = 256;
const MAX_FIELDS = 5;

/**
 * The backup with which corrections can be counted: the oldest usable one that was made after the last run over all images had
 * ended, so that it has what the run stored. `since`: when that run ended; without a run, the oldest backup of all. The backup that
 * the flush relies on has the corrections itself. An export that was not read in full is not read for this.
 */
export function backupForCorrections(
  backups: readonly CatalogueEntry[],
  {
    tableArn,
    flushBackupId,
    since,
  }: { readonly tableArn: string; readonly flushBackupId: string; readonly since?: number },
): BackupRecord | undefined {
  return backups
    .filter((entry) => !isUnread(entry))
    .filter(({ id, table, verification, purpose }) => {
      const isUsable = verification.kind === 'verified' && purpose !== 'safety';
      return isUsable && id !== flushBackupId && table.arn === tableArn;
    })
    .filter(({ startedAt }) => since === undefined || startedAt >= since)
    .toSorted((a, b) => a.startedAt - b.startedAt)[0];
}

/**
 * Counts the entries of the table that were edited after the backup: a field with a meaning differs, and the time of writing (`ProcessingTimestamp`),
 * which the function writes anew each time, does not (pipeline.md, "People correct entries by hand"). Edits before the backup, and
 * edits of entries that the function has written again since, are not found, so there are at least so many.
 * @throws the errors of `diffWithBackup`
 */
export async function countCorrections(
  parts: DiffParts,
  request: {
    readonly table: string;
    readonly backupId: string;
    readonly ignoredFields: readonly string[];
    readonly covers?: DiffRequest['covers'];
    readonly signal?: AbortSignal;
  },
): Promise<Corrections> {
  const { table, backupId, ignoredFields, covers, signal } = request;
  const kinds = ['entry', 'zero-hour'] as const;
  const diff = await diffWithBackup(parts, { table, backupId, ignoredFields, kinds, ...defined({ covers, signal }) });
  try {
    const byField = new Map<string, number>();
    let rows = 0;
    for await (const entry of diff.entries(['changed'], signal)) {
      if (entry.kind !== 'changed' || !entry.isByHand) continue;
      rows += 1;
      for (const { name } of entry.fields)
        if (byField.has(name) || byField.size < MAX_COUNTED_FIELDS) byField.set(name, (byField.get(name) ?? 0) + 1);
    }
    const fields = [...byField]
      .map(([name, records]) => ({ name, records }))
      .sort((a, b) => b.records - a.records)
      .slice(0, MAX_FIELDS);
    return { rows, fields };
  } finally {
    await diff.dispose();
  }
}
