import { findBackup, listBackups } from '../../backup/catalogue/catalogue.ts';
import type { BackupLocation } from '../../backup/catalogue/location.ts';
import { BackupNotFoundError } from '../../backup/errors.ts';
import type { BackupRecord } from '../../backup/format/backup-record.ts';
import type { RunRecord } from '../../run/store/run-store.ts';
import type { ChecklistStore } from '../steps/checklist-store.ts';

/** How many rescans back a flush is looked for. */
const MOST_CHECKLISTS = 20;

export interface FlushOnRecord {
  readonly backupId: string;
  /** When it was done, epoch ms. */
  readonly at: number;
  /** The run is of the rescan that the flush belongs to, so it came after it. */
  readonly isOfRun: boolean;
}

/**
 * The flush that a run followed, or a later one, the newest first; without a run, the last flush there was.
 * A flush from before the run that belongs to another rescan is none of its business.
 */
export async function flushesAround(
  checklists: Pick<ChecklistStore, 'list' | 'steps'>,
  root: RunRecord | undefined,
): Promise<readonly FlushOnRecord[]> {
  const found: FlushOnRecord[] = [];
  for await (const { id, runIds } of checklists.list(MOST_CHECKLISTS)) {
    const isOfRun = root !== undefined && runIds.includes(root.runId);
    const flush = (await checklists.steps(id)).find(({ step }) => step === 'flush');
    if (flush?.state === 'done' && flush.found?.kind === 'flush') {
      const isLater = root?.startedAt === undefined || flush.at > root.startedAt;
      if (isOfRun || isLater) found.push({ backupId: flush.found.backupId, at: flush.at, isOfRun });
    }
    if (isOfRun || root === undefined) break;
  }
  return found;
}

/**
 * The backup that says what was there before: the one that the flush relied on, where there was a flush; else the newest verified
 * one from before the run; else the newest there is. A backup of the emptied table, made after a flush, is never taken for it.
 */
export async function referenceBackup(
  location: BackupLocation,
  tableArn: string,
  flush: FlushOnRecord | undefined,
  root: RunRecord | undefined,
): Promise<BackupRecord | undefined> {
  const isUsable = ({ table, verification }: BackupRecord) =>
    table.arn === tableArn && verification.kind === 'verified';
  if (flush) {
    const relied = await findBackup(location, flush.backupId).catch((error: unknown) => {
      // Pruned since: the next best there is.
      if (error instanceof BackupNotFoundError) return undefined;
      throw error;
    });
    if (relied && isUsable(relied)) return relied;
  }
  const before = flush?.at ?? root?.startedAt ?? Number.POSITIVE_INFINITY;
  const usable = (await listBackups(location)).filter((backup) => isUsable(backup) && backup.purpose !== 'safety');
  return usable.find(({ startedAt }) => startedAt < before) ?? usable[0];
}
