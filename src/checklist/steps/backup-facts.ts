import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { lastVerified, listBackups } from '../../backup/catalogue/catalogue.ts';
import type { BackupLocation } from '../../backup/catalogue/location.ts';
import { isUnread } from '../../backup/format/export-record.ts';
import { defined } from '../../lib/defined.ts';
import { describeTable } from '../../pipeline/table/table.ts';
import type { PreconditionFacts } from '../model/preconditions.ts';

/** The last verified backup or checked export of the table, as the preconditions use it; undefined when there is none. */
export async function readLastBackup(
  dynamodb: DynamoDBClient,
  location: BackupLocation,
  table: string,
  now: number,
): Promise<PreconditionFacts['backup']> {
  const { arn } = await describeTable(dynamodb, table);
  const backup = lastVerified(await listBackups(location), arn, now);
  if (!backup) return;
  const usedAt = isUnread(backup) ? undefined : backup.usedBy?.at;
  const sampled = backup.verification.kind === 'sampled' ? backup.verification.sampled : undefined;
  const { id, startedAt, counts } = backup;
  return { id, startedAt, records: counts.total, ...defined({ sampled, usedAt }) };
}
