import { randomUUID } from 'node:crypto';
import {
  CreateBackupCommand,
  DescribeContinuousBackupsCommand,
  DescribeExportCommand,
  type DynamoDBClient,
  ExportTableToPointInTimeCommand,
  PointInTimeRecoveryUnavailableException,
} from '@aws-sdk/client-dynamodb';
import { withBackoff } from '../../lib/backoff.ts';
import type { Clock } from '../../lib/clock.ts';
import { patientBackoff } from '../../pipeline/table/scan.ts';

/** DynamoDB's own ways to save a table: on-demand backups and exports, for tables too large for one process. */

export interface NativeBackup {
  readonly arn: string;
  readonly name: string;
  /** `CREATING` or `AVAILABLE`. */
  readonly status: string;
}

/** Starts an on-demand backup; DynamoDB finishes it by itself. @throws the SDK's error. */
export async function createNativeBackup(
  dynamodb: DynamoDBClient,
  table: string,
  backupName: string,
): Promise<NativeBackup> {
  const command = new CreateBackupCommand({ TableName: table, BackupName: backupName });
  const { BackupDetails } = await withBackoff(patientBackoff, () => dynamodb.send(command));
  if (BackupDetails?.BackupArn === undefined) throw new Error(`CreateBackup of ${table} gave no ARN`);
  return {
    arn: BackupDetails.BackupArn,
    name: BackupDetails.BackupName ?? backupName,
    status: BackupDetails.BackupStatus ?? 'CREATING',
  };
}

/** Point-in-time recovery: off, or on with the span that can be recovered (epoch ms). */
export type PointInTimeRecovery =
  | { readonly kind: 'off' }
  | { readonly kind: 'on'; readonly earliest?: number; readonly latest?: number };

/** @throws the SDK's error. */
export async function describePointInTimeRecovery(
  dynamodb: DynamoDBClient,
  table: string,
): Promise<PointInTimeRecovery> {
  const command = new DescribeContinuousBackupsCommand({ TableName: table });
  const answer = await withBackoff(patientBackoff, () => dynamodb.send(command));
  const recovery = answer.ContinuousBackupsDescription?.PointInTimeRecoveryDescription;
  if (recovery?.PointInTimeRecoveryStatus !== 'ENABLED') return { kind: 'off' };
  const earliest = recovery.EarliestRestorableDateTime?.getTime();
  const latest = recovery.LatestRestorableDateTime?.getTime();
  return { kind: 'on', ...(earliest !== undefined && { earliest }), ...(latest !== undefined && { latest }) };
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

/** DynamoDB gave up on an export. */
export class ExportFailedError extends Error {
  override readonly name = 'ExportFailedError';
  readonly exportArn: string;
  readonly code: string;
  constructor(exportArn: string, code: string, message: string) {
    super(`The export ${exportArn} failed: ${code}: ${message}`);
    this.exportArn = exportArn;
    this.code = code;
  }
}

/** Starts DynamoDB's export of the table to S3; its ARN. @throws PointInTimeRecoveryOffError, the SDK's error. */
export async function startExport(
  dynamodb: DynamoDBClient,
  wanted: { readonly tableArn: string; readonly bucket: string; readonly prefix: string },
): Promise<string> {
  try {
    const command = new ExportTableToPointInTimeCommand({
      TableArn: wanted.tableArn,
      S3Bucket: wanted.bucket,
      ...(wanted.prefix !== '' && { S3Prefix: wanted.prefix.replace(/\/$/, '') }),
      ExportFormat: 'DYNAMODB_JSON',
      // One token for every repetition, or a lost reply would start a second export.
      ClientToken: randomUUID(),
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

export interface ExportResult {
  readonly exportArn: string;
  readonly items: number;
  readonly billedBytes: number;
  /** The key of its `manifest-summary.json`. */
  readonly manifestKey?: string;
}

/**
 * Looks at an export every `everyMs` until it is done. Stopping to look does not stop the export.
 * @throws ExportFailedError, the SDK's error, `signal.reason`.
 */
export async function followExport(
  dynamodb: DynamoDBClient,
  exportArn: string,
  options: {
    readonly clock: Clock;
    readonly everyMs: number;
    readonly signal?: AbortSignal;
    readonly onLook?: () => void;
  },
): Promise<ExportResult> {
  for (;;) {
    options.signal?.throwIfAborted();
    const command = new DescribeExportCommand({ ExportArn: exportArn });
    const { ExportDescription: now } = await withBackoff(patientBackoff, () => dynamodb.send(command));
    if (now?.ExportStatus === 'COMPLETED')
      return {
        exportArn,
        items: now.ItemCount ?? 0,
        billedBytes: now.BilledSizeBytes ?? 0,
        ...(now.ExportManifest !== undefined && { manifestKey: now.ExportManifest }),
      };
    if (now?.ExportStatus === 'FAILED')
      throw new ExportFailedError(exportArn, now.FailureCode ?? 'unknown', now.FailureMessage ?? 'no reason given');
    options.onLook?.();
    await options.clock.sleep(options.everyMs, options.signal);
  }
}
