import {
  BackupDamagedError,
  BackupKeptError,
  BackupLocationError,
  BackupNotFoundError,
  BackupNotVerifiedError,
  BackupOfAnotherTableError,
  FlushRefusedError,
  NotRecreatableError,
  RestoreDigestMismatchError,
  TableInUseError,
  TableNotActiveError,
  TableUnfinishedError,
} from '../../backup/errors.ts';
import { LegacyBackupError, LegacyTypesUnknownError } from '../../backup/legacy/legacy.ts';
import { ExportFailedError, PointInTimeRecoveryOffError } from '../../backup/native/native.ts';
import type { Fault } from '../../pipeline/invoke/invocation.ts';
import { ChangeRefusedError } from '../../pipeline/table/swap-plan.ts';
import { TableNotFoundError } from '../../pipeline/table/table.ts';
import type { TableRefusal } from '../contracts/table-control.ts';

/** The refusal that an error of the backup code means; undefined for errors of AWS and defects. */
export function refusalOf(error: unknown): TableRefusal | undefined {
  if (error instanceof BackupNotFoundError) return { reason: 'backup-not-found', backupId: error.backupId };
  if (error instanceof BackupNotVerifiedError)
    return { reason: 'backup-unverified', backupId: error.backupId, why: error.reason };
  if (error instanceof BackupOfAnotherTableError)
    return {
      reason: 'backup-of-another-table',
      backupId: error.backupId,
      itsArn: error.backupTableArn,
      arn: error.tableArn,
    };
  if (error instanceof BackupDamagedError)
    return { reason: 'backup-damaged', backupId: error.backupId, object: error.objectKey, why: error.reason };
  if (error instanceof BackupKeptError)
    return { reason: 'backup-in-use', backupId: error.backupId, because: error.because };
  if (error instanceof BackupLocationError) return { reason: 'location', bucket: error.bucket, why: error.reason };
  if (error instanceof FlushRefusedError)
    return { reason: 'differs', backupId: error.backupId, difference: error.difference, most: error.maxDifference };
  if (error instanceof RestoreDigestMismatchError)
    return { reason: 'restore-mismatch', backupId: error.backupId, difference: error.difference };
  if (error instanceof ChangeRefusedError) return { reason: 'record-refused', why: error.message };
  if (error instanceof TableNotActiveError)
    return { reason: 'table-not-active', table: error.table, status: error.status };
  if (error instanceof TableNotFoundError) return { reason: 'table-missing', table: error.table };
  if (error instanceof NotRecreatableError)
    return { reason: 'not-recreatable', table: error.table, obstacles: error.obstacles };
  if (error instanceof TableInUseError) return { reason: 'table-in-use', table: error.table, changes: error.changes };
  if (error instanceof TableUnfinishedError) {
    const { table, state, reasons, createUri, descriptionUri } = error;
    return { reason: 'table-unfinished', table, state, reasons, createUri, descriptionUri };
  }
  if (error instanceof LegacyBackupError)
    return { reason: 'legacy', fileName: error.fileName, items: error.items, losses: error.losses };
  if (error instanceof LegacyTypesUnknownError)
    return { reason: 'legacy-types', fileName: error.fileName, problems: error.problems };
  if (error instanceof ExportFailedError)
    return { reason: 'export-failed', arn: error.exportArn, code: error.code, why: error.reason };
  if (error instanceof PointInTimeRecoveryOffError) return { reason: 'recovery-off', arn: error.tableArn };
  return;
}

/** The same for every error: one that is not known here is a fault. */
export const refusalOrFault = (error: unknown, readFault: (error: unknown) => Fault): TableRefusal =>
  refusalOf(error) ?? { reason: 'fault', fault: readFault(error) };
