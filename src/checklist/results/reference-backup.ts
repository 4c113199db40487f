import { listBackups } from '../../backup/catalogue/catalogue.ts';
import type { BackupLocation } from '../../backup/catalogue/location.ts';
import { BackupNotFoundError, BackupNotVerifiedError } from '../../backup/errors.ts';
import type { BackupRecord } from '../../backup/format/backup-record.ts';
import type { CatalogueEntry } from '../../backup/format/export-record.ts';
import { openBackup } from '../../backup/verify/open-backup.ts';
import type { Clock } from '../../lib/clock.ts';
import { defined } from '../../lib/defined.ts';
import type { Profile } from '../../pipeline/profile/profile.ts';
import type { Scope } from '../../run/scope/scope.ts';
import type { RunRecord } from '../../run/store/run-store.ts';
import type { ChecklistStore } from '../steps/checklist-store.ts';

/** How many checklists are searched for a flush. */
const MAX_CHECKLISTS = 20;

export interface FlushOnRecord {
  readonly backupId: string;
  /** When it finished, epoch ms. */
  readonly at: number;
  /** The flush belongs to the checklist of the run, so it came before the run. */
  readonly isOfRun: boolean;
  /** What it deleted; absent where it deleted everything. */
  readonly scope?: Scope;
}

/**
 * The flush before a run and the flushes after it, newest first; without a run, the last flush.
 * An earlier flush that belongs to another checklist is left out.
 */
export async function flushesAround(
  checklists: Pick<ChecklistStore, 'list' | 'steps'>,
  root: RunRecord | undefined,
): Promise<readonly FlushOnRecord[]> {
  const found: FlushOnRecord[] = [];
  for await (const { id, runIds, scope } of checklists.list(MAX_CHECKLISTS)) {
    const isOfRun = root !== undefined && runIds.includes(root.runId);
    const flush = (await checklists.steps(id)).find(({ step }) => step === 'flush');
    if (flush?.state === 'done' && flush.found?.kind === 'flush') {
      const isLater = root?.startedAt === undefined || flush.at > root.startedAt;
      if (isOfRun || isLater)
        found.push({
          backupId: flush.found.backupId,
          at: flush.at,
          isOfRun,
          ...defined({ scope: scope ?? undefined }),
        });
    }
    if (isOfRun || root === undefined) break;
  }
  return found;
}

/**
 * The backup with the state of the table before the rescan: the one that the flush used; without a flush, the newest
 * verified one from before the run, else the newest one. A backup that was made after the flush, of the empty table, is
 * never used. An export that was only checked by a sample is read in full first. @throws as `openBackup`
 */
export async function referenceBackup(
  location: BackupLocation,
  tableArn: string,
  flush: FlushOnRecord | undefined,
  root: RunRecord | undefined,
  { clock, profile }: { readonly clock: Pick<Clock, 'now'>; readonly profile: Profile },
): Promise<BackupRecord | undefined> {
  const open = (backupId: string) => openBackup(location, backupId, () => clock.now(), { profile });
  const isUsable = ({ table, verification }: CatalogueEntry) =>
    table.arn === tableArn && verification.kind !== 'unverified';
  if (flush) {
    const used = await open(flush.backupId).catch((error: unknown) => {
      // It was pruned or is not whole, so the next best one is used.
      if (error instanceof BackupNotFoundError || error instanceof BackupNotVerifiedError) return undefined;
      throw error;
    });
    if (used && isUsable(used)) return used;
  }
  const before = flush?.at ?? root?.startedAt ?? Number.POSITIVE_INFINITY;
  const usable = (await listBackups(location)).filter((backup) => isUsable(backup) && backup.purpose !== 'safety');
  const chosen = usable.find(({ startedAt }) => startedAt < before) ?? usable[0];
  return chosen && open(chosen.id);
}
