import {
  CreateBackupCommand,
  DescribeBackupCommand,
  DescribeContinuousBackupsCommand,
  DescribeExportCommand,
  type DynamoDBClient,
  ExportTableToPointInTimeCommand,
  PointInTimeRecoveryUnavailableException,
} from '@aws-sdk/client-dynamodb';
import { withBackoff } from '../../lib/async/backoff.ts';
import type { Clock } from '../../lib/clock.ts';
import { patientBackoff } from '../../pipeline/table/scan.ts';

/** DynamoDB's own ways to save a table: on-demand backups, exports, point-in-time recovery. */

export interface NativeBackup {
  readonly arn: string;
  readonly name: string;
  /** `CREATING` or `AVAILABLE`. */
  readonly status: string;
}

/** Starts an on-demand backup, which DynamoDB then completes. @throws the SDK's error. */
export async function createNativeBackup(
  dynamodb: DynamoDBClient,
  table: string,
  backupName: string,
): Promise<NativeBackup> {
  const command = new CreateBackupCommand({ TableName: table, BackupName: backupName });
  const { BackupDetails } = await withBackoff(patientBackoff, () => dynamodb.send(command));
  if (BackupDetails?.BackupArn === undefined) throw new Error(`CreateBackup of ${table} returned no ARN`);
  return {
    arn: BackupDetails.BackupArn,
    name: BackupDetails.BackupName ?? backupName,
    status: BackupDetails.BackupStatus ?? 'CREATING',
  };
}

/**
 * Reads the state of an on-demand backup every `everyMs` until it is AVAILABLE. `mayGoOn` is asked before each call.
 * @throws Error where DynamoDB has deleted it, or it is of another table than that with `tableId`; the SDK's error.
 */
export async function waitForNativeBackup(
  dynamodb: DynamoDBClient,
  backupArn: string,
  options: { readonly tableId: string; readonly clock: Clock; readonly everyMs: number; readonly mayGoOn: () => void },
): Promise<void> {
  for (;;) {
    options.mayGoOn();
    const command = new DescribeBackupCommand({ BackupArn: backupArn });
    const { BackupDescription: backup } = await withBackoff(patientBackoff, () => dynamodb.send(command));
    const status = backup?.BackupDetails?.BackupStatus;
    if (backup?.SourceTableDetails?.TableId !== options.tableId)
      throw new Error(`Backup ${backupArn} is not a backup of the table with the id ${options.tableId}`);
    if (status === 'AVAILABLE') return;
    if (status !== 'CREATING') throw new Error(`Backup ${backupArn} is ${status ?? 'unknown'}, not AVAILABLE`);
    await options.clock.sleep(options.everyMs);
  }
}

const NOT_READABLE = new Set(['AccessDeniedException', 'UnknownOperationException']);

/**
 * Whether point-in-time recovery of the table is on; `unknown` when the bot may not read it (dynamodb:DescribeContinuousBackups)
 * or the service does not have this operation. @throws the SDK's error for any other reason.
 */
export async function readPointInTimeRecovery(
  dynamodb: DynamoDBClient,
  table: string,
): Promise<'on' | 'off' | 'unknown'> {
  const command = new DescribeContinuousBackupsCommand({ TableName: table });
  try {
    const answer = await withBackoff(patientBackoff, () => dynamodb.send(command));
    const recovery = answer.ContinuousBackupsDescription?.PointInTimeRecoveryDescription;
    return recovery?.PointInTimeRecoveryStatus === 'ENABLED' ? 'on' : 'off';
  } catch (error) {
    if (error instanceof Error && NOT_READABLE.has(error.name)) return 'unknown';
    throw error;
  }
}

/** An export needs point-in-time recovery, which is off. */
export class PointInTimeRecoveryOffError extends Error {
  override readonly name = 'PointInTimeRecoveryOffError';
  readonly tableArn: string;
  constructor(tableArn: string, cause?: unknown) {
    super(`Point-in-time recovery of ${tableArn} is off, so DynamoDB cannot export it`, { cause });
    this.tableArn = tableArn;
  }
}

/** DynamoDB ended an export with an error. */
export class ExportFailedError extends Error {
  override readonly name = 'ExportFailedError';
  readonly exportArn: string;
  readonly code: string;
  readonly reason: string;
  constructor(exportArn: string, code: string, reason: string) {
    super(`The export ${exportArn} failed: ${code}: ${reason}`);
    this.exportArn = exportArn;
    this.code = code;
    this.reason = reason;
  }
}

/**
 * Starts DynamoDB's export of the table to S3, or finds the one that was started with the same token in the last 8 hours.
 * @returns its ARN. @throws PointInTimeRecoveryOffError, the SDK's error.
 */
export async function startExport(
  dynamodb: DynamoDBClient,
  wanted: {
    readonly tableArn: string;
    readonly bucket: string;
    readonly prefix: string;
    readonly clientToken: string;
  },
): Promise<string> {
  try {
    const command = new ExportTableToPointInTimeCommand({
      TableArn: wanted.tableArn,
      S3Bucket: wanted.bucket,
      ...(wanted.prefix !== '' && { S3Prefix: wanted.prefix.replace(/\/$/, '') }),
      ExportFormat: 'DYNAMODB_JSON',
      ClientToken: wanted.clientToken,
    });
    const { ExportDescription } = await withBackoff(patientBackoff, () => dynamodb.send(command));
    if (ExportDescription?.ExportArn === undefined) throw new Error(`The export of ${wanted.tableArn} has no ARN`);
    return ExportDescription.ExportArn;
  } catch (error) {
    if (error instanceof PointInTimeRecoveryUnavailableException)
      throw new PointInTimeRecoveryOffError(wanted.tableArn, error);
    throw error;
  }
}

const FIRST_LOOK_MS = 1_000;

export interface ExportResult {
  readonly exportArn: string;
  readonly items: number;
  readonly billedBytes: number;
  /** The object key of its `manifest-summary.json`. */
  readonly manifestKey?: string;
}

/**
 * Reads the state of an export until it is complete: after a second first, then less and less often, at least every `everyMs`. An abort ends the reading, not the export.
 * @throws ExportFailedError, the SDK's error, `signal.reason`.
 */
export async function followExport(
  dynamodb: DynamoDBClient,
  exportArn: string,
  options: {
    readonly clock: Clock;
    readonly everyMs: number;
    readonly signal?: AbortSignal;
    readonly onRead?: () => void;
  },
): Promise<ExportResult> {
  for (let waitMs = FIRST_LOOK_MS; ; waitMs *= 2) {
    options.signal?.throwIfAborted();
    const command = new DescribeExportCommand({ ExportArn: exportArn });
    const { ExportDescription: state } = await withBackoff(patientBackoff, () => dynamodb.send(command));
    if (state?.ExportStatus === 'COMPLETED')
      return {
        exportArn,
        items: state.ItemCount ?? 0,
        billedBytes: state.BilledSizeBytes ?? 0,
        ...(state.ExportManifest !== undefined && { manifestKey: state.ExportManifest }),
      };
    if (state?.ExportStatus === 'FAILED')
      throw new ExportFailedError(exportArn, state.FailureCode ?? 'unknown', state.FailureMessage ?? 'no reason given');
    options.onRead?.();
    await options.clock.sleep(Math.min(waitMs, options.everyMs), options.signal);
  }
}
